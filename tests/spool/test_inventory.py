"""Reading the queue beside its owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.model import Action, Address, Addressee, BodyType, Envelope, Notify
from postroad.spool import (
    Choice,
    Done,
    EntryRecipient,
    Inventory,
    Retry,
    Shard,
    SpoolError,
    SpoolSettings,
    shard_directories,
)
from spool_conformance import ANN, BOB, EVE, INLINE_LIMIT, LARGE, NOON, SMALL, Clock, ids, put

SETTINGS = SpoolSettings(inline_limit=INLINE_LIMIT)


async def test_messages_of_all_shards_are_listed(tmp_path: Path) -> None:
    shards = [await Shard.open(tmp_path / str(n), n, SETTINGS, Clock(NOON - n)) for n in (0, 1)]
    draft = shards[0].begin()
    draft.write(LARGE)
    said = Address("alias", "example.net")
    first = await draft.commit(
        Envelope(ANN, BodyType.EIGHT_BIT_MIME, smtputf8=True),
        [
            Addressee(BOB, said, Notify.FAILURE | Notify.DELAY, "rfc822;Alias@example.net"),
            Addressee(EVE, EVE),
            Addressee(said, said, Notify.NEVER, owed=Action.EXPANDED),
        ],
        NOON - 5,
    )
    await shards[0].settle([Retry(first.recipients[0].id, NOON + 60, "450 4.2.0 busy")])
    await put(shards[1], sender=None)
    inventory = Inventory([*shard_directories(tmp_path), tmp_path / "none"])
    one, two = inventory.list()
    assert (one.queue_id, one.size, one.arrived) == (draft.queue_id, len(LARGE), NOON - 5)
    assert (one.sender, two.sender) == ("ann@example.org", "")
    assert one.envelope == first.message.envelope
    assert one.recipients == (
        EntryRecipient(
            BOB,
            said,
            1,
            NOON + 60,
            "450 4.2.0 busy",
            "FAILURE,DELAY",
            "rfc822;Alias@example.net",
        ),
        EntryRecipient(EVE, EVE, 0, None, None),
        EntryRecipient(said, said, 0, None, None, "NEVER", owed="expanded"),
    )
    assert len(two.recipients) == 1
    for shard in shards:
        await shard.close()
    assert [entry.queue_id for entry in inventory.list()] == [one.queue_id, two.queue_id]


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
async def test_one_message_is_shown(tmp_path: Path, content: bytes) -> None:
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    claimed = await put(shard, content=content)
    queue_id = claimed.message.queue_id
    found = Inventory([tmp_path]).show(queue_id.lower())
    assert found is not None
    entry, shown = found
    assert entry.queue_id == queue_id
    assert shown.size == len(content)
    assert b"".join(shown.chunks()) == content
    await shard.settle([Done(one) for one in ids(claimed)])
    assert Inventory([tmp_path]).show(queue_id) is None
    await shard.close()
    if content:
        with pytest.raises(SpoolError):
            b"".join(shown.chunks())


@pytest.mark.parametrize("name", ["", "nonsense", "000000000000"])
async def test_unknown_names_show_nothing(tmp_path: Path, name: str) -> None:
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    assert Inventory([tmp_path]).show(name) is None
    await shard.close()


async def test_long_listings_come_in_pages(tmp_path: Path) -> None:
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    claims = [await put(shard) for _ in range(450)]
    listed = [entry.queue_id for entry in Inventory([tmp_path]).list()]
    assert listed == [one.message.queue_id for one in claims]
    await shard.close()


def test_no_spool_is_an_empty_queue(tmp_path: Path) -> None:
    assert shard_directories(tmp_path / "none") == ()
    (tmp_path / "10").mkdir()
    (tmp_path / "9").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "1").touch()
    assert shard_directories(tmp_path) == (tmp_path / "9", tmp_path / "10")
    assert list(Inventory(shard_directories(tmp_path)).list()) == []


def test_a_broken_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"junk" * 2000)
    with pytest.raises(SpoolError):
        list(Inventory([tmp_path]).list())
    with pytest.raises(SpoolError):
        Inventory([tmp_path]).show("000000000000")
    (tmp_path / "spool.db").write_bytes(b"")
    with pytest.raises(SpoolError, match="not a spool yet"):
        list(Inventory([tmp_path]).list())


async def test_looking_leaves_the_database_to_its_owner(tmp_path: Path) -> None:
    """A reader neither creates a log of its own that stays, nor checkpoints the owner's."""
    shard = await Shard.open(tmp_path, 0, SETTINGS, Clock())
    await put(shard)
    log = (tmp_path / "spool.db-wal").read_bytes()
    assert len(list(Inventory([tmp_path]).list())) == 1
    assert (tmp_path / "spool.db-wal").read_bytes() == log
    await shard.close()


async def test_a_sender_is_the_messages_or_the_copys(tmp_path: Path) -> None:
    shard = await Shard.open(tmp_path / "0", 0, SETTINGS, Clock(NOON))
    draft = shard.begin()
    draft.write(b"x")
    owner = Address("owner", "example.org")
    await draft.commit(
        Envelope(ANN), [Addressee(BOB, BOB, sender=owner), Addressee(EVE, EVE)], NOON
    )
    await put(shard, sender=None)
    inventory = Inventory(shard_directories(tmp_path))

    def listed(sender: str) -> list[list[Address]]:
        found = inventory.list(Choice(sender=sender))
        return [[each.address for each in one.recipients] for one in found]

    assert listed("OWNER@*") == [[BOB, EVE]]
    assert listed("ann@example.org") == [[BOB, EVE]]
    assert len(listed("")) == 1
    assert listed("nobody@*") == []
    await shard.close()
