"""One connection to a next hop and the protocol core that speaks on it.

This is the only place where the core's bytes and a socket's bytes meet. Whatever goes wrong on
the socket is told to the core, which turns it into answers; so no network error leaves here as an
exception. How a connection is made, secured and logged in belongs to the transports.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from postroad.delivery.adaptation import Adapted, adapted
from postroad.delivery.downgrade import NestedTooDeeply
from postroad.delivery.reading import Pieces, first_octet, is_large
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.sources import Source
from postroad.model import Content, Reply
from postroad.net.connection import Connection
from postroad.smtp.client import (
    Answer,
    ClientCore,
    ClientEvent,
    ContentWanted,
    Ended,
    Finished,
    FirstOctetWanted,
    Stage,
    Transaction,
)
from postroad.smtp.stuffing import Miscounted, Unsendable

if TYPE_CHECKING:
    from postroad.delivery.pool import Lane

__all__ = ["Session", "Unready", "failed_to_connect"]

WRITE_SIZE = 65_536
"""Octets of content given to the socket at once, before we look whether the peer keeps up."""

AT_ONCE = 65_536
"""Octets of a content that may go out with its commands, before any recipient was taken: what is
wasted when none is."""


@dataclass(frozen=True, slots=True)
class Unready:
    """No session came about.

    Attributes:
        answer: why, for every recipient.
        relay: the host that said so, for the log.
        final: whether another address of the same next hop would only say the same.
    """

    answer: Answer
    relay: str = "none"
    final: bool = False

    @classmethod
    def of(cls, code: int, enhanced: str, words: str, relay: str = "none") -> Self:
        """A failure in our own words."""
        return cls(Answer(Reply.of(code, enhanced, words), from_peer=False), relay)

    @classmethod
    def of_reply(cls, reply: Reply) -> Self:
        """The same where the words are made already."""
        return cls(Answer(reply, from_peer=False))


def failed_to_connect(relay: str, error: OSError) -> Unready:
    """The failure of a connection attempt, in the system's words as Postfix logs them."""
    if isinstance(error, TimeoutError):
        words = "Connection timed out"
    else:  # the event loops wrap the system's words in different ways
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return Unready.of(451, "4.4.1", f"connect to {relay}: {words}")


class _EightBitContent(Exception):
    """The content has an octet over 127, and the server takes none."""


class Session:
    """A next hop we are connected to.

    Attributes:
        relay: the next hop as logs show it, `mx.example.net[192.0.2.1]:25`.
        core: the protocol's state.
        connection: the stream below it.
        loop: the event loop that it belongs to.
        opened: when it was made, in seconds of the event loop's clock.
        sent: transactions begun.
        limit: transactions after which it is not used again; 0: none.
        host: the next hop's name.
        source: from which of our addresses it was made; `None`: it was the system's choice.
        tls: its TLS as logs show it; empty for none.
        lane: the pool's mark of where it leads.
        idle_since: when it was put aside, in seconds of the event loop's clock.
    """

    __slots__ = (
        "_learnt",
        "_places",
        "_settings",
        "connection",
        "core",
        "host",
        "idle_since",
        "lane",
        "limit",
        "loop",
        "opened",
        "relay",
        "sent",
        "source",
        "tls",
    )

    def __init__(
        self,
        connection: Connection,
        core: ClientCore,
        relay: str,
        settings: DeliverySettings,
        *,
        host: str = "",
        source: Source | None = None,
        learnt: Callable[[bool], None] | None = None,
    ) -> None:
        """Take a connection that was just made.

        Args:
            connection: it.
            core: a new one.
            relay: the next hop as logs show it.
            settings: the limits of time and use.
            host: the next hop's name.
            source: from which of our addresses it was made.
            learnt: told whether the server knows BDAT, as soon as it has shown that.
        """
        self.connection = connection
        self.core = core
        self.relay = relay
        self.loop = asyncio.get_running_loop()
        self.opened = self.loop.time()
        self.sent = 0
        self.limit = settings.messages_per_connection
        self.host = host
        self.source = source
        self.tls = ""
        self.lane: Lane | None = None
        self.idle_since = 0.0
        self._settings = settings
        self._learnt = learnt
        self._places: Sequence[int] | None = None  # of those named to the server, if not all are

    @property
    def said(self) -> dict[int, Answer]:
        """What a mail store said of recipients, by their place, that has yet to speak of others."""
        said = self.core.said
        places = range(len(said)) if self._places is None else self._places
        return {at: one for at, one in zip(places, said, strict=False) if one is not None}

    @property
    def is_usable(self) -> bool:
        """Whether another transaction may be tried on it."""
        core, connection = self.core, self.connection
        if not core.is_idle or connection.is_closed or connection.unread:
            return False
        limit = self.limit
        if core.extensions.limits is not None:
            announced = core.extensions.limits.messages  # RFC 9422 §4.1
            limit = min(limit or announced, announced or limit)
        return not limit or self.sent < limit

    async def next_event(self, latest: float | None = None) -> ClientEvent:
        """Send what is to be sent and wait for the next event.

        The time a server may take is for each whole reply (RFC 5321 §4.5.3.2), not for each octet.
        Several replies may be awaited at once; the time of each begins with the one before it.

        Args:
            latest: when it is over in any case, in seconds of the event loop's clock; `None`: for
                what comes before the first transaction, which has as long in all as one has.
        """
        core, connection, clock = self.core, self.connection, self.loop.time
        if latest is None:
            latest = self._latest(self.opened)
        heard, deadline = core.heard, math.inf
        while True:
            event = core.next_event()
            data = core.data_to_send()
            if data:
                connection.write(data)
            if event is not None:
                return event
            now = clock()
            if data or core.heard != heard or deadline == math.inf:
                heard, deadline = core.heard, min(now + self._patience(), latest)
            try:
                core.receive(await connection.read(max(deadline - now, 0.0)))
            except TimeoutError:
                core.timed_out()
            except ConnectionError:
                core.receive(b"")

    async def greeted(self) -> Unready | None:
        """Wait for the reply to EHLO; `None` when the server is ready for more."""
        try:
            event = await self.next_event()
        except BaseException:  # cancelled
            self.abort()
            raise
        if isinstance(event, Ended):
            self.close()
            return Unready(event.answer, self.relay)
        return None

    async def send(self, transaction: Transaction, content: Content) -> tuple[Answer, ...]:
        """Carry out one transaction.

        Returns:
            an answer for each recipient, in their order.

        Raises:
            postroad.spool.SpoolError: the content could not be read; the session has to be closed.
        """
        self.sent += 1
        core = self.core
        offered = core.extensions
        fit = None
        if not (offered.smtputf8 and offered.eight_bit_mime):
            try:
                fit = await adapted(
                    transaction, content, offered, convert=self._settings.convert_8bit
                )
            except NestedTooDeeply as error:  # nothing was sent: the session stays
                return _to_all(transaction, _unconverted(error))
        self._places = None if fit is None else fit.positions
        latest, proved = self._latest(self.loop.time()), core.chunking_proved
        try:
            event = await self._offer(transaction, content, fit, latest)
        except Miscounted as error:
            return self._break_off(transaction, Reply.of(451, "4.3.0", str(error)))
        except Unsendable as error:
            return self._break_off(transaction, Reply.of(554, "5.6.0", str(error)))
        except NestedTooDeeply as error:
            return self._break_off(transaction, _unconverted(error))
        except _EightBitContent:
            return self._break_off(transaction, core.eight_bit_refusal)
        finally:
            if core.chunk_misunderstood or core.chunking_proved is not proved:
                self._tell_of_chunks()
        assert isinstance(event, Finished)
        return event.answers if fit is None else self._all_answers(transaction, fit, event.answers)

    async def _offer(
        self, transaction: Transaction, content: Content, fit: Adapted | None, latest: float
    ) -> ClientEvent:
        """Go through one transaction; its end is the event."""
        core = self.core
        wanted, ascii_only = transaction, False
        if fit is not None:
            wanted, content, ascii_only = fit.transaction, fit.content, fit.ascii_only
        whole = None
        if content.size <= AT_ONCE and core.takes_at_once:
            whole = b"".join(content.chunks())
        core.begin(wanted, whole)
        event = await self.next_event(latest)
        if isinstance(event, FirstOctetWanted):
            octet = await first_octet(content)
            if not octet:
                raise Miscounted("the content is empty, and its size is not 0")
            core.first_octet(octet)
            event = await self.next_event(latest)
        if isinstance(event, ContentWanted):
            if is_large(content):  # a small one was looked at for what is not ASCII
                await self._send_content(content, latest, ascii_only=ascii_only)
            else:
                core.whole_content(b"".join(content.chunks()))
            event = await self.next_event(latest)
        return event

    async def ask(self, probe: Transaction) -> tuple[Answer, ...]:
        """Carry out a transaction without a message: what the server says of each recipient."""
        self.sent += 1
        self.core.begin(probe)
        event = await self.next_event(self._latest(self.loop.time()))
        assert isinstance(event, Finished)
        return event.answers

    def _tell_of_chunks(self) -> None:
        if self._learnt is not None:
            self._learnt(not self.core.chunk_misunderstood)

    def _all_answers(
        self, transaction: Transaction, fit: Adapted, answers: tuple[Answer, ...]
    ) -> tuple[Answer, ...]:
        """The answers of those who were named to the server, and of those who could not be."""
        said = dict(zip(fit.positions, answers, strict=True))
        refused = Answer(self.core.smtputf8_refusal, from_peer=False)
        return tuple(said.get(at, refused) for at in range(len(transaction.recipients)))

    def close(self) -> None:
        """Say goodbye where the peer still listens, without waiting for its answer, and close."""
        if not self.core.is_idle:
            self.abort()
            return
        self.core.quit()
        self.connection.write(self.core.data_to_send())
        self.connection.close()

    def abort(self) -> None:
        """Drop the connection as it is."""
        self.connection.abort()

    def _break_off(self, transaction: Transaction, why: Reply) -> tuple[Answer, ...]:
        """Drop the connection in the middle of a content: nothing may end what was sent already."""
        self.abort()
        return _to_all(transaction, why)

    async def _send_content(self, content: Content, latest: float, *, ascii_only: bool) -> None:
        """Hand over the content; the last piece and the end go out with the next event."""
        core, connection = self.core, self.connection
        held = 0
        async for chunk in Pieces(content):
            if ascii_only and not chunk.isascii():
                raise _EightBitContent
            core.content(chunk)
            held += len(chunk)
            if held >= WRITE_SIZE:
                held = 0
                connection.write(core.data_to_send())
                if not await self._keeps_up(latest):
                    return
        core.end_content()

    async def _keeps_up(self, latest: float) -> bool:
        """Wait until the peer has taken enough; if it never will, the core is told.

        A peer that refuses the message in the middle of it may stop to read. It is heard at once:
        otherwise each side would wait for the other one.
        """
        core, connection = self.core, self.connection
        patience = self._patience_of(self._settings.data_block_timeout, 0.6)
        try:
            while connection.congested or connection.unread:
                if connection.unread:
                    core.receive(await connection.read(0.0))
                    if core.interrupted():
                        return False
                elif connection.is_closed:
                    raise ConnectionResetError
                else:
                    limit = min(patience, latest - self.loop.time())
                    await connection.drain(limit, or_read=True)
        except TimeoutError:
            core.timed_out()
            return False
        except ConnectionError:
            with suppress(ConnectionError):  # perhaps it said why before it went
                core.receive(await connection.read(0.0))
            core.receive(b"")
            return False
        return True

    def _latest(self, begun: float) -> float:
        """When a transaction is over that began then, on the event loop's clock."""
        return begun + (self._settings.transaction_timeout or math.inf)

    def _patience(self) -> float:
        """Seconds the peer may take now (RFC 5321 §4.5.3.2)."""
        settings = self._settings
        match self.core.stage:
            case Stage.END:
                return settings.data_timeout or math.inf
            case Stage.MAIL:
                return self._patience_of(settings.mail_timeout)
            case Stage.RCPT:
                return self._patience_of(settings.rcpt_timeout)
            case Stage.DATA | Stage.FIRST_OCTET:
                return self._patience_of(settings.data_init_timeout, 0.4)
            case Stage.GREETING:
                return self._patience_of(settings.greeting_timeout)
        return settings.command_timeout or math.inf

    def _patience_of(self, own: float | None, share: float = 1.0) -> float:
        """A limit of its own, or its share of the usual one."""
        return (self._settings.command_timeout * share if own is None else own) or math.inf


def _to_all(transaction: Transaction, why: Reply) -> tuple[Answer, ...]:
    """Our own answer for every recipient."""
    return (Answer(why, from_peer=False),) * len(transaction.recipients)


def _unconverted(error: NestedTooDeeply) -> Reply:
    """Why a content that the server does not take cannot be converted (RFC 3463 §3.7)."""
    return Reply.of(554, "5.6.3", str(error))
