"""The one door: every message enters the queue through here, from whatever side it comes.

`Door.open` takes an envelope and gives an `Entry`, which takes the content; `Door.submit` takes a
whole message that was made here. A door must not know who brings a message, nor where it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postroad.intake.aliases import Resolving
from postroad.intake.ends import Onward
from postroad.intake.entry import Entry
from postroad.intake.examination import Board
from postroad.intake.reception import NO_STORAGE, Reception, Remember, nobody
from postroad.intake.settings import ForwardingSettings, IntakeSettings
from postroad.intake.trace import Source
from postroad.model import Address, Envelope, Recipient, Reply
from postroad.model.journal import Journal
from postroad.spool import Claimed, Draft, SpoolError

__all__ = ["Door", "Refusal"]


class Refusal(Exception):
    """Mail made here was not taken; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Door:
    """Opens entries into one spool shard."""

    def __init__(
        self,
        *,
        hostname: str,
        settings: IntakeSettings,
        begin: Callable[[], Draft],
        directory: Resolving,
        queued: Callable[[Claimed], None],
        journal: Journal,
        clock: Callable[[], float],
        forwarding: ForwardingSettings | None = None,
        onward: Onward | None = None,
        board: Callable[[], Board] = nobody,
        remember: Remember | None = None,
    ) -> None:
        """A door.

        Args:
            hostname: our name, for trace lines.
            settings: bounds on the header.
            begin: starts a draft in the spool.
            directory: knows our addresses and aliases.
            queued: told of each message the moment it is durable.
            journal: where events go.
            clock: seconds since the epoch.
            forwarding: how mail goes on; left out: as `[forwarding]` has it by default.
            onward: under whose name it does; `None`: its sender's.
            board: who examines mail that comes in by no session, asked for each message.
            remember: told what was found out about such mail.
        """
        self._reception = Reception(
            hostname,
            settings,
            begin,
            directory,
            queued,
            journal,
            clock,
            forwarding or ForwardingSettings(),
            onward,
            board,
            remember,
        )

    @property
    def headers_held(self) -> int:
        """Octets of unfinished header sections, of all entries."""
        return self._reception.headers_held

    def open(
        self,
        source: Source,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        arrived: float,
        prepend: Sequence[str] = (),
        *,
        keep_authors: bool = False,
        board: Board | None = None,
    ) -> Entry:
        """Begin to take a message.

        Args:
            source: who hands it over.
            envelope: its sender and needs.
            recipients: at least one, each already allowed by policy.
            arrived: when its transaction began, seconds since the epoch.
            prepend: header fields that policy puts before all others, each without its line end.
            keep_authors: whether `Entry.authors` will be asked for.
            board: who examines it; left out: as for all mail that comes in by no session.

        Raises:
            SpoolError: the spool takes nothing now.
        """
        return Entry(
            self._reception,
            source,
            envelope,
            recipients,
            arrived,
            prepend=prepend,
            keep_authors=keep_authors,
            board=self._reception.board() if board is None else board,
        )

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        """Take a whole message that was made here: a bounce, a report.

        Args:
            envelope: its sender and needs.
            recipients: where it goes.
            message: header and body, lines ended by CRLF.

        Returns:
            Its queue ID, once durable.

        Raises:
            Refusal: it could not be taken.
        """
        try:
            named = [Recipient(address) for address in recipients]
            entry = self.open(Source("bounce"), envelope, named, self._reception.clock())
        except SpoolError:
            raise Refusal(NO_STORAGE) from None
        try:
            if (written := entry.write(message)) is not None:
                await written
            reply = await entry.commit()
        finally:
            entry.discard()
        if not reply.is_positive:
            raise Refusal(reply)
        return entry.queue_id
