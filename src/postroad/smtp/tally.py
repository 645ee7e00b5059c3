"""What a client did, counted: for its log line, and for the bound on errors.

Not every refusal is an error, and some commands are one although they are taken: those that move
no mail, over and over.
"""

from __future__ import annotations

from collections.abc import Iterable

from postroad.model import Reply
from postroad.smtp import replies
from postroad.smtp.settings import SessionLimits

__all__ = ["Tally"]

IDLE_COMMANDS = 100
"""Commands that move no mail, after which each counts as an error until a message is taken."""

RECIPIENT_OVERSHOOT = 1000
"""Recipients over the limit that are refused without counting as errors: a client that
pipelines learns of the limit late (RFC 5321 §4.5.3.1.10)."""


class Tally:
    """Counts of one session.

    Attributes:
        errors: refused commands since the last message that was taken.
    """

    __slots__ = ("_came", "_idle", "_limits", "_overshoot", "_taken", "errors")

    def __init__(self, limits: SessionLimits) -> None:
        """Of a session with these bounds."""
        self.errors = 0
        self._limits = limits
        self._came: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._idle = self._overshoot = 0

    @property
    def is_too_much(self) -> bool:
        """Whether the session is to end for its errors."""
        return 0 < self._limits.errors <= self.errors

    @property
    def delay(self) -> float:
        """Seconds to wait before what is queued is sent, to a client that makes many errors."""
        limits = self._limits
        tarpit = limits.soft_errors and self.errors >= limits.soft_errors
        return limits.error_pause if tarpit else 0.0

    def came(self, verb: str, *, idle: bool = False) -> None:
        """A command came; whether it is one that moves no mail."""
        self._came[verb] = self._came.get(verb, 0) + 1
        if idle:
            self.idled()

    def idled(self) -> None:
        """A command moved no mail."""
        self._idle += 1
        if self._idle > IDLE_COMMANDS:
            self.errors += 1

    def taken(self, verb: str) -> None:
        """A command was taken."""
        self._taken[verb] = self._taken.get(verb, 0) + 1

    def refused(self, reply: Reply) -> None:
        """A command was refused."""
        if reply is replies.TOO_MANY_RECIPIENTS:
            self._overshoot += 1
            if self._overshoot <= RECIPIENT_OVERSHOOT:
                return
        self.errors += 1

    def message_taken(self) -> None:
        """A message was taken: all is forgiven."""
        self.errors = self._idle = self._overshoot = 0

    def counts(self, verbs: Iterable[str]) -> dict[str, tuple[int, int]]:
        """For each verb that came, in small letters: how often it was taken, how often it came."""
        return {
            verb.lower(): (self._taken.get(verb, 0), self._came[verb])
            for verb in verbs
            if verb in self._came
        }
