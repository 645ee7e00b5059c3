"""on_mail: of those who are logged in, only the newsletter's account sends in its name.

Strangers are not asked here: mail from elsewhere in the name of your own domain is for DMARC and
`reject_sender_login_mismatch` to judge.
"""

from __future__ import annotations

from postroad.filter import Answer, Session, reject

NEWSLETTER = "news@example.org"


async def on_mail(session: Session, sender: str) -> Answer | None:
    """Refuse the sender to others."""
    if sender.lower() == NEWSLETTER and session.login not in ("", NEWSLETTER):
        return reject(f"553 5.7.1 {NEWSLETTER} is not an address of {session.login}")
    return None
