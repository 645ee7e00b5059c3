"""Words that many commands take alike."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Json", "UserName"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""`--json`: for programs, in place of columns for eyes."""

UserName = Annotated[str, typer.Argument(metavar="ADDRESS", help="The account's address.")]
"""The account that a command is about."""
