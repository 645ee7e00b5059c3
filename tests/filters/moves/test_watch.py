"""What is learned from messages that users move, look by look."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from moving_world import START, Mailbox, Watched, message
from postroad.filters.moves import file
from postroad.filters.moves.lesson import MemoryAway
from postroad.filters.moves.noting import Noting
from postroad.filters.moves.watch import MOST_MESSAGES
from postroad.mailbox.folder import FolderName
from postroad.mailbox.moves.survey import MOST_MOVES

JOHN = "john@example.org"
JUNK = FolderName.parse("Junk")
FILED = "X-Spam-Flag: YES\n"


def path_of(mailbox: Mailbox, subject: str) -> Path:
    """Where a message lies."""
    files = [each for each in mailbox.top.rglob("*") if each.is_file()]
    (path,) = [each for each in files if f"Subject: {subject}\n".encode() in each.read_bytes()]
    return path


class World(Watched):
    """A watch over mailboxes, and its clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.john = Mailbox(folder / "john")
        self.begin()

    def begin(self) -> None:
        """The process begins, perhaps again."""
        self.watch = self.watching()

    async def note(self, user: str, mailbox: Mailbox) -> None:
        await self.keeper.ask(
            lambda found: file.note(found, [(user, file.Place(mailbox.where))], self.time)
        )

    async def look(self) -> list[tuple[str, bool | None]]:
        """A turn, some time later; what John's memory has learned by it."""
        self.time += 100
        before = len(self.memory.lessons)
        await self.watch.turn()
        return [(what, spam) for who, what, spam in self.memory.lessons[before:] if who == JOHN]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.note(JOHN, made.john)
    assert await made.look() == []
    yield made
    made.keeper.close()


MOVES: list[Callable[[Mailbox, Path, str], Path]] = [Mailbox.rename, Mailbox.link, Mailbox.copy]
by_all_means = pytest.mark.parametrize("move", MOVES, ids=["rename", "link", "copy"])


@by_all_means
async def test_into_junk_and_back(world: World, move: Callable[[Mailbox, Path, str], Path]) -> None:
    path = world.john.put(message("offer"))
    assert await world.look() == []
    path = move(world.john, path, "Junk")
    assert await world.look() == [("offer", True)]
    assert await world.look() == []
    path = move(world.john, path, "")
    assert await world.look() == [("offer", False)]
    move(world.john, path, "Junk")
    assert await world.look() == [("offer", True)]
    assert world.read(file.totals) == (1, 2, 1)


async def test_who_filed_it_is_looked_for_on_top(world: World) -> None:
    """A header of a megabyte takes long to read, and ours stands above it."""
    far = "".join(f"X-{at}: x\n" for at in range(20_000))
    world.john.put(message("near", header=FILED + far), "Junk")
    world.john.put(message("far", header=far + FILED), "Junk")
    assert await world.look() == [("far", True)]


@by_all_means
async def test_filed_by_us_and_moved_out(
    world: World, move: Callable[[Mailbox, Path, str], Path]
) -> None:
    path = world.john.put(message("news", header=FILED), "Junk")
    assert await world.look() == []
    path = move(world.john, path, "Lists")
    assert await world.look() == [("news", False)]
    # It has our mark, but a user has said otherwise, and says so once more.
    move(world.john, path, "Junk")
    assert await world.look() == [("news", True)]
    assert world.said[0] == (
        "john@example.org: learned as good, as it was moved from Junk: message-id=<news@test>"
    )


@by_all_means
async def test_filed_by_us_and_rescued_before_anybody_looked(
    world: World, move: Callable[[Mailbox, Path, str], Path]
) -> None:
    noting = Noting(world.keeper, lambda: world.time)
    for name in ("spam", "news", "gone"):
        path = world.john.put(message(name, header=FILED), "Junk")
        noting.delivered(JOHN, world.john.where, path.name.partition(",")[0])
        if name == "news":
            path = world.john.rename(path, "")
        elif name == "gone":
            path.unlink()
    await noting.write()
    assert await world.look() == [("news", False)]
    assert await world.look() == []
    move(world.john, path_of(world.john, "spam"), "Lists")
    assert await world.look() == [("spam", False)]
    assert world.read(lambda found: found.execute("SELECT * FROM filed").fetchall()) == []


async def test_it_is_noted_after_the_look(world: World) -> None:
    path = world.john.rename(world.john.put(message("news", header=FILED), "Junk"), "")
    assert await world.look() == []
    noting = Noting(world.keeper, lambda: world.time)
    noting.delivered(JOHN, world.john.where, path.name.partition(",")[0])
    await noting.write()
    assert await world.look() == [("news", False)]


@pytest.mark.parametrize("folder", ["Trash", "trash", "Trash.2026", "Junk.old"])
async def test_trash_is_no_place_for_good_mail(world: World, folder: str) -> None:
    path = world.john.put(message("soup", header=FILED), "Junk")
    assert await world.look() == []
    world.john.link(path, folder)
    assert await world.look() == []
    assert await world.look() == []


async def test_flags_and_removal_teach_nothing(world: World) -> None:
    path = world.john.put(message("soup", header=FILED), "Junk")
    other = world.john.put(message("pea", header=FILED), "Junk")
    assert await world.look() == []
    for flags in (":2,", ":2,S", ":2,FS"):
        path = world.john.rename(path, "Junk", flags)
        assert await world.look() == []
    other.unlink()
    assert await world.look() == []
    path.unlink()
    # The number of a removed file may be used again, by mail that has nothing to do with it.
    world.john.put(message("new"), at=START + 10_000)
    assert await world.look() == []


async def test_what_was_in_junk_before_is_no_move(world: World) -> None:
    anna = Mailbox(world.folder / "anna")
    old = anna.put(message("old"), "Junk", at=START - 10_000)
    anna.put(message("young"), "Junk", at=START + 1_000_000)
    await world.note("anna@example.org", anna)
    await world.look()
    own = [each for each in world.memory.lessons if each[0] == "anna@example.org"]
    assert own == [("anna@example.org", "young", True)]
    anna.link(old, "")
    await world.look()
    assert world.memory.lessons[-1] == ("anna@example.org", "old", False)


async def test_nothing_is_read_while_nothing_changes(world: World) -> None:
    path = world.john.put(message("offer"), "Junk")
    for part in ("cur", "new"):
        os.utime(path.parent.parent / part, (START, START))
    assert await world.look() == [("offer", True)]
    stamp = path.parent.stat().st_mtime_ns
    # Same time stamp, as if nothing had been done: so nobody looks.
    world.john.rename(path, "")
    os.utime(path.parent, ns=(stamp, stamp))
    assert await world.look() == []
    os.utime(path.parent, (START + 1, START + 1))
    assert await world.look() == [("offer", False)]


async def test_a_change_in_the_same_moment_is_seen_later(world: World) -> None:
    first = world.john.put(message("one"), "Junk")
    world.time = first.parent.stat().st_mtime - 99.5  # half a second after it was written
    await world.note(JOHN, world.john)
    assert await world.look() == [("one", True)]
    stamp = first.parent.stat().st_mtime_ns
    world.john.put(message("two"), "Junk")
    os.utime(first.parent, ns=(stamp, stamp))
    assert await world.look() == [("two", True)]


async def test_many_are_learned_by_and_by(world: World) -> None:
    for number in range(MOST_MOVES + 5):
        world.john.put(message(f"m{number}"), "Junk")
    assert len(await world.look()) == MOST_MOVES
    assert len(await world.look()) == 5
    paths = sorted((world.john.top / ".Junk" / "new").iterdir())
    for path in paths:
        world.john.link(path, "")
    assert len(await world.look()) == MOST_MOVES
    assert len(await world.look()) == 5
    assert await world.look() == []


async def test_another_folder_in_its_place_is_no_move(world: World) -> None:
    world.john.put(message("one"), "Junk")
    assert await world.look() == [("one", True)]
    (world.john.top / ".Junk").rename(world.john.top / ".OldJunk")
    restored = world.john.put(message("two"), "Junk")
    assert await world.look() == []
    world.john.link(restored, "")
    assert await world.look() == [("two", False)]


async def test_a_folder_that_goes_takes_nothing_along(world: World) -> None:
    world.john.put(message("one"), "Junk")
    assert await world.look() == [("one", True)]
    (world.john.top / ".Junk").rename(world.john.top / ".OldJunk")
    assert await world.look() == []
    world.john.put(message("two"), "Junk")
    assert await world.look() == [("two", True)]


async def test_a_folder_in_other_letters(world: World) -> None:
    path = world.john.put(message("one"), "JUNK")
    assert await world.look() == [("one", True)]
    world.john.link(path, "")
    assert await world.look() == [("one", False)]


async def test_what_is_no_message_teaches_nothing(world: World, tmp_path: Path) -> None:
    junk = world.john.make("Junk") / "cur"
    secret = tmp_path / "secret"
    secret.write_bytes(message("secret"))
    (junk / "1700000001.link.host").symlink_to(secret)
    os.mkfifo(junk / "1700000002.pipe.host")
    (junk / "1700000003.folder.host").mkdir()
    (junk / "1700000004.empty.host").touch()
    (junk / os.fsdecode(b"1700000005.\xff\n\x1b[31m.host:2,")).write_bytes(message("odd\x1b[1m"))
    (junk / ".hidden").write_bytes(message("hidden"))
    assert sorted(await world.look()) == [("", True), ("odd\x1b[1m", True)]
    assert all(line.isprintable() for line in world.said)
    assert await world.look() == []


async def test_links_in_place_of_folders_lead_nowhere(world: World, tmp_path: Path) -> None:
    other = Mailbox(tmp_path / "other")
    other.put(message("private"), "Junk")
    (world.john.top / ".Junk").symlink_to(other.top / ".Junk")
    assert await world.look() == []
    assert len(world.warned) == 1
    assert world.warned[0].startswith(f"nothing is learned from what is moved in {JOHN}: ")
    assert await world.look() == []
    assert len(world.warned) == 1  # once is enough
    (world.john.top / ".Junk").unlink()
    junk = world.john.make("Junk")
    (junk / "cur").rmdir()
    (junk / "cur").symlink_to(other.top / ".Junk" / "new")
    assert await world.look() == []


async def test_a_mailbox_that_vanishes(world: World) -> None:
    world.john.put(message("one"), "Junk")
    world.john.top.rename(world.folder / "away")
    assert await world.look() == []
    assert world.warned == []
    (world.folder / "away").rename(world.john.top)
    assert await world.look() == [("one", True)]


async def test_a_huge_message_is_read_in_part(world: World) -> None:
    octets = message("huge") + b"x" * 3_000_000
    path = world.john.put(octets, "Junk")
    assert await world.look() == [("huge", True)]
    ((_, learned),) = [key for key in world.memory.learned_as if key[0] == JOHN]
    assert len(learned) < 1_000_000
    world.john.copy(path, "")
    assert await world.look() == [("huge", False)]


@pytest.mark.parametrize("jump", [-1_000_000.0, 1_000_000.0])
async def test_clocks_that_jump(world: World, jump: float) -> None:
    path = world.john.put(message("one"), "Junk")
    assert await world.look() == [("one", True)]
    world.time += jump
    world.john.link(path, "")
    assert await world.look() == [("one", False)]


async def test_while_nobody_learns_nothing_is_lost(world: World) -> None:
    path = world.john.put(message("one"), "Junk")
    world.memory.is_away = True
    with pytest.raises(MemoryAway):
        await world.look()
    world.memory.is_away = False
    # The turn goes on with others first: what ails one account must not keep them waiting.
    assert [await world.look() for _ in range(2)] == [[], [("one", True)]]
    world.john.link(path, "")
    world.memory.is_away = True
    with pytest.raises(MemoryAway):
        await world.look()
    world.memory.is_away = False
    assert [await world.look() for _ in range(2)] == [[], [("one", False)]]


class Killed(BaseException):
    """The process ends here."""


async def test_a_kill_at_any_moment_learns_nothing_twice(world: World) -> None:
    world.john.put(message("one"), "Junk")
    world.john.put(message("two"), "Junk")
    calls = 0

    def killed() -> None:
        nonlocal calls
        calls += 1
        if calls in (2, 4):
            raise Killed

    world.memory.before_learning = killed
    while True:
        try:
            await world.look()
            break
        except Killed:
            world.keeper.close()
            world.begin()
    lessons = [(what, spam) for who, what, spam in world.memory.lessons if who == JOHN]
    assert sorted(lessons) == [("one", True), ("two", True)]
    assert calls > 4


async def test_many_accounts_take_turns(world: World) -> None:
    count = MOST_MESSAGES // MOST_MOVES
    for number in range(count + 2):
        mailbox = Mailbox(world.folder / f"u{number}")
        await world.note(f"u{number}@example.org", mailbox)
        for message_number in range(MOST_MOVES):
            mailbox.put(message(f"{number}-{message_number}"), "Junk", at=START + 10_000)

    async def learners() -> int:
        world.memory.lessons.clear()
        await world.look()
        return len({who for who, _, _ in world.memory.lessons if who})

    assert [await learners() for _ in range(3)] == [count, 2, 0]


async def test_accounts_without_mail_are_forgotten(world: World) -> None:
    world.time += file.KEPT_FOR
    await world.note("anna@example.org", Mailbox(world.folder / "anna"))
    await world.look()
    assert world.read(lambda found: found.execute("SELECT user FROM accounts").fetchall()) == [
        ("anna@example.org",)
    ]
