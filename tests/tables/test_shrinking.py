"""What of a file that somebody rewrites looks as if it was cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.tables.extents import Extents, Known
from postroad.tables.shrinking import HELD_FOR, Extent, Shrinking, unended

FILE = frozenset({Path("users")})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (Extent(0), Extent(0), ""),
        (Extent(0), Extent(5, FILE), ""),
        (Extent(3), Extent(0), "nothing is in it any more"),
        (Extent(3), Extent(0, FILE), "nothing is in it any more"),
        (Extent(3), Extent(3, FILE), "its last line has no end"),
        (Extent(3), Extent(1, FILE), "its last line has no end"),
        (Extent(3), Extent(4, FILE), ""),  # somebody added a line without an end
        (Extent(3, FILE), Extent(2, FILE), ""),  # and it never had one
        (Extent(19), Extent(1), ""),
        (Extent(20), Extent(11), ""),
        (Extent(20), Extent(10), "10 of its 20 entries are gone at once"),
        (Extent(1000), Extent(1), "999 of its 1000 entries are gone at once"),
    ],
)
def test_what_is_seldom_meant(old: Extent, new: Extent, words: str) -> None:
    shrinking = Shrinking("users", Extents(Clock()))
    assert shrinking.objection(old) == ""
    found = shrinking.objection(new)
    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize("cut", [Extent(50), Extent(0), Extent(100, FILE)])
def test_each_goes_when_it_stayed_so(cut: Extent) -> None:
    clock = Clock()
    shrinking = Shrinking("users", Extents(clock))
    shrinking.objection(Extent(100))
    assert "a reload takes it as it is" in shrinking.objection(cut)
    clock.now = HELD_FOR
    assert shrinking.is_due
    assert shrinking.objection(cut) == ""


def test_a_half_goes_when_it_stayed_so_and_the_time_begins_with_each_change() -> None:
    clock = Clock()
    shrinking = Shrinking("users", Extents(clock))
    shrinking.objection(Extent(100))
    assert shrinking.objection(Extent(50))
    clock.now = HELD_FOR - 1
    assert not shrinking.is_due
    assert shrinking.objection(Extent(40))
    clock.now = HELD_FOR
    assert not shrinking.is_due
    assert shrinking.objection(Extent(40))
    clock.now = 2 * HELD_FOR
    assert shrinking.is_due
    assert shrinking.objection(Extent(40)) == ""
    assert not shrinking.is_due
    assert shrinking.objection(Extent(30)) == ""  # compared with what was taken


@pytest.mark.parametrize(("text", "found"), [("", False), ("a\n", False), ("a", True)])
def test_a_last_line_without_an_end(tmp_path: Path, text: str, found: bool) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    assert bool(unended([path, tmp_path / "absent"])) is found


LOOKS = [(1, 2, 3)]


def test_one_that_comes_later_objects_as_those_before_it(tmp_path: Path) -> None:
    clock = Clock()

    def another(*, is_read_only: bool = False) -> Shrinking:
        where = tmp_path / "extents"
        return Shrinking("users", Extents(clock, where, is_read_only=is_read_only))

    first = another()
    assert first.objection(Extent(100)) == ""
    assert first.objection(Extent(1, FILE))
    clock.now = HELD_FOR - 1
    assert another().objection(Extent(1, FILE))
    assert another(is_read_only=True).objection(Extent(1, FILE))
    clock.now = HELD_FOR  # counted from when the first one saw it
    assert another().objection(Extent(1, FILE)) == ""
    assert first.objection(Extent(1, FILE)) == ""


def test_what_an_operator_means_is_taken_by_all(tmp_path: Path) -> None:
    clock = Clock()
    first, second = (Shrinking("users", Extents(clock, tmp_path)) for _ in range(2))
    first.objection(Extent(100))
    assert first.objection(Extent(1), LOOKS)
    first.trust(LOOKS)
    assert first.objection(Extent(0), [(1, 2, 4)])  # it was cut again since
    assert second.objection(Extent(1), LOOKS) == ""
    assert first.objection(Extent(1), LOOKS) == ""
    assert Shrinking("users", Extents(clock, tmp_path)).objection(Extent(0), LOOKS)


def test_the_time_begins_anew_when_the_whole_file_was_back() -> None:
    clock = Clock()
    shrinking = Shrinking("users", Extents(clock))
    shrinking.objection(Extent(100))
    shrinking.objection(Extent(0))
    shrinking.is_back()
    clock.now = HELD_FOR
    assert not shrinking.is_due
    assert shrinking.objection(Extent(0))


def test_a_clock_that_is_set_back_holds_it_no_longer() -> None:
    clock = Clock()
    clock.now = 10 * HELD_FOR
    shrinking = Shrinking("users", Extents(clock))
    shrinking.objection(Extent(100))
    shrinking.objection(Extent(0))
    clock.now = HELD_FOR
    assert shrinking.objection(Extent(0))
    clock.now = 2 * HELD_FOR
    assert shrinking.objection(Extent(0)) == ""


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"taken": 1}', "\0", '{"trusted": 1}'])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, written: str) -> None:
    extents = Extents(Clock(), tmp_path)
    extents.keep("users", Known(Extent(1)))
    (path,) = tmp_path.iterdir()
    assert extents.known("users") == Known(Extent(1))
    path.write_text(written)
    assert extents.known("users") is None


def test_where_nothing_can_be_written_one_goes_by_what_one_saw(tmp_path: Path) -> None:
    (tmp_path / "extents").write_text("in the way")
    extents = Extents(Clock(), tmp_path / "extents")
    known = Known(Extent(2, FILE), Extent(0), 3.0, ((1, 2, 3),))
    extents.keep("users", known)
    assert extents.known("users") == known
    (tmp_path / "extents").unlink()
    extents.keep("users", known)
    assert Extents(Clock(), tmp_path / "extents").known("users") == known
