"""Texts as files of reports take them."""

from __future__ import annotations

__all__ = ["text"]


def text(value: str) -> str:
    """What SQLite takes: no lone surrogates.

    Args:
        value: whatever a stranger wrote.
    """
    return value.encode("utf-8", "replace").decode()
