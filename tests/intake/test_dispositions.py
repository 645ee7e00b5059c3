"""What policy wants done with a message: discarded, held, redirected, copied, filtered, marked."""

from __future__ import annotations

import pytest

from fake_directory import FakeDirectory
from intake_house import ANN, INFO, JOHN, MX, NOW, SMALL, House
from postroad.intake import UNREADABLE, Entry, Source
from postroad.model import (
    Address,
    BodyType,
    Client,
    Disposition,
    Envelope,
    Login,
    Notify,
    Recipient,
    Waybill,
)
from postroad.model.journal import Notice
from postroad.model.message_events import MessageId, Queued

EVE = Address("eve", "example.com")
BOB = Address("bob", "example.net")
FILTER = "smtp:[127.0.0.1]:10025"
HERS = Source("submission/smtpd", Client("192.0.2.7", 4711), login=Login("ann@x", "PLAIN"))


@pytest.fixture
def house() -> House:
    return House()


async def take(
    house: House,
    disposition: Disposition,
    *recipients: Recipient,
    source: Source = MX,
    message: bytes = SMALL,
) -> str:
    """A message that policy has looked at; the reply."""
    named = recipients or (Recipient(JOHN),)
    entry = house.door.open(source, Envelope(ANN), named, NOW, disposition.prepend)
    entry.write(message)
    return str(await entry.commit(disposition))


def stored(house: House) -> list[tuple[str, str, Notify | None]]:
    rows = house.spool.store.rows.values()
    return [
        (str(row.recipient.address), str(row.recipient.original), row.recipient.notify)
        for row in rows
    ]


async def test_discard(house: House) -> None:
    disposition = Disposition(discard="matches a table", hold="too", content_filter="nonsense")
    reply = await take(house, disposition, Recipient(JOHN), Recipient(EVE))
    (draft,) = house.spool.drafts
    assert reply == f"250 2.0.0 Ok: queued as {draft.queue_id}"
    assert house.is_empty
    first, second = house.events
    assert isinstance(first, MessageId)
    assert second.text == (
        f"{draft.queue_id}: discard: matches a table; from=<ann@example.com>, nrcpt=2"
    )


async def test_a_fault_is_no_less_for_a_discard(house: House) -> None:
    message = b"Received: a\r\n" * 4 + SMALL
    assert (await take(house, Disposition(discard="x"), message=message)).startswith("554 5.4.6 ")
    assert house.is_empty


async def test_hold(house: House) -> None:
    reply = await take(house, Disposition(hold="matches a table"))
    assert reply.startswith("250 2.0.0 Ok: queued as ")
    (claimed,) = house.queued
    assert claimed.recipients == ()
    assert claimed.message.waybill == Waybill(client="192.0.2.7", held="matches a table")
    _, queued, notice = house.events
    assert isinstance(queued, Queued)
    assert queued.text.endswith("nrcpt=1 (queue hold)")
    assert notice.text == f"{claimed.message.queue_id}: hold: matches a table"


async def test_the_spool_is_told_whose_it_is(house: House) -> None:
    await take(house, Disposition(content_filter=FILTER), source=HERS)
    (claimed,) = house.queued
    assert claimed.message.waybill == Waybill("ann@x", "192.0.2.7", "", FILTER)
    assert len(claimed.recipients) == 1


async def test_what_is_made_here_is_nobodys(house: House) -> None:
    await house.door.submit(Envelope(None), [JOHN], SMALL)
    assert house.queued[0].message.waybill == Waybill()


async def test_redirect_is_one_copy_and_meets_no_filter(house: House) -> None:
    asked = Recipient(JOHN, Notify.SUCCESS, "rfc822;j@old.example")
    disposition = Disposition(redirect=EVE, bcc=(BOB,), content_filter=FILTER)
    await take(house, disposition, asked, Recipient(BOB), Recipient(INFO))
    (claimed,) = house.queued
    (one,) = claimed.recipients
    assert (one.address, one.original) == (EVE, JOHN)
    assert (one.notify, one.orcpt) == (Notify.SUCCESS, "rfc822;j@old.example")
    assert claimed.message.waybill.content_filter == ""
    assert "nrcpt=1 " in house.events[-1].text


async def test_a_redirection_may_name_an_alias(house: House) -> None:
    house.directory.aliases = FakeDirectory(
        aliases={"info@example.org": ["john@example.org", "eve@example.com"]}
    ).aliases
    await take(house, Disposition(redirect=INFO), Recipient(BOB))
    assert stored(house) == [
        ("john@example.org", "bob@example.net", None),
        ("eve@example.com", "bob@example.net", None),
    ]


async def test_nobody_is_told_of_a_copy(house: House) -> None:
    await take(house, Disposition(bcc=(EVE, INFO)), Recipient(BOB, Notify.SUCCESS))
    assert stored(house) == [
        ("bob@example.net", "bob@example.net", Notify.SUCCESS),
        ("eve@example.com", "eve@example.com", Notify.NEVER),
        ("john@example.org", "info@example.org", Notify.NEVER),
    ]
    (claimed,) = house.queued
    content = b"".join(claimed.message.content.chunks())
    assert b"for <bob@example.net>; " in content
    assert b"eve@" not in content


async def test_a_copy_for_who_gets_it_anyway_changes_no_wish(house: House) -> None:
    await take(house, Disposition(bcc=(EVE, BOB)), Recipient(EVE, Notify.DELAY), Recipient(BOB))
    assert stored(house) == [
        ("eve@example.com", "eve@example.com", Notify.DELAY),
        ("bob@example.net", "bob@example.net", None),
    ]


async def test_prepended_fields_go_above_ours(house: House) -> None:
    prepend = ("X-One: 1", "Received-SPF: pass", "no field", "X-Two: a\r\nBcc: eve@x")
    await take(house, Disposition(prepend=prepend))
    content = b"".join(house.queued[0].message.content.chunks())
    head = b"X-One: 1\r\nReceived-SPF: pass\r\nX-Two: a Bcc: eve@x\r\nReceived: from peer.example"
    assert content.startswith(head)
    (notice,) = [event for event in house.events if isinstance(event, Notice)]
    assert "not prepended" in notice.text
    assert notice.text.endswith(": no field")


async def test_prepended_fields_are_no_hops(house: House) -> None:
    prepend = tuple(f"Received: {number}" for number in range(9))
    assert (await take(house, Disposition(prepend=prepend))).startswith("250 ")


async def test_prepended_eight_bits_are_told_of(house: House) -> None:
    await take(house, Disposition(prepend=("X-Name: Jürgen",)))
    assert house.queued[0].message.envelope.body is BodyType.EIGHT_BIT_MIME


async def test_it_is_too_late_to_prepend(house: House) -> None:
    entry = house.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW, ("X-One: 1",))
    entry.write(SMALL)
    assert (await entry.commit(Disposition(prepend=("X-One: 1", "X-Two: 2")))).is_positive
    (notice,) = [event for event in house.events if isinstance(event, Notice)]
    assert "before the content comes, or not at all" in notice.text
    assert b"X-Two" not in b"".join(house.queued[0].message.content.chunks())


async def test_a_filter_that_is_none_defers(house: House) -> None:
    reply = await take(house, Disposition(content_filter="smtp:[127.0.0.1"))
    assert reply == "451 4.3.5 Server configuration error"
    assert house.is_empty
    (notice,) = [event for event in house.events if isinstance(event, Notice)]
    assert '"smtp:[127.0.0.1" is no content filter' in notice.text


def opened(house: House) -> Entry:
    return house.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW, keep_authors=True)


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"From: ann@example.com\r\n\r\nFrom: eve@example.com\r\n", ("ann@example.com",)),
        (b"From: ann@example.com\r\n", ("ann@example.com",)),
        (b"Subject: x\r\nFrom: a <eve@x.y>\r\nFrom: b@x.y\r\n\r\n", ("eve@x.y", "b@x.y")),
        (b"From: nobody\r\n\r\n", (UNREADABLE,)),
        (SMALL, ()),
        (b"", ()),
        (b"\r\nFrom: ann@example.com\r\n", ()),
    ],
)
async def test_authors(house: House, message: bytes, found: tuple[str, ...], step: int) -> None:
    entry = opened(house)
    for start in range(0, len(message), step):
        entry.write(message[start : start + step])
    assert entry.authors == found == entry.authors
    assert (await entry.commit()).is_positive
    assert message in house.content


async def test_a_message_that_is_refused_has_no_authors(house: House) -> None:
    entry = opened(house)
    entry.write(b"Received: a\r\n" * 4 + b"From: ann@example.com\r\n\r\n")
    assert entry.authors == ()
    assert not (await entry.commit()).is_positive
