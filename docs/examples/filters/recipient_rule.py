"""on_rcpt and on_data: addresses that begin with `staff-` are for few recipients at a time."""

from __future__ import annotations

from postroad.filter import Answer, Session, hold, reject

MOST = 5


async def on_rcpt(session: Session, recipient: str) -> Answer | None:
    """Refuse what is too many, and strangers."""
    if not recipient.lower().startswith("staff-"):
        return None
    if not session.login:
        return reject("550 5.7.1 Only for those who are logged in")
    staff = [each for each in session.recipients if each.lower().startswith("staff-")]
    return reject(f"550 5.5.3 No more than {MOST} at a time") if len(staff) >= MOST else None


async def on_data(session: Session) -> Answer | None:
    """Have an operator look at mail for everybody."""
    if any(each.lower().startswith("staff-all@") for each in session.recipients):
        return hold(f"mail of {session.login} for all staff")
    return None
