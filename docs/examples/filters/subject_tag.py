"""on_message: mail from strangers is marked in its subject, unless DMARC says who it is from.

A change of the subject breaks the sender's DKIM signature. That is harmless at the last server,
where the mail is kept: its result stands in Authentication-Results by now. It is not where mail
goes on to other servers (aliases elsewhere).
"""

from __future__ import annotations

from postroad.filter import Answer, Message

TAG = "[external] "


async def on_message(message: Message) -> Answer | None:
    """Mark it."""
    subject = message.header("Subject")
    known = message.found("dmarc") == "pass"
    if message.origin == "outside" and not known and not subject.startswith(TAG):
        message.set_header("Subject", TAG + subject)
    return None
