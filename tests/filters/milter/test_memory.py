"""What milters may have a worker keep: for one message, and for many at once."""

from __future__ import annotations

import asyncio
import struct
import tracemalloc
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from fake_milter import FakeMilter, packet, serving
from postroad.filters.milter.allowance import Allowance
from postroad.filters.milter.session import MilterSession
from postroad.filters.milter.setup import Setup
from postroad.filters.place import Place
from postroad.filters.settings import FilterSettings, OnFailure
from postroad.filters.stages import Began, Connected, Greeted, Named, Started
from postroad.model import Address, Client, Endpoint, Envelope, Recipient, Reply
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.letter import Letter, Opinion, Origin
from postroad.spool import Aside, SpoolError

CLIENT = Client("192.0.2.7", 4711, "peer.example", "peer.example")
ENVELOPE = Envelope(Address("ann", "example.com"))
JOHN = Recipient(Address("john", "example.org"))
TALK = (
    Connected(CLIENT, Endpoint("198.51.100.1", 25), "mx", trusted=False),
    Greeted("peer.example", None),
    Began(ENVELOPE, None, 1000),
    Named(JOHN),
    Started("4FooBar"),
)
LETTER = Letter(
    queue_id="4FooBar",
    envelope=ENVELOPE,
    recipients=(JOHN,),
    origin=Origin.OUTSIDE,
    fields=Fields.of(b"Received: by us\r\nFrom: ann@example.com\r\n"),
    body=Octets(b"Hello\r\n"),
    client=CLIENT,
)
LATER = Reply.of(451, "4.7.1", "Service unavailable - try again later")
LINE = b"0123456789" * 6 + b"abcdef\r\n"


class World:
    """Sessions that one milter hears of.

    Attributes:
        allowance: memory for all of them.
    """

    def __init__(self, milter: FakeMilter, folder: Path, allowance: Allowance) -> None:
        self.milter = milter
        self.folder = folder
        self.allowance = allowance
        self.aside: Callable[[], Aside] | None = None
        self.place = ""
        self._exits = AsyncExitStack()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        with ThreadPoolExecutor(2) as executor:
            self.aside = lambda: Aside(self.folder, executor)
            async with self._exits, serving(self.milter, self.folder / "s") as self.place:
                yield self
                await self._exits.aclose()

    async def session(self, on_failure: OnFailure = "defer") -> MilterSession:
        """One that has come to the content."""
        setup = Setup(
            name="scan",
            place=Place.parse(self.place),
            settings=FilterSettings(kind="milter", socket=self.place, on_failure=on_failure),
            hostname="mail.example.org",
            version="Postroad 1",
            origin="example.org",
            largest_body=100_000_000,
            journal=lambda _: None,
            aside=self.aside,
            allowance=self.allowance,
        )
        session = MilterSession(setup)
        self._exits.push_async_callback(session.close)
        assert [await session.heard(stage) for stage in TALK] == [None] * 5
        return session


@asynccontextmanager
async def world(milter: FakeMilter, folder: Path, most: int = 1 << 30) -> AsyncIterator[World]:
    async with World(milter, folder, Allowance(most)).open() as made:
        yield made


def content(opinion: Opinion) -> bytes:
    assert opinion.body is not None
    return b"".join(opinion.body.chunks())


@pytest.mark.parametrize("size", [131_072, 131_073, 131_072 + 65_535, 1_000_000])
async def test_a_new_body_is_whole_in_memory_or_not(tmp_path: Path, size: int) -> None:
    body = (LINE * (size // len(LINE) + 1))[:size]
    parts = b"".join(packet(b"b" + body[at : at + 65_535]) for at in range(0, size, 65_535))

    async with world(FakeMilter({b"E": parts + packet(b"c")}), tmp_path) as made:
        opinion = await (await made.session()).examine(LETTER)

        assert content(opinion) == body
        assert opinion.body is not None
        assert opinion.body.size == size


async def test_large_new_bodies_of_many_messages_are_not_in_memory(tmp_path: Path) -> None:
    part = packet(b"b" + b"x" * 60_000 + b"\r\n")
    parts = part * 100  # it is one object for all sessions

    async with world(FakeMilter({b"E": parts + packet(b"c")}), tmp_path) as made:
        sessions = [await made.session() for _ in range(10)]
        tracemalloc.start()
        try:
            opinions = [await each.examine(LETTER) for each in sessions]
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    sizes = [each.body.size for each in opinions if each.body is not None]
    assert sizes == [6_000_200] * 10
    assert kept < 6_000_200


async def test_a_new_body_that_finds_no_room_is_a_message_that_cannot_be_stored(
    tmp_path: Path,
) -> None:
    parts = packet(b"b" + b"x" * 60_000) * 4

    async with world(FakeMilter({b"E": parts + packet(b"c")}), tmp_path) as made:
        with ThreadPoolExecutor(1) as executor:
            made.aside = partial(Aside, tmp_path / "none", executor)
            session = await made.session("accept")
            with pytest.raises(SpoolError, match="No such file"):
                await session.examine(LETTER)

        session.forget()
        assert await session.heard(TALK[2]) is None  # on_failure: it is out of step
        assert made.milter.letters.count("M") == 1


@pytest.mark.parametrize("on_failure", ["defer", "accept"])
async def test_changes_to_all_messages_have_a_bound_together(
    tmp_path: Path, on_failure: OnFailure
) -> None:
    changes = packet(b"hX-Large\0" + b"v" * 40_000 + b"\0") + packet(b"c")

    async with world(FakeMilter({b"E": changes}), tmp_path, most=100_000) as made:
        sessions = [await made.session(on_failure) for _ in range(4)]
        first, second, third = [await each.examine(LETTER) for each in sessions[:3]]
        sessions[0].forget()  # its message is stored
        fourth = await sessions[3].examine(LETTER)

    assert [each.reply for each in (first, second, third, fourth)] == [None, None, LATER, None]
    words = third.findings[0].words
    assert words == "with others, it wants more changed at once than there may be"
    assert made.allowance.take(100_000)


@pytest.mark.parametrize("kind", [b"b", b"h"])
async def test_unfinished_large_packets_have_a_bound_together(tmp_path: Path, kind: bytes) -> None:
    unfinished = struct.pack("!I", 1_000_000) + kind + b"x" * 10

    async with world(FakeMilter({b"E": unfinished}), tmp_path, most=2_500_000) as made:
        sessions = [await made.session("accept") for _ in range(3)]
        waiting = [asyncio.create_task(each.examine(LETTER)) for each in sessions]
        async with asyncio.timeout(30):
            (done,), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        opinion = done.result()
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    assert opinion.reply == LATER
    words = opinion.findings[0].words
    assert words == "with others, it wants more kept at once than there may be"
    assert made.allowance.take(2_500_000)


async def test_a_large_packet_that_comes_to_its_end_is_not_held_any_more(tmp_path: Path) -> None:
    large = packet(b"b" + b"x" * 900_000)

    async with world(FakeMilter({b"E": large * 5 + packet(b"c")}), tmp_path, 1_000_000) as made:
        opinion = await (await made.session()).examine(LETTER)
        assert len(content(opinion)) == 4_500_000

    assert made.allowance.take(1_000_000)
