"""Mail of other owners in the watch, and who is asked when."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from moving_world import FOLDERS, START, Mailbox, Watched, message
from postroad.filters.moves import file, others
from postroad.filters.moves.lesson import MemoryAway
from postroad.filters.moves.noting import Noting
from postroad.filters.moves.rhythm import SLOWEST
from postroad.mailbox.moves import stamp
from postroad.mailbox.moves.survey import MOST_MOVES
from postroad.mailbox.moves.visit import Found, Visit, Wanted
from postroad.mailbox.owners import Owner, OwnerAway

JOHN, ANNA = "john@example.org", "anna@example.org"
OWNER = Owner(2101, 2101)


class FakeVisitors:
    """Implements `Visitors`: who looks is ourselves.

    Attributes:
        asked: whose processes were started, in order.
        looked: how many accounts were looked at.
        open: how many of them are not closed.
        away: owners for whom there is nobody.
        before: is called before each answer, with the question.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.asked: list[Owner] = []
        self.looked = self.open = 0
        self.away: set[Owner] = set()
        self.before: Callable[[str], None] = lambda _: None
        self.now = now

    def visitor(self, owner: Owner) -> _Visitor:
        self.asked.append(owner)
        if owner in self.away:
            raise OwnerAway("nobody is there")
        self.open += 1
        return _Visitor(self)


class _Visitor:
    def __init__(self, world: FakeVisitors) -> None:
        self._world = world
        self._visit = Visit(world.now)

    def look(self, wanted: Wanted) -> Found:
        self._world.before("look")
        self._world.looked += 1
        return self._visit.look(wanted)

    def read(self, at: int, most: int) -> bytes | None:
        self._world.before("read")
        return self._visit.read(at, most)

    def heard(self, count: int) -> str:
        self._world.before("heard")
        return self._visit.heard(count)

    def close(self) -> None:
        self._world.open -= 1


class World(Watched):
    """A watch over mailboxes of others, and its clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.boxes: dict[str, Mailbox] = {}
        self.begin()

    def begin(self) -> None:
        """The process begins, perhaps again."""
        self.visitors = FakeVisitors(lambda: self.time)
        self.watch = self.watching(visitors=self.visitors)

    async def note(self, user: str, owner: Owner = OWNER) -> Mailbox:
        box = self.boxes[user] = Mailbox(self.folder / user)
        place = file.Place(box.where, owner)
        await self.keeper.ask(lambda found: file.note(found, [(user, place)], self.time))
        return box

    async def look(self, *, after: float = 100.0) -> list[tuple[str, str, bool | None]]:
        """A turn, some time later; what was learned by it."""
        self.time += after
        before = len(self.memory.lessons)
        await self.watch.turn()
        return [each for each in self.memory.lessons[before:] if each[0]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    made.keeper.close()
    assert made.visitors.open == 0


async def test_into_junk_and_back(world: World) -> None:
    john = await world.note(JOHN)
    path = john.put(message("offer"))
    assert await world.look() == []
    path = john.link(path, "Junk")
    assert await world.look() == [(JOHN, "offer", True)]
    assert await world.look() == []
    john.link(path, "")
    assert await world.look() == [(JOHN, "offer", False)]
    assert (
        world.said[1]
        == f"{JOHN}: learned as good, as it was moved from Junk: message-id=<offer@test>"
    )
    assert world.read(file.totals) == (1, 1, 1)
    # What lay in the folder is its owner's to know.
    assert world.read(lambda found: found.execute("SELECT * FROM snapshots").fetchall()) == []


async def test_what_we_have_filed_is_no_move(world: World) -> None:
    john = await world.note(JOHN)
    path = john.put(message("news", header="X-Spam-Flag: YES\n"), "Junk")
    noting = Noting(world.keeper, lambda: world.time)
    noting.delivered(JOHN, john.where, path.name, OWNER)
    await noting.write()
    assert world.read(lambda found: found.execute("SELECT * FROM filed").fetchall()) == []
    assert await world.look() == []
    john.link(path, "")
    assert await world.look() == [(JOHN, "news", False)]


async def test_an_owners_accounts_are_one_process(world: World) -> None:
    for user in (JOHN, ANNA):
        (await world.note(user)).put(message(f"of {user}"), "Junk", at=START + 10)
    await world.note("lisa@example.org", Owner(7, 7))
    learned = await world.look()
    assert {user for user, _, _ in learned} == {JOHN, ANNA}
    assert sorted(world.visitors.asked) == [Owner(7, 7), OWNER]


async def test_mail_that_cannot_be_seen_is_visited_ever_less(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch)
    john = await world.note(JOHN)
    settle(john.put(message("old"), "Junk", at=START - 10_000))
    for _ in range(200):
        assert await world.look(after=60.0) == []
    assert world.visitors.looked == 9
    settle(john.put(message("new"), "Junk", at=START + 10), at=START - 90_000)
    found, counts = [], []
    for _ in range(2 * SLOWEST):
        found.append(await world.look(after=60.0))
        counts.append(world.visitors.looked)
    assert [each for each in found if each] == [[(JOHN, "new", True)]]
    # Now something goes on there.
    at = next(at for at, each in enumerate(found) if each)
    assert counts[at + 1] == counts[at] + 1


@pytest.mark.parametrize("is_hidden", [True, False])
async def test_a_folder_of_the_future_is_visited_ever_less(
    world: World, monkeypatch: pytest.MonkeyPatch, is_hidden: bool
) -> None:
    if is_hidden:
        hide(monkeypatch)
    john = await world.note(JOHN)
    settle(john.put(message("offer"), "Junk", at=START + 10), at=4_000_000_000)
    assert await world.look(after=60.0) == [(JOHN, "offer", True)]
    for _ in range(200):
        assert await world.look(after=60.0) == []
    assert world.visitors.looked < 14


def settle(path: Path, at: float = START - 100_000) -> None:
    """Let nothing have happened in a folder since some time."""
    for part in ("cur", "new"):
        os.utime(path.parent.parent / part, (at, at))


async def test_junk_that_we_file_is_looked_at_soon(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch)
    john = await world.note(JOHN)
    for _ in range(200):
        await world.look(after=60.0)
    before = world.visitors.looked
    await world.look(after=60.0)
    assert world.visitors.looked == before
    path = john.put(message("news", header="X-Spam-Flag: YES\n"), "Junk", at=START + 10)
    noting = Noting(world.keeper, lambda: world.time)
    noting.delivered(JOHN, john.where, path.name, OWNER)
    await noting.write()
    await world.look(after=60.0)
    assert world.visitors.looked == before + 1


def hide(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a server sees of others' mail, as a rule."""

    def glance(*_: object) -> str:
        raise PermissionError

    monkeypatch.setattr("postroad.filters.moves.watch.glance", glance)


async def test_who_is_away_is_told_once_and_asked_rarely(world: World) -> None:
    john, anna = await world.note(JOHN), await world.note(ANNA, Owner(7, 7))
    for box in (john, anna):
        box.put(message("offer"), "Junk", at=START + 10)
    world.visitors.away = {OWNER}
    assert await world.look() == [(ANNA, "offer", True)]
    for _ in range(20):
        assert await world.look() == []
    assert world.visitors.asked.count(OWNER) == 1
    assert world.warned == [f"nothing is learned from what is moved in {JOHN}: nobody is there"]
    world.visitors.away = set()
    assert await world.look(after=SLOWEST * 60.0) == [(JOHN, "offer", True)]
    for _ in range(3):
        await world.look()
    assert len(world.warned) == 1


async def test_owners_without_an_answer_end_a_turn(world: World) -> None:
    for number in range(1, 10):
        await world.note(f"u{number}@example.org", Owner(number, number))
        world.visitors.away.add(Owner(number, number))
    counts = []
    for _ in range(4):
        await world.look()
        counts.append(len(world.visitors.asked))
    assert counts == [3, 6, 9, 9]


async def test_so_many_processes_a_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "MOST_OWNERS", 2)
    monkeypatch.setattr(others, "MOST_VISITED", 5)
    for number in range(7):
        await world.note(f"u{number}@example.org", Owner(number % 4 + 1, 1))
    looked = []
    for _ in range(3):
        before = world.visitors.looked
        await world.look(after=1.0)
        looked.append((world.visitors.looked - before, len(world.visitors.asked)))
    assert looked == [(3, 2), (3, 4), (1, 5)]


async def test_a_slow_owner_keeps_nobody_waiting(world: World) -> None:
    for user in ("a", "b", "c", "d"):
        await world.note(f"{user}@slow.example")
    await world.note(ANNA, Owner(2102, 2102))

    def slow(_: str) -> None:
        world.time += 20.0  # the longest that one account may take

    world.visitors.before = slow
    begun = world.time
    await world.look(after=0.0)
    assert world.time <= begun + others.MOST_SECONDS + 20.0
    assert (world.visitors.looked, world.visitors.asked) == (2, [OWNER])
    await world.look(after=0.0)
    assert world.visitors.asked == [OWNER, Owner(2102, 2102), OWNER]


async def test_many_moves_of_one_owner_keep_nobody_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others, "MOST_MESSAGES", 1)
    for user in ("a", "b"):
        box = await world.note(f"{user}@example.org")
        box.put(message(user), "Junk", at=START + 10)
    anna = await world.note(ANNA, Owner(2102, 2102))
    anna.put(message("anna"), "Junk", at=START + 10)
    learned = [[subject for _, subject, _ in await world.look(after=1.0)] for _ in range(3)]
    assert learned == [["a"], ["anna"], ["b"]]


def test_a_glance_looks_through_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Mailbox(tmp_path / "john")
    junk, late = FOLDERS.junk, float(START) + 2**30
    assert stamp.glance(box.where, junk, late) == stamp.NO_FOLDER
    (box.top / ".JUNK").touch()  # perhaps the folder, in other letters: whoever owns it may say so
    monkeypatch.setattr("postroad.mailbox.errand.all_folders", None)
    assert stamp.glance(box.where, junk, late) == ""
    (box.top / ".JUNK").unlink()
    monkeypatch.setattr(stamp, "MOST_GLANCED", 2)
    assert stamp.glance(box.where, junk, late) == ""
    box.make("Junk")
    assert stamp.glance(box.where, junk, late) == stamp.stamp_of(box.where, junk, late) != ""


async def test_many_moves_are_heard_by_and_by(world: World) -> None:
    john = await world.note(JOHN)
    for number in range(MOST_MOVES + 5):
        john.put(message(f"m{number}"), "Junk", at=START + 10)
    assert [len(await world.look(after=1.0)) for _ in range(3)] == [MOST_MOVES, 5, 0]


async def test_while_nobody_learns_nothing_is_lost(world: World) -> None:
    john = await world.note(JOHN)
    for name in ("one", "two"):
        john.put(message(name), "Junk", at=START + 10)
    calls = 0

    def fail_second() -> None:
        nonlocal calls
        calls += 1
        world.memory.is_away = calls == 3  # each is learned twice: by the account and by the site

    world.memory.before_learning = fail_second
    with pytest.raises(MemoryAway):
        await world.look()
    assert len(await world.look()) == 1
    assert world.read(file.totals) == (1, 2, 0)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("error", [OwnerAway("gone"), Killed()])
async def test_a_kill_at_any_moment_learns_nothing_twice(
    world: World, error: BaseException
) -> None:
    john = await world.note(JOHN)
    for name in ("one", "two"):
        john.put(message(name), "Junk", at=START + 10)
    left = 0

    def die(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise error

    for count in range(1, 6):
        left = count
        world.visitors.before = die
        try:
            await world.look(after=SLOWEST * 60.0)
        except Killed:
            world.keeper.close()
            world.begin()
    world.visitors.before = lambda _: None
    await world.look(after=SLOWEST * 60.0)
    assert sorted(world.memory.lessons) == sorted(
        (who, what, True) for who in (JOHN, "") for what in ("one", "two")
    )
    assert await world.look() == []


async def test_a_full_disk_of_the_owners_costs_a_look_an_hour(world: World) -> None:
    john = await world.note(JOHN)
    john.put(message("one"), "Junk", at=START + 10)

    def full(question: str) -> None:
        if question == "heard":
            raise OSError(122, "Disk quota exceeded")

    world.visitors.before = full
    assert await world.look() == [(JOHN, "one", True)]
    for _ in range(10):
        assert await world.look() == []
    assert world.visitors.looked == 1
    assert world.warned == [f"nothing is learned from what is moved in {JOHN}: Disk quota exceeded"]
    assert world.read(file.totals) == (1, 1, 0)


async def test_links_and_vanished_mail(world: World, tmp_path: Path) -> None:
    john = await world.note(JOHN)
    await world.look()
    other = Mailbox(tmp_path / "other")
    other.put(message("secret"), "Junk", at=START + 10)
    (john.top / ".Junk").symlink_to(other.top / ".Junk")
    assert await world.look() == []
    assert await world.look() == []
    assert len(world.warned) == 1
    (john.top / ".Junk").unlink()
    john.top.rename(tmp_path / "away")
    assert await world.look(after=SLOWEST * 60.0) == []
    assert await world.look() == []
    assert len(world.warned) == 1


async def test_without_agents_it_is_looked_at_as_ever(world: World) -> None:
    john = await world.note(JOHN)
    world.watch._others = None
    path = john.put(message("one"), "Junk", at=START + 10)
    assert await world.look() == [(JOHN, "one", True)]
    john.link(path, "")
    assert await world.look() == [(JOHN, "one", False)]
    assert world.visitors.asked == []
