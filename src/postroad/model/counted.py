"""Numbers with what they count, in words."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, noun: str) -> str:
    """So many of them: `1 message`, `2 messages`.

    Args:
        count: how many.
        noun: in the singular; its plural ends in s.
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
