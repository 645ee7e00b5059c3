from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fake_directory import FakeDirectory
from postroad.delivery.mailbox_room import KEPT, MOST_ASKED, MOST_KEPT, MailboxRoom
from postroad.delivery.reached import MOST_REACHED
from postroad.directory import DirectoryUnavailable, Place
from postroad.mailbox import MaildirLocation
from postroad.mailbox.quota import Usage
from postroad.mailbox.settings import MailboxSettings
from postroad.model import Address

FULL = Usage(1000, 5)


class Owned:
    """A directory whose aliases have owners."""

    def __init__(self, directory, owners):
        self.directory, self.owners = directory, owners

    async def resolve(self, address):
        found = await self.directory.resolve(address)
        owner = self.owners.get(str(address))
        return replace(found, owner=Address.parse(owner)) if owner else found


class World:
    """An account with so much mail, and how often somebody looked."""

    def __init__(self, tmp_path, *, quota="1000", usage=FULL, **more):
        self.usage_now = usage
        self.usages = {}  # of single accounts
        self.looks = 0
        self.now = 0.0
        self.here = more.pop("here", True)
        self.error = more.pop("error", None)
        self.silent = asyncio.Event() if more.pop("silent", False) else None
        patience = more.pop("patience", 20.0)
        self.place_said = more.pop("place", Place())
        directory = FakeDirectory(
            users={"john@example.org": "pw", "ann@example.org": "pw"},
            aliases={
                "sales@example.org": ["john@example.org"],
                "all@example.org": ["john@example.org", "ann@example.org"],
                "mixed@example.org": ["all@example.org", "somebody@elsewhere.test"],
                "many@example.org": [f"john+{n}@example.org" for n in range(MOST_REACHED)],
                "loop@example.org": ["loop2@example.org"],
                "loop2@example.org": ["loop@example.org"],
            },
        )
        self.room = MailboxRoom(
            Owned(directory, more.pop("owners", {})),
            self,
            MaildirLocation("", tmp_path),
            self,
            settings=MailboxSettings(quota=quota, quota_grace="10%", **more),
            is_kept_here=self.is_kept_here,
            clock=lambda: self.now,
            patience=patience,
        )

    async def usage(self, where, quota):
        self.looks += 1
        if self.silent:
            await self.silent.wait()
        if self.error:
            raise self.error
        ours = (usage for name, usage in self.usages.items() if name in where.root.parts)
        return next(ours, self.usage_now)

    async def place(self, user):
        return self.place_said

    async def is_kept_here(self, address):
        return self.here

    async def ask(self, address="john@example.org", size=0, claims=None):
        claims = self.room.claims() if claims is None else claims
        reply = await claims.refusal(Address.parse(address), size)
        if reply is None:
            claims.count(size)
        return None if reply is None else str(reply)

    async def send(self, *addresses, size=0):
        """One message, as a client that announces its size sends it; the replies to RCPT."""
        claims = self.room.claims()
        replies = [await self.ask(each, size, claims) for each in addresses]
        claims.taken(size)
        return replies


REFUSED = "452 4.2.2 <{}>: Recipient address rejected: mailbox is full"


@pytest.mark.parametrize(
    ("usage", "size", "full"),
    [
        (0, 0, False),
        (999, 0, False),
        (999, 101, False),
        (999, 102, True),
        (1000, 0, True),
        (1060, 0, True),
        (1060, 5, True),
        (500, 600, False),
        (500, 601, True),
    ],
)
async def test_the_mailbox_with_its_grace(tmp_path, usage, size, full):
    world = World(tmp_path, usage=Usage(usage, 1))
    expected = REFUSED.format("john@example.org") if full else None
    assert await world.ask(size=size) == expected


@pytest.mark.parametrize(
    ("address", "full"),
    [
        ("john+x@example.org", True),
        ("sales@example.org", True),
        ("all@example.org", True),
        ("mixed@example.org", True),
        ("many@example.org", False),
        ("nobody@example.org", False),
        ("loop@example.org", False),
        ("john@elsewhere.test", False),
    ],
)
async def test_addresses_that_lead_to_one_account(tmp_path, address, full):
    world = World(tmp_path, usage=Usage(5000, 1))
    assert await world.ask(address) == (REFUSED.format(address) if full else None)


@pytest.mark.parametrize(
    "more",
    [
        {"here": False},
        {"quota": ""},
        {"error": OSError(5, "disk")},
        {"error": DirectoryUnavailable("away")},
        {"place": Place(quota_bytes=0)},
        {"place": Place(mail="/etc/x")},
    ],
)
async def test_what_is_not_known_is_no_refusal(tmp_path, more):
    assert await World(tmp_path, usage=Usage(5000, 1), **more).ask() is None


async def test_messages_count_as_well(tmp_path):
    world = World(tmp_path, quota="", quota_messages=5)
    assert await world.ask() == REFUSED.format("john@example.org")


async def test_a_flood_is_one_look(tmp_path):
    world = World(tmp_path)
    for _ in range(100):
        await world.ask()
    assert world.looks == 1
    world.usage_now = Usage(0, 0)
    world.now = KEPT
    assert await world.ask() is None
    assert world.looks == 2


async def test_what_was_taken_counts_until_it_is_looked_at_again(tmp_path):
    world = World(tmp_path, usage=Usage(0, 0))
    assert await world.send("john@example.org", size=600) == [None]
    assert await world.ask(size=600) == REFUSED.format("john@example.org")
    assert await world.ask(size=500) is None
    world.now = KEPT
    assert await world.ask(size=1100) is None


async def test_what_is_only_announced_counts_for_nobody_else(tmp_path):
    world = World(tmp_path, usage=Usage(0, 0), quota_messages=1)
    for _ in range(22):
        assert await world.ask(size=1000) is None
    assert await world.ask(size=1000) is None


async def test_many_addresses_of_one_message_are_one_mailbox(tmp_path):
    world = World(tmp_path, usage=Usage(0, 0))
    addresses = ["john@example.org", "sales@example.org", *(f"john+{n}@example.org" for n in "12")]
    replies = await world.send(*addresses, "ann@example.org", size=400)
    full = [REFUSED.format(address) for address in addresses[2:]]
    assert replies == [None, None, *full, None]
    assert await world.ask(size=400) == REFUSED.format("john@example.org")
    assert await world.ask("john+3@example.org", size=300) is None
    assert world.looks == 2


async def test_a_recipient_that_somebody_else_refuses_does_not_count(tmp_path):
    world = World(tmp_path, usage=Usage(0, 0))
    claims = world.room.claims()
    for _ in range(3):
        assert await claims.refusal(Address.parse("john@example.org"), 1000) is None
    assert await world.ask(size=1000, claims=claims) is None
    assert await world.ask(size=1000, claims=claims) == REFUSED.format("john@example.org")


async def test_an_address_of_several_is_refused_when_all_are_full(tmp_path):
    world = World(tmp_path, usage=Usage(5000, 1))
    world.usages["ann"] = Usage(0, 0)
    assert await world.ask("all@example.org") is None
    assert await world.ask("mixed@example.org") is None
    assert await world.ask() == REFUSED.format("john@example.org")


async def test_a_full_member_is_no_refusal_of_a_list_with_an_owner(tmp_path):
    world = World(tmp_path, usage=Usage(5000, 1), owners={"sales@example.org": "ann@example.org"})
    assert await world.ask("sales@example.org") is None


async def test_what_is_kept_is_bounded(tmp_path):
    world = World(tmp_path)
    for number in range(MOST_KEPT + 10):
        await world.ask(f"john+{number}@example.org")
    assert len(world.room._meant) == MOST_KEPT
    assert len(world.room._found) == 1


async def test_mailboxes_that_are_kept_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("postroad.delivery.mailbox_room.MOST_KEPT", 1)
    world = World(tmp_path)
    for name in ("john", "ann", "john"):
        await world.ask(f"{name}@example.org")
    assert len(world.room._found) == 1
    assert world.looks == 3


SILENT = "451 4.3.0 <{}>: Recipient address rejected: mailbox is unavailable"


async def test_a_mailbox_that_gives_no_answer(tmp_path):
    world = World(tmp_path, silent=True, patience=0.0)
    assert await world.ask() == SILENT.format("john@example.org")
    for _ in range(3):
        world.now += KEPT
        assert await world.ask("sales@example.org") == SILENT.format("sales@example.org")
    assert world.looks == 1  # the same question: one thread of the writer's, whoever asks
    world.silent.set()
    await asyncio.gather(*world.room._asked.values())
    world.now += KEPT
    world.room._patience = 20.0
    assert await world.ask() == REFUSED.format("john@example.org")
    assert world.looks == 2
    assert world.room._asked == {}


async def test_too_many_questions_without_an_answer_refuse_nobody(tmp_path):
    world = World(tmp_path, silent=True, patience=0.0)
    idle = asyncio.create_task(world.silent.wait())
    world.room._asked.update({f"u{number}@example.org": idle for number in range(MOST_ASKED)})
    assert await world.ask() is None
    assert world.looks == 0
    world.silent.set()
    await idle
