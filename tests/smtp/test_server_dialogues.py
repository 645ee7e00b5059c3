"""Every dialogue file, fed line by line, whole, octet by octet, and cut anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp_dialogue import Dialogue, Session, cut, load, octets, play

DIALOGUES = [load(path) for path in sorted((Path(__file__).parent / "dialogues").glob("*.txt"))]
AT_ONCE = [dialogue for dialogue in DIALOGUES if dialogue.whole]

each = pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda d: d.name)
each_at_once = pytest.mark.parametrize("dialogue", AT_ONCE, ids=lambda d: d.name)


def check(dialogue: Dialogue, session: Session) -> None:
    assert session.output.decode().splitlines() == dialogue.expected.decode().splitlines()
    assert session.output == dialogue.expected
    assert session.ended == dialogue.ended


@each
def test_line_by_line(dialogue):
    check(dialogue, play(dialogue, dialogue.lines()))


@each
def test_octet_by_octet(dialogue):
    check(dialogue, play(dialogue, map(octets, dialogue.segments())))


@each_at_once
def test_whole(dialogue):
    check(dialogue, play(dialogue, ([segment] for segment in dialogue.segments())))


@each
def test_trailing_octets_of_an_unfinished_command_change_nothing(dialogue):
    session = play(dialogue, dialogue.lines())
    before = session.output, session.events
    session.feed(b"NOOP\r")
    assert (session.output, session.events) == before


@each
def test_end_of_file_ends_the_session(dialogue):
    session = play(dialogue, dialogue.lines())
    session.end()
    assert session.ended == ("lost connection" if dialogue.ended is None else dialogue.ended)


@each_at_once
@settings(max_examples=15, deadline=None)
@given(places=st.lists(st.integers(min_value=0, max_value=10_000), max_size=12))
def test_cut_anywhere(dialogue, places):
    pieces = [cut(segment, places) for segment in dialogue.segments()]
    split = play(dialogue, pieces)
    check(dialogue, split)
    assert split.events == play(dialogue, map(octets, dialogue.segments())).events
