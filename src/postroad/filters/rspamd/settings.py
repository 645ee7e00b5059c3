"""The keys of a filter of the kind `rspamd`, beside its thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postroad.filters.scoring_settings import ScoringSettings

__all__ = ["RspamdSettings"]


@dataclass(frozen=True, kw_only=True)
class RspamdSettings(ScoringSettings):
    """What rspamd has besides what every filter that scores has.

    Attributes:
        url: where a worker of it listens: `http://host:port`, `https://…`, or `unix:/path`.
        password_file: its first line is the password that the worker wants; unset: none.
        greylist: what becomes of mail with the action `greylist`: nothing (`ignore`), or its
            sender is told to come back (`defer`).
    """

    url: str = "http://127.0.0.1:11333"
    password_file: Path | None = None
    greylist: Literal["ignore", "defer"] = "ignore"
