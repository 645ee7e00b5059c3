"""One run of a program that takes mail: started, fed, listened to, and ended in time.

Blocking, for a thread of its own; the event loop may only kill it. The program gets a session of
its own, so that it ends with everything it began; a small environment; no descriptor of ours but
its three; and no rights but those of its account. It may stop reading early, which is no mistake:
its exit status says what it means. What it says beyond a limit is read and thrown away, so that it
does not wait for us. A process that it leaves behind with its output open holds up nobody.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from postroad.delivery.pipe_status import Ended, NotRun, TookTooLong

__all__ = ["Identity", "PipeProcess"]

_PATH = "/usr/bin:/bin"
_EXPORTED = ("TZ", "LANG")
"""What of our environment the program sees besides PATH, as with Postfix (export_environment)."""

_GLANCE = 0.2  # seconds between two looks whether it ended while something keeps its output open
_PIECE = 65_536  # octets read at once
_LAST_READS = 16  # pieces that are still read once it has ended; more than a pipe holds


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a program runs as.

    Attributes:
        user, group: the numbers.
        groups: the further groups of the account.
    """

    user: int
    group: int
    groups: tuple[int, ...] = ()


class PipeProcess:
    """One run."""

    def __init__(
        self,
        argv: Sequence[str],
        directory: Path,
        *,
        time_limit: float,
        output_limit: int,
    ) -> None:
        """Nothing is started yet.

        Args:
            argv: the program's path and its arguments.
            directory: where it runs.
            time_limit: seconds for everything.
            output_limit: octets of its output that are kept.
        """
        self._argv = list(argv)
        self._directory = directory
        self._time_limit = time_limit
        self._kept = bytearray()
        self._output_limit = output_limit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = False

    def run(
        self, pieces: Iterator[bytes], who: Identity | None = None
    ) -> Ended | TookTooLong | NotRun:
        """Give it the pieces and wait for its end.

        Args:
            pieces: what it reads.
            who: whom it runs as; `None`: as we do.

        Raises:
            SpoolError: the content cannot be read; the program was killed.
        """
        end = time.monotonic() + self._time_limit
        try:
            process = self._start(who)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return NotRun(getattr(error, "strerror", "") or str(error))
        try:
            in_time = self._talk(process, pieces, end) and _wait(process, end)
            if not in_time:
                return TookTooLong(bytes(self._kept))
            return Ended(process.wait(), bytes(self._kept))
        finally:
            self.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what could not be written is not missed
                        stream.close()
            process.wait()

    def kill(self) -> None:
        """End it with all that it began, unless it has ended. From any thread, at any time."""
        with self._lock:
            self._is_killed = True
            process = self._process
            if process is None or process.poll() is not None:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def _start(self, who: Identity | None) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_killed:
                raise ValueError("it was broken off")
            self._process = process = subprocess.Popen(  # noqa: S603 - the operator's words
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                cwd=self._directory,
                env=_environment(os.environ),
                start_new_session=True,
                umask=0o077,
                user=None if who is None else who.user,
                group=None if who is None else who.group,
                extra_groups=None if who is None else who.groups,
            )
        return process

    def _talk(self, process: subprocess.Popen[bytes], pieces: Iterator[bytes], end: float) -> bool:
        """Write what it reads and read what it writes, until it ended; whether that was in time."""
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        for stream in (stdin, stdout):
            os.set_blocking(stream.fileno(), False)
        waiting: memoryview | None = memoryview(next(pieces, b""))
        with selectors.DefaultSelector() as selector:
            selector.register(stdin, selectors.EVENT_WRITE)
            selector.register(stdout, selectors.EVENT_READ)
            while selector.get_map():
                if process.poll() is not None:  # whoever still writes there is not the program
                    self._listen_last(stdout)
                    return True
                left = end - time.monotonic()
                if left <= 0:
                    return False
                for key, _ in selector.select(min(left, _GLANCE)):
                    if key.fileobj is stdout:
                        if not self._listen(stdout):
                            selector.unregister(stdout)
                        continue
                    waiting = _written(stdin, waiting)
                    while waiting is not None and not waiting:
                        piece = next(pieces, None)
                        waiting = None if piece is None else memoryview(piece)
                    if waiting is None:
                        selector.unregister(stdin)
                        stdin.close()
        return True

    def _listen(self, stdout: IO[bytes]) -> bool:
        """Read a piece; whether there may be more."""
        try:
            piece = os.read(stdout.fileno(), _PIECE)
        except BlockingIOError:
            return True
        self._kept += piece[: max(0, self._output_limit - len(self._kept))]
        return bool(piece)

    def _listen_last(self, stdout: IO[bytes]) -> None:
        """Read what is left in the pipe of a program that has ended."""
        for _ in range(_LAST_READS):
            before = len(self._kept)
            if not self._listen(stdout) or len(self._kept) == before:
                return


def _written(stdin: IO[bytes], waiting: memoryview | None) -> memoryview | None:
    """What is left to write; `None`: it reads no more."""
    if waiting is None or not waiting:
        return waiting
    try:
        return waiting[os.write(stdin.fileno(), waiting) :]
    except BlockingIOError:
        return waiting
    except BrokenPipeError:
        return None


def _wait(process: subprocess.Popen[bytes], end: float) -> bool:
    """Whether it ended in time."""
    try:
        process.wait(max(end - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        return False
    return True


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": _PATH, **{name: ours[name] for name in _EXPORTED if name in ours}}
