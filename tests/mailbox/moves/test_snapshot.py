"""What is different between two looks at a folder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postroad.mailbox.looking import Entry, unique_key
from postroad.mailbox.moves.snapshot import EMPTY, Seen, Snapshot, compare


def entries(*names: str) -> list[Entry]:
    return [Entry("cur", name, number) for number, name in enumerate(names, 1)]


def taken(*names: str) -> Snapshot:
    difference = compare(EMPTY, entries(*names))
    return Snapshot(7, difference.floor, tuple(seen for _, seen in difference.arrived))


def test_what_arrives_and_what_leaves() -> None:
    before = taken("10.a.host:2,", "11.b.host,S=5:2,S")
    difference = compare(before, entries("11.b.host,S=5,W=6:2,FS", "12.c.host"))
    assert [entry.name for entry, _ in difference.arrived] == ["12.c.host"]
    assert [each.key for each in difference.left] == [unique_key("10.a.host")]
    assert [each.key for each in difference.stayed] == [unique_key("11.b.host")]


def test_flags_and_parts_are_no_moves() -> None:
    before = taken("10.a.host,S=7")
    difference = compare(before, [Entry("new", "10.a.host,S=7:2,RS", 99)])
    assert not difference.arrived
    assert not difference.left
    assert [each.inode for each in difference.stayed] == [99]


def test_of_many_the_newest_are_kept_in_mind() -> None:
    names = [f"{at}.m.host" for at in range(1, 8)]
    first = compare(EMPTY, entries(*names), most=3)
    assert [entry.stamp for entry, _ in first.arrived] == [5, 6, 7]
    before = Snapshot(7, first.floor, tuple(seen for _, seen in first.arrived))
    # The newest one is removed: what comes into view then has not arrived.
    second = compare(before, entries(*names[:-1]), most=3)
    assert not second.arrived
    assert [each.key for each in second.left] == [unique_key("7.m.host")]


def test_what_is_pushed_out_of_sight_has_not_left() -> None:
    before = taken("1.a.host", "2.b.host")
    difference = compare(before, entries("1.a.host", "2.b.host", "3.c.host"), most=2)
    assert [entry.name for entry, _ in difference.arrived] == ["3.c.host"]
    assert not difference.left


numbers = st.integers(0, 2**64 - 1)
seen = st.builds(Seen, numbers, numbers, numbers, st.integers(0, 2**32 - 1))


@given(numbers, numbers, st.lists(seen, max_size=5))
def test_a_snapshot_is_kept_as_it_is(identity: int, floor: int, each: list[Seen]) -> None:
    snapshot = Snapshot(identity, floor, tuple(each))
    assert Snapshot.unpack(snapshot.pack()) == snapshot


@given(st.binary(max_size=100))
def test_what_is_no_snapshot_is_empty_or_one(octets: bytes) -> None:
    found = Snapshot.unpack(octets)
    assert found == EMPTY or found.pack() == octets


@given(st.text(max_size=60))
def test_any_name_is_an_entry(name: str) -> None:
    entry = Entry("cur", name, 1)
    assert entry.stamp >= 0
    assert entry.size >= 0
    assert unique_key(f"{name.partition(':')[0]}:2,S") == unique_key(name) or ":" in name
