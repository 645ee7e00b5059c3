"""The keys of a filter of the kind `python`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PythonSettings"]


@dataclass(frozen=True, kw_only=True)
class PythonSettings:
    """What programs of the operator's have besides what every filter has.

    Attributes:
        folder: where they are: every `*.py` in it, in the order of their names.
        file: the one file, instead of a folder.
        settings: what their `setup` is given, text by name.
    """

    folder: Path | None = None
    file: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)
