"""Packets about moves: as they are said, and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moving_world import Mailbox, message
from postroad.mailbox import Whereabouts
from postroad.mailbox.agent.form import Malformed, OutOfRoots
from postroad.mailbox.agent.visit_wire import (
    PIECE,
    OtherFolder,
    answers_to,
    found_in,
    heard_question,
    is_visit,
    look_question,
    read_question,
    size_in,
    stamp_in,
)
from postroad.mailbox.agent.wire import Failure, refusal
from postroad.mailbox.folder import FolderName
from postroad.mailbox.moves.survey import MOST_MOVES, Folders
from postroad.mailbox.moves.visit import MOST_READ, Visit, Wanted

FOLDERS = Folders(FolderName.parse("Junk"), (FolderName.parse("Trash.old"),))


class World:
    def __init__(self, folder: Path) -> None:
        self.roots = (folder,)
        self.john = Mailbox(folder / "john")
        self.visit = Visit()

    def question(self, **changes: object) -> dict[str, object]:
        said: dict[str, object] = json.loads(look_question(Wanted(self.john.where, FOLDERS, 7)))
        return said | changes

    def ask(self, packet: bytes | dict[str, object], junk: str = "Junk") -> list[bytes]:
        said = packet if isinstance(packet, dict) else json.loads(packet)
        assert is_visit(said)
        return list(answers_to(said, self.visit, self.roots, junk))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_whole_visit(world: World) -> None:
    octets = message("offer") + b"x" * 2 * PIECE
    world.john.put(octets, "Junk")
    [answer] = world.ask(world.question())
    assert found_in(answer).moves == (True,)
    size, *pieces = world.ask(read_question(0, MOST_READ))
    assert size_in(size, MOST_READ) == len(octets)
    assert [len(each) for each in pieces] == [PIECE, PIECE, len(octets) - 2 * PIECE]
    assert b"".join(pieces) == octets
    size, *pieces = world.ask(read_question(0, 5))
    assert (size_in(size, 5), pieces) == (5, [octets[:5]])
    [answer] = world.ask(heard_question(1))
    stamp = stamp_in(answer)
    [answer] = world.ask(world.question())
    assert found_in(answer).moves == ()
    assert found_in(answer).stamp == stamp


def test_a_message_that_is_gone(world: World) -> None:
    path = world.john.put(message("offer"), "Junk")
    world.ask(world.question())
    path.unlink()
    [answer] = world.ask(read_question(0, 5))
    assert size_in(answer, 5) is None


@pytest.mark.parametrize("junk", ["", "Spam", "INBOX"])
def test_an_agent_looks_into_one_folder_only(world: World, junk: str) -> None:
    with pytest.raises(OtherFolder, match="when the server was started"):
        world.ask(world.question(), junk)
    with pytest.raises(OtherFolder):
        world.ask(world.question(junk="Archive"))


def test_a_place_elsewhere_is_refused(world: World) -> None:
    with pytest.raises(OutOfRoots):
        world.ask(world.question(places=["/etc/a"] * 3))


@pytest.mark.parametrize(
    "changes",
    [
        {"look": 2},
        {"look": True},
        {"since": 7},
        {"since": "7"},
        {"places": []},
        {"trash": "Trash"},
        {"trash": ["a/b"]},
        {"trash": [1]},
        {"junk": None},
        {"forms": [1, 0, 0]},
    ],
)
def test_what_is_no_question(world: World, changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        world.ask(world.question(**changes))


@pytest.mark.parametrize(
    "packet",
    [
        read_question(0, 10),
        heard_question(0),
        b'{"read": true, "most": 1}',
        b'{"read": 0}',
        b'{"heard": "1"}',
    ],
)
def test_nobody_has_looked_before(world: World, packet: bytes) -> None:
    with pytest.raises(Malformed):
        world.ask(packet)


@pytest.mark.parametrize(
    ("read", "packet"),
    [
        (found_in, b"{}"),
        (found_in, b"[]"),
        (found_in, b'{"moves": [1], "stamp": ""}'),
        (found_in, b'{"moves": [], "stamp": "\\u001b"}'),
        (found_in, b'{"moves": [], "stamp": null}'),
        (found_in, json.dumps({"moves": [True] * (MOST_MOVES + 1), "stamp": ""}).encode()),
        (stamp_in, b'{"stamp": "' + b"1" * 81 + b'"}'),
        (lambda packet: size_in(packet, 10), b'{"octets": 11}'),
        (lambda packet: size_in(packet, 2**40), b'{"octets": %d}' % (MOST_READ + 1)),
        (lambda packet: size_in(packet, 10), b'{"octets": 1.0}'),
    ],
)
def test_what_is_no_answer(read: Callable[[bytes], object], packet: bytes) -> None:
    with pytest.raises(Malformed):
        read(packet)


def test_a_refusal_is_told() -> None:
    with pytest.raises(Failure, match="not now"):
        found_in(refusal("not now"))


@given(st.binary(max_size=100))
def test_any_octets_are_an_answer_or_none(packet: bytes) -> None:
    for read in (found_in, stamp_in):
        with pytest.raises((Malformed, Failure, OSError)):
            read(packet)


WHERE = Whereabouts.at(Path("/home/ann/Maildir"))
words = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["look", "places", "junk", "trash", "since"]), words))
def test_any_question_is_answered_or_none(changes: dict[str, object]) -> None:
    said = json.loads(look_question(Wanted(WHERE, FOLDERS, 7))) | changes
    with pytest.raises((Malformed, OutOfRoots, OtherFolder, OSError)):
        list(answers_to(said, Visit(), (Path("/home"),), "Junk"))
