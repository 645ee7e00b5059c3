"""A process that checks passwords whose schemes hold the interpreter.

SHA512-CRYPT and its like are loops of many short digests; a thread that runs one keeps the event
loop waiting for its turn hundreds of times. Here they run in a process of their own, at low
priority, started when the first such hash is met.

Theory of operation. Requests and answers are lines of JSON over the process's standard input and
output, one at a time. The process ends when its input does: by whatever death the worker dies, the
pipe closes and no process is left over. It pays no heed to SIGTERM and SIGINT, which a service
manager or a terminal sends to all: the worker finishes its sessions first and still needs it. A
process that died, or takes longer than any bounded hash can, is replaced, and the check tried once
more.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.passwords.schemes import StoredHash
from postroad.directory.passwords.verdict import Verdict

__all__ = ["LOW_PRIORITY", "Checker", "main"]

LOW_PRIORITY = 10
"""What is added to the nice value of everything that checks passwords: sessions go first."""

TIME_LIMIT = 60.0
"""Seconds for one check: a hundred times what the bounds on stored hashes allow."""

ATTEMPTS = 2

_PROGRAM = "from postroad.directory.passwords.checker import main; main()"
_COMMAND = (sys.executable, "-P", "-c", _PROGRAM)


class Checker:
    """Such a process, as its worker sees it. Used by one thread at a time, closed by any.

    Args:
        command: the program; tests give others.
        time_limit: seconds for one check.
    """

    def __init__(self, command: Sequence[str] = _COMMAND, time_limit: float = TIME_LIMIT) -> None:
        self._command = command
        self._time_limit = time_limit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def check(self, stored: StoredHash, password: str, user: str) -> Verdict:
        """Compare a password with a stored hash; blocks until the process has answered.

        Raises:
            DirectoryUnavailable: the process does not start, dies again, or was closed.
        """
        request = json.dumps([stored.name, stored.octets.hex(), password, user]).encode() + b"\n"
        for _ in range(ATTEMPTS):
            answer = self._ask(request)
            if answer:
                right, objection = json.loads(answer)
                return Verdict(right=right is True, objection=str(objection))
            self._end()
        raise DirectoryUnavailable("the process that checks passwords does not answer")

    def exchange(self, request: bytes) -> bytes:
        """Ask once; blocks until the process has answered.

        Args:
            request: a line.

        Returns:
            The line it answered with; empty if it died or took too long. Then it is ended, and the
            next question starts another.

        Raises:
            DirectoryUnavailable: the process does not start, or was closed.
        """
        answer = self._ask(request)
        if not answer:
            self._end()
        return answer

    def close(self) -> None:
        """End the process; a check under way fails."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            process.kill()

    def reap(self) -> None:
        """Wait for the process after `close`, when nobody uses it any more."""
        self._end()

    def _ask(self, request: bytes) -> bytes:
        """The answer, empty when the process is gone or too slow."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except OSError:
            return b""
        waiting = select.poll()
        waiting.register(process.stdout, select.POLLIN)
        if not waiting.poll(self._time_limit * 1000):
            return b""
        answer = process.stdout.readline()
        return answer if answer.endswith(b"\n") else b""

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise DirectoryUnavailable("the directory is being closed")
            if self._process is None:
                self._process = self._start()
            return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        # It finds this package where we found it, but not in whatever directory is the current one.
        places = os.pathsep.join(filter(None, sys.path))
        try:
            return subprocess.Popen(  # noqa: S603 - our own program
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": places},
            )
        except OSError as error:
            raise DirectoryUnavailable(
                f"the process that checks passwords cannot be started: {error}"
            ) from error

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was not written yet; the process is gone
                    stream.close()
        process.wait()


def main() -> None:
    """Answer requests until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):  # a service manager may have forbidden even that
        os.nice(LOW_PRIORITY)
    for line in sys.stdin.buffer:
        name, octets, password, user = json.loads(line)
        verdict = StoredHash(name, bytes.fromhex(octets)).check(password, user)
        answer = json.dumps([verdict.right, verdict.objection])
        sys.stdout.buffer.write(answer.encode() + b"\n")
        sys.stdout.buffer.flush()
