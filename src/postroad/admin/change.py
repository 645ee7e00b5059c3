"""The changes of a queue: each one as a request to a worker, and as what it does to a shard.

A request is JSON that came over the control socket. It is read into one of these values at once, so
that a worker and a command without a server do the very same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from postroad.admin.control import Answer, Request
from postroad.spool import Choice, Selector, Shard

__all__ = ["CHANGES", "Change", "Changed", "Delete", "Flush", "Hold", "Release"]

_COUNTS = ("count", "held", "withheld", "passed")
"""The fields of `Changed`, which are the keys of an answer."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did.

    Attributes:
        count: how many messages or recipients it touched.
        held: recipients that a flush leaves as they are, because their sender asked for a later
            release (RFC 4865).
        withheld: recipients that a flush leaves as they are, because an operator holds them.
        passed: messages that were meant, and were already as they should become.
    """

    count: int
    held: int = 0
    withheld: int = 0
    passed: int = 0

    @classmethod
    def of(cls, answer: Answer) -> Changed:
        """What a worker answered."""
        return cls(*(_number(answer, key) for key in _COUNTS))

    @property
    def answer(self) -> Answer:
        """The same as an answer."""
        return {key: getattr(self, key) for key in _COUNTS}

    def __add__(self, other: Changed) -> Changed:
        return Changed(*(getattr(self, key) + getattr(other, key) for key in _COUNTS))


class Change(Protocol):
    """Something to be done to the queue; as text, what the log says of it."""

    @property
    def request(self) -> Request:
        """What a worker is asked for."""
        ...

    async def on(self, shard: Shard) -> Changed:
        """Do it in one shard."""
        ...


@dataclass(frozen=True, slots=True)
class Flush:
    """Deferred recipients made due now."""

    selector: Selector

    @property
    def request(self) -> Request:
        """As `Flush.read` takes it."""
        names = self.selector.queue_ids
        return {
            "command": "flush",
            "queue_ids": None if names is None else sorted(names),
            "domain": self.selector.domain,
        }

    def __str__(self) -> str:
        of = f" of {self.selector.domain}" if self.selector.domain else ""
        return f"recipients{of} made due"  # by an operator, or by ETRN

    @classmethod
    def read(cls, request: Request) -> Flush:
        """Raises `ValueError` for what is none."""
        return cls(Selector(_names(request), _string(request, "domain")))

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.hasten`."""
        done = await shard.hasten(self.selector)
        return Changed(done.count, done.postponed, done.withheld)


@dataclass(frozen=True, slots=True)
class Delete:
    """Messages removed; nobody is told."""

    queue_ids: tuple[str, ...]

    @property
    def request(self) -> Request:
        """As `Delete.read` takes it."""
        return {"command": "delete", "queue_ids": list(self.queue_ids)}

    def __str__(self) -> str:
        return "messages deleted by an operator"

    @classmethod
    def read(cls, request: Request) -> Delete:
        """Raises `ValueError` for what is none."""
        return cls(tuple(_strings(request, "queue_ids")))

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.delete`."""
        return Changed(await shard.delete(self.queue_ids))


@dataclass(frozen=True, slots=True)
class Hold:
    """Messages kept back until they are released."""

    choice: Choice
    reason: str

    @property
    def request(self) -> Request:
        """As `Hold.read` takes it."""
        return {"command": "hold", "reason": self.reason, **_request_of(self.choice)}

    def __str__(self) -> str:
        return f"messages{_whose(self.choice)} put on hold ({self.reason})"

    @classmethod
    def read(cls, request: Request) -> Hold:
        """Raises `ValueError` for what is none."""
        return cls(_choice(request), _string(request, "reason") or "")

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.hold`."""
        done = await shard.hold(self.choice, self.reason)
        return Changed(done.count, passed=done.passed)


@dataclass(frozen=True, slots=True)
class Release:
    """Held messages that go on."""

    choice: Choice

    @property
    def request(self) -> Request:
        """As `Release.read` takes it."""
        return {"command": "release", **_request_of(self.choice)}

    def __str__(self) -> str:
        return f"messages{_whose(self.choice)} released from hold"

    @classmethod
    def read(cls, request: Request) -> Release:
        """Raises `ValueError` for what is none."""
        return cls(_choice(request))

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.free`."""
        done = await shard.free(self.choice)
        return Changed(done.count, passed=done.passed)


CHANGES: Mapping[str, Callable[[Request], Change]] = {
    "flush": Flush.read,
    "delete": Delete.read,
    "hold": Hold.read,
    "release": Release.read,
}
"""How the request of each command is read."""


def _whose(choice: Choice) -> str:
    """Whose messages a choice means, for the log."""
    login = f" submitted by {choice.login}" if choice.login is not None else ""
    sender = f" from <{choice.sender}>" if choice.sender is not None else ""
    return login + sender


def _request_of(choice: Choice) -> Request:
    names = choice.queue_ids
    return {
        "queue_ids": None if names is None else sorted(names),
        "login": choice.login,
        "sender": choice.sender,
        "held_for": choice.reason,
    }


def _choice(request: Request) -> Choice:
    return Choice(
        _names(request),
        _string(request, "login"),
        _string(request, "sender"),
        reason=_string(request, "held_for"),
    )


def _names(request: Request) -> frozenset[str] | None:
    return None if request.get("queue_ids") is None else frozenset(_strings(request, "queue_ids"))


def _strings(request: Request, key: str) -> list[str]:
    value = request.get(key)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{key} must be a list of strings")
    return value


def _string(request: Request, key: str) -> str | None:
    value = request.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} must be a string")
    return value


def _number(answer: Answer, key: str) -> int:
    value = answer.get(key, 0)
    assert isinstance(value, int)
    return value
