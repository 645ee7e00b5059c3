"""Waiting for something another process does, with a deadline.

A test never sleeps for a guessed time: it names a condition and the longest it may take. Another
process gives no event to wait on, so the condition is looked at again every few milliseconds.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

__all__ = ["answering", "greeting", "listening", "logged", "until"]

Value = TypeVar("Value")
_INTERVAL = 0.02  # seconds between two looks
_ANSWER = 10.0  # seconds that something on a port may take to answer


def until(condition: Callable[[], Value], *, within: float, what: str) -> Value:
    """The first true value of `condition`.

    Args:
        condition: looked at again and again; what it raises goes to the caller.
        within: seconds it may take at most.
        what: names the thing waited for in the error.

    Raises:
        TimeoutError: it stayed false.
    """
    deadline = time.monotonic() + within
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {within:g} seconds")
        pause.wait(_INTERVAL)


def logged(log: Callable[[], str], text: str, *, within: float, whose: str) -> str:
    """The first line of a log that holds `text`.

    Args:
        log: reads all of the log.
        text: what to wait for.
        within: seconds it may take at most.
        whose: names the program in the error.

    Raises:
        AssertionError: no such line came in time; the text holds the log.
    """

    def find() -> str:
        return next((line for line in log().splitlines() if text in line), "")

    try:
        return until(find, within=within, what=f"{text!r} in the log of {whose}")
    except TimeoutError as error:
        raise AssertionError(f"{error}; the log:\n{log()}") from error


def answering(path: Path) -> bool:
    """Whether something accepts connections at a Unix-domain socket: one may be there before."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER)
        return connection.connect_ex(str(path)) == 0


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=_ANSWER).close()
    except OSError:
        return False
    return True


def greeting(port: int, host: str = "127.0.0.1") -> bool:
    """Whether an SMTP server greets there: a port may listen before its server is ready."""
    try:
        with socket.create_connection((host, port), timeout=_ANSWER) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False
