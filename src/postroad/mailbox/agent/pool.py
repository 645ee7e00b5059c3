"""Agents as a worker has them: asked for when they are needed, kept for the next message.

An agent does one task at a time, so those who wait for it are threads (`writer`). One that does not
answer in time, says what is no answer, or is gone, is let go, which ends it; what it was at is not
known then, and the queue tries it again as a repeat. One that was kept may have ended by itself a
moment ago: only then is another asked at once.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial

from postroad.mailbox.agent.broker import REQUEST
from postroad.mailbox.agent.visitor import LOOK_LIMIT, Visitor
from postroad.mailbox.agent.wire import (
    MAX_PACKET,
    Failure,
    Malformed,
    Question,
    question_of,
    read_answer,
)
from postroad.mailbox.errand import Errand
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.maildir import Stored
from postroad.mailbox.owners import Owner, OwnerAway
from postroad.mailbox.quota import Quota, Usage
from postroad.model import Content

__all__ = ["TIME_LIMIT", "AgentPool"]

TIME_LIMIT = 300.0
"""Seconds for one task: for the largest message, to a disk that is slow."""

STALLED = 10.0
"""Seconds after which a task holds back others of the same owner. Who owns mail can stop the agent
in it; what is kept back waits in the queue, where it is in nobody's way, not in a thread."""

_NO_ANSWER = "the process that writes for its owner ended, or gave no answer"
_BUSY = "the process that starts others is busy"


class _Gone(Exception):
    """An agent is there no more, and has answered nothing."""


class AgentPool:
    """Implements `writer.Others` by agents. Used by any thread.

    Args:
        control: where a broker takes requests.
        most: agents kept and working at a time, of all owners together.
        time_limit: seconds for one task.
        stalled: seconds after which a task holds back others of its owner.
        look_limit: seconds for one answer about moves.
    """

    def __init__(
        self,
        control: socket.socket,
        most: int,
        *,
        time_limit: float = TIME_LIMIT,
        stalled: float = STALLED,
        look_limit: float = LOOK_LIMIT,
    ) -> None:
        self._control = control
        self._most = most
        self._time_limit = time_limit
        self._stalled = stalled
        self._look_limit = look_limit
        self._lock = threading.Lock()
        self._idle: list[tuple[Owner, socket.socket]] = []  # the one used last is the last
        self._busy: list[tuple[Owner, float]] = []  # since when
        self._visiting = 0

    def deliver(self, owner: Owner, errand: Errand, content: Content) -> Stored:
        """Have an errand run; see `Errand.run`.

        Raises:
            OwnerAway: nobody can, or could in time.
            OverQuota, UnsafeName, OSError: as there.
            SpoolError: the content cannot be read.
        """
        question = Question(errand.target.where, errand.target.quota, errand, content.size)
        done = self._ask(owner, question, content)
        if not isinstance(done, Stored):
            raise OwnerAway(_NO_ANSWER)
        return done

    def usage(self, owner: Owner, where: Whereabouts, quota: Quota) -> Usage:
        """Have somebody look what lies in a mailbox; see `usage_of`.

        Raises:
            OwnerAway, UnsafeName, OSError: as of `deliver`.
        """
        done = self._ask(owner, Question(where, quota), None)
        if not isinstance(done, Usage):
            raise OwnerAway(_NO_ANSWER)
        return done

    def visitor(self, owner: Owner) -> Visitor:
        """An agent that looks for moves; see `moves.visit.Visiting`.

        It holds back no mail of its owner's. One that was started for this ends with it: the next
        look is far off, and other owners want the place.

        Raises:
            OwnerAway: nobody can.
        """
        kept = self._kept(owner)
        channel = self._new(owner) if kept is None else kept

        def let_go(channel: socket.socket, is_fit: bool) -> None:
            with self._lock:
                self._visiting -= 1
            self._keep(owner, channel, is_sound=is_fit)

        with self._lock:
            self._visiting += 1
        another = None if kept is None else partial(self._new, owner)
        return Visitor(channel, self._look_limit, let_go, another)

    def close(self) -> None:
        """Let all agents go."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, channel in idle:
            channel.close()

    def _ask(self, owner: Owner, question: Question, content: Content | None) -> Stored | Usage:
        self._hold_back(owner)
        channel = self._kept(owner)
        if channel is not None:
            try:
                return self._exchange(owner, channel, question, content)
            except _Gone:
                question = _repeated(question)
        try:
            return self._exchange(owner, self._new(owner), question, content)
        except _Gone:
            raise OwnerAway(_NO_ANSWER) from None

    def _exchange(
        self, owner: Owner, channel: socket.socket, question: Question, content: Content | None
    ) -> Stored | Usage:
        is_sound, busy = False, (owner, time.monotonic())
        with self._lock:
            self._busy.append(busy)
        try:
            packet = _packet(channel, question, content, time.monotonic() + self._time_limit)
            is_sound = True
            return read_answer(packet)
        except Malformed:
            is_sound = False
            raise OwnerAway(_NO_ANSWER) from None
        except Failure as error:
            is_sound = False  # one that refuses has nothing more to say
            raise OwnerAway(str(error)) from None
        finally:
            with self._lock:
                self._busy.remove(busy)
            self._keep(owner, channel, is_sound=is_sound)

    def _hold_back(self, owner: Owner) -> None:
        before = time.monotonic() - self._stalled
        with self._lock:
            is_stalled = any(each == owner and since < before for each, since in self._busy)
        if is_stalled:
            raise OwnerAway("an earlier message for its owner is still being written")

    def _kept(self, owner: Owner) -> socket.socket | None:
        with self._lock:
            for at in range(len(self._idle) - 1, -1, -1):
                if self._idle[at][0] == owner:
                    return self._idle.pop(at)[1]
        return None

    def _keep(self, owner: Owner, channel: socket.socket, *, is_sound: bool) -> None:
        if is_sound:
            with self._lock:
                self._idle.append((owner, channel))
        else:
            with suppress(OSError):  # a thread may still be waiting there, and need not
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()

    def _new(self, owner: Owner) -> socket.socket:
        """Ask for an agent; the one that was used longest ago makes room for it.

        Raises:
            OwnerAway: there is nobody to ask.
        """
        with self._lock:
            spare = None
            used = len(self._idle) + len(self._busy) + self._visiting
            if self._idle and used >= self._most:
                spare = self._idle.pop(0)[1]
        if spare is not None:
            spare.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = self._hand_over(owner, theirs)
        if words:
            ours.close()
            raise OwnerAway(words)
        return ours

    def _hand_over(self, owner: Owner, channel: socket.socket) -> str:
        """Ask for an agent at the other end of a socket; why that cannot be, or nothing."""
        waiting = select.poll()
        waiting.register(self._control, select.POLLOUT)
        if not waiting.poll(self._time_limit * 1000):
            return _BUSY
        flags = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        try:
            socket.send_fds(self._control, [REQUEST.pack(*owner)], [channel.fileno()], flags)
        except BlockingIOError:
            return _BUSY  # another worker was quicker
        except OSError:
            return "the process that starts others is gone; restart the server"
        return ""


def _repeated(question: Question) -> Question:
    """The same, of which nobody knows whether it was done."""
    errand = question.errand
    return question if errand is None else replace(question, errand=replace(errand, repeat=True))


def _packet(
    channel: socket.socket, question: Question, content: Content | None, deadline: float
) -> bytes:
    """Ask an agent, and wait for its answer.

    Raises:
        _Gone: it is not there any more.
        OwnerAway: it does not answer in time.
        SpoolError: the content cannot be read.
    """
    channel.setblocking(False)
    packet = question_of(question)
    if len(packet) > MAX_PACKET:
        raise OwnerAway("its place or its addresses are too long to be told")
    try:
        if content is None:
            channel.send(packet, socket.MSG_NOSIGNAL)
        else:
            reading, writing = os.pipe()
            try:
                socket.send_fds(channel, [packet], [reading], socket.MSG_NOSIGNAL)
            except BaseException:
                os.close(writing)
                raise
            finally:
                os.close(reading)
            _feed(channel, writing, content, deadline)
        _wait(channel, deadline)
    except ConnectionError:
        pass  # it may have said why, before it went
    answer = _said(channel)
    if not answer:
        raise _Gone
    return answer


def _said(channel: socket.socket) -> bytes:
    """The packet that is there; empty for none."""
    for _ in range(2):
        with suppress(ConnectionError):  # told first, and once, though there is a packet
            return channel.recv(MAX_PACKET + 1)
    return b""


def _feed(channel: socket.socket, writing: int, content: Content, deadline: float) -> None:
    """Write a content into a pipe, until somebody has it all or answers before that."""
    try:
        os.set_blocking(writing, False)
        for piece in content.chunks():
            left = memoryview(piece)
            while left:
                if _wait(channel, deadline, writing):
                    return
                with suppress(BlockingIOError):  # less room than this
                    left = left[os.write(writing, left) :]
    except BrokenPipeError:
        return  # the answer says why
    finally:
        os.close(writing)


def _wait(channel: socket.socket, deadline: float, writing: int = -1) -> bool:
    """Wait until an agent says something or, where one writes, takes something.

    Returns:
        Whether it says something, or is gone.

    Raises:
        OwnerAway: neither comes in time.
    """
    waiting = select.poll()
    waiting.register(channel, select.POLLIN)
    if writing >= 0:
        waiting.register(writing, select.POLLOUT)
    events = waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)
    if not events:
        raise OwnerAway("the process that writes for its owner gave no answer in time")
    return channel.fileno() in dict(events)
