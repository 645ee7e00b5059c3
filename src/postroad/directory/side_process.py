"""A process beside ours that answers questions one at a time, and both ends of its pipes.

For what must not run in a worker: hashes that hold the interpreter (`passwords.checker`) and
foreign code that may sleep, print or crash (`pam.helper`). This module knows neither.

Theory of operation. Questions and answers are lines of JSON, `[number, words...]` and `[number,
answer]`, over the process's standard input and output. Each question has a number of its own, and
one answer: a line that bears it. Whatever else comes out, too much, too late or for another
question, is no answer; the process is ended then, because nobody can tell any more which question
it is at, and an answer that went to the wrong one would let a wrong password in. One time limit
covers the question, the work and the whole line.

In the process itself the pipes are moved to descriptors of its own before any foreign code is
there, and the standard ones lead to /dev/null: what a library prints is no answer, and none reads
the questions, in which passwords are. The process ends when its worker does, by whatever death and
in the middle of whatever it does: the pipe closes, and a thread watches it. It pays no heed to
SIGTERM and SIGINT, which a service manager or a terminal sends to all: the worker finishes its
sessions first and still needs it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from postroad.directory.interface import DirectoryUnavailable

__all__ = ["MAX_ANSWER", "Answer", "SideProcess", "serve"]

MAX_ANSWER = 65_536
"""Octets of a line that answers; the longest in use has a user's home in it, a path."""

_PIPE = 65_536  # octets read at a time: what a pipe holds


class Answer(NamedTuple):
    """What it said.

    Attributes:
        value: anything that JSON can say, `None` too.
    """

    value: object


class SideProcess:
    """Such a process, as its worker sees it. Used by one thread at a time, closed by any.

    Args:
        command: the program; its first question starts it.
        time_limit: seconds for one answer.
    """

    def __init__(self, command: Sequence[str], time_limit: float) -> None:
        self._command = command
        self._time_limit = time_limit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._closed = False

    def exchange(self, words: Sequence[str]) -> Answer | None:
        """Ask once; blocks until the process has answered.

        Returns:
            What it answered; `None` if it died, took too long or said what is no answer. Then it is
            ended, and the next question starts another.

        Raises:
            DirectoryUnavailable: the process does not start, or was closed.
        """
        process = self._running()
        self._asked += 1
        question = json.dumps([self._asked, *words]).encode() + b"\n"
        deadline = time.monotonic() + self._time_limit
        try:
            line = _line(process, deadline) if _tell(process, question, deadline) else b""
        except (OSError, ValueError):  # it is gone, or was closed meanwhile
            line = b""
        answer = _answer(line, self._asked)
        if answer is None:
            self._end()
        return answer

    def close(self) -> None:
        """End the process; a question under way fails."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            process.kill()

    def reap(self) -> None:
        """Wait for the process after `close`, when nobody uses it any more."""
        self._end()

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
            process = subprocess.Popen(  # noqa: S603 - our own program
                self._command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": places},
            )
        except OSError as error:
            raise DirectoryUnavailable(
                f"the process that checks passwords cannot be started: {error}"
            ) from error
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        return process

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()


def serve(answer: Callable[[list[str]], object]) -> None:
    """Be such a process: answer questions until standard input ends.

    Args:
        answer: is given the words of a question. What it raises ends the process.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Neither is inherited by programs that are run (PEP 446).
    source, sink = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    threading.Thread(target=_end_with_worker, args=(source,), daemon=True).start()
    with open(source, "rb") as questions, open(sink, "wb", buffering=0) as answers:
        for line in questions:
            number, *words = json.loads(line)
            answers.write(json.dumps([number, answer(words)]).encode() + b"\n")


def _end_with_worker(source: int) -> None:
    """In a thread: end the process when nobody holds the other end of the pipe any more."""
    watching = select.poll()
    watching.register(source, 0)  # POLLHUP and POLLERR are always told (poll(2))
    watching.poll()
    os._exit(0)


def _tell(process: subprocess.Popen[bytes], question: bytes, deadline: float) -> bool:
    """Whether it has all of the question in time."""
    assert process.stdin is not None
    while question:
        if not _is_ready(process.stdin.fileno(), select.POLLOUT, deadline):
            return False
        with suppress(BlockingIOError):  # less room than any write needs
            question = question[os.write(process.stdin.fileno(), question) :]
    return True


def _line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """The one line that it says; empty if it is not complete in time, or there is more than it."""
    assert process.stdout is not None
    said = b""
    while _is_ready(process.stdout.fileno(), select.POLLIN, deadline):
        octets = os.read(process.stdout.fileno(), _PIPE)
        said += octets
        if not octets or len(said) > MAX_ANSWER:
            return b""
        if b"\n" in said:
            return said if said.index(b"\n") == len(said) - 1 else b""
    return b""


def _is_ready(descriptor: int, event: int, deadline: float) -> bool:
    """Wait until one can go on there, or know that it is gone."""
    waiting = select.poll()
    waiting.register(descriptor, event)
    return bool(waiting.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _answer(line: bytes, number: int) -> Answer | None:
    """What a line says to the question of that number."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, list) or len(said) != 2:
        return None
    # JSON's `true` is Python's 1.
    return Answer(said[1]) if type(said[0]) is int and said[0] == number else None
