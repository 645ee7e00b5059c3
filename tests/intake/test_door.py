"""The door and its entries over a spool in memory: what goes in, and what does not."""

from __future__ import annotations

import asyncio

import pytest

from fake_directory import FakeDirectory
from intake_house import ANN, INFO, JOHN, LIMITS, MX, NOW, SMALL, SUBMISSION, House
from postroad.intake import NO_STORAGE, Entry, IntakeSettings, Refusal
from postroad.model import (
    Action,
    Address,
    BodyType,
    ByMode,
    DeliverBy,
    Envelope,
    Notify,
    Recipient,
    Return,
)
from postroad.model.journal import Notice
from postroad.model.message_events import MessageId, Queued
from postroad.spool import SpoolError


@pytest.fixture
def house() -> House:
    return House()


async def test_a_message_is_durable_then_queued_then_answered(house: House) -> None:
    reply = await house.take(SMALL, recipients=[INFO])

    (claimed,) = house.queued
    queue_id = claimed.message.queue_id
    assert reply == f"250 2.0.0 Ok: queued as {queue_id}"
    assert [(one.address, one.original) for one in claimed.recipients] == [(JOHN, INFO)]
    assert (claimed.message.arrived, claimed.message.envelope) == (NOW - 1, Envelope(ANN))
    assert house.content == SMALL
    assert [type(event) for event in house.events] == [MessageId, Queued]
    assert queue_id in house.events[1].text


DATE = b"Date: Mon, 21 Sep 2026 "
OWN_ID = b"Message-ID: <20260921"


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize(
    ("message", "added"),
    [
        (SMALL, "id date"),
        (b"Date: now\r\n\r\nbody\r\n", "id"),
        (b"message-id: <1@x>\r\n\r\nbody\r\n", "date"),
        (b"Date: now\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n", ""),
        (b"\r\nonly a body\r\n", "id date"),
        (b"only a body\r\n", "id date"),
        (b"", "id date"),
        (b"From ann Mon\r\nSubject: x\r\n\r\nbody\r\n", "id date"),
    ],
)
async def test_what_a_users_program_left_out_is_added(
    house: House, message: bytes, added: str, step: int
) -> None:
    assert (await house.take(message, SUBMISSION, step=step)).startswith("250 ")

    header, blank, body = house.content.partition(b"\r\n\r\n") if message else (house.content,) * 3
    fields = (b"\r\n" + header).split(b"\r\n")
    assert sum(line.startswith(OWN_ID) for line in fields) == ("id" in added)
    assert sum(line.startswith(DATE) for line in fields) == ("date" in added)
    if message:
        assert blank
        assert body == message.partition(b"\r\n\r\n")[2] or message.endswith(body)
    (logged,) = [event for event in house.events if isinstance(event, MessageId)]
    assert ("@mail.example.org>" in logged.text) is ("id" in added)


@pytest.mark.parametrize("message", [SMALL, b"\r\nonly a body\r\n"])
async def test_nothing_is_added_to_mail_of_others(house: House, message: bytes) -> None:
    await house.take(message)

    assert house.content == message
    assert "message-id=<>" in house.events[0].text


async def test_an_mbox_line_does_not_push_the_header_into_the_body(house: House) -> None:
    await house.take(b"From ann Mon Sep 21\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n")

    expected = b"X-Mailbox-Line: From ann Mon Sep 21\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n"
    assert house.content == expected
    assert "message-id=<1@x>" in house.events[0].text


@pytest.mark.parametrize(
    ("message", "promised", "stored"),
    [
        (SMALL, BodyType.SEVEN_BIT, BodyType.SEVEN_BIT),
        (SMALL, BodyType.EIGHT_BIT_MIME, BodyType.EIGHT_BIT_MIME),
        (SMALL + "gr\u00fcn\r\n".encode(), BodyType.SEVEN_BIT, BodyType.EIGHT_BIT_MIME),
        ("Subject: gr\u00fcn\r\n\r\n".encode(), BodyType.SEVEN_BIT, BodyType.EIGHT_BIT_MIME),
    ],
)
async def test_the_envelope_tells_of_eight_bits(
    house: House, message: bytes, promised: BodyType, stored: BodyType
) -> None:
    await house.take(message, envelope=Envelope(ANN, promised))

    assert house.queued[0].message.envelope == Envelope(ANN, stored)


BINARY = b"Subject: \0 x\r\n\r\n\0\n\r\xff.\r\n\r\n\nno end"


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_binary_content_is_stored_as_it_came(house: House, step: int) -> None:
    envelope = Envelope(ANN, BodyType.BINARY_MIME)
    await house.take(BINARY, envelope=envelope, step=step)

    assert house.content == BINARY
    assert house.queued[0].message.envelope == envelope


async def test_what_the_sender_asked_for_is_kept(house: House) -> None:
    envelope = Envelope(
        ANN,
        ret=Return.HEADERS,
        envid="QQ314",
        require_tls=True,
        deliver_by=DeliverBy(NOW + 60, ByMode.NOTIFY),
        priority=4,
    )
    asked = Recipient(INFO, Notify.SUCCESS, "rfc822;i@old.example")
    entry = house.door.open(MX, envelope, [asked], NOW)
    entry.write(SMALL)
    await entry.commit()

    (claimed,) = house.queued
    assert claimed.message.envelope == envelope
    (one,) = claimed.recipients
    assert (one.address, one.original) == (JOHN, INFO)
    assert (one.notify, one.orcpt) == (Notify.SUCCESS, "rfc822;i@old.example")
    assert b"for <info@example.org>\r\n\tPRIORITY 4; " in b"".join(claimed.message.content.chunks())


async def test_a_list_is_owed_its_report(house: House) -> None:
    house.directory.aliases = FakeDirectory(
        aliases={"info@example.org": ["john@example.org", "lisa@example.com"]}
    ).aliases
    entry = house.door.open(MX, Envelope(ANN), [Recipient(INFO, Notify.SUCCESS)], NOW)
    entry.write(SMALL)
    await entry.commit()

    (claimed,) = house.queued
    assert [one.owed for one in claimed.recipients] == [None, None, Action.EXPANDED]
    assert "nrcpt=2 " in house.events[-1].text


async def test_a_held_message_is_durable_but_not_to_be_delivered(house: House) -> None:
    reply = await house.take(SMALL, envelope=Envelope(ANN, hold_until=NOW + 60))

    assert reply.startswith("250 2.0.0 Ok: queued as ")
    (claimed,) = house.queued
    assert claimed.recipients == ()
    assert house.content == SMALL
    assert "held until Mon, 21 Sep 2026 " in house.events[-1].text


@pytest.mark.parametrize(
    ("message", "limits", "reply"),
    [
        (b"Received: a\r\n" * 3 + SMALL, LIMITS, "250"),
        (b"Received: a\r\n" * 4 + SMALL, LIMITS, "554 5.4.6"),
        (b"Received: a\r\n" * 4, LIMITS, "554 5.4.6"),
        (b"Received: a\r\n" * 99 + SMALL, IntakeSettings(hop_limit=0), "250"),
        (SMALL + b"Received: a\r\n" * 99, LIMITS, "250"),
        (b"X: 5678901\r\n" * 50 + SMALL, LIMITS, "552 5.3.4"),
        (b"X: 5678901\r\n" * 50 + SMALL, IntakeSettings(header_size=0), "250"),
        (SMALL + b"x" * 900, LIMITS, "250"),
    ],
)
async def test_bounds_on_the_header(message: bytes, limits: IntakeSettings, reply: str) -> None:
    house = House(limits)

    assert (await house.take(message)).startswith(reply)
    assert house.is_empty is (reply != "250")


def full(_: bytes = b"") -> None:
    raise SpoolError("no space left on device")


async def test_a_spool_that_takes_nothing_is_told_at_once(house: House) -> None:
    await house.spool.shard.close()

    with pytest.raises(SpoolError):
        house.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW)
    with pytest.raises(Refusal) as refused:
        await house.door.submit(Envelope(None), [JOHN], SMALL)
    assert refused.value.reply == NO_STORAGE


@pytest.mark.parametrize("message", [SMALL * 20, b"Subject: no end"], ids=["body", "header"])
@pytest.mark.parametrize("place", ["write", "commit"])
async def test_a_full_spool_is_the_answer(house: House, message: bytes, place: str) -> None:
    house.spool.store.full = place == "commit"
    if place == "write":
        house.spool.write = full

    assert await house.take(message) == str(NO_STORAGE)
    assert house.is_empty
    (notice,) = [event for event in house.events if isinstance(event, Notice)]
    assert "no space left on device" in notice.text


async def test_without_a_directory_the_client_tries_again(house: House) -> None:
    house.directory.unavailable = True

    assert (await house.take(SMALL)).startswith("451 4.3.0 ")
    assert house.is_empty
    assert any(isinstance(event, Notice) for event in house.events)


async def test_aliases_that_lead_nowhere_near_an_end(house: House) -> None:
    chain = {f"a{n}@example.org": [f"a{n + 1}@example.org"] for n in range(50)}
    house.directory.aliases = FakeDirectory(aliases=chain).aliases

    reply = await house.take(SMALL, recipients=[Address("a0", "example.org")])

    assert reply == "451 4.3.5 Error: alias expansion error"
    assert house.is_empty
    (words,) = [event.text for event in house.events if isinstance(event, Notice)]
    assert "a0@example.org: more than 20 aliases in a row" in words


async def test_a_message_given_up_leaves_nothing(house: House) -> None:
    entry = house.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW)
    entry.write(SMALL)
    entry.discard()

    assert house.is_empty


async def test_a_session_that_ends_during_the_commit_queues_nothing_by_itself(house: House) -> None:
    entered, forever = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        entered.set()
        await forever.wait()

    house.spool.committing = hang
    taking = asyncio.ensure_future(house.take(SMALL))
    await entered.wait()
    taking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await taking
    assert house.is_empty


@pytest.mark.parametrize("first", [SMALL, b"Subject: x"], ids=["whole header", "part of it"])
async def test_whoever_brings_a_large_message_is_asked_to_wait(house: House, first: bytes) -> None:
    written = asyncio.get_running_loop().create_future()
    house.spool.write = lambda _: written
    entry = house.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW)

    assert entry.write(first) is (written if first is SMALL else None)
    assert entry.write(b"\r\n\r\nmore") is written
    assert (await entry.commit()).is_positive


async def test_mail_made_here(house: House) -> None:
    queue_id = await house.door.submit(Envelope(None), [INFO], SMALL)

    assert [one.message.queue_id for one in house.queued] == [queue_id]
    assert house.content == SMALL


async def test_mail_made_here_waits_for_the_disk_and_may_be_given_up(house: House) -> None:
    written = asyncio.get_running_loop().create_future()
    house.spool.write = lambda _: written
    submitting = asyncio.ensure_future(house.door.submit(Envelope(None), [JOHN], SMALL))
    await asyncio.sleep(0)
    submitting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await submitting
    assert house.is_empty


@pytest.mark.parametrize(
    ("message", "code"), [(b"Received: a\r\n" * 9 + SMALL, 554), (SMALL, 452)], ids=["loop", "full"]
)
async def test_mail_made_here_that_is_not_taken(house: House, message: bytes, code: int) -> None:
    house.spool.store.full = code == 452

    with pytest.raises(Refusal) as refused:
        await house.door.submit(Envelope(None), [JOHN], message)
    assert refused.value.reply.code == code
    assert house.is_empty


def begin(house: House, octets: int) -> Entry:
    """A message whose header section is still coming."""
    entry = house.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW)
    assert entry.write(b"X: " + b"x" * (octets - 3)) is None
    return entry


async def test_headers_that_do_not_end_have_one_bound_together(
    monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    monkeypatch.setattr("postroad.intake.entry.HEADERS_AT_ONCE", 1000)
    first, second, last = begin(house, 400), begin(house, 400), begin(house, 300)

    assert house.door.headers_held == 800, "what was one too many went at once"
    assert last.write(b"\r\n\r\nbody\r\n") is None
    assert await last.commit() == NO_STORAGE
    assert any("unfinished headers" in str(event) for event in house.events)
    first.discard()
    assert str(await second.commit()).startswith("250 ")
    assert house.door.headers_held == 0
    assert await house.take(SMALL)


@pytest.mark.parametrize("end", ["complete", "too large", "hop by hop", "given up", "committed"])
async def test_a_header_counts_until_it_is_complete(house: House, end: str) -> None:
    entry = begin(house, 300)
    assert house.door.headers_held == 300
    if end == "complete":
        entry.write(b"\r\n\r\n")
    elif end == "too large":
        entry.write(b"x" * 101)
    elif end == "hop by hop":
        entry.write(b"\r\nReceived: x" * 4 + b"\r\n\r\n")
    elif end == "given up":
        entry.discard()
    else:
        await entry.commit()

    assert house.door.headers_held == 0
    entry.discard()
    assert house.door.headers_held == 0
