"""A milter that fails: garbage, no answer, a connection that ends."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest

from fake_milter import FakeMilter, packet
from milter_world import CONNECTED, HELLO, LATER, MAIL, TALK, World, world
from postroad.filters.settings import OnFailure
from postroad.filters.stages import (
    Began,
)
from postroad.model import (
    Envelope,
    Reply,
)

FOUR_GIGABYTES = struct.pack("!I", 0xFFFF_FFFF) + b"c"

GARBAGE: list[tuple[bytes, str]] = [
    (FOUR_GIGABYTES, "a packet of 4,294,967,295 octets"),
    (struct.pack("!I", 0), "a packet of 0 octets"),
    (packet(b"Z"), "it answered with b'Z'"),
    (packet(b"f"), "it answered with b'f'"),
    (packet(b"cmore"), "an answer b'c' with 4 octets behind it"),
    (packet(b"y250 2.0.0 Fine\0"), "a reply that is none"),
    (packet("y55\u0663 What\0".encode()), "a reply that is none"),
    (packet(b"p") * 1_001, "it said 1,001 times that it is at work"),
    (packet(b"y550 4.7.1 What\0"), "a reply whose codes contradict each other"),
    (packet(b"y550-5.7.1 One\r\n451 4.7.1 Two\0"), "a reply that is none"),
    (packet(b"y" + b"550-5.7.1 x\r\n" * 33 + b"550 5.7.1 x\0"), "a reply of 34 lines"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a packet of 1,213,486,160 octets"),
]


@pytest.mark.parametrize(
    ("on_failure", "reply"),
    [
        ("defer", LATER),
        ("reject", Reply.of(550, "5.5.0", "Service unavailable")),
        ("accept", None),
        ("hold", None),
    ],
)
@pytest.mark.parametrize(("answer", "words"), GARBAGE)
async def test_garbage(
    tmp_path: Path, answer: bytes, words: str, on_failure: OnFailure, reply: Reply | None
) -> None:
    milter = FakeMilter({b"R": answer})

    async with world(milter, tmp_path, on_failure=on_failure) as session:
        assert await session.hear(*TALK) == [None, None, None, reply, reply]
        opinion = await session.examine()

    assert opinion.reply == reply
    assert bool(opinion.hold) == (on_failure == "hold")
    assert words in opinion.findings[0].words
    (event,) = session.events
    assert words in event.text
    assert "at Named" in event.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (packet(b"f"), "it answered the end of a message with b'f'"),
        (packet(b"hX New\0v\0"), "a field whose name is none"),
        (packet(b"hX-New\0v"), "a text without an end"),
        (packet(b"hX-New\0"), "1 texts in place of 2"),
        (packet(b"i\0\0"), "too short for its number"),
        (packet(b"+no address@\0"), "an address that is none"),
        (packet(b"+\xff@example.org\0"), "an address that is no UTF-8"),
        (packet(b"hX\0v\0") * 1_001, "more changes than there may be"),
        (packet(b"m\0\0\0\1To\0\0") * 1_005, "more changes than there may be"),
        (packet(b"b" + b"x" * 500_000) * 3, "larger changes than there may be"),
        (packet(b"hX\0" + b"v" * 600_000 + b"\0") * 2, "larger changes than there may be"),
        (packet(b"p") * 1_001, "it said 1,001 times that it is at work"),
        (FOUR_GIGABYTES, "a packet of 4,294,967,295 octets"),
    ],
)
async def test_garbage_at_the_end_changes_nothing(
    tmp_path: Path, answer: bytes, words: str
) -> None:
    milter = FakeMilter({b"E": packet(b"hX-New\0v\0") + answer + packet(b"c")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert opinion.reply == LATER
    assert opinion.fields is None
    assert words in opinion.findings[0].words


@pytest.mark.parametrize(
    ("on_failure", "reply"),
    [
        ("accept", LATER),
        ("defer", LATER),
        ("hold", None),
        ("reject", Reply.of(550, "5.5.0", "Service unavailable")),
    ],
)
async def test_what_a_message_may_have_provoked_is_no_way_past_it(
    tmp_path: Path, on_failure: OnFailure, reply: Reply | None
) -> None:
    milter = FakeMilter({b"E": packet(b"hX\0v\0") * 1_001 + packet(b"c")})

    async with world(milter, tmp_path, on_failure=on_failure) as session:
        opinion = await session.message()

    assert opinion.reply == reply
    assert bool(opinion.hold) == (on_failure == "hold")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (packet(b"c"), "it answered the negotiation with b'c'"),
        (packet(b"O\0\0\0\x07" + b"\0" * 8), "version 7 of the protocol, where 6 was offered"),
        (packet(b"O\0\0\0\x06\0\0\x02\0\0\0\0\0"), "what it was not offered: 0x200"),
        (packet(b"O\0\0\0\x06"), "too short for its number"),
        (packet(b"O\0\0\0\x06\0\0\x01\0\0\0\0\0\0\0\0\x02i"), "a list of macros that is none"),
    ],
)
async def test_a_negotiation_that_fails(tmp_path: Path, answer: bytes, words: str) -> None:
    milter = FakeMilter({b"O": answer})

    async with world(milter, tmp_path) as session:
        assert await session.hear(*TALK) == [None, LATER, LATER, LATER, LATER]
        (event,) = session.events
        assert words in event.text


async def test_one_that_is_not_there(tmp_path: Path) -> None:
    session = World(f"unix:{tmp_path}/none")

    assert await session.hear(*TALK) == [None, LATER, LATER, LATER, LATER]
    assert (await session.examine()).reply == LATER
    await session.listening.close()

    (event,) = session.events
    assert event.text == (
        f"warning: connect to unix:{tmp_path}/none: No such file or directory, at Connected; "
        "on_failure = defer"
    )


@pytest.mark.parametrize("letter", [b"O", b"C", b"M", b"L", b"B", b"E"])
async def test_one_that_dies_in_the_middle(tmp_path: Path, letter: bytes) -> None:
    milter = FakeMilter(hangs_up_at=letter)

    async with world(milter, tmp_path) as session:
        await session.hear(*TALK)
        opinion = await session.examine()
        session.listening.forget()
        assert await session.hear(MAIL) == [LATER]

    assert opinion.reply == LATER
    assert "it closed the connection" in opinion.findings[0].words
    assert milter.connections == 1


@pytest.mark.jumps
@pytest.mark.parametrize("letter", [b"C", b"M", b"E"])
async def test_one_that_does_not_answer(tmp_path: Path, letter: bytes) -> None:
    milter = FakeMilter({letter: None})

    async with world(milter, tmp_path, timeout=30, command_timeout=30) as session:
        await session.hear(*TALK)
        opinion = await session.examine()

    assert opinion.reply == LATER
    assert "no answer within 30 s" in opinion.findings[0].words


@pytest.mark.jumps
@pytest.mark.parametrize("letter", [b"M", b"E"])
async def test_one_whose_time_is_over_is_out_of_step(tmp_path: Path, letter: bytes) -> None:
    milter = FakeMilter({letter: None})

    async with world(milter, tmp_path) as session:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.message(), 5)
        milter.answers[letter] = packet(b"c")
        session.listening.forget()

        assert await session.hear(MAIL) == [LATER]


async def test_what_was_told_of_one_message_is_not_left_for_the_next(tmp_path: Path) -> None:
    milter = FakeMilter()

    async with world(milter, tmp_path) as session:
        await session.hear(CONNECTED, HELLO, MAIL)
        session.listening.forget()
        await session.hear(Began(Envelope(None), None, 1000))

    told = [dict(values) for letter, values in milter.macros if letter == "M"]
    assert told == [
        {"{mail_addr}": "ann@example.com", "{mail_host}": "example.com"},
        {"{mail_addr}": ""},
    ]
