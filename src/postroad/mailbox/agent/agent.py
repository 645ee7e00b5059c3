"""An agent: a process that is the owner of some mail, and does tasks in it, one after the other.

It never returns to be anybody else: `become` gives up root in all of its forms before anything is
read. It ends when the worker closes the socket, also in the middle of a task, and when a task takes
too long or none comes for a while.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from postroad.mailbox.agent.form import MAX_PACKET, Malformed, OutOfRoots, read
from postroad.mailbox.agent.visit_wire import OtherFolder, answers_to, is_visit
from postroad.mailbox.agent.wire import (
    ContentCut,
    Piped,
    Question,
    answer_of,
    failure_answer,
    question_in,
)
from postroad.mailbox.errand import usage_of
from postroad.mailbox.maildir import Stored
from postroad.mailbox.moves.visit import Visit
from postroad.mailbox.owners import Owner
from postroad.mailbox.quota import Usage
from postroad.mailbox.variables import UnsafeName

__all__ = ["IDLE", "TASK_LIMIT", "become", "serve"]

IDLE = 60.0
"""Seconds without a task after which an agent ends: a mailing comes at once, or not for long."""

TASK_LIMIT = 330
"""Seconds for one task; a worker gives up a little earlier."""

MOST_MEMORY = 256 * 2**20
"""Octets of memory: ten times what an agent takes, for who has folders without number."""

_MAX_DESCRIPTORS = 4  # with a task comes one


def become(owner: Owner) -> None:
    """Be a user for good, with one group and no rights of root's.

    Raises:
        OSError: the system refuses.
    """
    os.setgroups([])
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
    if {*os.getresuid(), *os.getresgid()} != {owner.uid, owner.gid} or os.getgroups():
        raise OSError("the system did not take the numbers")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # of others' mail no copy is left behind
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    os.umask(0o077)


def serve(channel: socket.socket, roots: tuple[Path, ...], junk: str = "") -> None:
    """Do tasks until there are no more.

    Args:
        channel: to the worker; keeps the borders of packets.
        roots: what all mail lies below.
        junk: the folder for junk, where it is looked at what was moved; empty: it is not.
    """
    visit = Visit()
    threading.Thread(target=_end_with_worker, args=(channel.fileno(),), daemon=True).start()
    channel.settimeout(IDLE)
    with suppress(TimeoutError, Malformed, ConnectionError):
        while True:
            packet, descriptors, flags, _ = socket.recv_fds(channel, MAX_PACKET, _MAX_DESCRIPTORS)
            if not packet:
                return
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise Malformed
            signal.alarm(TASK_LIMIT)  # the usual end by SIGALRM is the right one
            said = read(packet)
            if is_visit(said):
                _send_all(channel, answers_to(said, visit, roots, junk))
            else:
                channel.send(_answer(said, descriptors, roots))
            for each in descriptors:
                os.close(each)
            signal.alarm(0)


def _send_all(channel: socket.socket, answers: Iterator[bytes]) -> None:
    try:
        for each in answers:
            channel.send(each)
    except (TimeoutError, ConnectionError):
        raise
    except (OSError, UnsafeName, OutOfRoots, OtherFolder) as error:
        channel.send(failure_answer(error))


def _answer(said: dict[str, object], descriptors: list[int], roots: tuple[Path, ...]) -> bytes:
    try:
        return answer_of(_do(question_in(said, roots), descriptors))
    except (OSError, UnsafeName, ContentCut, OutOfRoots) as error:
        return failure_answer(error)


def _do(question: Question, descriptors: list[int]) -> Stored | Usage:
    if question.errand is None:
        return usage_of(question.where, question.quota)
    if len(descriptors) != 1:
        raise Malformed
    return question.errand.run(Piped(descriptors[0], question.size))


def _end_with_worker(channel: int) -> None:
    """In a thread: end the process when the worker's end of the socket is closed."""
    watching = select.poll()
    watching.register(channel, 0)  # POLLHUP and POLLERR are always told (poll(2))
    watching.poll()
    os._exit(0)
