"""The keys of rewritten addresses: made once, shared, replaced in time, and never lost."""

from __future__ import annotations

import asyncio
import stat
import threading
from pathlib import Path

import pytest

from postroad.intake.srs_keys import DAY, NO_KEY, KeysUnavailable, SrsKeys

LIFETIME, OVERLAP = 90 * DAY, 21 * DAY


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def keys(path: Path, clock: Clock, lifetime: float = LIFETIME) -> SrsKeys:
    return SrsKeys(path / "srs.keys", lifetime=lifetime, overlap=OVERLAP, clock=clock)


def test_the_first_use_makes_one(tmp_path: Path) -> None:
    mine = keys(tmp_path, Clock())

    assert mine.all() == []
    key = mine.newest()
    assert mine.newest() == key
    assert mine.all() == [key]
    assert stat.S_IMODE((tmp_path / "srs.keys").stat().st_mode) == 0o600


def test_workers_share_it_and_see_what_another_one_made(tmp_path: Path) -> None:
    clock = Clock()
    one, other = keys(tmp_path, clock), keys(tmp_path, clock)
    assert other.all() == []

    first = one.newest()
    assert other.newest() == first
    one.rotate()

    assert other.newest() == one.newest() != first
    assert other.all() == [one.newest(), first]


async def test_the_loop_does_not_wait_for_locks_and_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    mine, threads = keys(tmp_path, clock), list[int]()
    rotate = mine.rotate

    def watched(**how: bool) -> None:
        threads.append(threading.get_ident())
        rotate(**how)

    monkeypatch.setattr(mine, "rotate", watched)
    first = await mine.current()
    assert await mine.current() == first
    clock.now += LIFETIME
    found = await asyncio.gather(*(mine.current() for _ in range(4)))

    assert set(found) == {mine.newest()} != {first}
    assert len(mine.all()) == 2
    assert threads
    assert threading.get_ident() not in threads


def test_an_old_one_is_replaced_once_and_reads_for_a_while(tmp_path: Path) -> None:
    clock = Clock()
    one, other = keys(tmp_path, clock), keys(tmp_path, clock)
    first = one.newest()

    clock.now += LIFETIME
    second = one.newest()
    assert other.newest() == second != first
    assert other.all() == [second, first]

    clock.now += LIFETIME
    third = other.newest()
    assert one.all() == [third, second]


def test_what_is_still_good_survives_many_rotations(tmp_path: Path) -> None:
    clock = Clock()
    mine = keys(tmp_path, clock)
    made = []
    for _ in range(30):
        mine.rotate()
        made.append(mine.newest())
        clock.now += DAY

    # Each is good for 21 days, and the one in which days are counted, after it was replaced.
    assert mine.all()[:22] == made[::-1][:22]
    assert made[0] not in mine.all()


def test_no_lifetime_is_for_ever(tmp_path: Path) -> None:
    clock = Clock()
    mine = keys(tmp_path, clock, lifetime=0)
    key = mine.newest()
    clock.now += 100 * LIFETIME

    assert mine.newest() == key


@pytest.mark.parametrize("text", ["nonsense\n", "1790000000 xyz\n", "\x80 00\n", "17 00 00\n"])
def test_what_cannot_be_read_is_not_replaced(tmp_path: Path, text: str) -> None:
    """Old addresses would lead nowhere: an operator has to look."""
    path = tmp_path / "srs.keys"
    path.write_text(text, encoding="latin-1")
    mine = keys(tmp_path, Clock())

    for ask in (mine.all, mine.newest, mine.rotate):
        with pytest.raises(KeysUnavailable, match=r"srs.keys:1: no key"):
            ask()
    assert path.read_text(encoding="latin-1") == text


def test_no_directory(tmp_path: Path) -> None:
    mine = keys(tmp_path / "gone", Clock())

    assert mine.all() == []
    with pytest.raises(KeysUnavailable, match="No such file"):
        mine.newest()


def test_who_may_only_read_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "srs.keys"
    reader = SrsKeys(path, lifetime=1, overlap=OVERLAP, clock=Clock(), is_read_only=True)

    assert reader.newest() == NO_KEY
    assert reader.all() == []
    assert not path.exists()
    key = keys(tmp_path, Clock()).newest()
    assert reader.newest() == key
