"""The keys of a filter of the kind `clamav`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ClamavSettings"]


@dataclass(frozen=True, kw_only=True)
class ClamavSettings:
    """What ClamAV has besides what every filter has.

    Attributes:
        socket: where clamd listens: `unix:/path`, or `inet:host:port`; empty:
            `unix:/run/clamav/clamd.ctl`.
        infected: what becomes of a message with a virus: it is refused (`reject`), or taken and
            held in the queue (`hold`).
    """

    socket: str = ""
    infected: Literal["reject", "hold"] = "reject"
