"""Transports and destinations suspended by an operator, and resumed.

What is suspended stands in a file of the state directory, which each worker reads when it starts
and when it is told to. So the command works without a server, and what it did survives a restart.
What the configuration suspends is not ours to resume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from postroad.admin.control import Answer, Command, ControlError, Request, ask, sockets
from postroad.limits.whole_file import locked
from postroad.model.journal import Journal, Notice
from postroad.queue.runner import Runner
from postroad.queue.suspension import (
    FILE,
    LOCK,
    Suspension,
    read_names,
    suspension_key,
    write_names,
)

__all__ = ["COMMAND", "TransportControl", "resume", "suspend", "suspended"]

COMMAND = "transports"
"""Has a worker read the file again."""


class TransportControl:
    """A worker's side."""

    def __init__(
        self, suspension: Suspension, runners: Sequence[Runner], journal: Journal = lambda _: None
    ) -> None:
        """The command over a worker's runners.

        Args:
            suspension: what all of them ask.
            runners: woken when something may go on.
            journal: told what is suspended now.
        """
        self._suspension = suspension
        self._runners = runners
        self._journal = journal

    @property
    def commands(self) -> dict[str, Command]:
        """By name."""
        return {COMMAND: self._answer}

    async def _answer(self, _: Request) -> Answer:
        names = sorted(self._suspension.read())
        words = ", ".join(names) if names else "nothing"
        self._journal(Notice("qmgr", f"deferred transports: {words}"))
        for runner in self._runners:
            runner.wake()
        return {"suspended": names}


def suspended(state: Path) -> tuple[str, ...]:
    """What an operator has suspended, in that order.

    Args:
        state: the server's state directory.

    Raises:
        OSError: it cannot be read.
    """
    return read_names(state / FILE)


def suspend(state: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Let mail for these wait from now on.

    Args:
        state: the server's state directory.
        names: transports, or `dest:` and a domain or next hop.

    Returns:
        All that is suspended now by command.

    Raises:
        OSError: the file cannot be read or written.
        ControlError: a worker did not answer; it will know when it starts again.
    """
    return _change(state, lambda known: (*known, *names))


def resume(state: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Let mail for these go on; what waits comes with its next attempt, or with a flush.

    Args:
        state: the server's state directory.
        names: as they were suspended; neither the case of letters nor the form of a domain's labels
            matters.

    Returns:
        All that is still suspended by command.

    Raises:
        OSError: the file cannot be read or written.
        ControlError: a worker did not answer.
    """
    gone = set(map(suspension_key, names))
    return _change(
        state, lambda known: [each for each in known if suspension_key(each) not in gone]
    )


def _change(state: Path, change: Callable[[tuple[str, ...]], Sequence[str]]) -> tuple[str, ...]:
    with locked(state / LOCK, is_given_away=True):  # another operator's change is not to be lost
        names = change(suspended(state))
        fresh = tuple({suspension_key(name): name.strip() for name in names}.values())
        write_names(state / FILE, fresh)
    failed = []
    for path in sockets(state):
        try:
            ask(path, {"command": COMMAND})
        except ControlError as error:
            failed.append(str(error))
    if failed:
        raise ControlError("; ".join(failed))
    return fresh
