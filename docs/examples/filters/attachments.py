"""on_message, in a thread: programs in attachments are refused.

Taking a large message apart is work for the processor, so this is a `def`: it runs in a thread, and
the server goes on with its other clients meanwhile.
"""

from __future__ import annotations

from email import message_from_bytes, policy

from postroad.filter import Answer, Message, reject

UNWANTED = (".exe", ".scr", ".com", ".bat", ".cmd", ".js", ".vbs", ".lnk", ".iso")


def on_message(message: Message) -> Answer | None:
    """Refuse a message that has one."""
    parts = message_from_bytes(message.read(), policy=policy.default).walk()
    for part in parts:
        name = (part.get_filename() or "").lower().rstrip(". ")
        if name.endswith(UNWANTED):
            return reject(f"552 5.7.1 No programs by mail, please: {name}")
    return None
