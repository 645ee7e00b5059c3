"""What went wrong with a question by HTTP, in words for an operator.

The library wraps the system's errors several times, and says less each time: «All connection
attempts failed» where nobody listens, and nothing at all where a connection broke. So the system's
own word is looked for below.
"""

from __future__ import annotations

import os
import ssl

import httpx2

__all__ = ["http_failure"]

_MOST_LAYERS = 8  # errors wrap each other a few times


def http_failure(error: Exception) -> str:
    """What it was, in one line.

    Args:
        error: that a question ended with: the library's, the system's, or a time limit.
    """
    said = " ".join(str(error).split())
    system = _of_the_system(error)
    match error:
        case httpx2.TimeoutException() | TimeoutError():
            return "no answer in time"
        case httpx2.ReadError() | httpx2.WriteError():
            return f"the connection broke: {system}" if system else "the connection broke"
        case httpx2.RemoteProtocolError():
            return f"no whole HTTP answer: {said}"
    return system or said or type(error).__name__


def _of_the_system(error: BaseException | None) -> str:
    """The system's word for what is below an error; empty where it has none."""
    for _ in range(_MOST_LAYERS):
        if error is None:
            break
        # Numbers below 0 are about names, and those of TLS are numbers of its own.
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
            return os.strerror(error.errno) if error.errno > 0 else ""
        error = error.__cause__ or error.__context__
    return ""
