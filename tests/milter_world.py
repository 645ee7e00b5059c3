"""A session that a milter hears of, and a message that it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from fake_milter import FakeMilter, serving
from postroad.filters.milter.opening import build
from postroad.filters.milter.setup import Way
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import (
    Began,
    Connected,
    Greeted,
    Listening,
    Named,
    Stage,
    Started,
)
from postroad.model import (
    Address,
    Client,
    Endpoint,
    Envelope,
    Recipient,
    Reply,
)
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.journal import Event
from postroad.model.letter import Letter, Opinion, Origin
from postroad.spool import Aside

JOHN, JANE = Address("john", "example.org"), Address("jane", "example.org")
CLIENT = Client("192.0.2.7", 4711, "peer.example", "peer.example")
CONNECTED = Connected(CLIENT, Endpoint("198.51.100.1", 25), "mx", trusted=False)
HELLO = Greeted("peer.example", None)
MAIL = Began(Envelope(Address("ann", "example.com")), None, 1000)
RCPT = Named(Recipient(JOHN))
DATA = Started("4FooBar")
TALK = (CONNECTED, HELLO, MAIL, RCPT, DATA)
HEADER = (
    b"Received: from peer.example\r\n\tby mail.example.org; today\r\n"
    b"From: ann@example.com\r\n"
    b"Subject:  two\r\n lines\r\n"
    b"To:john@example.org\r\n"
)
LETTER = Letter(
    queue_id="4FooBar",
    envelope=MAIL.envelope,
    recipients=(RCPT.recipient,),
    origin=Origin.OUTSIDE,
    fields=Fields.of(HEADER),
    body=Octets(b"Hello\r\n.\r\n"),
    client=CLIENT,
    hello="peer.example",
)
LATER = Reply.of(451, "4.7.1", "Service unavailable - try again later")
REJECTED = Reply.of(550, "5.7.1", "Command rejected")
CLOSING = Reply.of(421, "4.7.0", "Server closing connection")


class World:
    """A milter, and a session that it hears of."""

    def __init__(
        self,
        place: str,
        *,
        way: Way | None = None,
        aside: Callable[[], Aside] | None = None,
        **settings: object,
    ) -> None:
        self.events: list[Event] = []
        known = FilterSettings(kind="milter", socket=place, **settings)  # type: ignore[arg-type]
        self.milter = build(
            known,
            "scan",
            hostname="mail.example.org",
            version="Postroad 1",
            origin="example.org",
            message_size=100_000,
            journal=self.events.append,
            way=way,
            aside=aside,
        )
        self.listening: Listening = self.milter.session()

    async def hear(self, *stages: Stage) -> list[Reply | None]:
        return [await self.listening.heard(stage) for stage in stages]

    async def examine(self, letter: Letter = LETTER) -> Opinion:
        (examiner,) = self.listening.examiners
        return await examiner.examine(letter)

    async def message(self, letter: Letter = LETTER) -> Opinion:
        assert await self.hear(*TALK) == [None] * 5
        return await self.examine(letter)


@asynccontextmanager
async def world(milter: FakeMilter, tmp_path: Path, **settings: object) -> AsyncIterator[World]:
    folder = tmp_path / "aside"
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(1) as executor:
        async with serving(milter, tmp_path / "s") as place:
            usual = {"aside": lambda: Aside(folder, executor)}
            made = World(place, **{**usual, **settings})  # type: ignore[arg-type]
            async with ended(milter, made):
                yield made


@asynccontextmanager
async def ended(milter: FakeMilter, session: World) -> AsyncIterator[None]:
    """Both have let go of the connection when this is over."""
    try:
        yield
    finally:
        await session.listening.close()
    async with asyncio.timeout(30):
        await milter.ended.wait()


def fields(opinion: Opinion) -> list[bytes]:
    assert opinion.fields is not None
    return opinion.fields.octets.splitlines(keepends=True)


def people(opinion: Opinion) -> list[str]:
    assert opinion.recipients is not None
    return [str(each.address) for each in opinion.recipients]
