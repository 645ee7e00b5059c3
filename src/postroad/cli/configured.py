"""The configuration that the words before a command chose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from postroad.config import Configuration

__all__ = ["configuration_file", "state_of_server"]


def configuration_file(context: typer.Context) -> Path:
    """The file that `--config` names, or the first of the usual ones."""
    from postroad.config import find

    named = context.obj
    return find(named if isinstance(named, Path) else None)


def state_of_server(context: typer.Context) -> Configuration:
    """The configuration, for a command that looks at state and needs no certificate."""
    from postroad.config import load

    return load(configuration_file(context), examine_files=False)
