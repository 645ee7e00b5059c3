"""on_connect: strangers without a name in the DNS come back after a minute, once.

Each worker of the server remembers for itself, so that a client may be sent away once by each. The
server's own greylisting (`[greylist]`) is the better one; this shows the hook.
"""

from __future__ import annotations

import time

from postroad.filter import Answer, Session, defer

MOST = 10_000
"""Addresses that are remembered; then all are forgotten, so that memory stays bounded."""

PAUSE = 60.0
_seen: dict[str, float] = {}


async def on_connect(session: Session) -> Answer | None:
    """Send an unknown client away that has not waited yet."""
    client = session.client
    if session.trusted or client.name != "unknown" or not client.has_address:
        return None
    if len(_seen) >= MOST:
        _seen.clear()
    first = _seen.setdefault(client.address, time.monotonic())
    if time.monotonic() - first >= PAUSE:
        return None
    return defer(f"450 4.7.25 {client.address} has no name in the DNS: come back in a minute")
