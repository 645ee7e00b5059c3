"""How often mail of other owners is looked at."""

from __future__ import annotations

from itertools import count

from postroad.filters.moves import rhythm
from postroad.filters.moves.rhythm import SLOWEST, Rhythm


def looks(made: Rhythm, until: int) -> list[int]:
    """In which turns an account is looked at, quietly."""
    found = []
    for turn in range(until):
        if made.is_due(1, turn * 60.0, is_changed=False):
            found.append(turn)
            made.looked(1, turn * 60.0, is_quiet=True)
    return found


def test_quiet_mail_is_looked_at_ever_less_often() -> None:
    made = Rhythm(60.0)
    made.looked(1, 0.0, is_quiet=False)
    assert looks(made, 250) == [1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert looks(Rhythm(60.0), 250) == [0, 15, 45, 105, 165, 225]  # as before a restart


def test_what_moves_is_looked_at_soon_again() -> None:
    made = Rhythm(60.0)
    looks(made, 200)
    made.looked(1, 12_000.0, is_quiet=False)
    assert not made.is_due(1, 12_059.0, is_changed=False)
    assert made.is_due(1, 12_060.0, is_changed=False)
    assert made.is_due(1, 12_001.0, is_changed=True)


def test_who_could_not_be_looked_at_has_to_wait() -> None:
    made = Rhythm(60.0)
    made.failed(1, 0.0)
    assert not made.is_due(1, 59.0 * SLOWEST, is_changed=True)
    assert made.is_due(1, 60.0 * SLOWEST, is_changed=False)
    made.looked(1, 60.0 * SLOWEST, is_quiet=True)
    assert made.is_due(1, 60.0 * SLOWEST + 60.0, is_changed=False)


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    made = Rhythm(60.0)
    made.failed(1, 1e9)
    assert made.is_due(1, 0.0, is_changed=False)


def test_not_all_are_known_for_ever() -> None:
    made = Rhythm(60.0)
    for number in count():
        made.failed(number, 0.0)
        if made.is_due(0, 0.0, is_changed=False):
            break
        assert number < rhythm.MOST_KNOWN
    assert number == rhythm.MOST_KNOWN
