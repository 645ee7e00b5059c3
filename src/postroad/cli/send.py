"""`postroad sendmail`: the sendmail command, for whoever has no program of that name.

`postroad-sendmail` does the same, and starts in a tenth of the time; this one takes `--config`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AS_IT_IS", "sendmail"]

AS_IT_IS = {"ignore_unknown_options": True}
"""What is no option of ours is sendmail's, and read by that."""


def sendmail(
    context: typer.Context,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARGUMENT...]", help="Options and recipients, as sendmail(1)."),
    ] = None,
) -> int:
    """Send a message from standard input, as sendmail does."""
    from postroad.cli.sendmail import run

    os.umask(0o022)
    named = context.obj
    return run("sendmail", arguments or [], str(named) if isinstance(named, Path) else "")
