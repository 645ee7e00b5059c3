"""The one process that stays root: it turns numbers of users into agents, and does nothing else.

What it reads is a packet of eight octets, a user and a group, and a socket that came with it. What
it writes is a line of refusal into that socket. It has no configuration but its argument, opens no
file and looks at no path. It is a program of its own, started with a clean interpreter, so that no
password or key that the server had read is in its memory, nor in that of agents, and it needs
nothing beyond Python's own library.

Who owns mail can stop a process that is him, and a stopped one ends by no signal but one. So the
broker keeps a copy of each agent's end of its socket: when the worker's end is closed, the agent is
killed, as all are when the broker ends. Of one user there may be some agents only.

The guard is there so that a broker that died can be started again by somebody who is root: it waits
for a question before it starts one, so a server that asks none has one process more, not two.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from postroad.mailbox.agent.agent import become, serve
from postroad.mailbox.agent.wire import refusal
from postroad.mailbox.owners import OWN_GROUP, Allowed, Numbers, Owner, own_group

__all__ = ["OF_ONE", "REQUEST", "Broker", "Terms", "guard", "main"]

REQUEST = struct.Struct("!II")
"""What a worker asks for: the numbers of a user and of a group."""

OF_ONE = (4, 5)
"""The part of all agents that may be one user's: as many as the threads that may write his mail
(`writer.PER_OWNER`) and look at it. All mail of many hosts is one user's, so it is a large one."""

PAUSE = 0.5
"""Seconds before a broker that died is followed by another."""

_MAX_DESCRIPTORS = 4  # with a request comes one
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)
"""A service manager and a terminal send these to all: workers end first, and need us till then."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What agents may be had for; fixed when the server is started.

    Attributes:
        uids: numbers of users.
        gids: numbers of groups.
        roots: folders that all mail lies below.
        most: agents at a time.
        junk: the folder for junk, where agents look at what was moved; empty: they read nothing.
    """

    uids: Numbers
    gids: Numbers
    roots: tuple[str, ...]
    most: int
    junk: str = ""

    def text(self) -> str:
        """As an argument of a program."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Terms:
        """From an argument."""
        said = json.loads(text)
        uids, gids = (tuple((first, last) for first, last in said[key]) for key in ("uids", "gids"))
        return cls(uids, gids, tuple(said["roots"]), said["most"], said["junk"])


def main() -> None:
    """The program: the number of the descriptor to read from, and the terms."""
    control = socket.socket(fileno=int(sys.argv[1]))
    terms = Terms.parse(sys.argv[2])
    if os.fork():  # nobody's child: whoever started us counts its children
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    guard(control, Broker(control, terms).run)


def guard(control: socket.socket, broker: Callable[[], None]) -> None:
    """Start brokers until nobody is left who could ask.

    Args:
        control: where requests come from; keeps the borders of packets.
        broker: runs in a process of its own; returns when nobody is left.
    """
    while not _is_over(control):
        pid = os.fork()
        if pid == 0:
            _leave(broker)
        _, status = os.waitpid(pid, 0)
        if status == 0:
            return
        time.sleep(PAUSE)


class Broker:
    """Turns requests into agents.

    Args:
        control: where requests come from.
        terms: what agents may be had for.
    """

    def __init__(self, control: socket.socket, terms: Terms) -> None:
        self._control = control
        self._allowed = Allowed(terms.uids, terms.gids)
        self._roots = tuple(map(Path, terms.roots))
        self._junk = terms.junk
        self._most = terms.most
        self._most_of_one = max(1, terms.most * OF_ONE[0] // OF_ONE[1])
        self._agents: dict[int, tuple[Owner, socket.socket]] = {}
        self._waiting = select.poll()

    def run(self) -> None:
        """Go on until nobody is left who could ask."""
        woken, waking = os.pipe()
        for each in (woken, waking):
            os.set_blocking(each, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # an ignored one would reap them unseen
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        self._waiting.register(self._control, select.POLLIN)
        self._waiting.register(woken, select.POLLIN)
        try:
            self._go_on(woken)
        finally:
            for pid in self._agents:
                _kill(pid)

    def _go_on(self, woken: int) -> None:
        while True:
            events = dict(self._waiting.poll())
            if woken in events:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
                self._reap()
            for pid, (_, channel) in self._agents.items():
                if channel.fileno() in events:
                    _kill(pid)
                    self._waiting.unregister(channel)  # or it is told again until it is reaped
            if self._control.fileno() not in events:
                continue
            request = _request(self._control)
            if request is not None:
                self._grant(*request)
            elif _has_ended(self._control):
                return

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while self._agents:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                _, channel = self._agents.pop(pid)
                with suppress(KeyError):  # it was killed
                    self._waiting.unregister(channel)
                channel.close()

    def _grant(self, owner: Owner, channel: socket.socket) -> None:
        words = _objection(self._allowed, owner)
        if not words:
            words = self._lack(owner)
        if not words:
            try:
                self._agents[self._fork(_with_group(owner), channel)] = owner, channel
            except OSError as error:
                words = f"no process can be started: {error.strerror}"
            else:
                self._waiting.register(channel, 0)  # POLLHUP is always told (poll(2))
                return
        with suppress(OSError):
            channel.send(refusal(words), socket.MSG_DONTWAIT)
        channel.close()

    def _lack(self, owner: Owner) -> str:
        """Why there is no room for one more."""
        if len(self._agents) >= self._most:
            return "too many processes write for other users"
        if sum(each.uid == owner.uid for each, _ in self._agents.values()) >= self._most_of_one:
            return f"too many processes write for user {owner.uid}"
        return ""

    def _fork(self, owner: Owner, channel: socket.socket) -> int:
        pid = os.fork()
        if pid == 0:

            def work() -> None:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self._control.close()
                for _, other in self._agents.values():
                    other.close()
                become(owner)
                serve(channel, self._roots, self._junk)

            _leave(work)
        return pid


def _request(control: socket.socket) -> tuple[Owner, socket.socket] | None:
    """The next request; `None` where there is none, or what came is none."""
    try:
        packet, descriptors, flags, _ = socket.recv_fds(
            control, REQUEST.size + 1, _MAX_DESCRIPTORS, socket.MSG_DONTWAIT
        )
    except BlockingIOError:
        return None
    channel = None
    is_sound = len(packet) == REQUEST.size and not flags & socket.MSG_CTRUNC
    if is_sound and len(descriptors) == 1:
        with suppress(OSError):
            channel = socket.socket(fileno=descriptors[0])
    if channel is None:
        for each in descriptors:
            os.close(each)
        return None
    if (channel.family, channel.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        channel.close()
        return None
    return Owner(*REQUEST.unpack(packet)), channel


def _with_group(owner: Owner) -> Owner:
    """The owner with a group that is a number."""
    group = own_group(owner.uid) if owner.gid == OWN_GROUP else owner.gid
    assert group is not None, "was looked at before"
    return Owner(owner.uid, group)


def _objection(allowed: Allowed, owner: Owner) -> str:
    if owner.gid == OWN_GROUP:
        group = own_group(owner.uid)
        if group is None:
            return f"nothing says which group user {owner.uid} writes mail as"
        owner = Owner(owner.uid, group)
    return allowed.objection(owner, own_group)


def _kill(pid: int) -> None:
    """End a child that was not waited for yet, so that the number is still its own."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _is_over(control: socket.socket) -> bool:
    """Wait for a request, and leave it there; whether none will come any more."""
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    waiting.poll()
    return _has_ended(control)


def _has_ended(control: socket.socket) -> bool:
    """Whether nobody holds the other end, and nothing is left to read."""
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    events = dict(waiting.poll(0)).get(control.fileno(), 0)
    if not events & (select.POLLHUP | select.POLLERR):
        return False
    # A socket that is hung up is always ready: an empty packet is the end then.
    with suppress(OSError):
        return not control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return True


def _leave(work: Callable[[], None]) -> NoReturn:
    """In a child: do the work, and never return."""
    status = os.EX_SOFTWARE
    try:
        work()
        status = os.EX_OK
    finally:
        if status != os.EX_OK:
            traceback.print_exc()
        os._exit(status)
