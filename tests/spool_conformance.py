"""What every spool shard must do, whatever it is made of.

Each test takes a `place`: somewhere a shard can be opened, closed and opened again. A test module
imports all of them and gives `place` as a fixture over its implementations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import pytest

from postroad.model import (
    Action,
    Address,
    Addressee,
    BodyType,
    ByMode,
    DeliverBy,
    Envelope,
    Notify,
    Return,
    StoredRecipient,
    Told,
)
from postroad.model.content import Octets
from postroad.spool import Choice, Claim, Claimed, Done, Hastened, Retry, SpoolError

NOON = 1_800_000_000.0
INLINE_LIMIT = 1000
ANN = Address("ann", "example.org")
BOB = Address("bob", "example.net")
EVE = Address("eve", "example.com")
SMALL = b"Subject: small\r\n\r\ntext\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 9000


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Place(Protocol):
    clock: Clock

    async def open(self) -> Any:
        """The shard, as it was left."""

    async def crash(self) -> Any:
        """The shard, opened again without having been closed."""


async def put(
    shard: Any,
    *recipients: Address,
    content: bytes = SMALL,
    sender: Address | None = ANN,
    arrived: float = NOON - 1,
    **wishes: Any,
) -> Claimed:
    draft = shard.begin()
    for start in range(0, len(content), 4000):
        draft.write(content[start : start + 4000])
    pairs = [Addressee(one, one) for one in recipients or (BOB,)]
    claimed: Claimed = await draft.commit(Envelope(sender, **wishes), pairs, arrived)
    assert claimed.message.queue_id == draft.queue_id
    return claimed


def read(claimed: Claimed) -> bytes:
    return b"".join(claimed.message.content.chunks())


def ids(*claims: Claimed) -> list[int]:
    return [one.id for claimed in claims for one in claimed.recipients]


def named(claim: Claim) -> list[str]:
    return [one.message.queue_id for one in claim.messages]


def retries(claimed: Claimed, at: float, reason: str = "451 later") -> Sequence[Retry]:
    return [Retry(one.id, at, reason) for one in claimed.recipients]


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
async def test_a_committed_message_is_given_back_whole(place: Place, content: bytes) -> None:
    shard = await place.open()
    draft = shard.begin()
    for start in range(0, len(content), 777):
        draft.write(content[start : start + 777])
    envelope = Envelope(Address("o'b r", "example.org"), BodyType.EIGHT_BIT_MIME, smtputf8=True)
    pairs = [Addressee(BOB, Address("postmaster", "")), Addressee(EVE, EVE)]
    claimed = await draft.commit(envelope, pairs, NOON - 2.5)
    assert claimed.message.envelope == envelope
    assert (claimed.message.arrived, claimed.message.queued) == (NOON - 2.5, NOON)
    assert [Addressee(one.address, one.original) for one in claimed.recipients] == pairs
    assert [one.attempts for one in claimed.recipients] == [0, 0]
    assert len(set(ids(claimed))) == 2
    assert claimed.message.content.size == len(content)
    assert read(claimed) == read(claimed) == content


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
async def test_a_claimed_message_is_the_committed_one(place: Place, content: bytes) -> None:
    shard = await place.open()
    first = await put(shard, BOB, EVE, content=content, sender=None)
    shard = await place.crash()
    (again,) = (await shard.claim(NOON, 10)).messages
    assert again.recipients == first.recipients
    for name in ("queue_id", "envelope", "arrived", "queued"):
        assert getattr(again.message, name) == getattr(first.message, name)
    assert again.message.content.size == len(content)
    assert read(again) == read(again) == content


ENVELOPES = [
    Envelope(None, body=BodyType.BINARY_MIME),
    Envelope(ANN, ret=Return.FULL, envid="QQ 314=é;"),
    Envelope(ANN, ret=Return.HEADERS, require_tls=True),
    Envelope(ANN, hold_until=NOON - 60.5),
    Envelope(ANN, deliver_by=DeliverBy(NOON + 0.25, ByMode.RETURN)),
    Envelope(ANN, deliver_by=DeliverBy(NOON - 60, ByMode.NOTIFY, trace=True)),
    *(Envelope(ANN, priority=priority) for priority in (-9, -1, 1, 9)),
]


@pytest.mark.parametrize("envelope", ENVELOPES, ids=range(len(ENVELOPES)))
async def test_wishes_about_a_message_are_kept(place: Place, envelope: Envelope) -> None:
    shard = await place.open()
    plain = await put(shard)
    claimed = await shard.begin().commit(envelope, [Addressee(BOB, BOB)], NOON)
    assert claimed.message.envelope == envelope
    shard = await place.crash()
    again = {one.message.queue_id: one for one in (await shard.claim(NOON, 10)).messages}
    assert again[claimed.message.queue_id].message.envelope == envelope
    assert again[plain.message.queue_id].message.envelope == Envelope(ANN)


@pytest.mark.parametrize(
    "one",
    [
        *(Addressee(BOB, EVE, notify) for notify in map(Notify, range(8))),
        Addressee(BOB, BOB, orcpt="rfc822;Bob+x;y=é@example.net"),
        Addressee(BOB, EVE, Notify.NEVER, "x400;/c=us/", Action.EXPANDED),
        Addressee(BOB, BOB, Notify.SUCCESS, "", Action.RELAYED),
        Addressee(BOB, BOB, sender=EVE),
        Addressee(BOB, BOB, sender=None),
        Addressee(BOB, BOB, sender=Address('"odd@ <name>"', "example.org")),
        Addressee(BOB, BOB, owed=Action.FAILED, reason="554 5.4.6 a loop"),
    ],
    ids=str,
)
async def test_wishes_about_a_recipient_are_kept(place: Place, one: Addressee) -> None:
    shard = await place.open()
    both = [Addressee(EVE, EVE), one]
    claimed = await shard.begin().commit(Envelope(ANN), both, NOON)
    assert [addressee(each) for each in claimed.recipients] == both
    shard = await place.crash()
    (again,) = (await shard.claim(NOON, 10)).messages
    assert again.recipients == claimed.recipients


def addressee(stored: StoredRecipient) -> Addressee:
    assert stored.told is Told.NOTHING
    return Addressee(
        stored.address,
        stored.original,
        stored.notify,
        stored.orcpt,
        stored.owed,
        stored.sender,
        stored.reason,
    )


async def test_marks_survive(place: Place) -> None:
    """What a sender was told, and what it is owed, is kept until it changes."""
    shard = await place.open()
    one, two = ids(await put(shard, BOB, EVE))
    await shard.settle(
        [
            Retry(one, NOON, "451", told=Told.DELAY),
            Retry(two, NOON, "451", owed=Action.DELIVERED),
        ]
    )
    await shard.claim(NOON, 10)
    await shard.settle([Retry(one, NOON, "452"), Retry(two, NOON, "453", told=Told.DEADLINE)])
    shard = await place.crash()
    (again,) = (await shard.claim(NOON, 10)).messages
    assert [(each.told, each.owed, each.reason) for each in again.recipients] == [
        (Told.DELAY, None, "452"),
        (Told.DEADLINE, Action.DELIVERED, "453"),
    ]


async def test_what_is_held_is_nobodys_until_its_release(place: Place) -> None:
    shard = await place.open()
    await put(shard, EVE)
    held = await put(shard, BOB, EVE, hold_until=NOON + 50)
    assert held.recipients == ()
    assert read(held) == SMALL
    assert await shard.claim(NOON + 49, 10) == Claim((), NOON + 50)
    shard = await place.crash()
    claim = await shard.claim(NOON + 49, 10)
    assert (len(claim.messages), claim.next_due) == (1, NOON + 50)
    (released,) = (await shard.claim(NOON + 50, 10)).messages
    assert released.message.queue_id == held.message.queue_id
    assert [one.address for one in released.recipients] == [BOB, EVE]
    assert released.message.envelope.hold_until == NOON + 50


async def test_held_mail_that_came_late_is_not_overlooked(place: Place) -> None:
    """It is due before what was claimed last."""
    shard = await place.open()
    await shard.settle(retries(await put(shard), NOON + 60))
    await shard.claim(NOON + 60, 10)
    held = await put(shard, hold_until=NOON + 50)
    assert named(await shard.claim(NOON + 60, 10)) == [held.message.queue_id]


async def test_flush_does_not_release(place: Place) -> None:
    shard = await place.open()
    deferred = await put(shard, BOB, EVE)
    await shard.settle(retries(deferred, NOON + 300))
    held = await put(shard, BOB, EVE, hold_until=NOON + 50)
    assert await shard.hasten(Choice(domain=BOB.domain)) == Hastened(1, 1, None)
    assert (await shard.hasten(Choice())).count == 1
    assert named(await shard.claim(NOON, 10)) == [deferred.message.queue_id]
    place.clock.now = NOON + 50
    (released,) = (await shard.claim(NOON + 50, 10)).messages
    await shard.settle(retries(released, NOON + 300))
    name = frozenset({held.message.queue_id})
    assert await shard.hasten(Choice(name)) == Hastened(2, 0, None)


async def test_a_higher_priority_comes_back_first(place: Place) -> None:
    """Ten minutes a step; a lower one than usual comes no later."""
    shard = await place.open()
    order = [("old", 0, 0), ("urgent", 700, 2), ("usual", 200, 0), ("low", 300, -9)]
    names = {}
    for name, age, priority in order:
        place.clock.now = NOON + age
        names[(await put(shard, priority=priority)).message.queue_id] = name
    place.clock.now = NOON + 1000
    shard = await place.crash()
    claim = await shard.claim(NOON + 1000, 10)
    assert [names[one] for one in named(claim)] == ["urgent", "old", "usual", "low"]
    await shard.release(ids(*claim.messages))
    assert named(await shard.claim(NOON + 1000, 10)) == named(claim)


async def test_a_fresh_message_is_with_its_caller(place: Place) -> None:
    shard = await place.open()
    await put(shard)
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)


async def test_a_claim_is_exclusive(place: Place) -> None:
    shard = await place.open()
    await put(shard)
    shard = await place.crash()
    first, second = await asyncio.gather(shard.claim(NOON, 10), shard.claim(NOON, 10))
    assert len(first.messages) == 1
    assert second == Claim((), None)


async def test_done_removes_the_recipient_and_at_last_the_message(place: Place) -> None:
    shard = await place.open()
    claimed = await put(shard, BOB, EVE, content=LARGE)
    one, two = ids(claimed)
    assert await shard.settle([Done(one)]) == []
    assert await shard.settle([Done(two)]) == [claimed.message.queue_id]
    assert await shard.settle([Done(two)]) == []
    shard = await place.crash()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)


async def test_a_message_that_goes_is_told_once(place: Place) -> None:
    shard = await place.open()
    claimed = await put(shard, BOB, EVE)
    one, two = ids(claimed)
    told = await asyncio.gather(shard.settle([Done(one)]), shard.settle([Done(two)]))
    assert [name for names in told for name in names] == [claimed.message.queue_id]


async def test_retry_waits_for_its_time_and_counts(place: Place) -> None:
    shard = await place.open()
    claimed = await put(shard, BOB)
    assert await shard.settle(retries(claimed, NOON + 300)) == []
    assert await shard.claim(NOON + 299, 10) == Claim((), NOON + 300)
    claim = await shard.claim(NOON + 300, 10)
    assert named(claim) == [claimed.message.queue_id]
    assert [one.attempts for one in claim.messages[0].recipients] == [1]
    assert claim.next_due is None
    assert await shard.settle([Done(ids(claimed)[0])]) == [claimed.message.queue_id]


async def test_a_retry_without_an_attempt_is_not_counted(place: Place) -> None:
    shard = await place.open()
    claimed = await put(shard, BOB, EVE)
    one, two = ids(claimed)
    await shard.settle([Retry(one, NOON + 5, "no route", tried=False), Retry(two, NOON + 5, "451")])
    shard = await place.crash()
    (again,) = (await shard.claim(NOON + 5, 10)).messages
    assert [(each.id, each.attempts) for each in again.recipients] == [(one, 0), (two, 1)]


async def test_a_deferred_recipient_keeps_its_time_over_a_restart(place: Place) -> None:
    shard = await place.open()
    deferred, fresh = await put(shard, BOB), await put(shard, EVE)
    await shard.settle(retries(deferred, NOON + 300))
    shard = await place.crash()
    claim = await shard.claim(NOON, 10)
    assert named(claim) == [fresh.message.queue_id]
    assert claim.next_due == NOON + 300


async def test_what_was_claimed_at_a_crash_is_due(place: Place) -> None:
    shard = await place.open()
    claimed = await put(shard, BOB)
    await shard.settle(retries(claimed, NOON + 300))
    await shard.claim(NOON + 300, 10)
    shard = await place.crash()
    assert named(await shard.claim(NOON + 300, 10)) == [claimed.message.queue_id]


async def test_the_longest_due_come_first_and_the_limit_holds(place: Place) -> None:
    shard = await place.open()
    late, early, both = await put(shard, BOB), await put(shard, BOB), await put(shard, BOB, EVE)
    await shard.settle(
        [
            *retries(late, NOON + 30),
            *retries(early, NOON + 10),
            Retry(ids(both)[0], NOON + 20, ""),
            Retry(ids(both)[1], NOON + 40, ""),
        ]
    )
    first = await shard.claim(NOON + 35, 2)
    assert named(first) == [early.message.queue_id, both.message.queue_id]
    assert ids(*first.messages) == [ids(early)[0], ids(both)[0]]
    assert first.next_due == NOON + 30
    second = await shard.claim(NOON + 35, 2)
    assert named(second) == [late.message.queue_id]
    assert second.next_due == NOON + 40
    assert await shard.claim(NOON + 35, 2) == Claim((), NOON + 40)


async def test_a_retry_in_the_past_is_found_again(place: Place) -> None:
    shard = await place.open()
    claims = [await put(shard) for _ in range(5)]
    await shard.settle([result for one in claims for result in retries(one, NOON + 50)])
    await shard.claim(NOON + 50, 10)
    await shard.settle(retries(claims[2], NOON - 100))
    assert named(await shard.claim(NOON + 50, 10)) == [claims[2].message.queue_id]


async def test_a_settle_and_a_claim_together(place: Place) -> None:
    """A claim asked for after a settle sees it."""
    shard = await place.open()
    one, two = await put(shard), await put(shard)
    _, _, claim = await asyncio.gather(
        shard.settle(retries(one, NOON)), shard.settle([Done(ids(two)[0])]), shard.claim(NOON, 9)
    )
    assert named(claim) == [one.message.queue_id]


async def test_many_recipients_are_claimed_in_portions(place: Place) -> None:
    shard = await place.open()
    everybody = [Address(f"user{number}", "example.net") for number in range(700)]
    claimed = await put(shard, *everybody)
    await shard.settle(retries(claimed, NOON))
    seen: list[int] = []
    while (claim := await shard.claim(NOON, 150)).messages:
        (group,) = claim.messages
        assert len(group.recipients) <= 150
        seen += ids(group)
    assert seen == ids(claimed)
    assert await shard.settle([Done(one) for one in seen]) == [claimed.message.queue_id]


async def test_released_recipients_are_due_when_they_were(place: Place) -> None:
    shard = await place.open()
    fresh, deferred = await put(shard, BOB), await put(shard, EVE)
    await shard.settle(retries(deferred, NOON + 10))
    await shard.claim(NOON + 10, 10)
    await shard.release(ids(fresh, deferred))
    claim = await shard.claim(NOON, 10)
    assert named(claim) == [fresh.message.queue_id]
    assert [one.attempts for one in claim.messages[0].recipients] == [0]
    assert claim.next_due == NOON + 10
    (again,) = (await shard.claim(NOON + 10, 10)).messages
    assert [one.attempts for one in again.recipients] == [1]


@pytest.mark.parametrize(
    ("domain", "by_id", "count"),
    [
        (None, False, 3),
        ("EXAMPLE.net", False, 1),
        ("example.com", True, 1),
        (None, True, 2),
        ("nowhere.example", False, 0),
    ],
)
async def test_flush_makes_deferred_recipients_due(
    place: Place, domain: str | None, by_id: bool, count: int
) -> None:
    shard = await place.open()
    one, two = await put(shard, BOB, EVE), await put(shard, EVE)
    held = await put(shard)
    await shard.settle([*retries(one, NOON + 300), *retries(two, NOON + 300)])
    names = frozenset({one.message.queue_id}) if by_id else None
    assert (await shard.hasten(Choice(names, domain=domain))).count == count
    assert len(ids(*(await shard.claim(NOON, 10)).messages)) == count
    assert await shard.settle([Done(ids(held)[0])]) == [held.message.queue_id]


async def test_flush_leaves_the_namesake_in_another_shard(place: Place) -> None:
    """The identifiers of messages of one microsecond differ in the shard only."""
    shard = await place.open()
    claimed = await put(shard)
    await shard.settle(retries(claimed, NOON + 300))
    name = claimed.message.queue_id
    assert (await shard.hasten(Choice(frozenset({name[:-2] + "ZZ"})))).count == 0
    assert (await shard.hasten(Choice(frozenset({name.lower(), "NONE"})))).count == 1


async def test_delete_removes_whole_messages(place: Place) -> None:
    shard = await place.open()
    held, waiting, kept = await put(shard, content=LARGE), await put(shard), await put(shard)
    await shard.settle([*retries(waiting, NOON), *retries(kept, NOON)])
    names = [held.message.queue_id, waiting.message.queue_id.lower(), "NONE", "0" * 12]
    assert await shard.delete(names) == 2
    assert await shard.delete(names) == 0
    assert await shard.settle([Done(ids(held)[0])]) == []
    assert named(await shard.claim(NOON, 10)) == [kept.message.queue_id]
    shard = await place.crash()
    assert named(await shard.claim(NOON, 10)) == [kept.message.queue_id]


async def test_a_discarded_draft_leaves_nothing(place: Place) -> None:
    shard = await place.open()
    draft = shard.begin()
    draft.write(LARGE)
    draft.discard()
    draft.discard()
    with pytest.raises(SpoolError):
        await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    with pytest.raises(SpoolError):
        draft.write(b"")
    shard = await place.crash()
    assert await shard.claim(NOON, 10) == Claim((), None)


@pytest.mark.parametrize("after", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("before", [SMALL, LARGE], ids=["small", "large"])
async def test_a_draft_is_read_and_given_another_content(
    place: Place, before: bytes, after: bytes
) -> None:
    shard = await place.open()
    draft = shard.begin()
    for start in range(0, len(before), 60_000):
        if (written := draft.write(before[start : start + 60_000])) is not None:
            await written
    whole, rest = await draft.read(), await draft.read(10)
    assert whole.size == len(before)
    assert b"".join(whole.chunks()) == before
    assert b"".join(rest.chunks()) == b"".join(rest.chunks()) == before[10:]

    await draft.replace(b"Head: x\r\n", rest if after == before else Octets(after))

    claimed = await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    expected = b"Head: x\r\n" + (before[10:] if after == before else after)
    assert claimed.message.content.size == len(expected)
    assert read(claimed) == expected
    again = await place.crash()
    (found,) = (await again.claim(NOON, 10)).messages
    assert read(found) == expected


async def test_discard_after_commit_changes_nothing(place: Place) -> None:
    shard = await place.open()
    draft = shard.begin()
    draft.write(LARGE)
    claimed = await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    draft.discard()
    assert read(claimed) == LARGE


async def test_a_message_needs_a_recipient(place: Place) -> None:
    shard = await place.open()
    draft = shard.begin()
    with pytest.raises(ValueError, match="recipient"):
        await draft.commit(Envelope(ANN), [], NOON)
    draft.discard()


async def test_queue_ids_sort_by_time_and_are_never_given_twice(place: Place) -> None:
    shard = await place.open()
    given = [shard.begin().queue_id for _ in range(3)]
    place.clock.now += 1
    given.append((await put(shard)).message.queue_id)
    place.clock.now -= 1000
    given.append((await put(shard)).message.queue_id)
    shard = await place.crash()
    given.append(shard.begin().queue_id)
    await shard.close()
    shard = await place.open()
    given.append(shard.begin().queue_id)
    assert given == sorted(set(given))
    assert all(len(one) == 12 and one.isalnum() and one == one.upper() for one in given)


async def test_recipients_are_never_numbered_twice(place: Place) -> None:
    shard = await place.open()
    first = await put(shard, BOB, EVE)
    await shard.settle([Done(one) for one in ids(first)])
    shard = await place.crash()
    second = await put(shard)
    assert min(ids(second)) > max(ids(first))


async def test_a_closed_shard_refuses(place: Place) -> None:
    shard = await place.open()
    draft = shard.begin()
    draft.write(LARGE)
    await shard.close()
    await shard.close()
    with pytest.raises(SpoolError):
        shard.begin()
    with pytest.raises(SpoolError):
        await draft.commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    with pytest.raises(SpoolError):
        await shard.claim(NOON, 1)
    with pytest.raises(SpoolError):
        await shard.settle([Done(1)])
    draft.discard()


async def test_nothing_to_settle_is_fine(place: Place) -> None:
    shard = await place.open()
    assert await shard.settle([]) == []
    assert await shard.settle([Done(99), Retry(98, NOON, "")]) == []
    await shard.release([97])
