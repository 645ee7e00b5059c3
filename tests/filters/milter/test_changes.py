"""What a milter has done with a message: fields, people, bodies, and what it did not ask for."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fake_milter import FakeMilter, packet
from milter_world import HEADER, JANE, JOHN, LATER, LETTER, TALK, fields, people, world
from postroad.model import (
    Notify,
    Recipient,
)
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Opinion

CHANGES: list[tuple[bytes, Callable[[Opinion], object], object]] = [
    (b"hX-New\0yes\0", lambda o: fields(o)[-1], b"X-New: yes\r\n"),
    (b"hX-New\0a\nb\n\tc\0", lambda o: fields(o)[-3:], [b"X-New: a\r\n", b"\tb\r\n", b"\tc\r\n"]),
    (b"i\0\0\0\0X-New\0top\0", lambda o: fields(o)[0], b"X-New: top\r\n"),
    (b"i\0\0\0\1X-New\0second\0", lambda o: fields(o)[2], b"X-New: second\r\n"),
    (b"i\0\0\0\x63X-New\0end\0", lambda o: fields(o)[-1], b"X-New: end\r\n"),
    (b"i\xff\xff\xff\xffX-New\0end\0", lambda o: fields(o)[-1], b"X-New: end\r\n"),
    (b"m\xff\xff\xff\xffTo\0end\0", lambda o: fields(o)[-1], b"To: end\r\n"),
    (b"m\0\0\0\1from\0bob\0", lambda o: fields(o)[2], b"from: bob\r\n"),
    (b"m\0\0\0\0From\0bob\0", lambda o: fields(o)[2], b"From: bob\r\n"),
    (b"m\0\0\0\2From\0bob\0", lambda o: fields(o)[-1], b"From: bob\r\n"),
    (b"m\0\0\0\1Subject\0\0", lambda o: b"Subject" in b"".join(fields(o)), False),
    (b"m\0\0\0\1Received\0\0", lambda o: o.fields, None),
    (b"e<bob@example.net>\0", lambda o: str(o.envelope and o.envelope.sender), "bob@example.net"),
    (b"e<>\0SIZE=5\0", lambda o: o.envelope and o.envelope.sender, None),
    (b"+<jane@example.org>\0", people, [str(JOHN), str(JANE)]),
    (b"+jane\0", people, [str(JOHN), str(JANE)]),
    (b"+<John@example.org>\0", lambda o: o.recipients, None),
    (b"2<jane@example.org>\0NOTIFY=NEVER\0", people, [str(JOHN), str(JANE)]),
    (b"-<john@EXAMPLE.org>\0", people, []),
    (b"bnew\r\n", lambda o: o.body and b"".join(o.body.chunks()), b"new\r\n"),
    (b"qlooks bad\0", lambda o: o.hold, "looks bad"),
]


@pytest.mark.parametrize(("wanted", "seen", "expected"), CHANGES)
async def test_changes(
    tmp_path: Path, wanted: bytes, seen: Callable[[Opinion], object], expected: object
) -> None:
    milter = FakeMilter({b"E": packet(wanted) + packet(b"c")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert seen(opinion) == expected
    assert opinion.reply is None
    (finding,) = opinion.findings
    assert finding.result == ("pass" if opinion == Opinion(findings=(finding,)) else "changed")


async def test_a_body_in_pieces_is_one(tmp_path: Path) -> None:
    milter = FakeMilter({b"E": packet(b"bone ") + packet(b"btwo\r\n") + packet(b"a")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert opinion.body is not None
    assert b"".join(opinion.body.chunks()) == b"one two\r\n"
    assert opinion.findings == (Finding("scan", "changed", "body replaced"),)


async def test_a_message_of_many_fields_may_have_each_removed_and_another_added(
    tmp_path: Path,
) -> None:
    removals = b"".join(
        packet(b"m" + struct.pack("!I", at) + b"x-scanned\0\0") for at in range(1_100, 0, -1)
    )
    milter = FakeMilter({b"E": removals + packet(b"hX-Scanned\0by us\0") + packet(b"c")})
    letter = replace(LETTER, fields=Fields.of(HEADER + b"X-Scanned: no\r\n" * 1_100))

    async with world(milter, tmp_path, on_failure="accept") as session:
        opinion = await session.message(letter)

    assert opinion.fields is not None
    assert opinion.fields.octets == HEADER + b"X-Scanned: by us\r\n"
    assert opinion.findings[0].words == "x-scanned removed, X-Scanned added"


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (b"X: " + b"v" * 70_000, b"X\0" + b"v" * 59_999 + b"\0"),
        (b"X" * 70_000 + b": v", b"X" * 60_000 + b"\0\0"),
    ],
)
async def test_a_field_that_no_packet_holds_is_told_as_far_as_it_goes(
    tmp_path: Path, field: bytes, told: bytes
) -> None:
    milter = FakeMilter()
    letter = replace(LETTER, fields=Fields.of(HEADER + field + b"\r\n"))

    async with world(milter, tmp_path) as session:
        opinion = await session.message(letter)

    assert opinion.fields is None
    assert milter.heard[-5] == b"L" + told


@pytest.mark.parametrize("letter", [b"C", b"M", b"L", b"N", b"B"])
async def test_an_answer_that_was_not_asked_for_is_not_taken_for_the_next(
    tmp_path: Path, letter: bytes
) -> None:
    milter = FakeMilter({letter: packet(b"c") * 2, b"E": packet(b"r")})

    async with world(milter, tmp_path) as session:
        await session.hear(*TALK)
        opinion = await session.examine()

    assert opinion.reply == LATER
    assert opinion.findings[0].words == "it answered what it was not asked"


async def test_our_received_field_is_known_below_anothers(tmp_path: Path) -> None:
    above = b"Authentication-Results: mail.example.org; none\r\nReceived: by a filter; today\r\n"
    ours = HEADER.partition(b"From: ")[0]
    milter = FakeMilter(
        {
            b"E": packet(b"m\0\0\0\1Received\0\0")
            + packet(b"i\0\0\0\1X-New\0below\0")
            + packet(b"i\0\0\0\0X-New\0above\0")
            + packet(b"c")
        }
    )
    letter = replace(LETTER, fields=Fields.of(above + HEADER), trace=ours, above=1)

    async with world(milter, tmp_path) as session:
        opinion = await session.message(letter)

    assert b"LReceived\0by a filter; today\0" in milter.heard
    assert opinion.fields is not None
    assert opinion.fields.octets == (
        b"Authentication-Results: mail.example.org; none\r\n"
        b"X-New: above\r\n" + ours + b"X-New: below\r\n" + HEADER.removeprefix(ours)
    )


@pytest.mark.parametrize("size", [1, 700, 65_535])
async def test_a_new_body_in_packets_of_any_size(tmp_path: Path, size: int) -> None:
    octets = (b"0123456789" * 6 + b"\r\n") * 3_000
    parts = [octets[at : at + size] for at in range(0, min(len(octets), size * 5_000), size)]
    told = b"".join(packet(b"b" + part) for part in parts)
    milter = FakeMilter({b"E": packet(b"hX-A\0b\0") + told + packet(b"b") + packet(b"c")})
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with world(milter, tmp_path) as session:
        beside = asyncio.create_task(others())
        opinion = await session.message()
        beside.cancel()

    assert opinion.body is not None
    assert b"".join(opinion.body.chunks()) == b"".join(parts)
    assert opinion.body.size == len(b"".join(parts))
    assert max(map(len, opinion.body.chunks())) <= 131_072
    assert turns >= len(parts) // 32


async def test_a_reason_for_quarantine_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    why = b"a \xff\r\nNov 22 00:00:00 mail sshd: \x1b[31mhacked " + b"x" * 10_000
    milter = FakeMilter({b"E": packet(b"q" + why + b"\0") + packet(b"c")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert opinion.hold.isprintable()
    assert opinion.hold.startswith("a \ufffd Nov 22 00:00:00 mail sshd: ")
    assert len(opinion.hold) == 200


@pytest.mark.parametrize(("change", "found", "expected"), CHANGES)
async def test_a_change_that_was_not_asked_for_before_is_made(
    tmp_path: Path, change: bytes, found: Callable[[Opinion], object], expected: object
) -> None:
    milter = FakeMilter({b"E": packet(change) + packet(b"c")}, actions=0)

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert found(opinion) == expected


@pytest.mark.parametrize(
    ("parameters", "notify", "original"),
    [
        (b"NOTIFY=NEVER", Notify.NEVER, ""),
        (b"notify=success,Delay", Notify.SUCCESS | Notify.DELAY, ""),
        (b"NOTIFY=SOON", None, ""),
        (b"NOTIFY=NEVER,FAILURE", None, ""),
        (b"XNOTIFY=NEVER", None, ""),
        (b"ORCPT=rfc822;jane+2Bx@example.org", None, "rfc822;jane+x@example.org"),
        (
            b"NOTIFY=FAILURE ORCPT=rfc822;jane@example.org",
            Notify.FAILURE,
            "rfc822;jane@example.org",
        ),
        (b"ORCPT=rfc822;jane+0Ax@example.org", None, ""),
        (b"ORCPT=jane@example.org", None, ""),
        (b"", None, ""),
    ],
)
async def test_parameters_of_a_recipient_that_it_adds(
    tmp_path: Path, parameters: bytes, notify: Notify | None, original: str
) -> None:
    added = packet(b"2<jane@example.org>\0" + parameters + b"\0") + packet(b"c")

    async with world(FakeMilter({b"E": added}), tmp_path) as session:
        opinion = await session.message()

    assert opinion.recipients is not None
    assert opinion.recipients[1:] == (Recipient(JANE, notify, original),)
