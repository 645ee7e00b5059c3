"""on_mail: nobody who is logged in sends in the name of the newsletter but its own account."""

from __future__ import annotations

from postroad.filter import Answer, Session, reject

NEWSLETTER = "news@example.org"


async def on_mail(session: Session, sender: str) -> Answer | None:
    """Refuse the sender to others."""
    if sender.lower() == NEWSLETTER and session.login not in ("", NEWSLETTER):
        return reject(f"553 5.7.1 {NEWSLETTER} is not an address of {session.login}")
    return None
