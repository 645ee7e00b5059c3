"""on_helo: nobody else is us, and a name alone in brackets is none."""

from __future__ import annotations

from collections.abc import Mapping

from postroad.filter import Answer, Session, reject

_ours: set[str] = set()


def setup(settings: Mapping[str, str]) -> None:
    """Read the names of this server: `names = "mail.example.org example.org"`."""
    _ours.clear()
    _ours.update(settings["names"].lower().split())


async def on_helo(session: Session, name: str) -> Answer | None:
    """Refuse a stranger that has our name."""
    if not session.trusted and name.lower().rstrip(".") in _ours:
        return reject(f"550 5.7.1 {name} is my name, not yours")
    return None
