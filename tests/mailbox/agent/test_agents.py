"""A real guard, broker and agents, with real users; no server around them."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peers import needs
from peers.agents import agents_of, is_alive, parent_of
from peers.processes import peer_folder, remove_folder
from peers.waiting import until
from postroad.mailbox.agent.broker import Terms
from postroad.mailbox.agent.pool import AgentPool
from postroad.mailbox.agent.starting import start_guard
from postroad.mailbox.errand import Errand, Target
from postroad.mailbox.folder import FolderName
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.owners import OWN_GROUP, Owner, OwnerAway
from postroad.mailbox.quota import OverQuota, Quota
from postroad.mailbox.rights import Rights
from postroad.mailbox.variables import UnsafeName
from stored_messages import Octets

ANN, BEN, EVE = Owner(2101, 2101), Owner(2102, 2102), Owner(1999, 2101)
NAME = "1700000000.QZx1R1.mail.example.org"
MOST = 3


@pytest.fixture
def mail() -> Iterator[Path]:
    needs.root("a process that becomes other users")
    folder = peer_folder("agents")
    for path in (folder, folder / "mail", *(folder / "mail" / each for each in ("ann", "ben"))):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    for name, owner in (("ann", ANN), ("ben", BEN)):
        os.chown(folder / "mail" / name, *owner)
    yield folder / "mail"
    remove_folder(folder)


@pytest.fixture
def control(mail: Path) -> Iterator[socket.socket]:
    numbers = ((2100, 2199),)
    control = start_guard(Terms(numbers, numbers, (str(mail),), MOST))
    yield control
    control.close()


@pytest.fixture
def pool(control: socket.socket) -> Iterator[AgentPool]:
    pool = AgentPool(control, MOST, time_limit=30)
    yield pool
    pool.close()


def errand(maildir: Path, number: int = 1, **target: Any) -> Errand:
    name = NAME.replace("Zx1", f"Zx{number}")
    return Errand(Target(Whereabouts.at(maildir), **target), name, b"Return-Path: <>\n", queued=0.0)


TEXT = Octets(b"Subject: hello\r\n\r\ntext\r\n")


def files(maildir: Path) -> list[Path]:
    return sorted((maildir / "new").iterdir())


def agent_of(owner: Owner) -> int:
    """Its one agent, when those of tests before are gone."""
    until(lambda: len(agents_of(owner.uid)) == 1, within=30, what="one agent")
    return agents_of(owner.uid)[0]


def uids(pid: int) -> list[str]:
    status = Path(f"/proc/{pid}/status").read_text()
    return [
        status.partition(f"{key}:\t")[2].partition("\n")[0].strip()
        for key in ("Uid", "Gid", "Groups")
    ]


def test_mail_is_its_owners(pool: AgentPool, mail: Path) -> None:
    rights = Rights(0o2770, 0o640)
    assert pool.deliver(ANN, errand(mail / "ann/Maildir", rights=rights), TEXT).written
    assert pool.deliver(BEN, errand(mail / "ben/Maildir"), TEXT).written
    for owner, name, modes in ((ANN, "ann", (0o2770, 0o640)), (BEN, "ben", (0o700, 0o600))):
        [file] = files(mail / name / "Maildir")
        assert file.read_bytes() == b"Return-Path: <>\nSubject: hello\n\ntext\n"
        for path, mode in ((file.parent, modes[0]), (file, modes[1])):
            about = path.stat()
            assert (about.st_uid, about.st_gid, about.st_mode & 0o7777) == (*owner, mode)
    agent = agent_of(ANN)
    assert uids(agent) == ["2101\t2101\t2101\t2101", "2101\t2101\t2101\t2101", ""]


def test_a_folder_and_a_large_content(pool: AgentPool, mail: Path) -> None:
    large = Octets((b"x" * 70 + b"\r\n") * 40_000)
    target = errand(mail / "ann/Maildir", folder=FolderName.parse("Lists.python"), create=True)
    assert pool.deliver(ANN, target, large).written
    [file] = files(mail / "ann/Maildir/.Lists.python")
    assert file.stat().st_size == large.size - 40_000 + len("Return-Path: <>\n")
    assert (mail / "ann/Maildir/subscriptions").stat().st_uid == ANN.uid


def test_a_repeat_is_found(pool: AgentPool, mail: Path) -> None:
    first = errand(mail / "ann/Maildir")
    assert pool.deliver(ANN, first, TEXT).written
    assert pool.deliver(ANN, replace(first, repeat=True), TEXT).written is False
    assert len(files(mail / "ann/Maildir")) == 1


def test_a_quota_and_what_lies_there(pool: AgentPool, mail: Path) -> None:
    quota = Quota(octets=10_000, messages=1)
    stored = pool.deliver(ANN, errand(mail / "ann/Maildir", quota=quota), TEXT)
    assert stored.after.messages == 1
    with pytest.raises(OverQuota):
        pool.deliver(ANN, errand(mail / "ann/Maildir", 2, quota=quota), TEXT)
    usage = pool.usage(ANN, Whereabouts.at(mail / "ann/Maildir"), quota)
    assert usage == stored.after


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (Owner(0, 2101), "root"),
        (Owner(2101, 0), "root"),
        (Owner(0, OWN_GROUP), "root"),
        (EVE, "user 1999, whom .mailbox. uids does not allow"),
        (Owner(2101, 42), "group is 42, which .mailbox. gids does not allow"),
        (Owner(2150, OWN_GROUP), "nothing says which group user 2150"),
    ],
)
def test_others_are_refused(pool: AgentPool, mail: Path, owner: Owner, words: str) -> None:
    (mail / "open").mkdir()
    (mail / "open").chmod(0o777)
    with pytest.raises(OwnerAway, match=words):
        pool.deliver(owner, errand(mail / "open/Maildir"), TEXT)
    assert list((mail / "open").iterdir()) == []


@pytest.mark.parametrize("place", ["/etc/x", "{mail}-not/x", "{mail}/../x", "{mail}"])
def test_only_below_the_roots(pool: AgentPool, mail: Path, place: str) -> None:
    with pytest.raises(OwnerAway, match="not below the roots"):
        pool.deliver(ANN, errand(Path(place.format(mail=mail))), TEXT)


def test_a_link_of_the_owner_leads_no_further_than_the_owner(pool: AgentPool, mail: Path) -> None:
    secret = mail / "ben" / "Maildir"
    assert pool.deliver(BEN, errand(secret), TEXT).written
    (mail / "ann/Maildir").symlink_to(secret)
    with pytest.raises(PermissionError) as caught:
        pool.deliver(ANN, errand(mail / "ann/Maildir", 2), TEXT)
    assert caught.value.errno == errno.EACCES
    assert len(files(secret)) == 1
    (mail / "ann/Maildir").unlink()
    assert pool.deliver(ANN, errand(mail / "ann/Maildir", 3), TEXT).written
    (mail / "ann/Maildir/tmp").rmdir()
    (mail / "ann/Maildir/tmp").symlink_to("/tmp")
    with pytest.raises(UnsafeName):
        pool.deliver(ANN, errand(mail / "ann/Maildir", 4), TEXT)


class Stalling:
    """A content that waits in its middle."""

    def __init__(self) -> None:
        self.size = 200_000
        self.reached, self.go_on = threading.Event(), threading.Event()

    def chunks(self) -> Iterator[bytes]:
        yield b"x" * 100_000
        self.reached.set()
        self.go_on.wait(30)
        yield b"x" * 100_000


@pytest.mark.parametrize("victim", ["agent", "broker", "both"])
def test_who_is_killed_in_a_delivery_leaves_no_message_and_a_repeat_makes_one(
    pool: AgentPool, mail: Path, victim: str
) -> None:
    maildir, content = mail / "ann/Maildir", Stalling()
    caught: list[OwnerAway] = []

    def deliver() -> None:
        try:
            pool.deliver(ANN, errand(maildir), content)
        except OwnerAway as error:
            caught.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    assert content.reached.wait(30)
    agent = agent_of(ANN)
    broker = parent_of(agent)
    assert uids(broker)[0].split() == ["0"] * 4
    for pid in {"agent": [agent], "broker": [broker], "both": [broker, agent]}[victim]:
        os.kill(pid, signal.SIGKILL)
    content.go_on.set()
    thread.join(30)
    # An agent needs no broker to end what it is at.
    assert len(caught) == (victim != "broker")
    assert len(files(maildir)) == (victim == "broker")
    again = replace(errand(maildir), repeat=True)
    assert pool.deliver(ANN, again, Octets(b"x" * 200_000)).written is (victim != "broker")
    assert len(files(maildir)) == 1
    assert list((maildir / "tmp").iterdir()) == []
    assert pool.deliver(BEN, errand(mail / "ben/Maildir"), TEXT).written  # by a new broker


def test_an_agent_that_ended_meanwhile_is_followed_by_another(pool: AgentPool, mail: Path) -> None:
    assert pool.deliver(ANN, errand(mail / "ann/Maildir"), TEXT).written
    agent = agent_of(ANN)
    os.kill(agent, signal.SIGKILL)
    assert pool.deliver(ANN, errand(mail / "ann/Maildir", 2), TEXT).written
    assert len(files(mail / "ann/Maildir")) == 2


def test_an_agent_ends_with_its_worker_in_the_middle_of_a_message(
    control: socket.socket, mail: Path
) -> None:
    pool = AgentPool(control, MOST)
    with pytest.raises(OwnerAway):
        pool.deliver(ANN, errand(mail / "ann/Maildir"), _Never())
    until(lambda: not agents_of(ANN.uid), within=30, what="the end of the agent")
    assert list(mail.glob("ann/Maildir/new/*")) == []
    pool.close()


class _Never:
    """A content that cannot be read to its end."""

    size = 100

    def chunks(self) -> Iterator[bytes]:
        yield b"x" * 10
        raise OwnerAway("the reader gave up")


def test_an_owner_who_stops_an_agent_holds_up_own_mail_only(
    control: socket.socket, mail: Path
) -> None:
    pool = AgentPool(control, MOST, time_limit=60, stalled=0.0)
    assert pool.deliver(ANN, errand(mail / "ann/Maildir"), TEXT).written
    agent = agent_of(ANN)
    os.kill(agent, signal.SIGSTOP)
    pool._time_limit = 5
    caught: list[OwnerAway] = []

    def deliver() -> None:
        try:
            pool.deliver(ANN, errand(mail / "ann/Maildir", 2), TEXT)
        except OwnerAway as error:
            caught.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    until(lambda: pool._busy, within=30, what="a delivery to the agent that is stopped")
    until(lambda: _is_held_back(pool, mail), within=30, what="mail that is held back")
    pool._time_limit = 60
    assert pool.deliver(BEN, errand(mail / "ben/Maildir"), TEXT).written
    thread.join(120)
    assert "no answer in time" in str(caught[0])
    until(lambda: not is_alive(agent), within=30, what="the end of the stopped agent")
    assert pool.deliver(ANN, replace(errand(mail / "ann/Maildir", 2), repeat=True), TEXT)
    assert len(files(mail / "ann/Maildir")) == 2
    pool.close()


def _is_held_back(pool: AgentPool, mail: Path) -> bool:
    try:
        pool.usage(ANN, Whereabouts.at(mail / "ann/Maildir"), Quota(1000))
    except OwnerAway as error:
        return "still being written" in str(error)
    return False


def test_nothing_of_an_agent_is_for_its_owner_to_read(pool: AgentPool, mail: Path) -> None:
    assert pool.deliver(ANN, errand(mail / "ann/Maildir"), TEXT).written
    agent = agent_of(ANN)
    looked = subprocess.run(
        ["cat", f"/proc/{agent}/environ"],
        user=ANN.uid,
        group=ANN.gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Permission denied" in looked.stderr


def test_idle_agents_make_room_for_those_of_others(control: socket.socket, mail: Path) -> None:
    pool = AgentPool(control, 1)
    for number in range(1, 6):
        for owner, name in ((ANN, "ann"), (BEN, "ben")):
            assert pool.deliver(owner, errand(mail / name / "Maildir", number), TEXT).written
    until(lambda: not agents_of(ANN.uid), within=30, what="the end of the first agent")
    assert len(agents_of(BEN.uid)) == 1
    pool.close()


def test_there_are_no_more_agents_than_allowed(control: socket.socket, mail: Path) -> None:
    pools = [AgentPool(control, MOST) for _ in range(MOST + 1)]
    for pool in pools[: MOST - 1]:
        assert pool.deliver(ANN, errand(mail / "ann/Maildir"), TEXT) is not None
    with pytest.raises(OwnerAway, match="too many processes write for user 2101"):
        pools[MOST].deliver(ANN, errand(mail / "ann/Maildir"), TEXT)
    assert pools[MOST - 1].deliver(BEN, errand(mail / "ben/Maildir"), TEXT).written
    with pytest.raises(OwnerAway, match="too many processes write for other users"):
        pools[MOST].deliver(BEN, errand(mail / "ben/Maildir"), TEXT)
    for pool in pools:
        pool.close()


def test_stopped_agents_take_nobodys_place_and_end_with_the_last_worker(mail: Path) -> None:
    numbers = ((2100, 2199),)
    control = start_guard(Terms(numbers, numbers, (str(mail),), MOST))
    pool = AgentPool(control, MOST)
    for number in range(2 * MOST):
        assert pool.deliver(ANN, errand(mail / "ann/Maildir", number), TEXT).written
        agent = agent_of(ANN)
        os.kill(agent, signal.SIGSTOP)
        pool.close()  # lets it go
        until(lambda agent=agent: not is_alive(agent), within=30, what="the end of a stopped one")
        assert pool.deliver(BEN, errand(mail / "ben/Maildir", number), TEXT).written
    assert pool.deliver(ANN, errand(mail / "ann/Maildir", 99), TEXT).written
    agent = agent_of(ANN)
    os.kill(agent, signal.SIGSTOP)
    control.close()
    until(lambda: not is_alive(agent), within=30, what="the end of one with its broker")
    pool.close()


@pytest.mark.parametrize(
    "packet", [b"", b"x", b"\0" * 9, b"\0" * 100, (2101).to_bytes(4) + (2101).to_bytes(4)]
)
def test_what_is_no_request_is_passed_over(
    control: socket.socket, pool: AgentPool, mail: Path, packet: bytes
) -> None:
    """Without a socket, with a file in its place, with too many."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, open("/dev/null", "rb") as file:
        control.send(packet)
        socket.send_fds(control, [packet or b"-"], [file.fileno()])
        socket.send_fds(control, [packet or b"-"], [theirs.fileno()] * 3)
    assert pool.deliver(ANN, errand(mail / "ann/Maildir"), TEXT).written


def test_all_of_them_end_with_the_server(mail: Path) -> None:
    numbers = ((2100, 2199),)
    control = start_guard(Terms(numbers, numbers, (str(mail),), MOST))
    pool = AgentPool(control, MOST)
    assert pool.deliver(ANN, errand(mail / "ann/Maildir"), TEXT).written
    agent = agent_of(ANN)
    broker = parent_of(agent)
    guard = parent_of(broker)
    pool.close()
    control.close()
    until(
        lambda: not any(map(is_alive, (agent, broker, guard))),
        within=30,
        what="the end of all of them",
    )
