"""What every spool shard must do with mail that is held; see `spool_conformance`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from postroad.model import Action, Address, Addressee, Envelope, Told, Waybill
from postroad.spool import Altered, Choice, Claim, Claimed, Done, Hastened, Retry, Sifted
from spool_conformance import ANN, BOB, EVE, LARGE, NOON, SMALL, Place, ids, named, put, read

HERS = Waybill("ann@example.org", "192.0.2.7")


async def bring(
    shard: Any,
    *recipients: Address,
    waybill: Waybill = HERS,
    sender: Address | None = ANN,
    content: bytes = SMALL,
    **wishes: Any,
) -> Claimed:
    """A message that somebody submitted."""
    draft = shard.begin()
    draft.write(content)
    pairs = [Addressee(one, one) for one in recipients or (BOB,)]
    claimed: Claimed = await draft.commit(Envelope(sender, **wishes), pairs, NOON - 1, waybill)
    assert claimed.message.waybill == waybill
    return claimed


def one(claimed: Claimed) -> Choice:
    return Choice(frozenset({claimed.message.queue_id}))


async def test_a_waybill_is_kept(place: Place) -> None:
    shard = await place.open()
    filtered = HERS._replace(content_filter="smtp:[127.0.0.1]:10025")
    await bring(shard)
    await bring(shard, waybill=filtered)
    await put(shard)
    shard = await place.crash()
    again = (await shard.claim(NOON, 10)).messages
    assert [each.message.waybill for each in again] == [HERS, filtered, Waybill()]


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_a_message_may_come_in_held(place: Place, content: bytes) -> None:
    shard = await place.open()
    held = await bring(shard, BOB, EVE, waybill=HERS._replace(held="look at it"), content=content)
    assert held.recipients == ()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    shard = await place.crash()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    assert await shard.free(Choice()) == Sifted(1, 0, None)
    (released,) = (await shard.claim(NOON, 10)).messages
    assert released.message.waybill == HERS
    assert [each.address for each in released.recipients] == [BOB, EVE]
    assert read(released) == content
    assert await shard.settle([Done(each) for each in ids(released)]) == [held.message.queue_id]


async def test_it_is_as_old_as_if_it_had_never_been_held(place: Place) -> None:
    shard = await place.open()
    held = await bring(shard, waybill=HERS._replace(held="x"))
    place.clock.now = NOON + 1e6
    await shard.free(one(held))
    (released,) = (await shard.claim(NOON, 10)).messages
    assert (released.message.arrived, released.message.queued) == (NOON - 1, NOON)


async def test_a_release_is_not_sooner_than_its_sender_asked_for(place: Place) -> None:
    shard = await place.open()
    await bring(shard, waybill=HERS._replace(held="x"), hold_until=NOON + 50)
    await shard.free(Choice())
    assert await shard.claim(NOON + 49, 10) == Claim((), NOON + 50)
    assert len((await shard.claim(NOON + 50, 10)).messages) == 1


async def test_deferred_mail_is_held_and_due_when_it_was(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE)
    first, second = ids(claimed)
    await shard.settle([Retry(first, NOON + 60, "451 later"), Retry(second, NOON + 90, "452")])
    assert await shard.hold(one(claimed), "because") == Sifted(1, 0, None)
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    shard = await place.crash()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    assert await shard.free(one(claimed)) == Sifted(1, 0, None)
    claim = await shard.claim(NOON + 60, 10)
    assert (ids(*claim.messages), claim.next_due) == ([first], NOON + 90)
    assert claim.messages[0].recipients[0].reason == "451 later"


async def test_what_is_with_the_queue_ends_there_or_comes_back_held(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE, ANN)
    sent, failed, unbegun = ids(claimed)
    assert not shard.withheld(ids(claimed))
    await shard.hold(one(claimed), "because")
    assert shard.withheld(ids(claimed)) == {sent, failed, unbegun}
    assert await shard.settle([Done(sent), Retry(failed, NOON + 60, "451 later")]) == []
    assert shard.withheld([unbegun]) == {unbegun}
    await shard.release([unbegun])
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    shard = await place.crash()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    await shard.free(one(claimed))
    assert ids(*(await shard.claim(NOON, 10)).messages) == [unbegun]
    (later,) = (await shard.claim(NOON + 60, 10)).messages
    assert (ids(later), later.recipients[0].attempts) == ([failed], 1)


async def test_a_release_while_the_queue_still_has_it(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE)
    await shard.hold(one(claimed), "because")
    assert await shard.free(one(claimed)) == Sifted(1, 0, None)
    assert not shard.withheld(ids(claimed))
    assert await shard.claim(NOON, 10) == Claim((), None)
    await shard.settle([Retry(ids(claimed)[0], NOON + 60, "451")])
    await shard.release(ids(claimed)[1:])
    assert ids(*(await shard.claim(NOON, 10)).messages) == ids(claimed)[1:]


async def test_a_crash_makes_held_mail_due_to_nobody(place: Place) -> None:
    """Fresh, deferred, and deferred and claimed again when it was held."""
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE, ANN)
    _, second, third = ids(claimed)
    await shard.settle([Retry(second, NOON, "451"), Retry(third, NOON + 60, "451")])
    await shard.claim(NOON, 10)
    await shard.hold(Choice(), "because")
    shard = await place.crash()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
    await shard.free(Choice())
    assert ids(*(await shard.claim(NOON + 60, 10)).messages) == ids(claimed)


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (Choice(), "0123"),
        (Choice(login="ann@example.org"), "01"),
        (Choice(login="Ann@Example.ORG"), "01"),
        (Choice(login=""), ""),
        (Choice(login="ann@example.or_"), ""),
        (Choice(sender="ann@example.org"), "02"),
        (Choice(sender="ANN@example.org"), "02"),
        (Choice(sender=""), "13"),
        (Choice(login="ann@example.org", sender=""), "1"),
        (Choice(frozenset()), ""),
    ],
)
async def test_who_is_meant(place: Place, choice: Choice, meant: str) -> None:
    shard = await place.open()
    come = [
        await bring(shard),
        await bring(shard, sender=None),
        await bring(shard, waybill=Waybill("eve@example.com")),
        await bring(shard, waybill=Waybill(), sender=None),
    ]
    await shard.release(ids(*come))
    assert await shard.hold(choice, "because") == Sifted(len(meant), 0, None)
    free = named(await shard.claim(NOON, 10))
    held = [at for at, each in enumerate(come) if each.message.queue_id not in free]
    assert held == [int(digit) for digit in meant]


async def test_names_in_any_case_and_names_of_nothing(place: Place) -> None:
    shard = await place.open()
    first, second, third = [await bring(shard) for _ in range(3)]
    await shard.release(ids(first, second, third))
    names = {first.message.queue_id.lower(), second.message.queue_id, "0" * 12, "nonsense"}
    assert await shard.hold(Choice(frozenset(names)), "because") == Sifted(2, 0, None)
    assert await shard.hold(Choice(frozenset(names)), "again") == Sifted(0, 2, None)
    assert await shard.hold(Choice(), "all") == Sifted(1, 2, None)
    assert await shard.free(one(first)) == Sifted(1, 0, None)
    assert await shard.free(Choice(frozenset(names))) == Sifted(1, 1, None)
    assert named(await shard.claim(NOON, 10)) == [each.message.queue_id for each in (first, second)]


async def test_a_hold_needs_a_reason(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard)
    with pytest.raises(ValueError, match="for a reason"):
        await shard.hold(one(claimed), "")


async def test_impatience_is_no_release(place: Place) -> None:
    shard = await place.open()
    held = await bring(shard, BOB, EVE)
    await shard.settle([Retry(each, NOON + 60, "451") for each in ids(held)])
    await shard.hold(one(held), "because")
    await put(shard)  # with the queue: nothing to hasten
    assert await shard.hasten(Choice(domain=EVE.domain)) == Hastened(0, 0, None, 1)
    assert await shard.hasten(Choice(frozenset({held.message.queue_id}))) == Hastened(0, 0, None, 2)


@pytest.mark.parametrize("first", ["hold", "commit"])
async def test_mail_that_is_committed_along_with_a_hold(place: Place, first: str) -> None:
    """What a release finds held was withheld; either way nothing is lost."""
    shard = await place.open()
    before = asyncio.ensure_future(bring(shard))  # keeps the storage busy
    await asyncio.sleep(0)
    asked = {"hold": shard.hold(Choice(), "because"), "commit": bring(shard, BOB, EVE)}
    order = sorted(asked, reverse=first == "hold")
    done = dict(zip(order, await asyncio.gather(*(asked[each] for each in order)), strict=True))
    come, name = done["commit"], done["commit"].message.queue_id
    assert shard.withheld(ids(await before))
    was_withheld = bool(shard.withheld(ids(come)))
    assert (await shard.free(one(come))).count == was_withheld
    await shard.release(ids(come))
    assert name in named(await shard.claim(NOON, 10))


async def test_held_mail_can_be_deleted(place: Place) -> None:
    shard = await place.open()
    fresh = await bring(shard, waybill=HERS._replace(held="x"), content=LARGE)
    begun = await bring(shard)
    await shard.hold(one(begun), "because")
    assert await shard.delete([fresh.message.queue_id, begun.message.queue_id]) == 2
    assert await shard.free(Choice()) == Sifted(0, 0, None)
    assert await shard.settle([Done(ids(begun)[0])]) == []


async def test_what_is_removed_or_given_up_is_not_begun(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE, ANN)
    bob, eve, ann = ids(claimed)
    await shard.remove(Choice(domain=BOB.domain))
    assert await shard.give_up(Choice(domain=EVE.domain), "550 5.7.1 no") == Altered(1, 1, 1)
    assert shard.withheld([bob, eve, ann]) == {bob, eve}
    await shard.release([bob, eve])  # the one that is gone is passed over
    (again,) = (await shard.claim(NOON, 10)).messages
    assert [(each.id, each.owed) for each in again.recipients] == [(eve, Action.FAILED)]
    assert not shard.withheld([eve, ann])
    assert await shard.settle([Done(eve), Done(ann)]) == [claimed.message.queue_id]


async def test_what_is_requeued_on_hold_is_due_with_its_release(place: Place) -> None:
    """Not when it would have been tried again: that is forgotten."""
    shard = await place.open()
    claimed = await bring(shard)
    await shard.settle([Retry(ids(claimed)[0], NOON + 900, "451 later", told=Told.DELAY)])
    await shard.hold(one(claimed), "because")
    place.clock.now = NOON + 5
    await shard.requeue(one(claimed))
    await shard.free(one(claimed))
    ((again,),) = (each.recipients for each in (await shard.claim(NOON + 5, 10)).messages)
    assert (again.attempts, again.told) == (0, Told.NOTHING)


# What else an operator does -----------------------------------------------------------------------


async def test_requeued_mail_is_as_new(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE)
    first, second = ids(claimed)
    await shard.settle([Retry(first, NOON + 60, "451 later")])
    place.clock.now = NOON + 5
    assert await shard.requeue(Choice(domain=BOB.domain)) == Altered(1, 1)
    assert await shard.requeue(one(claimed)) == Altered(1, 2, 1)
    (again,) = (await shard.claim(NOON + 5, 10)).messages
    (recipient,) = again.recipients
    assert (recipient.id, recipient.attempts, recipient.reason) == (first, 0, "")
    assert (again.message.arrived, again.message.queued) == (NOON - 1, NOON + 5)
    await shard.release([first, second])
    shard = await place.crash()
    assert sorted(ids(*(await shard.claim(NOON + 5, 10)).messages)) == [first, second]


async def test_requeued_mail_stays_on_hold_and_waits_for_its_release(place: Place) -> None:
    shard = await place.open()
    held = await bring(shard, waybill=HERS._replace(held="x"))
    await bring(shard, hold_until=NOON + 50)
    place.clock.now = NOON + 9
    assert await shard.requeue(Choice()) == Altered(1, 1, 0, 1)
    assert await shard.claim(NOON + 49, 10) == Claim((), NOON + 50)
    await shard.free(one(held))
    (again,) = (await shard.claim(NOON + 9, 10)).messages
    assert again.message.queued == NOON + 9


async def test_what_is_given_up_is_due_with_a_report_of_failure(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE, waybill=HERS._replace(held="x"))
    place.clock.now = NOON + 9
    assert await shard.give_up(Choice(domain=BOB.domain), "550 5.7.1 no") == Altered(1, 1)
    (some,) = (await shard.claim(NOON + 9, 10)).messages
    (recipient,) = some.recipients
    assert (recipient.address, recipient.owed, recipient.reason) == (
        BOB,
        Action.FAILED,
        "550 5.7.1 no",
    )
    await shard.settle([Retry(recipient.id, NOON + 60, "451 no room for the report")])
    assert await shard.give_up(one(claimed), "550 5.7.1 no") == Altered(1, 2)
    shard = await place.crash()
    (every,) = (await shard.claim(NOON + 60, 10)).messages
    assert {each.address: each.reason for each in every.recipients} == dict.fromkeys(
        (BOB, EVE), "550 5.7.1 no"
    )
    assert every.message.waybill.held == ""


async def test_whoever_is_owed_another_report_waits_no_longer_than_the_hold(place: Place) -> None:
    """A hold that ends because all is given up ends for the others of the message as well."""
    shard = await place.open()
    draft = shard.begin()
    draft.write(SMALL)
    pairs = [Addressee(BOB, BOB, owed=Action.EXPANDED), Addressee(EVE, EVE)]
    await draft.commit(Envelope(ANN), pairs, NOON - 1, HERS._replace(held="x"))
    assert await shard.give_up(Choice(domain=EVE.domain), "550 5.7.1 no") == Altered(1, 1)
    (every,) = (await shard.claim(NOON + 9, 10)).messages
    assert {each.address: each.owed for each in every.recipients} == {
        BOB: Action.EXPANDED,
        EVE: Action.FAILED,
    }


async def test_what_was_given_up_in_two_parts_is_due_with_the_second(place: Place) -> None:
    """Nothing of a held message is begun while the queue still has some of it."""
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE)
    bob, eve = ids(claimed)
    await shard.settle([Retry(bob, NOON + 900, "451 later")])
    await shard.hold(one(claimed), "because")
    await shard.give_up(Choice(domain=BOB.domain), "550 5.7.1 no")
    await shard.give_up(Choice(domain=EVE.domain), "550 5.7.1 no")
    await shard.release([eve])
    (every,) = (await shard.claim(NOON + 9, 10)).messages
    assert sorted(ids(every)) == [bob, eve]


async def test_what_is_given_up_in_an_attempt_keeps_the_operators_words(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard)
    assert await shard.give_up(one(claimed), "550 5.7.1 no") == Altered(1, 1, 1)
    await shard.settle([Retry(*ids(claimed), NOON + 60, "451 busy")])
    (again,) = (await shard.claim(NOON + 60, 10)).messages
    (recipient,) = again.recipients
    assert (recipient.owed, recipient.reason) == (Action.FAILED, "550 5.7.1 no")


async def test_removed_recipients_take_their_message_with_them(place: Place) -> None:
    shard = await place.open()
    claimed = await bring(shard, BOB, EVE, content=LARGE)
    other = await bring(shard, EVE)
    assert await shard.remove(Choice(domain=EVE.domain)) == Altered(2, 2)
    assert await shard.settle([Done(each) for each in ids(other)]) == []
    assert await shard.settle([Done(each) for each in ids(claimed)]) == [claimed.message.queue_id]
    assert await shard.remove(Choice()) == Altered()
    shard = await place.crash()
    assert await shard.claim(NOON + 1e9, 10) == Claim((), None)
