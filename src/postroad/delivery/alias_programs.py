"""Delivery to what files of aliases name beside addresses: `|command` and `/file/name` (local(8)).

Such a recipient has an address in a domain of its own, which tells nothing of what is run; whoever
looks it up finds the command in the files of aliases as they are now, or finds that it is gone.
What the operator does not allow returns to the sender with that reason.

A command is given to the shell, as its author expects, and runs as programs of transports do
(`pipe`): as the server's account or, under root, as the one that is named; never as root. Nothing
that a stranger chose is among its words. Addresses are in its environment, and what a shell could
take for more than text in them is an underscore there.

A file is written with what separates messages in it (mbox(5)), locked while it is, and synced; what
could not be written whole is taken back. A name that ends with a slash is a Maildir.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from postroad.delivery.local import storage_failure
from postroad.delivery.pipe import PipeTransport
from postroad.delivery.pipe_content import adapted, has_been_delivered, preamble
from postroad.delivery.pipe_settings import PipeSettings
from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.delivery.ways import ALIAS_PROGRAMS
from postroad.directory.files.alias_file import PROGRAM_DIGITS, Program
from postroad.directory.interface import DirectoryUnavailable
from postroad.model import (
    Address,
    Outcome,
    Reply,
    Report,
    Status,
    StoredMessage,
    StoredRecipient,
)
from postroad.spool import SpoolError

__all__ = ["ALIAS_PROGRAMS", "AliasProgramTransport", "Finder", "MaildirFiling", "RunsAs"]

_FLAGS = "DFORX"
_MBOX = frozenset("BDFOR>")
_UNSAFE = re.compile(r"[^0-9A-Za-z!@%\-_=+:,./]")
"""What no shell takes for anything but text stays (Postfix's command_expansion_filter)."""

_NULL_SENDER = "MAILER-DAEMON"
_GONE = Reply.of(550, "5.1.1", "the alias no longer names this command or file")
_DISCARDED = Reply.of(250, "2.0.0", "delivered to file: /dev/null")
_UNAVAILABLE = Reply.of(451, "4.3.0", "the files of aliases cannot be read at present")
_LOOP = "mail forwarding loop for {}"
_LOCKED = Reply.of(451, "4.2.0", "the file is locked by another program")
_NO_FILE = Reply.of(451, "4.2.0", "is no plain file, or has a second name")
_ROOT = Reply.of(
    451, "4.3.5", "a server that runs as root writes to no file of aliases; give it a user"
)


class Finder(Protocol):
    """Who knows the commands and files of aliases."""

    async def find(self, local: str) -> tuple[Program, RunsAs] | None:
        """The one with this address, and how it is run; may raise `DirectoryUnavailable`.

        Args:
            local: the local part of its address.
        """
        ...


class RunsAs(Protocol):
    """How commands are run; `FilesSettings` says it."""

    @property
    def command_user(self) -> str: ...  # noqa: D102

    @property
    def command_time_limit(self) -> float: ...  # noqa: D102


class MaildirFiling(Protocol):
    """Who writes into Maildirs; `MaildirWriter` does."""

    async def store(
        self, maildir: Path, message: StoredMessage, recipients: Sequence[StoredRecipient]
    ) -> bool:
        """One copy for these recipients; may raise `OSError` or `SpoolError`."""
        ...


class AliasProgramTransport:
    """Implements `Transport`.

    Args:
        finder: knows what the aliases name.
        store: writes into Maildirs.
        clock: seconds, for the report.
        now: seconds since the epoch.
    """

    relays = False

    def __init__(
        self,
        finder: Finder,
        store: MaildirFiling,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._finder = finder
        self._store = store
        self._clock = clock
        self._now = now

    async def deliver(self, delivery: Delivery) -> Report:
        """One after the other; each recipient is a command or a file of its own."""
        started = self._clock()
        outcomes: list[Outcome] = []
        for one in delivery.recipients:
            if outcomes:
                delivery.parted(outcomes)
            outcomes.append(await self._attempt(delivery.message, one))
        return Report(tuple(outcomes), ALIAS_PROGRAMS, transfer=self._clock() - started)

    async def _attempt(self, message: StoredMessage, recipient: StoredRecipient) -> Outcome:
        try:
            # The extension of the alias's address may have come along behind it.
            found = await self._finder.find(recipient.address.local[:PROGRAM_DIGITS])
        except DirectoryUnavailable:
            return _outcome(recipient, _UNAVAILABLE)
        if found is None:
            return _outcome(recipient, _GONE)
        program, runs_as = found
        if not program.allowed:
            kind = "a command" if program.is_command else "a file"
            words = f"mail to {kind} is not allowed here (alias {program.alias})"
            return _outcome(recipient, Reply.of(550, "5.7.1", words))
        # Programs see the alias, not the name that its command has in the queue.
        named = recipient._replace(address=Address(program.alias, recipient.original.domain))
        if program.is_command:
            return await self._run(message, named, program, runs_as)
        return await self._write(message, named, program)

    async def _run(
        self,
        message: StoredMessage,
        recipient: StoredRecipient,
        program: Program,
        runs_as: RunsAs,
    ) -> Outcome:
        settings = PipeSettings(
            command=_command(program.text, _environment(message, recipient)),
            user=runs_as.command_user,
            flags=_FLAGS,
            processes=1,
            time_limit=runs_as.command_time_limit,
        )
        transport = PipeTransport(f"command of {program.alias}", settings, now=self._now)
        try:
            report = await transport.deliver(Delivery(message, (recipient,), ""))
        finally:
            transport.close()
        return report.outcomes[0]

    async def _write(
        self, message: StoredMessage, recipient: StoredRecipient, program: Program
    ) -> Outcome:
        if program.text == os.devnull:
            return _outcome(recipient, _DISCARDED)
        if os.geteuid() == 0:
            return _outcome(recipient, _ROOT)
        try:
            if program.text.endswith("/"):
                await self._store.store(Path(program.text), message, (recipient,))
                reply = Reply.of(250, "2.0.0", "delivered to maildir")
            else:
                reply = await asyncio.to_thread(
                    append, Path(program.text), message, recipient, self._now()
                )
        except OSError as error:
            reply = storage_failure(error)
        except SpoolError:
            reply = UNREADABLE
        return _outcome(recipient, reply)


def append(path: Path, message: StoredMessage, recipient: StoredRecipient, now: float) -> Reply:
    """Put a message at the end of a file, durably and whole; blocks.

    Args:
        path: the file; made if it is not there, for its owner alone.
        message: what is written.
        recipient: for whom; a message that it had before is not written.
        now: seconds since the epoch.

    Raises:
        OSError: it could not be written; what was is taken back.
        SpoolError: the content cannot be read; likewise.
    """
    if has_been_delivered(message.content, recipient):
        return Reply.of(550, "5.4.6", _LOOP.format(recipient.address))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=65_536) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            return _NO_FILE
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _LOCKED
        size = os.fstat(file.fileno()).st_size  # it may have grown before the lock was ours
        try:
            sender = message.envelope.sender
            text = _NULL_SENDER if sender is None else str(sender)
            file.write(preamble(_MBOX, text, recipient, now, "\n"))
            for piece in adapted(message.content.chunks(), _MBOX, "\n"):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.ftruncate(file.fileno(), size)
            raise
    return Reply.of(250, "2.0.0", "delivered to file")


def _command(text: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The words to run; the environment is set by env(1), since programs see nothing of ours."""
    words = [f"{name}={value}" for name, value in environment.items()]
    return tuple(
        word.replace("$", "$$") for word in ("/usr/bin/env", *words, "/bin/sh", "-c", text)
    )


def _environment(message: StoredMessage, recipient: StoredRecipient) -> dict[str, str]:
    """What local(8) exports to commands."""
    sender = message.envelope.sender
    values = {
        "SENDER": _NULL_SENDER if sender is None else str(sender),
        "RECIPIENT": str(recipient.address),
        "ORIGINAL_RECIPIENT": str(recipient.original),
        "LOCAL": recipient.address.local,
        "DOMAIN": recipient.address.domain,
        "CLIENT_ADDRESS": message.waybill.client,
    }
    return {name: _UNSAFE.sub("_", value) for name, value in values.items()}


def _outcome(recipient: StoredRecipient, reply: Reply) -> Outcome:
    if reply.is_positive:
        return Outcome(recipient.id, Status.SENT, reply)
    status = Status.BOUNCED if reply.is_permanent else Status.DEFERRED
    return Outcome(recipient.id, status, reply)
