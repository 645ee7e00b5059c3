"""A kept connection to one of Dovecot's sockets, on which many questions are under way at once.

Dovecot's authentication protocol and the one of its master sockets are alike: both sides begin with
lines about themselves, and from then on each question has a number that its answer bears (Dovecot's
wiki, "Authentication Protocol"). So one connection serves a whole worker: questions are written as
they come, and answers are taken in any order. What a password or a user is, is `dovecot`'s to know.

Whatever comes that is no answer ends the connection, and everybody who waits on it is told that
there is none now: an answer that was misread could let somebody in. A connection on which no answer
at all came while a question ran out of time is at its end too: whoever is behind it hangs, and the
next question goes to a new one. A question that finds an old
connection closed is put once more on a new one; a server that cannot be reached is left alone for
some seconds.

An exchange of several rounds is a `Talk`: its questions bear one number, and all of them go over
the connection that the first one went over. If that ends between two rounds, the talk is over.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum

from postroad.directory.interface import DirectoryUnavailable
from postroad.net.dovecot_lines import MAX_LINE, fields, line
from postroad.tables.kept import Gone
from postroad.tables.streams import Endpoint, words_of

__all__ = ["Answer", "DovecotSocket", "Role", "Talk"]

Answer = tuple[str, tuple[str, ...]]
"""The word that an answer begins with, and its fields behind the number."""

MAX_UNDER_WAY = 1024
"""Questions under way on one connection; the next one is told to come back. Dovecot itself bounds
what it does at a time, so that more would only wait there."""

RETRY = 5.0
"""Seconds for which a server that could not be reached is left alone."""

_MAJOR = "1"
_MOST_GREETING = 100  # lines; Dovecot has some twenty mechanisms
_ABOVE_PROCESSES = 1 << 22  # the largest process id there is (proc(5), pid_max)
_MOST_NUMBER = (1 << 31) - 1


class Role(Enum):
    """Which of Dovecot's sockets it is: the two begin differently."""

    CLIENT = "auth"
    MASTER = "auth-userdb"


class DovecotSocket:
    """Asks Dovecot.

    Args:
        endpoint: the socket.
        role: what it is.
        timeout: seconds for an answer, with everything that it takes to get it.
        clock: seconds, never going back.
    """

    def __init__(
        self, endpoint: Endpoint, role: Role, timeout: float, clock: Callable[[], float]
    ) -> None:
        self._endpoint = endpoint
        self._role = role
        self._timeout = timeout
        self._clock = clock
        self._line: _Line | None = None
        self._dialling = asyncio.Lock()
        self._down = ""
        self._down_until = 0.0

    async def mechanisms(self) -> frozenset[str]:
        """What it says that clients may log in by. Dovecot hangs up on who asks for anything else.

        Raises:
            DirectoryUnavailable: it cannot be reached.
        """
        async with self.in_time(self._timeout):
            return (await self._opened()).mechanisms

    async def ask(self, verb: str, *arguments: str, longer: float = 0.0) -> Answer:
        """Put a question and wait for what ends it.

        Args:
            verb: the word it begins with.
            arguments: its fields behind the number.
            longer: seconds that the answer may take beyond the usual.

        Raises:
            DirectoryUnavailable: there is no answer, or none in time.
        """
        answer, _ = await self.talk(verb, *arguments, longer=longer)
        return answer

    async def talk(self, verb: str, *arguments: str, longer: float = 0.0) -> tuple[Answer, Talk]:
        """As `ask`; with what puts more questions of the same number.

        Raises:
            DirectoryUnavailable: there is no answer, or none in time.
        """
        limit = self._timeout + longer
        async with self.in_time(limit):
            kept, number, answer = await self._twice(verb, arguments)
        return answer, Talk(self, kept, number, limit)

    @asynccontextmanager
    async def in_time(self, limit: float) -> AsyncIterator[None]:
        """Bounds a question, and tells what is wrong with the connection if it is not answered.

        Args:
            limit: seconds.

        Raises:
            DirectoryUnavailable: it was not.
        """
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError as error:
            if self._line is not None and self._line.silence() > limit / 2:
                self._line.end(f"no answer in {limit:g} seconds")
            words = f"{self._endpoint}: no answer in {limit:g} seconds"
            raise DirectoryUnavailable(words) from error
        except Gone as error:
            raise DirectoryUnavailable(f"{self._endpoint}: {error}") from error

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.end("the directory is closed")
            self._line = None

    async def _twice(self, verb: str, arguments: tuple[str, ...]) -> tuple[_Line, str, Answer]:
        kept = self._line
        if kept is not None and not kept.ended:
            number = kept.number()
            try:
                return kept, number, await kept.ask(verb, number, arguments)
            except Gone:
                if not kept.ended:
                    raise
        opened = await self._opened()
        number = opened.number()
        return opened, number, await opened.ask(verb, number, arguments)

    async def _opened(self) -> _Line:
        async with self._dialling:
            if self._line is not None and not self._line.ended:
                return self._line  # somebody else has opened one meanwhile
            if self._clock() < self._down_until:
                raise Gone(self._down)
            try:
                self._line = await _Line.open(self._endpoint, self._role)
            except Gone as error:
                self._is_down(str(error))
                raise
            except asyncio.CancelledError:
                self._is_down("no connection in time")  # most often it is the time limit's
                raise
            return self._line

    def _is_down(self, words: str) -> None:
        self._down, self._down_until = words, self._clock() + RETRY


class Talk:
    """Questions under one number, after the first one."""

    __slots__ = ("_limit", "_line", "_number", "_socket")

    def __init__(self, socket: DovecotSocket, line: _Line, number: str, limit: float) -> None:
        self._socket = socket
        self._line = line
        self._number = number
        self._limit = limit

    async def ask(self, verb: str, *arguments: str) -> Answer:
        """Put the next question.

        Raises:
            DirectoryUnavailable: there is no answer, or none in time.
        """
        async with self._socket.in_time(self._limit):
            return await self._line.ask(verb, self._number, arguments)

    def tell(self, verb: str) -> None:
        """Say what has no answer."""
        self._line.tell(verb, self._number)


class _Line:
    """One connection. Whoever waits on it is told when it ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._number = 0
        self._reading: asyncio.Task[None] | None = None
        self.ended = ""
        self._silent_since = 0.0  # while somebody waits, by the loop's clock
        self.mechanisms: frozenset[str] = frozenset()

    @classmethod
    async def open(cls, endpoint: Endpoint, role: Role) -> _Line:
        """Connect and greet.

        Raises:
            Gone: nobody is there, or somebody who speaks otherwise.
        """
        try:
            if endpoint.path:
                pair = await asyncio.open_unix_connection(endpoint.path, limit=MAX_LINE)
            else:
                pair = await asyncio.open_connection(endpoint.host, endpoint.port, limit=MAX_LINE)
        except (OSError, UnicodeError) as error:
            raise Gone(f"no connection: {words_of(error)}") from error
        opened = cls(*pair)
        try:
            await opened._greet(role)
        except BaseException:
            opened.end("it was not greeted")
            raise
        opened._reading = asyncio.create_task(opened._read())
        return opened

    def number(self) -> str:
        """For the next question; no other that is under way has it."""
        self._number = self._number % _MOST_NUMBER + 1
        return str(self._number)

    def tell(self, verb: str, number: str) -> None:
        if not self.ended:
            self._writer.write(line(verb, number))

    async def ask(self, verb: str, number: str, arguments: tuple[str, ...]) -> Answer:
        if self.ended:
            raise Gone(self.ended)
        if len(self._waiting) >= MAX_UNDER_WAY:
            raise Gone("too many questions are under way")
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._silent_since = loop.time()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(line(verb, number, *arguments))
            return await answer
        finally:
            # Who gives up leaves a number that nobody has: its answer is thrown away (`_take`).
            self._waiting.pop(number, None)

    def silence(self) -> float:
        """Seconds since the last answer, or since the first question behind it."""
        return asyncio.get_running_loop().time() - self._silent_since

    def end(self, words: str) -> None:
        self.ended = self.ended or words
        if self._reading is not None and self._reading is not asyncio.current_task():
            self._reading.cancel()
        self._writer.transport.abort()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Gone(self.ended))

    async def _greet(self, role: Role) -> None:
        client = role is Role.CLIENT
        self._writer.write(line("VERSION", _MAJOR, "1" if client else "0"))
        if client:
            # It names this connection and must be nobody else's. A worker may have several, to
            # the same Dovecot, and Dovecot turns the second of one name away; so it is no process
            # id, as Postfix has it, but a number beyond all of them.
            identity = secrets.randbelow(_MOST_NUMBER - _ABOVE_PROCESSES) + _ABOVE_PROCESSES
            self._writer.write(line("CPID", str(identity)))
        last = "DONE" if client else "SPID"
        mechanisms: set[str] = set()
        version = False
        for _ in range(_MOST_GREETING):
            verb, *rest = fields(await self._next())
            if verb == "VERSION":
                version = rest[:1] == [_MAJOR]
                if not version:
                    raise Gone(f"it speaks version {rest[:1]} of the protocol, and not {_MAJOR}")
            if verb == "MECH":
                mechanisms.update(rest[:1])
            if verb == "SPID" and client and version and not mechanisms:
                # A client's socket tells its mechanisms first. This one will never say DONE.
                raise Gone("it is a socket for look-ups of users, not one for logins")
            if verb == "MECH" and not client:
                raise Gone("it is a socket for logins, not one for look-ups of users")
            if verb == last:
                if not version:
                    raise Gone("it does not say which protocol it speaks")
                self.mechanisms = frozenset(mechanisms)
                return
        raise Gone("its greeting does not end")

    async def _read(self) -> None:
        try:
            while True:
                self._take(fields(await self._next()))
        except Gone as error:
            self.end(str(error))
        except asyncio.CancelledError:
            self.end("the connection was closed")
            raise

    def _take(self, answer: tuple[str, ...]) -> None:
        if len(answer) < 2:
            raise Gone("it said what is no answer")
        self._silent_since = asyncio.get_running_loop().time()
        verb, number, *rest = answer
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result((verb, tuple(rest)))
        elif not (number.isdecimal() and 0 < int(number[:12]) <= self._number):
            raise Gone("it answered what nobody asked")

    async def _next(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            raise Gone("the connection was closed") from error
        except asyncio.LimitOverrunError as error:
            raise Gone(f"a line of more than {MAX_LINE} octets") from error
        except OSError as error:
            raise Gone(f"the connection broke: {words_of(error)}") from error
