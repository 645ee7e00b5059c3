"""A door over a spool in memory, and everything around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fake_directory import FakeDirectory
from fake_spool import MemoryDraft, MemoryShard, MemoryStore
from postroad.intake import Door, IntakeSettings, Source
from postroad.model import BLANK, Address, Addressee, Client, Envelope, Recipient, Waybill
from postroad.model.journal import Event
from postroad.model.message_events import Queued
from postroad.spool import Claimed

NOW = 1_790_000_000.0
ANN = Address("ann", "example.com")
JOHN = Address("john", "example.org")
INFO = Address("info", "example.org")
MX = Source("smtpd", Client("192.0.2.7", 4711), "peer.example", "ESMTP")
SUBMISSION = Source(
    "submission/smtpd", Client("192.0.2.7", 4711), "mua", "ESMTPSA", submission=True
)
SMALL = b"Subject: x\r\n\r\nbody\r\n"
LIMITS = IntakeSettings(hop_limit=3, header_size=400)


class Spool:
    """A shard in memory whose drafts do what the test wants of them."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.shard = MemoryShard(self.store, lambda: NOW)
        self.drafts: list[MemoryDraft] = []
        self.write: Callable[[bytes], Awaitable[None] | None] = lambda _: None
        self.committing: Callable[[], Awaitable[None]] | None = None

    def begin(self) -> MemoryDraft:
        draft = Draft(self, self.shard.begin().queue_id)
        self.drafts.append(draft)
        return draft


class Draft(MemoryDraft):
    def __init__(self, spool: Spool, queue_id: str) -> None:
        super().__init__(spool.shard, queue_id)
        self.spool = spool

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        super().write(chunk)
        return self.spool.write(chunk)

    async def commit(
        self,
        envelope: Envelope,
        recipients: Sequence[Addressee],
        arrived: float,
        waybill: Waybill = BLANK,
    ) -> Claimed:
        if self.spool.committing is not None:
            await self.spool.committing()
        return await super().commit(envelope, recipients, arrived, waybill)


class House:
    """A door, and everything around it."""

    def __init__(self, settings: IntakeSettings = LIMITS) -> None:
        self.spool = Spool()
        self.events: list[Event] = []
        self.queued: list[Claimed] = []
        self.directory = FakeDirectory(aliases={"info@example.org": ["john@example.org"]})
        self.door = Door(
            hostname="mail.example.org",
            settings=settings,
            begin=self.spool.begin,  # type: ignore[arg-type]
            directory=self.directory,
            queued=self.queued.append,
            journal=self.events.append,
            clock=lambda: NOW,
        )

    async def take(
        self,
        message: bytes,
        source: Source = MX,
        *,
        envelope: Envelope | None = None,
        recipients: Sequence[Address] = (JOHN,),
        step: int = 7,
    ) -> str:
        """Stream a message through an entry; the reply."""
        named = [Recipient(address) for address in recipients]
        entry = self.door.open(source, envelope or Envelope(ANN), named, NOW - 1)
        for start in range(0, len(message), step):
            assert entry.write(message[start : start + step]) is None
        return str(await entry.commit())

    @property
    def content(self) -> bytes:
        """The one message in the queue, without our Received field."""
        (message,) = self.spool.store.messages.values()
        octets = b"".join(message.content.chunks())
        first, _, rest = octets.partition(b"; ")
        assert first.startswith(b"Received: ")
        return rest.partition(b"\r\n")[2]

    @property
    def is_empty(self) -> bool:
        """Nothing is queued, nobody was told otherwise, and no draft is left open."""
        told = self.queued or [one for one in self.events if isinstance(one, Queued)]
        return (
            not self.spool.store.messages and not told and all(d.spent for d in self.spool.drafts)
        )
