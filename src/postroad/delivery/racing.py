"""Two connections begun for one session, the second one a moment later (RFC 8305 §5).

A host with addresses of both families is often reachable by one of them only, and a packet that is
dropped is not heard of until the time limit. So when an address stays silent, one of the other
family is tried beside it, and the first connection that is made is used.

Nothing of SMTP has been said on either: the one that is not used is closed without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from postroad.delivery.endpoint import Call
from postroad.net.connection import Connection

__all__ = ["Race", "race"]

Connect = Callable[[Call], Awaitable[Connection]]
_Tasks = dict[asyncio.Future[Connection], Call]


@dataclass(slots=True)
class Race:
    """What came of it.

    Attributes:
        call: the one whose connection was made; `None`: none was.
        connection: that connection.
        failures: what was begun and failed.
        unused: what was not begun, or was given up for the other one.
    """

    call: Call | None = None
    connection: Connection | None = None
    failures: list[tuple[Call, OSError]] = field(default_factory=list)
    unused: list[Call] = field(default_factory=list)


async def race(connect: Connect, first: Call, second: Call, head_start: float) -> Race:
    """Connect to the first, or to the second when the first is silent.

    Args:
        connect: makes a connection; raises OSError.
        first: begun at once.
        second: begun after the head start, unless the first has succeeded or failed by then.
        head_start: seconds.
    """
    made = Race()
    tasks: _Tasks = {asyncio.ensure_future(connect(first)): first}
    try:
        await asyncio.wait(tasks, timeout=head_start)
        if next(iter(tasks)).done():
            made.unused.append(second)
        else:
            tasks[asyncio.ensure_future(connect(second))] = second
        await _first_success(tasks, made)
        await _give_up(tasks, made)
    except BaseException:  # cancelled
        for task in tasks:
            task.cancel()
            task.add_done_callback(_abort)
        raise
    return made


async def _first_success(tasks: _Tasks, made: Race) -> None:
    waiting = set(tasks)
    while waiting and made.connection is None:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            call = tasks[task]
            if isinstance(error := task.exception(), OSError):
                made.failures.append((call, error))
            elif made.connection is None:
                made.call, made.connection = call, task.result()  # a bug is raised here


def _abort(task: asyncio.Future[Connection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


async def _give_up(tasks: _Tasks, made: Race) -> None:
    """Drop whatever is not used, also what was made in the same moment."""
    for task in tasks:
        task.cancel()
    if not all(task.done() for task in tasks):
        await asyncio.wait(tasks)
    for task, call in tasks.items():
        if task.cancelled():
            made.unused.append(call)
        elif task.exception() is None and task.result() is not made.connection:
            task.result().abort()
            made.unused.append(call)
