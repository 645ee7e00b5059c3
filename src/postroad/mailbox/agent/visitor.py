"""An agent that looks for moves, as a worker has it: implements `moves.visit.Visiting`.

Several questions make one visit, and the agent is nobody else's meanwhile. Each answer has its time
limit, and its size: who owns the mail can stop the agent, or end it, and has us wait no longer than
that.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from postroad.mailbox.agent.form import MAX_PACKET, Malformed
from postroad.mailbox.agent.visit_wire import (
    PIECE,
    found_in,
    heard_question,
    look_question,
    read_question,
    size_in,
    stamp_in,
)
from postroad.mailbox.agent.wire import Failure
from postroad.mailbox.moves.visit import Found, Wanted
from postroad.mailbox.owners import OwnerAway

__all__ = ["LOOK_LIMIT", "Visitor"]

_Answer = TypeVar("_Answer")

LOOK_LIMIT = 10.0
"""Seconds for one answer: looks at the largest folders take a few tenths of one."""

PATIENCE = 2.0
"""Of such limits for all answers about one account: who stops his agent may also let it go on."""

_NO_ANSWER = "the process that looks for its owner ended, or gave no answer"


class _Lost(OwnerAway):
    """An agent is gone, or says what is no answer."""


class Visitor:
    """Used by one thread at a time."""

    def __init__(
        self,
        channel: socket.socket,
        time_limit: float,
        let_go: Callable[[socket.socket, bool], None],
        another: Callable[[], socket.socket] | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            channel: to the agent.
            time_limit: seconds for each answer.
            let_go: is told once, at the end, whether the agent there is to be kept.
            another: has another agent, if this one was kept: it may have ended by itself.
        """
        self._channel = channel
        self._another = another
        self._time_limit = time_limit
        self._let_go = let_go
        self._left = PATIENCE * time_limit
        self._is_sound = True
        self._is_new = another is None
        self._is_closed = False

    def look(self, wanted: Wanted) -> Found:
        """See `Visiting.look`."""
        self._left = PATIENCE * self._time_limit
        packet = look_question(wanted)
        if len(packet) > MAX_PACKET:
            raise OwnerAway("its place is too long to be told")
        try:
            found = self._ask(packet, found_in)
        except _Lost:
            if self._another is None:
                raise
            self._channel.close()
            self._channel = self._another()
            self._another, self._is_sound, self._is_new = None, True, True
            found = self._ask(packet, found_in)
        self._another = None
        return found

    def read(self, at: int, most: int) -> bytes | None:
        """See `Visiting.read`."""
        deadline = time.monotonic() + self._time_limit
        size = self._ask(read_question(at, most), lambda packet: size_in(packet, most))
        if size is None:
            return None
        octets = bytearray()
        self._is_sound = False
        while len(octets) < size:
            piece = self._received(deadline)
            if len(piece) != min(PIECE, size - len(octets)):
                raise self._lost()
            octets += piece
        self._is_sound = True
        return bytes(octets)

    def heard(self, count: int) -> str:
        """See `Visiting.heard`."""
        return self._ask(heard_question(count), stamp_in)

    def close(self) -> None:
        """See `Visiting.close`."""
        if not self._is_closed:
            self._is_closed = True
            self._let_go(self._channel, self._is_sound and not self._is_new)

    def _ask(self, packet: bytes, read: Callable[[bytes], _Answer]) -> _Answer:
        if not self._is_sound:
            raise OwnerAway(_NO_ANSWER)
        self._channel.setblocking(False)
        # Until it has answered: who stops to wait closes this while a thread still does.
        self._is_sound = False
        # It may have said why, before it went.
        with suppress(ConnectionError):
            self._channel.send(packet, socket.MSG_NOSIGNAL)
        answer = self._received(time.monotonic() + self._time_limit)
        self._is_sound = True
        try:
            return read(answer)
        except Malformed:
            raise self._lost() from None
        except Failure as error:
            self._is_sound = False  # one that refuses has nothing more to say
            raise OwnerAway(str(error)) from None

    def _received(self, deadline: float) -> bytes:
        """The next packet.

        Raises:
            OwnerAway: there is none in time.
        """
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        begun = time.monotonic()
        events = waiting.poll(max(0.0, min(deadline - begun, self._left)) * 1000)
        self._left -= time.monotonic() - begun
        if not events:
            raise OwnerAway("the process that looks for its owner gave no answer in time")
        for _ in range(2):
            with suppress(ConnectionError):  # told first, and once, though there is a packet
                packet = self._channel.recv(MAX_PACKET + 1)
                if packet:
                    return packet
        raise self._lost()

    def _lost(self) -> _Lost:
        self._is_sound = False
        return _Lost(_NO_ANSWER)
