"""A process that checks passwords whose schemes hold the interpreter.

SHA512-CRYPT and its like are loops of many short digests; a thread that runs one keeps the event
loop waiting for its turn hundreds of times. Here they run in a process of their own (`side_process`
says how it is asked), at low priority, started when the first such hash is met. A process that
died, or takes longer than any bounded hash can, is replaced, and the check tried once more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.passwords.schemes import StoredHash
from postroad.directory.passwords.verdict import Verdict
from postroad.directory.side_process import SideProcess, serve

__all__ = ["LOW_PRIORITY", "Checker", "main"]

LOW_PRIORITY = 10
"""What is added to the nice value of everything that checks passwords: sessions go first."""

TIME_LIMIT = 60.0
"""Seconds for one check: a hundred times what the bounds on stored hashes allow."""

ATTEMPTS = 2

_PROGRAM = "from postroad.directory.passwords.checker import main; main()"
_COMMAND = (sys.executable, "-P", "-c", _PROGRAM)


class Checker(SideProcess):
    """Such a process, as its worker sees it. Used by one thread at a time, closed by any.

    Args:
        command: the program; tests give others.
        time_limit: seconds for one check.
    """

    def __init__(self, command: Sequence[str] = _COMMAND, time_limit: float = TIME_LIMIT) -> None:
        super().__init__(command, time_limit)

    def check(self, stored: StoredHash, password: str, user: str) -> Verdict:
        """Compare a password with a stored hash; blocks until the process has answered.

        Raises:
            DirectoryUnavailable: the process does not start, dies again, or was closed.
        """
        for _ in range(ATTEMPTS):
            answer = self.exchange([stored.name, stored.octets.hex(), password, user])
            if answer is not None and isinstance(answer.value, list) and len(answer.value) == 2:
                right, objection = answer.value
                return Verdict(right=right is True, objection=str(objection))
        raise DirectoryUnavailable("the process that checks passwords does not answer")


def main() -> None:
    """Answer requests until standard input ends."""
    with suppress(OSError):  # a service manager may have forbidden even that
        os.nice(LOW_PRIORITY)
    serve(_check)


def _check(words: list[str]) -> list[object]:
    name, octets, password, user = words
    verdict = StoredHash(name, bytes.fromhex(octets)).check(password, user)
    return [verdict.right, verdict.objection]
