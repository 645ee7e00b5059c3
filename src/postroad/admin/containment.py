"""Freezing and thawing, as far as workers have to do with it: over their control sockets.

The freeze itself is a row of the directory. Each worker is asked to do what follows from it in
itself: to hold what it has in its queue and to end the account's sessions. It looks at the row
before, so that nobody is harmed by a question that comes late.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from postroad.admin.control import Answer, Command, ControlError, Request, ask, sockets

__all__ = ["Contained", "contain", "containing_commands", "hold_reason", "tell_of_thaw"]


@dataclass(frozen=True, slots=True)
class Contained:
    """What was done in a worker, or in all of them.

    Attributes:
        held: messages of the account that are held.
        sessions: sessions of it that were ended.
        workers: how many workers answered.
    """

    held: int = 0
    sessions: int = 0
    workers: int = 0


def hold_reason(user: str) -> str:
    """Why messages of a frozen account are held: what a thaw releases, and nothing else."""
    return f"the account {user} is frozen"


def containing_commands(
    contain: Callable[[str], Awaitable[Contained]], thawed: Callable[[str], None]
) -> dict[str, Command]:
    """A worker's side: the commands of its control socket.

    Args:
        contain: does in this worker what follows from the freeze of an account.
        thawed: is told of the thaw of one.
    """

    async def command(request: Request) -> Answer:
        done = await contain(_user(request))
        return {"held": done.held, "sessions": done.sessions}

    async def thaw(request: Request) -> Answer:
        thawed(_user(request))
        return {}

    return {"contain": command, "thawed": thaw}


def contain(state: Path, user: str) -> Contained:
    """Ask every worker for what follows from the freeze of an account.

    Args:
        state: the server's state directory.
        user: the account, whose freeze is written.

    Returns:
        What was done, and by how many workers; none where no server runs.
    """
    held = sessions = workers = 0
    for path in sockets(state):
        try:
            answer = ask(path, {"command": "contain", "user": user})
        except ControlError:
            continue  # it does not count among those that answered
        if answer is None:
            continue
        workers += 1
        held += _number(answer, "held")
        sessions += _number(answer, "sessions")
    return Contained(held, sessions, workers)


def tell_of_thaw(state: Path, user: str) -> None:
    """Have the server write into its log that an account may send again; one worker, once.

    Args:
        state: the server's state directory.
        user: the account, whose thaw is written.
    """
    for path in sockets(state):
        with contextlib.suppress(ControlError):
            if ask(path, {"command": "thawed", "user": user}) is not None:
                return


def _user(request: Request) -> str:
    user = request.get("user")
    if not isinstance(user, str):
        raise ValueError("user must be a string")
    return user


def _number(answer: Answer, key: str) -> int:
    value = answer.get(key)
    return value if isinstance(value, int) else 0
