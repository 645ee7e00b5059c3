"""`[log]`: how events are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["LogSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """`[log]`: how events are written.

    Attributes:
        format: `text` for Postfix-shaped lines, `json` for one object a line.
        name: the first part of the syslog tag, `NAME/smtpd[pid]`; `postfix` lets tools made for
            Postfix's log read ours.
        file: where lines are appended; standard error when absent.
    """

    format: Literal["text", "json"] = "text"
    name: str = "postroad"
    file: Path | None = None
