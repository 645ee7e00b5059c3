"""Real agents look for moves in mail of real users, some of whom mean us no good."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moving_world import Mailbox, message
from peers import needs
from peers.agents import agents_of, is_alive
from peers.processes import peer_folder, remove_folder
from peers.waiting import until
from postroad.mailbox.agent.broker import Terms
from postroad.mailbox.agent.pool import AgentPool
from postroad.mailbox.agent.starting import start_guard
from postroad.mailbox.agent.visitor import Visitor
from postroad.mailbox.errand import Errand, Target
from postroad.mailbox.folder import FolderName
from postroad.mailbox.moves.notebook import NAME
from postroad.mailbox.moves.survey import Folders
from postroad.mailbox.moves.visit import Found, Wanted
from postroad.mailbox.owners import Owner, OwnerAway
from stored_messages import Octets

ANN, BEN = Owner(2111, 2111), Owner(2112, 2112)
NUMBERS = ((2111, 2112),)
FOLDERS = Folders(FolderName.parse("Junk"), (FolderName.parse("Trash"),))
SINCE = 1_600_000_000.0
MOST = 3


class World:
    """The mail of two users, and who visits them."""

    def __init__(self, folder: Path) -> None:
        self.mail = folder / "mail"
        self.mail.mkdir()
        for path in (folder, self.mail):
            path.chmod(0o755)
        self.boxes = {ANN: Mailbox(self.mail / "ann"), BEN: Mailbox(self.mail / "ben")}
        self.give()

    def give(self) -> None:
        """Let all be its owner's."""
        for owner, box in self.boxes.items():
            for path in (box.top, *box.top.rglob("*")):
                os.chown(path, *owner, follow_symlinks=False)
            box.top.chmod(0o700)

    def look(self, visitor: Visitor, owner: Owner = ANN) -> Found:
        self.give()
        return visitor.look(Wanted(self.boxes[owner].where, FOLDERS, SINCE))


@pytest.fixture
def world() -> Iterator[World]:
    needs.root("a process that becomes other users")
    folder = peer_folder("visited")
    yield World(folder)
    remove_folder(folder)


def pool_of(world: World, junk: str = "Junk") -> tuple[AgentPool, socket.socket]:
    control = start_guard(Terms(NUMBERS, NUMBERS, (str(world.mail),), MOST, junk))
    return AgentPool(control, MOST, look_limit=60), control


@pytest.fixture
def pool(world: World) -> Iterator[AgentPool]:
    pool, control = pool_of(world)
    yield pool
    pool.close()
    control.close()


def deliver(pool: AgentPool, world: World, number: int = 1) -> None:
    name = f"1700000000.QZx{number}R1.mail.example.org"
    errand = Errand(Target(world.boxes[ANN].where), name, b"Return-Path: <>\n", queued=0.0)
    assert pool.deliver(ANN, errand, Octets(b"Subject: x\r\n\r\n")).written


def test_a_visit(world: World, pool: AgentPool) -> None:
    box, octets = world.boxes[ANN], message("offer") + b"x" * 200_000
    box.put(message("inbox"))
    path = box.put(octets, "Junk")
    visitor = pool.visitor(ANN)
    assert world.look(visitor).moves == (True,)
    assert visitor.read(0, 100_000) == octets[:100_000]
    assert visitor.read(0, 2**20) == octets
    visitor.heard(1)
    assert world.look(visitor).moves == ()
    box.link(path, "")
    assert world.look(visitor).moves == (False,)
    assert visitor.read(0, 2**20) == octets
    visitor.heard(1)
    visitor.close()
    kept = box.top / NAME
    assert (kept.stat().st_uid, kept.stat().st_mode & 0o777) == (ANN.uid, 0o600)
    # One that was started for a look ends with it.
    until(lambda: not agents_of(ANN.uid), within=30, what="the end of the agent")


def test_one_that_was_kept_looks_and_delivers_on(world: World, pool: AgentPool) -> None:
    deliver(pool, world)
    [agent] = agents_of(ANN.uid)
    visitor = pool.visitor(ANN)
    world.look(visitor)
    visitor.close()
    visitor.close()
    deliver(pool, world, 2)
    assert agents_of(ANN.uid) == [agent]
    os.kill(agent, signal.SIGKILL)
    until(lambda: not is_alive(agent), within=30, what="its end")
    visitor = pool.visitor(ANN)  # another one
    assert world.look(visitor).moves == ()
    visitor.close()


def test_a_mail_of_others_stays_theirs(world: World, pool: AgentPool) -> None:
    secret = world.boxes[BEN].put(message("secret"), "Junk")
    junk = world.boxes[ANN].make("Junk")
    visitor = pool.visitor(ANN)
    world.look(visitor)
    (junk / "cur" / "4000000000.link.host:2,").symlink_to(secret)
    assert world.look(visitor).moves == (True,)
    assert visitor.read(0, 1000) is None
    visitor.heard(1)
    world.boxes[ANN].top.chmod(0o777)
    junk.rename(junk.with_name(".Old"))
    junk.symlink_to(secret.parent.parent)
    with pytest.raises(OSError, match=r"denied|directory"):
        world.look(visitor)
    # And as what he is not, nobody looks at all.
    with pytest.raises(PermissionError):
        visitor.look(Wanted(world.boxes[BEN].where, FOLDERS, SINCE))
    visitor.close()


def test_a_hard_link_to_mail_of_others_is_not_read(world: World, pool: AgentPool) -> None:
    secret = world.boxes[BEN].put(message("secret"), "Junk")
    secret.chmod(0o600)
    junk = world.boxes[ANN].make("Junk")
    visitor = pool.visitor(ANN)
    world.look(visitor)
    os.link(secret, junk / "cur" / "4000000000.hard.host:2,")
    os.chown(secret, *BEN)
    assert visitor.look(Wanted(world.boxes[ANN].where, FOLDERS, SINCE)).moves == (True,)
    assert visitor.read(0, 1000) is None
    visitor.close()


@pytest.mark.parametrize("junk", ["", "Spam"])
def test_agents_look_into_no_other_folder(world: World, junk: str) -> None:
    pool, control = pool_of(world, junk)
    visitor = pool.visitor(ANN)
    with pytest.raises(OwnerAway, match="when the server was started"):
        world.look(visitor)
    with pytest.raises(OwnerAway):
        world.look(visitor)
    visitor.close()
    deliver(pool, world)
    pool.close()
    control.close()


def test_places_elsewhere_and_strangers_are_refused(world: World, pool: AgentPool) -> None:
    visitor = pool.visitor(ANN)
    with pytest.raises(OwnerAway, match="not below the roots"):
        visitor.look(Wanted(Mailbox(world.mail.parent / "elsewhere").where, FOLDERS, SINCE))
    visitor.close()
    visitor = pool.visitor(Owner(2113, 2111))
    with pytest.raises(OwnerAway, match="does not allow"):
        world.look(visitor)
    visitor.close()


@pytest.mark.parametrize("when", ["before", "between"])
def test_an_owner_who_stops_his_agent_is_waited_for_a_moment(world: World, when: str) -> None:
    pool, control = pool_of(world)
    world.boxes[ANN].put(message("offer"), "Junk")
    visitor = pool.visitor(ANN)
    if when == "between":
        assert world.look(visitor).moves == (True,)
    until(lambda: len(agents_of(ANN.uid)) == 1, within=30, what="an agent")
    [agent] = agents_of(ANN.uid)
    os.kill(agent, signal.SIGSTOP)
    visitor._time_limit = visitor._left = 1.0  # seconds, of which others need more to start
    with pytest.raises(OwnerAway, match="no answer in time"):
        visitor.read(0, 1000) if when == "between" else world.look(visitor)
    deliver(pool, world)  # by another one
    visitor.close()
    until(lambda: not is_alive(agent), within=30, what="the end of the stopped agent")
    visitor = pool.visitor(ANN)
    assert world.look(visitor).moves == (True,)  # nothing of it was lost
    visitor.close()
    pool.close()
    control.close()


def test_an_agent_that_is_killed_loses_nothing(world: World, pool: AgentPool) -> None:
    world.boxes[ANN].put(message("offer"), "Junk")
    visitor = pool.visitor(ANN)
    assert world.look(visitor).moves == (True,)
    assert visitor.read(0, 1000) == message("offer")
    [agent] = agents_of(ANN.uid)
    os.kill(agent, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(OwnerAway, match="ended, or gave no answer"):
            visitor.heard(1)
    visitor.close()
    visitor = pool.visitor(ANN)
    assert world.look(visitor).moves == (True,)
    visitor.heard(1)
    assert world.look(visitor).moves == ()
    visitor.close()


def test_looks_of_a_crowd_leave_no_more_agents_than_allowed(world: World, pool: AgentPool) -> None:
    for _ in range(3 * MOST):
        for owner in (ANN, BEN):
            visitor = pool.visitor(owner)
            assert world.look(visitor, owner).moves == ()
            visitor.close()
            until(lambda: not agents_of(owner.uid), within=30, what="its end")  # noqa: B023


class Liar:
    """The other end of a visitor's socket."""

    def __init__(self, *packets: bytes) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for each in packets:
            theirs.send(each)
        theirs.close()
        self.sound: list[bool] = []
        self.visitor = Visitor(self.ours, 5.0, lambda _, is_fit: self.sound.append(is_fit))


@pytest.mark.parametrize(
    "packets",
    [
        (),
        (b"no",),
        (b'{"octets": 10}',),
        (b'{"octets": 10}', b"123"),
        (b'{"octets": 10}', b"12345678901"),
        (b'{"octets": 1001}',),
        (b'{"octets": 9999999999999}',),
        (b"x" * 65_537,),
    ],
)
def test_what_is_no_answer_is_none(packets: tuple[bytes, ...]) -> None:
    liar = Liar(*packets)
    with pytest.raises(OwnerAway, match="ended, or gave no answer"):
        liar.visitor.read(0, 1000)
    liar.visitor.close()
    assert liar.sound == [False]
    liar.ours.close()


def test_one_that_owes_an_answer_is_not_kept() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sound: list[bool] = []
    visitor = Visitor(ours, 60.0, lambda _, is_fit: sound.append(is_fit), lambda: ours)
    with ours, ThreadPoolExecutor(1) as threads, theirs:
        asked = threads.submit(visitor.read, 0, 10)
        assert theirs.recv(1000)
        visitor.close()  # as the server ends; mail for the same owner is next
        assert sound == [False]
        theirs.close()
        with pytest.raises(OwnerAway):
            asked.result()
