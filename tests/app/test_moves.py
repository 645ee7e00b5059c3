"""Learning from moves in a worker: who watches, what a reload changes, what is switched off."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moving_world import Mailbox, message
from postroad.app.learner import learner_of
from postroad.app.moves import Moves
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery.local import Copy
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.moves.file import MOVES, accounts_after
from postroad.filters.settings import FilterSettings
from postroad.filters.thresholds import Thresholds
from postroad.limits.state_file import open_file
from postroad.mailbox import Target
from postroad.mailbox.folder import FolderName
from postroad.mailbox.owners import Owner
from postroad.mailbox.settings import DetailFolders, MailboxSettings
from postroad.server.settings import ListenerSettings
from stored_messages import stored_message, stored_recipients

JOHN = "john@example.org"
JUNK = FolderName.parse("Junk")


class World:
    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.john = Mailbox(folder / "john")
        self.configuration = Configuration(
            hostname="mail.example.org",
            domains=("example.org",),
            state_directory=folder / "state",
            listeners={"mx": ListenerSettings(tls="none")},
            filters={"spam": FilterSettings(kind="builtin", learn="both")},
        )
        self.running = Running(self.configuration, lambda: self.configuration)
        self.moves = Moves(
            self.running,
            Thresholds(self.configuration.thresholds_file, self.said.append),
            lambda event: self.said.append(event.text),
        )
        self.stores = Stores(self.configuration.spam_directory, self.said.append)

    def change(self, **settings: object) -> None:
        self.configuration = dataclasses.replace(self.configuration, **settings)  # type: ignore[arg-type]
        self.running.reload()
        self.moves.replace(self.running)

    def deliver(self, folder: FolderName = JUNK) -> None:
        (recipient,) = stored_recipients(JOHN)
        target = Target(self.john.where, folder)
        self.moves.delivered(Copy(JOHN, target, stored_message(), recipient))

    def learned(self, whose: str) -> tuple[int, int]:
        about = self.stores.about(whose)
        return (0, 0) if about is None else (about.spam, about.ham)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.moves.close()


@pytest.mark.parametrize(
    ("filters", "junk", "learns"),
    [
        ({}, "Junk", False),
        ({"a": FilterSettings(kind="clamav")}, "Junk", False),
        ({"a": FilterSettings(kind="builtin", learn="no")}, "Junk", False),
        ({"a": FilterSettings(kind="builtin")}, "Junk", True),
        ({"a": FilterSettings(kind="builtin")}, "", False),
    ],
)
async def test_who_learns(
    world: World, filters: dict[str, FilterSettings], junk: str, learns: bool
) -> None:
    mailbox = MailboxSettings(junk_folder=junk)
    configuration = dataclasses.replace(world.configuration, filters=filters, mailbox=mailbox)
    assert (learner_of(configuration) is not None) == learns


async def test_what_is_moved_reaches_the_memories(world: World) -> None:
    world.moves.start(is_watching=True)
    world.deliver(FolderName())
    await world.moves.write()
    await world.moves.look()
    path = world.john.put(message("offer"), "Junk", at=4_000_000_000)
    await world.moves.look()
    assert (world.learned(JOHN), world.learned("")) == ((1, 0), (1, 0))
    world.john.link(path, "")
    await world.moves.look()
    assert (world.learned(JOHN), world.learned("")) == ((0, 1), (0, 1))
    assert len(world.said) == 2


@pytest.mark.parametrize(
    ("address", "detail_folders", "learned"),
    [
        ("john+junk@example.org", "existing", (0, 0)),
        ("JOHN+Junk@example.org", "create", (0, 0)),
        ("john+junk@example.org", "off", (1, 0)),  # the user moved it: it came to the inbox
        ("john+lists@example.org", "create", (1, 0)),
        ("john@example.org", "create", (1, 0)),
    ],
)
async def test_strangers_teach_nothing_by_writing_to_junk(
    world: World, address: str, detail_folders: DetailFolders, learned: tuple[int, int]
) -> None:
    world.change(mailbox=MailboxSettings(detail_folders=detail_folders))
    world.moves.start(is_watching=True)
    world.deliver(FolderName())
    await world.moves.write()
    await world.moves.look()
    header = f"Delivered-To: {address}\nDelivered-To: john+junk@example.org\n"
    octets = header.encode() + message("invoice")
    world.john.put(octets, "Junk", at=4_000_000_000)
    await world.moves.look()
    assert world.learned(JOHN) == learned


async def test_another_worker_only_notes(world: World) -> None:
    world.moves.start(is_watching=False)
    world.deliver()
    world.john.put(message("offer"), "Junk", at=4_000_000_000)
    await world.moves.write()
    await world.moves.look()
    assert world.configuration.moves_file.exists()
    assert world.learned(JOHN) == (0, 0)


async def test_switched_off_it_makes_no_file(world: World) -> None:
    world.moves.start(is_watching=True)
    world.change(filters={})
    world.deliver()
    await world.moves.write()
    await world.moves.look()
    assert not world.configuration.moves_file.exists()
    world.change(filters={"spam": FilterSettings(kind="builtin")})
    world.deliver()
    await world.moves.write()
    assert world.configuration.moves_file.exists()


async def test_what_cannot_be_learned_is_said_once(world: World) -> None:
    world.configuration.state_directory.mkdir()
    world.configuration.spam_directory.write_text("in the way")
    world.moves.start(is_watching=True)
    world.deliver()
    for _ in range(2):
        await world.moves.round(is_due=True)
    (said,) = world.said
    assert said.endswith(f"users move: {world.configuration.spam_directory}: File exists")


async def test_the_owner_of_mail_is_noted(world: World) -> None:
    world.moves.start(is_watching=True)
    (recipient,) = stored_recipients(JOHN)
    target = Target(world.john.where, JUNK, owner=Owner(2101, 2102))
    world.moves.delivered(Copy(JOHN, target, stored_message(), recipient))
    await world.moves.write()
    connection = open_file(world.configuration.moves_file, MOVES)
    [account] = accounts_after(connection, 0, 10, ())
    connection.close()
    assert account.owner == Owner(2101, 2102)
