"""The client of Postfix's policy delegation protocol (SMTPD_POLICY_README).

A question is lines `name=value` and an empty line, the answer is a line `action=…` and an empty
line. What the action means is policy's business; here it is got, or, where the service is silent,
broken or talks nonsense, its default action stands for it. A service is another's program: it is
not waited for longer than its time, its answers are bounded (`policy_protocol`), and one that comes
without a question is nobody's.

Theory of operation: connections are kept and used again. A service may remember a message by its
`instance` (policyd-spf adds its field once for each, and is a process for each connection), so that
questions about one message go over the connection that the first one went over, if it is free. A
kept connection that breaks before any answer came was closed meanwhile, which is nobody's fault:
the question is put again at once on a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from postroad.net.byte_stream import within
from postroad.net.connecting import connect, connect_unix
from postroad.net.connection import Connection
from postroad.net.policy_protocol import Answer, NoAnswer, request
from postroad.net.policy_service import PolicyService

__all__ = ["Delegation", "Delegations"]

CONNECTIONS = 100
"""Of a worker to one service; who comes then waits for one. Postfix has as many servers as that,
and each has one. A service that forks for each is not to be forked to death."""

KEPT = 20
"""Connections kept that nobody uses."""

REMEMBERED = 16
"""Messages that a connection is known to have been asked about."""

QUIET = 60.0
"""Seconds between two lines in the log about one service."""

SERVICES = 1000
"""Services that are remembered. They come from the configuration: nobody has so many."""


class _Closed(NoAnswer):
    """The connection ended before the first octet of an answer."""


@dataclass(slots=True, eq=False)
class _Line:
    """A connection to the service.

    Attributes:
        connection: itself.
        ends: when it is not used any more, by the delegation's clock.
        questions: how many it carried.
        instances: what the last ones were about.
        closing: closes it when nobody has used it for long.
    """

    connection: Connection
    ends: float
    questions: int = 0
    instances: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    closing: asyncio.TimerHandle | None = None


class Delegation:
    """Asks one service."""

    def __init__(
        self,
        service: PolicyService,
        warn: Callable[[str], None],
        *,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing is connected yet.

        Args:
            service: where it is, and how to ask it.
            warn: told, at most once a minute, why it does not answer.
            clock: seconds, by a clock that nobody sets.
            pause: waits for so many seconds.
        """
        self._service = service
        self._warn = warn
        self._clock = clock
        self._pause = pause
        self._free: list[_Line] = []  # the one that was used longest ago first
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._quiet_until = float("-inf")
        self._unheard = 0
        self._closed = False

    async def ask(self, attributes: Mapping[str, str]) -> str:
        """What the service says.

        Args:
            attributes: of the question, without `request` and `policy_context`.

        Returns:
            The action, as an access table would have it; the default action where it gives none.
        """
        question = request({**attributes, "policy_context": self._service.policy_context})
        try:
            async with asyncio.timeout(within(self._service.timeout)):
                async with self._places:
                    return await self._try(question, attributes.get("instance", ""))
        except TimeoutError:
            self._complain(f"no answer within {self._service.timeout:g} seconds")
        except NoAnswer as error:
            self._complain(str(error))
        return self._service.default_action

    def close(self) -> None:
        """Close the connections: those that nobody uses at once, others after their answer."""
        self._closed = True
        while self._free:
            self._hang_up(self._free.pop())

    async def _try(self, question: bytes, instance: str) -> str:
        """Ask, and where that fails ask again."""
        tries = 0
        while True:
            line = self._take(instance)
            try:
                if line is None:
                    tries += 1
                    return await self._put(await self._dial(), question, instance)
                with contextlib.suppress(_Closed):  # while it rested: ask at once on another one
                    return await self._put(line, question, instance)
            except NoAnswer:
                tries += line is not None
                if tries >= self._service.try_limit:
                    raise
                await self._pause(self._service.retry_delay)

    async def _put(self, line: _Line, question: bytes, instance: str) -> str:
        """Ask over one connection, which is kept if the answer was as it should be."""
        good = False
        try:
            line.connection.write(question)
            answer = await _answer(line.connection)
            line.questions += 1
            if instance not in line.instances:
                line.instances.append(instance)
            action = answer.action
            good = not answer.rest
            return action
        except OSError as error:
            raise _Closed(_words(error)) from None
        finally:
            if good:
                self._keep(line)
            else:
                self._hang_up(line)

    # Connections -------------------------------------------------------------------------------

    def _take(self, instance: str) -> _Line | None:
        """A connection that is free: the message's own, else the one that rested longest."""
        while self._free:
            own = (line for line in self._free if instance and instance in line.instances)
            line = next(own, self._free[0])
            self._free.remove(line)
            if line.closing is not None:
                line.closing.cancel()
                line.closing = None
            # What it said meanwhile, nobody had asked; it must not be taken for an answer.
            if line.connection.is_closed or line.connection.unread or self._clock() >= line.ends:
                self._hang_up(line)
            else:
                return line
        return None

    async def _dial(self) -> _Line:
        service = self._service
        try:
            if service.path:
                connection = await connect_unix(service.path, timeout=math.inf)
            else:
                connection = await connect(service.host, service.port, timeout=math.inf)
        except OSError as error:
            raise NoAnswer(_words(error)) from None
        except UnicodeError:  # a host's name that IDNA 2003 does not take
            raise NoAnswer("its host has no name that can be looked up") from None
        return _Line(connection, self._clock() + service.max_ttl)

    def _keep(self, line: _Line) -> None:
        """Let a connection be used again."""
        limit = self._service.request_limit
        if self._closed or (limit and line.questions >= limit):
            self._hang_up(line)
            return
        loop = asyncio.get_running_loop()
        line.closing = loop.call_later(self._service.max_idle, self._rested, line)
        self._free.append(line)
        if len(self._free) > KEPT:
            self._hang_up(self._free.pop(0))

    def _rested(self, line: _Line) -> None:
        self._free.remove(line)
        self._hang_up(line)

    def _hang_up(self, line: _Line) -> None:
        if line.closing is not None:
            line.closing.cancel()
        line.connection.close()

    # The log -----------------------------------------------------------------------------------

    def _complain(self, why: str) -> None:
        """Say what is wrong with the service; the log is not filled with it."""
        now = self._clock()
        if now < self._quiet_until:
            self._unheard += 1
            return
        more = f" ({self._unheard} more times since the last warning)" if self._unheard else ""
        self._quiet_until, self._unheard = now + QUIET, 0
        action = self._service.default_action
        self._warn(f'problem talking to server {self._service}: {why}; answered "{action}"{more}')


class Delegations:
    """All services that this worker asks, each by the text that names it in the configuration."""

    def __init__(
        self,
        warn: Callable[[str], None],
        *,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing is connected yet; see `Delegation`."""
        self._warn = warn
        self._clock = clock
        self._pause = pause
        self._services: dict[str, Delegation] = {}

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        """What a service says; see `Delegation.ask`.

        Args:
            service: as it stands behind `check_policy_service`.
            attributes: of the question.

        Raises:
            ValueError: the text names no service; the configuration was to be checked before.
        """
        delegation = self._services.get(service)
        if delegation is None:
            parsed = PolicyService.parse(service)
            if isinstance(parsed, str):
                raise ValueError(parsed)
            if len(self._services) >= SERVICES:  # reloads named one after the other
                self.close()
            delegation = Delegation(parsed, self._warn, clock=self._clock, pause=self._pause)
            self._services[service] = delegation
        return await delegation.ask(attributes)

    def close(self) -> None:
        """Close the connections, and forget the services."""
        for delegation in self._services.values():
            delegation.close()
        self._services.clear()


async def _answer(connection: Connection) -> Answer:
    answer = Answer()
    while not answer.complete:
        octets = await connection.read(math.inf)  # the whole question has a limit
        if not octets and not answer.begun:
            raise _Closed("it closed the connection without an answer")
        answer.receive(octets)
    return answer


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
