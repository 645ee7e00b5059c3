"""One message for each reverse-path: what the next hop hears, and who is told of a failure."""

from __future__ import annotations

from pathlib import Path

from fake_transport import BOUNCES, DEFERS
from postroad.model import (
    SAME,
    Action,
    Address,
    Addressee,
    Envelope,
    Notify,
    Return,
    Same,
    StoredMessage,
    StoredRecipient,
)
from postroad.model.message_events import Delivered, Removed
from postroad.queue.copies import copies
from postroad.spool import Claimed
from queue_fakes import FakeClock
from queue_mail import NOON, MemoryContent
from queue_stage import ALICE, Stage, on_stage

OWNER = Address("owner", "example.org")
SRS = Address("SRS0=ABCDEFGH=XY=example.com=ann", "example.org")
ENVELOPE = Envelope(ALICE, ret=Return.FULL, envid="x", priority=3)


def claimed(*senders: Address | Same | None) -> Claimed:
    message = StoredMessage("Q1", ENVELOPE, NOON, NOON, MemoryContent())
    return Claimed(
        message,
        tuple(
            StoredRecipient(number, Address(f"r{number}", "x.test"), ALICE, sender=sender)
            for number, sender in enumerate(senders)
        ),
    )


def test_one_reverse_path_is_one_message() -> None:
    one = claimed(SAME, SAME)

    (same,) = copies(one)

    assert same is one


def test_each_recipient_is_in_one_copy_with_its_envelope() -> None:
    one = claimed(SAME, OWNER, SRS, OWNER, None, SAME)

    parts = copies(one)

    assert [[each.id for each in part.recipients] for part in parts] == [[0, 5], [1, 3], [2], [4]]
    assert parts[0].message is one.message
    envelopes = [part.message.envelope for part in parts]
    assert [envelope.sender for envelope in envelopes] == [ALICE, OWNER, SRS, None]
    # RFC 3461 §5.2.7.1: a list's copies have nothing of what the sender asked for.
    assert [envelope.envid for envelope in envelopes] == ["x", "", "x", ""]
    assert [envelope.ret for envelope in envelopes] == [Return.FULL, None, Return.FULL, None]
    assert {envelope.priority for envelope in envelopes} == {3}
    assert {part.message.queue_id for part in parts} == {"Q1"}


async def commit(stage: Stage, *recipients: Addressee) -> str:
    draft = stage.shard.begin()
    draft.write(b"Subject: test\r\n\r\nHello.\r\n")
    stage.runner.add(await draft.commit(Envelope(ALICE), recipients, stage.clock.now))
    return draft.queue_id


LIST = Address("list", "example.org")
MEMBERS = [
    Addressee(Address("bob", "example.net"), LIST, sender=OWNER),
    Addressee(Address("eve", "example.net"), LIST, sender=OWNER),
    Addressee(Address("lisa", "example.net"), Address("lisa", "example.org"), sender=SRS),
    Addressee(Address("joe", "example.net"), Address("joe", "example.net")),
]


async def test_each_transaction_has_its_own_sender(tmp_path: Path) -> None:
    async with on_stage(tmp_path, FakeClock()) as stage:
        await commit(stage, *MEMBERS)
        await stage.removed(1)

    sent = {
        str(each.message.envelope.sender): {one.address.local for one in each.recipients}
        for each in stage.smtp.deliveries
    }
    assert sent == {str(OWNER): {"bob", "eve"}, str(SRS): {"lisa"}, str(ALICE): {"joe"}}
    assert len(stage.smtp.deliveries) == 3


async def test_each_is_told_of_its_own_failures_also_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        await commit(stage, *MEMBERS)
        await stage.happened(Delivered, 4)
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = BOUNCES
        await stage.happened(Removed)

    told = {str(to): octets for _, (to,), octets in stage.door.submitted}
    assert set(told) == {str(OWNER), str(SRS), str(ALICE)}
    assert b"bob@example.net" in told[str(OWNER)]
    assert b"eve@example.net" in told[str(OWNER)]
    assert b"joe@example.net" not in told[str(OWNER)]
    assert b"lisa@example.net" in told[str(SRS)]


async def test_a_loop_is_told_to_the_sender(tmp_path: Path) -> None:
    loop = Addressee(LIST, LIST, owed=Action.FAILED, reason="554 5.4.6 mail forwarding loop")
    async with on_stage(tmp_path, FakeClock()) as stage:
        await commit(stage, MEMBERS[3], loop)
        await stage.removed(1)

    ((_, to, octets),) = stage.door.submitted
    assert to == [ALICE]
    assert b"Status: 5.4.6\r\n" in octets
    assert b"mail forwarding loop" in octets
    assert len(stage.smtp.deliveries) == 1


async def test_a_list_is_told_of_as_delivered(tmp_path: Path) -> None:
    report = Addressee(LIST, LIST, Notify.SUCCESS, owed=Action.DELIVERED)
    async with on_stage(tmp_path, FakeClock()) as stage:
        await commit(stage, MEMBERS[0], report)
        await stage.removed(1)

    ((_, to, octets),) = stage.door.submitted
    assert to == [ALICE]
    assert b"Action: delivered\r\n" in octets
