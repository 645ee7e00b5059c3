"""The changes of a queue: each one as a request to a worker, and as what it does to a shard.

A request is JSON that came over the control socket. It is read into one of these values at once, so
that a worker and a command without a server do the very same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postroad.admin.control import Answer, Request
from postroad.admin.meant import read_choice, request_of, string, whose
from postroad.model.printable import printable
from postroad.spool import Altered, Choice, Shard

__all__ = [
    "CHANGES",
    "Bounce",
    "Change",
    "Changed",
    "Delete",
    "Flush",
    "Hold",
    "Release",
    "Requeue",
    "reply_of",
]

_COUNTS = ("count", "held", "withheld", "passed", "recipients", "busy")
"""The fields of `Changed`, which are the keys of an answer."""

_CODED = re.compile(
    r"(?:550 +)?(?:(?P<enhanced>5\.\d{1,3}\.\d{1,3})(?: +|$))?(?P<said>.*)", re.DOTALL
)

MAX_WORDS = 400
"""Characters of an operator's words: two lines of a reply (RFC 5321 §4.5.3.1.5)."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did.

    Attributes:
        count: how many messages it touched; of a flush, how many recipients.
        held: recipients that are left as they are, because their sender asked for a later
            release (RFC 4865).
        withheld: recipients that a flush leaves as they are, because an operator holds them.
        passed: messages that were meant, and were already as they should become.
        recipients: how many recipients it touched, where it touches some of a message.
        busy: recipients that are being tried, or about to be, which goes on.
    """

    count: int
    held: int = 0
    withheld: int = 0
    passed: int = 0
    recipients: int = 0
    busy: int = 0

    @classmethod
    def of(cls, answer: Answer) -> Changed:
        """What a worker answered."""
        return cls(*(_number(answer, key) for key in _COUNTS))

    @classmethod
    def by(cls, altered: Altered) -> Changed:
        """What a shard said."""
        return cls(
            altered.messages,
            held=altered.postponed,
            recipients=altered.recipients,
            busy=altered.busy,
        )

    @property
    def answer(self) -> Answer:
        """The same as an answer."""
        return {key: getattr(self, key) for key in _COUNTS}

    def __add__(self, other: Changed) -> Changed:
        return Changed(*(getattr(self, key) + getattr(other, key) for key in _COUNTS))


@dataclass(frozen=True, slots=True)
class Flush:
    """Deferred recipients made due now."""

    choice: Choice

    @property
    def request(self) -> Request:
        """As `Flush.read` takes it."""
        return {"command": "flush", **request_of(self.choice)}

    def __str__(self) -> str:
        return f"recipients{whose(self.choice)} made due"  # by an operator, or by ETRN

    @classmethod
    def read(cls, request: Request) -> Flush:
        """Raises `ValueError` for what is none."""
        return cls(read_choice(request))

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.hasten`."""
        done = await shard.hasten(self.choice)
        return Changed(done.count, done.postponed, done.withheld)


@dataclass(frozen=True, slots=True)
class Delete:
    """Recipients removed, and messages that have none left; nobody is told."""

    choice: Choice

    @property
    def request(self) -> Request:
        """As `Delete.read` takes it."""
        return {"command": "delete", "all": self.choice == Choice(), **request_of(self.choice)}

    def __str__(self) -> str:
        return f"messages{whose(self.choice)} deleted by an operator"

    @classmethod
    def read(cls, request: Request) -> Delete:
        """Raises `ValueError` for what is none, and for what does not say which messages."""
        return cls(_choice_or_all(request))

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.remove`."""
        return Changed.by(await shard.remove(self.choice))


@dataclass(frozen=True, slots=True)
class Hold:
    """Messages kept back until they are released."""

    choice: Choice
    reason: str

    @property
    def request(self) -> Request:
        """As `Hold.read` takes it."""
        return {"command": "hold", "reason": self.reason, **request_of(self.choice)}

    def __str__(self) -> str:
        return f"messages{whose(self.choice)} put on hold ({self.reason})"

    @classmethod
    def read(cls, request: Request) -> Hold:
        """Raises `ValueError` for what is none."""
        return cls(read_choice(request), string(request, "reason") or "")

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
        return {"command": "release", **request_of(self.choice)}

    def __str__(self) -> str:
        return f"messages{whose(self.choice)} released from hold"

    @classmethod
    def read(cls, request: Request) -> Release:
        """Raises `ValueError` for what is none."""
        return cls(read_choice(request))

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.free`."""
        done = await shard.free(self.choice)
        return Changed(done.count, passed=done.passed)


@dataclass(frozen=True, slots=True)
class Requeue:
    """Recipients that begin anew."""

    choice: Choice

    @property
    def request(self) -> Request:
        """As `Requeue.read` takes it."""
        return {"command": "requeue", **request_of(self.choice)}

    def __str__(self) -> str:
        return f"messages{whose(self.choice)} requeued by an operator"

    @classmethod
    def read(cls, request: Request) -> Requeue:
        """Raises `ValueError` for what is none."""
        return cls(read_choice(request))

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.requeue`."""
        return Changed.by(await shard.requeue(self.choice))


@dataclass(frozen=True, slots=True)
class Bounce:
    """Mail returned to its sender now, in an operator's words."""

    choice: Choice
    reply: str

    @property
    def request(self) -> Request:
        """As `Bounce.read` takes it."""
        everything = self.choice == Choice()
        which = {"all": everything, **request_of(self.choice)}
        return {"command": "bounce", "reply": self.reply, **which}

    def __str__(self) -> str:
        return f"messages{whose(self.choice)} returned by an operator ({self.reply})"

    @classmethod
    def read(cls, request: Request) -> Bounce:
        """Raises `ValueError` for what is none, and for what does not say which messages."""
        reply = string(request, "reply") or ""
        if reply != reply_of(reply):
            raise ValueError("mail is returned with a reply of class 5 on one line")
        return cls(_choice_or_all(request), reply)

    async def on(self, shard: Shard) -> Changed:
        """See `Shard.give_up`."""
        return Changed.by(await shard.give_up(self.choice, self.reply))


Change = Flush | Delete | Hold | Release | Requeue | Bounce
"""Something to be done to the queue. Each has the `choice` of messages, the `request` to a worker,
and `on`, which does it in one shard; as text it is what the log says."""

CHANGES: Mapping[str, Callable[[Request], Change]] = {
    "flush": Flush.read,
    "delete": Delete.read,
    "hold": Hold.read,
    "release": Release.read,
    "requeue": Requeue.read,
    "bounce": Bounce.read,
}
"""How the request of each command is read."""


def reply_of(words: str) -> str:
    """The reply that speaks for mail that an operator returns: `550 5.7.1`, then the words.

    Args:
        words: an enhanced status code of class 5 (RFC 3463) and text, or text alone, or such a
            reply already. What is not printable is replaced.
    """
    text = printable(words.strip())[:MAX_WORDS]
    found = _CODED.fullmatch(text)
    assert found is not None, "each part may be missing"
    said = found["said"] or "returned by the operator of this server"
    return f"550 {found['enhanced'] or '5.7.1'} {said}"


def _choice_or_all(request: Request) -> Choice:
    """A choice that says so where it means everything: an empty request destroys nothing."""
    choice = read_choice(request)
    if choice == Choice() and request.get("all") is not True:
        raise ValueError("it does not say which messages")
    return choice


def _number(answer: Answer, key: str) -> int:
    value = answer.get(key, 0)
    assert isinstance(value, int)
    return value
