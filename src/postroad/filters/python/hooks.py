"""The functions that a program of the operator's may have, and what each is called with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["HOOKS", "STEPS"]

STEPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "on_connect": ("session",),
        "on_helo": ("session", "name"),
        "on_mail": ("session", "sender"),
        "on_rcpt": ("session", "recipient"),
        "on_data": ("session",),
        "on_message": ("message",),
    }
)
"""Those that are asked about mail: `async def`, or `def`, which runs in a thread."""

HOOKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**STEPS, "setup": ("settings",), "start": (), "stop": ()}
)
"""All of them. `setup` is a `def`; `start` and `stop` are `async def`."""
