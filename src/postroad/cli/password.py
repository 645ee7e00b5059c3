"""How a password reaches a command: never as a word of the command line.

The words of a command are seen by everybody on the machine and stay in the shell's history; so a
password is typed twice at a terminal, read from standard input or a file, or made here.
"""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path

from postroad.cli.refusal import usage

__all__ = ["GivenPassword", "password_from"]

MAX_LINE = 4096
"""Characters read of a password's line; more is not a password."""


@dataclass(frozen=True, slots=True)
class GivenPassword:
    """A password, and whether its owner has yet to be shown it."""

    text: str
    generated: bool = False


def password_from(
    *, file: Path | None = None, standard_input: bool = False, generate: bool = False
) -> GivenPassword:
    """The password, from where the options say or from the terminal.

    Args:
        file: a file whose first line it is.
        standard_input: whether it is the first line of standard input.
        generate: whether to make one.

    Raises:
        Refusal: more than one way was named, or none and there is no terminal to ask at.
        OSError: the file cannot be read.
    """
    if sum((file is not None, standard_input, generate)) > 1:
        raise usage("name one way only for the password to come")
    if generate:
        from postroad.config.installation import generated_password

        return GivenPassword(generated_password(), generated=True)
    if file is not None:
        with file.open(encoding="utf-8") as opened:
            return GivenPassword(_first_line(opened.readline(MAX_LINE)))
    if standard_input:
        return GivenPassword(_first_line(sys.stdin.readline(MAX_LINE)))
    return GivenPassword(_typed())


def _first_line(line: str) -> str:
    return line.rstrip("\r\n")


def _typed() -> str:
    if not sys.stdin.isatty():
        raise usage("no terminal to ask for a password: use --password-stdin or --generate")
    first = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != first:
        raise usage("the two passwords differ")
    return first
