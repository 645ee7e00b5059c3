"""The values of settings as text, for comparing what is shown with what is real."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def plain(value: object) -> object:
    """A value in the types that TOML has."""
    if isinstance(value, Path) or hasattr(value, "prefixlen"):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value
