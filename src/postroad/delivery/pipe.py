"""Delivery to a program, as Postfix's pipe(8): a filter, a list manager, a fax gateway.

A message goes to the program's standard input, its envelope onto the command line, and its exit
status says what became of it. Each run has a thread, so that no slow program and no slow disk hold
up the event loop; how many there are is bounded. Whoever breaks a delivery off kills the program,
and the mail waits.

Whom it runs as: the server gave up root when it started, so a program runs as the server's own
account. Where the server runs as root (`user = "root"`), the transport has to name another account;
nothing that a stranger's mail sets off runs as root.

Mail with REQUIRETLS (RFC 8689) returns, unless the way ends here (flag X): a program that passes it
on has no means to ask the next server for the same.
"""

from __future__ import annotations

import asyncio
import functools
import grp
import os
import pwd
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from postroad.delivery.pipe_command import CommandLine, Unsafe
from postroad.delivery.pipe_content import adapted, has_been_delivered, preamble
from postroad.delivery.pipe_process import Identity, PipeProcess
from postroad.delivery.pipe_settings import PipeSettings
from postroad.delivery.pipe_status import outcome_of
from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.model import Outcome, Reply, Report, Status, StoredMessage, StoredRecipient
from postroad.spool import SpoolError

__all__ = ["PipeTransport", "command_line", "identity_of"]

_ALONE = frozenset("DO")
"""Flags whose header field names one recipient."""

_LINE_END = {"lf": "\n", "crlf": "\r\n"}
_FOR_EVER = 10.0**9  # seconds
_Group = Sequence[StoredRecipient]
_HYPHEN = Reply.of(550, "5.1.3", "the address begins with a hyphen, and would be an option")
_CLOSED = Reply.of(451, "4.3.2", "the transport was closed by a reload")
_LOOP = "mail forwarding loop for {}"


class PipeTransport:
    """Implements `Transport`.

    Attributes:
        relays: whether a report of success says that the mail went on to another system (RFC 3461
            §6.2.7.4, "relayed"); with flag X it says that it has arrived.
    """

    def __init__(
        self,
        name: str,
        settings: PipeSettings,
        *,
        delimiters: str = "",
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """A transport; nothing is run yet.

        Args:
            name: of the transport, for replies and for the log.
            settings: what is run, and how.
            delimiters: the characters that begin an address extension.
            clock: seconds, for the report.
            now: seconds since the epoch.

        Raises:
            ValueError: the settings name a macro, a flag or a user that there is not.
        """
        self._name = name
        self._settings = settings
        self._command = command_line(settings, delimiters)
        self._directory = settings.directory or Path("/")
        self._together = 1 if self._command.flags & _ALONE else settings.recipients or 1 << 30
        self._threads = ThreadPoolExecutor(max(1, settings.processes), f"pipe-{name}")
        self._clock = clock
        self._now = now
        self.relays = "X" not in self._command.flags
        words = f"REQUIRETLS support required, but the {name} service does not promise it"
        self._unsealed = Reply.of(554, "5.7.30", words)

    async def deliver(self, delivery: Delivery) -> Report:
        """Run the program, more than once where its recipients do not fit into one run."""
        started = self._clock()
        outcomes: list[Outcome] = []
        everybody = delivery.recipients
        if delivery.message.envelope.require_tls and self.relays:
            return Report(tuple(_all(everybody, self._unsealed)), self._name)
        for group, argv in self._runs(delivery):
            if outcomes:
                delivery.parted(outcomes)
            outcomes += await self._attempt(delivery.message, group, argv)
        return Report(tuple(outcomes), self._name, transfer=self._clock() - started)

    def close(self) -> None:
        """Begin nothing new; what runs may end."""
        self._threads.shutdown(wait=False)

    def _runs(self, delivery: Delivery) -> Iterator[tuple[_Group, list[str] | None]]:
        """Who shares each run, and its words; `None`: the one address would be an option."""
        everybody = delivery.recipients
        for at in range(0, len(everybody), self._together):
            group = everybody[at : at + self._together]
            argv = self._words(delivery, group)
            if argv is not None:
                yield group, argv
                continue
            for one in group:
                yield (one,), self._words(delivery, (one,))

    def _words(self, delivery: Delivery, group: _Group) -> list[str] | None:
        try:
            return self._command.words(delivery.message, group, delivery.nexthop)
        except Unsafe:
            return None

    async def _attempt(
        self, message: StoredMessage, group: _Group, argv: list[str] | None
    ) -> list[Outcome]:
        limit = self._settings.size_limit
        if limit and message.content.size > limit:
            words = f"message size {message.content.size} exceeds size limit {limit} of server"
            return _all(group, Reply.of(552, "5.3.4", f"{words} {self._name}"))
        if argv is None:
            return _all(group, _HYPHEN)
        return await self._run(message, group, argv)

    async def _run(self, message: StoredMessage, group: _Group, argv: list[str]) -> list[Outcome]:
        process = PipeProcess(
            argv,
            self._directory,
            time_limit=self._settings.time_limit or _FOR_EVER,
            output_limit=self._settings.output_limit,
        )
        work = functools.partial(self._work, process, message, group)
        try:
            run = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError:  # closed by a reload between two groups: the next attempt goes on
            return _all(group, _CLOSED)
        try:
            return await run
        except SpoolError:
            return _all(group, UNREADABLE)
        except BaseException:  # cancelled: its thread ends with it
            process.kill()
            raise

    def _work(self, process: PipeProcess, message: StoredMessage, group: _Group) -> list[Outcome]:
        """In a thread."""
        first = group[0]
        if "D" in self._command.flags and has_been_delivered(message.content, first):
            return _all(group, Reply.of(550, "5.4.6", _LOOP.format(first.address)))
        try:
            who = identity_of(self._settings.user)
        except ValueError as error:
            return _all(group, Reply.of(451, "4.3.5", str(error)))
        ended = process.run(self._pieces(message, first), who)
        program = self._command.program
        return [outcome_of(ended, one.id, self._name, program) for one in group]

    def _pieces(self, message: StoredMessage, recipient: StoredRecipient) -> Iterator[bytes]:
        flags, eol = self._command.flags, _LINE_END[self._settings.eol]
        yield preamble(flags, self._command.sender(message), recipient, self._now(), eol)
        yield from adapted(message.content.chunks(), flags, eol)


def command_line(settings: PipeSettings, delimiters: str = "") -> CommandLine:
    """The command of a transport.

    Raises:
        ValueError: it names a macro or a flag that there is not; for the operator.
    """
    return CommandLine(
        settings.command,
        settings.flags,
        null_sender=settings.null_sender,
        delimiters=delimiters,
    )


def identity_of(user: str) -> Identity | None:
    """Whom a program runs as; `None`: as this process, whose account is the one.

    Args:
        user: `account` or `account:group`; empty for this process's own.

    Raises:
        ValueError: there is no such account, it is root's, or we may not become it.
    """
    ours = os.geteuid()
    if not user:
        if ours == 0:
            raise ValueError("this server runs as root, so the transport needs a user to run as")
        return None
    name, _, group = user.partition(":")
    try:
        account = pwd.getpwnam(name)
        number = grp.getgrnam(group).gr_gid if group else account.pw_gid
    except KeyError:
        raise ValueError(f"there is no user or group {user}") from None
    if account.pw_uid == 0 or number == 0:
        raise ValueError("no program that takes mail runs as root")
    if ours == 0:
        groups = () if group else tuple(os.getgrouplist(name, account.pw_gid))
        return Identity(account.pw_uid, number, groups)
    if account.pw_uid != ours or number != os.getegid():
        raise ValueError(f"this server does not run as root, so it cannot become {user}")
    return None


def _all(group: _Group, reply: Reply) -> list[Outcome]:
    status = Status.BOUNCED if reply.is_permanent else Status.DEFERRED
    return [Outcome(one.id, status, reply) for one in group]
