"""The guard of the disks: refuses in time, looks seldom, and says so once."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from postroad.spool import Room, Space, SpoolSettings, file_systems
from postroad.spool.room import AGE, OVERHEAD, PROMISED, look

MIB = 1_048_576
SETTINGS = SpoolSettings(min_free=100 * MIB, min_free_inodes=1000)
SPOOL, STATE = Path("/spool"), Path("/state")


class Disks:
    """Two disks, a clock, and what the operator is told."""

    def __init__(self, settings: SpoolSettings = SETTINGS) -> None:
        self.now = 0.0
        self.looks = 0
        self.said: list[str] = []
        self.space: dict[Path, Space | OSError] = {
            SPOOL: Space(200 * MIB, 5000),
            STATE: Space(500 * MIB, None),
        }
        self.room = Room(settings, [SPOOL, STATE], lambda: self.now, self.said.append, self.look)

    def look(self, path: Path) -> Space:
        self.looks += path == SPOOL
        space = self.space[path]
        if isinstance(space, OSError):
            raise space
        return space

    def later(self, spool: int, inodes: int = 5000) -> None:
        self.now += AGE
        self.space[SPOOL] = Space(spool * MIB, inodes)


def test_a_message_fits_that_leaves_enough() -> None:
    disks = Disks()
    assert disks.room.has()
    assert disks.room.has(100 * MIB)
    assert not disks.room.has(100 * MIB + 1)
    assert disks.said == []  # there is room for others


@pytest.mark.parametrize(
    ("place", "space", "words"),
    [
        (SPOOL, Space(99 * MIB, 5000), "/spool has 99 MiB free, and 100 MiB are to be free"),
        (SPOOL, Space(200 * MIB, 999), "/spool has 999 inodes free, [spool] min_free_inodes asks"),
        (STATE, Space(1 * MIB, None), "/state has 1 MiB free"),
    ],
)
def test_a_scarce_disk_takes_nothing(place: Path, space: Space, words: str) -> None:
    disks = Disks()
    disks.space[place] = space
    assert not disks.room.has()
    assert words in disks.said[0]


def test_it_is_said_once_when_it_begins_and_once_when_it_ends() -> None:
    disks = Disks()
    for free in (200, 99, 98, 50, 101, 109):  # what is just enough is not yet believed
        disks.later(free)
        disks.room.has()
    assert [line.split(":")[0] for line in disks.said] == ["no more mail is taken"]
    assert not disks.room.has()
    disks.later(111)
    assert disks.room.has()
    assert disks.said[1:] == ["there is room for mail again"]


def test_the_system_is_asked_once_a_second() -> None:
    disks = Disks()
    for _ in range(200):
        assert disks.room.has(4096)
        disks.room.promise(4096)
    assert disks.looks == 1
    disks.later(200)
    assert disks.room.has()
    assert disks.looks == 2


def test_many_small_ones_take_more_than_their_octets() -> None:
    disks = Disks()
    taken = 0
    while disks.looks < 2:
        assert disks.room.has()
        disks.room.promise(100)
        taken += 1
    assert taken == 257  # the last one has had a look


def test_and_when_much_was_promised() -> None:
    """A burst within a second cannot fill the disk unnoticed."""
    disks = Disks()
    disks.room.has()
    disks.room.promise(PROMISED)
    disks.space[SPOOL] = Space(99 * MIB, 5000)
    assert not disks.room.has()


def test_what_was_promised_counts_until_the_disk_knows() -> None:
    disks = Disks()
    disks.room.has()
    disks.room.promise(10 * MIB - OVERHEAD)
    assert disks.room.has(90 * MIB)
    assert disks.looks == 1
    assert disks.room.has(91 * MIB)  # it was looked at again
    assert disks.looks == 2


@pytest.mark.parametrize("space", [Space(0, 0), Space(1, 5)])
def test_limits_can_be_switched_off(space: Space) -> None:
    disks = Disks(SpoolSettings(min_free=0, min_free_inodes=0))
    disks.space[SPOOL] = space
    assert disks.room.has(10**12)
    assert disks.said == []


def test_a_disk_that_cannot_be_asked_takes_mail() -> None:
    disks = Disks()
    disks.space[SPOOL] = OSError(errno.EIO, "Input/output error")
    assert disks.room.has(4096)
    assert not disks.room.has(401 * MIB)  # the other one counts


def test_file_systems_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    assert file_systems(tmp_path / "spool", tmp_path) == [tmp_path / "spool"]
    assert file_systems(tmp_path, Path("/proc")) == [tmp_path, Path("/proc")]
    space = look(tmp_path)
    assert space.octets > 0
    assert look(Path("/proc")).inodes is None
