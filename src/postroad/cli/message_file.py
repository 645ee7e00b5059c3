"""A message that a command is given: in a file, or on standard input.

It is held in memory as a whole, so it has a bound. What is in the message is not looked at here.
Names come as they were typed: as a path, `./-` would be `-`, which is standard input.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from postroad.cli.refusal import Refusal

__all__ = ["MOST_OCTETS", "read_message"]

MOST_OCTETS = 100_000_000
"""Of a message that a command reads: it is kept in memory."""


def read_message(file: str) -> bytes:
    """The octets of a message.

    Args:
        file: its name; `-` is standard input.

    Raises:
        Refusal: it cannot be read, or is larger than `MOST_OCTETS`.
    """
    try:
        if file == "-":
            octets = sys.stdin.buffer.read(MOST_OCTETS + 1)
        else:
            with Path(file).open("rb") as opened:
                octets = opened.read(MOST_OCTETS + 1)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise Refusal(f"{file}: cannot be read: {words}", os.EX_NOINPUT) from None
    if len(octets) > MOST_OCTETS:
        raise Refusal(f"{file}: is larger than {MOST_OCTETS} octets", os.EX_DATAERR)
    return octets
