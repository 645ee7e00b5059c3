"""A visit by who is the owner of the mail, here by ourselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moving_world import Mailbox, message
from postroad.mailbox import UnsafeName, Whereabouts
from postroad.mailbox.folder import FolderName
from postroad.mailbox.moves.notebook import NAME
from postroad.mailbox.moves.survey import MOST_MOVES, Folders
from postroad.mailbox.moves.visit import MOST_READ, NotLooked, Visit, Wanted

START = 1_700_000_000
FOLDERS = Folders(FolderName.parse("Junk"), (FolderName.parse("Trash"),))


class World:
    """A mailbox, and who visits it."""

    def __init__(self, folder: Path) -> None:
        self.john = Mailbox(folder / "john")
        self.time = float(START)
        self.begin()

    def begin(self) -> None:
        """Another process than before looks."""
        self.visit = Visit(lambda: self.time)

    def look(self, *, hear: bool = True) -> list[tuple[bytes | None, bool]]:
        """What was moved since, and whether it was moved to the folder for junk."""
        self.time += 100
        found = self.visit.look(Wanted(self.john.where, FOLDERS, START))
        told = [(self.visit.read(at, 1000), into_junk) for at, into_junk in enumerate(found.moves)]
        if hear and told:
            self.stamp = self.visit.heard(len(told))
        return told


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_into_junk_and_back(world: World) -> None:
    path = world.john.put(message("offer"))
    assert world.look() == []
    path = world.john.link(path, "Junk")
    assert world.look() == [(message("offer"), True)]
    world.begin()
    assert world.look() == []
    path = world.john.link(path, "Lists")
    assert world.look() == [(message("offer"), False)]
    world.john.copy(path, "Junk")
    assert world.look() == [(message("offer"), True)]
    assert world.look() == []


def test_what_was_not_heard_is_told_again(world: World) -> None:
    path = world.john.put(message("one"), "Junk")
    world.john.put(message("two"), "Junk")
    first = world.look(hear=False)
    assert {octets for octets, _ in first} == {message("one"), message("two")}
    world.begin()
    again = world.look(hear=False)
    assert again == first
    assert world.visit.heard(1) == ""
    assert world.look() == first[1:]
    assert world.look() == []
    world.john.link(path, "")
    assert world.look(hear=False) == [(message("one"), False)]
    assert world.look() == [(message("one"), False)]
    assert world.look() == []


def test_many_are_told_by_and_by(world: World) -> None:
    for number in range(MOST_MOVES + 5):
        world.john.put(message(f"m{number}"), "Junk")
    assert [len(world.look()) for _ in range(3)] == [MOST_MOVES, 5, 0]


def test_nothing_is_left_where_there_is_no_junk(world: World) -> None:
    assert world.look() == []
    assert not (world.john.top / NAME).exists()


def test_nothing_but_what_was_moved_is_handed_over(world: World) -> None:
    """An agent's worker may ask what it likes."""
    world.john.put(message("private"))
    old = world.john.put(message("old"), "Junk", at=START - 10_000)
    world.john.put(message("new"), "Junk", at=START + 1)
    with pytest.raises(NotLooked):
        world.visit.read(0, 10)
    with pytest.raises(NotLooked):
        world.visit.heard(0)
    assert world.look(hear=False) == [(message("new"), True)]
    for at in (-1, 1, 2**70):
        with pytest.raises(NotLooked):
            world.visit.read(at, 10)
    assert world.visit.read(0, 10) == message("new")[:10]
    world.visit.heard(2**70)
    with pytest.raises(NotLooked):
        world.visit.read(0, 10)
    world.john.link(old, "")  # it was in the folder for junk, and was moved out of it
    assert world.look() == [(message("old"), False)]


def test_a_huge_message_is_handed_over_in_part(world: World) -> None:
    octets = message("huge") + b"x" * 2 * MOST_READ
    path = world.john.put(octets, "Junk")
    world.time += 1
    world.visit.look(Wanted(world.john.where, FOLDERS, START))
    assert world.visit.read(0, 2**40) == octets[:MOST_READ]
    world.visit.heard(1)
    world.john.copy(path, "")
    assert [into_junk for _, into_junk in world.look()] == [False]


def test_links_and_pipes_are_not_read(world: World, tmp_path: Path) -> None:
    other = Mailbox(tmp_path / "other")
    secret = other.put(message("secret"), "Junk")
    junk = world.john.make("Junk") / "cur"
    (junk / "1700000001.link.host").symlink_to(secret)
    os.mkfifo(junk / "1700000002.pipe.host")
    (junk / "1700000003.folder.host").mkdir()
    assert world.look() == []  # at the first look they are old: nobody knows since when
    (junk / "1700000004.link.host").symlink_to(secret)
    os.mkfifo(junk / "1700000005.pipe.host")
    (junk / "1700000006.folder.host").mkdir()
    os.utime(junk)
    before = os.listdir("/proc/self/fd")
    assert world.look() == [(None, True)] * 3
    assert os.listdir("/proc/self/fd") == before
    assert world.look() == []


def test_links_in_place_of_folders_lead_nowhere(world: World, tmp_path: Path) -> None:
    other = Mailbox(tmp_path / "other")
    other.put(message("secret"), "Junk")
    (world.john.top / ".Junk").symlink_to(other.top / ".Junk")
    with pytest.raises(NotADirectoryError):
        world.look()
    (world.john.top / ".Junk").unlink()
    junk = world.john.make("Junk")
    (junk / "cur").rmdir()
    (junk / "cur").symlink_to(other.top / ".Junk" / "new")
    with pytest.raises(NotADirectoryError):
        world.look()


def test_links_out_of_the_roots_are_refused(world: World, tmp_path: Path) -> None:
    Mailbox(tmp_path / "other")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "john").symlink_to(tmp_path / "other")
    top = tmp_path / "in" / "john"
    where = Whereabouts(top, top, top, roots=(tmp_path / "in",))
    with pytest.raises(UnsafeName):
        world.visit.look(Wanted(where, FOLDERS, START))


@pytest.mark.parametrize("since", [0.0, float(START), 1e12], ids=["all new", "usual", "all old"])
def test_a_name_alone_has_nothing_handed_over(world: World, since: float) -> None:
    """Who can write into the folder for junk may give it the names of mail that lies elsewhere."""
    private = world.john.put(message("private"))
    bait = world.john.make("Junk") / "new" / private.name
    bait.write_bytes(message("bait!!!"))
    wanted = Wanted(world.john.where, FOLDERS, since)
    for _ in range(3):
        world.time += 100
        found = world.visit.look(wanted)
        told = [world.visit.read(at, 1000) for at in range(len(found.moves))]
        assert set(told) <= {message("bait!!!")}
        if found.moves:
            world.visit.heard(len(found.moves))
        bait.unlink(missing_ok=True)
