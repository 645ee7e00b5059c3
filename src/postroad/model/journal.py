"""Where events go: whatever a component has to tell an operator, with the line Postfix would log.

A component describes what happened by building an event and handing it to the `Journal` it was
given; it does not know whether that becomes a syslog line, a JSON object or a line on a
developer's terminal. The text of each event is the shape that log readers, `fail2ban` and the
operators' eyes know from Postfix. Events carry addresses and replies; they never carry a password
or the content of a message. What there is to tell of sessions is in `session_events`, and of
messages in `message_events`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from enum import Enum
from typing import ClassVar

from postroad.model.printable import printable
from postroad.model.value import value

__all__ = ["Event", "Journal", "Level", "Notice"]


class Level(Enum):
    """How much an operator should care."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@value
class Event:
    """Something that happened.

    Attributes:
        service: the part of the server that speaks: `smtpd`, `submission/smtpd`, `cleanup`,
            `qmgr`, `smtp`, `lmtp`, `local`, `bounce`, `master`.
        session: the identifier of the session it happened in, for `postroad why`; empty outside of
            sessions, and where none are given.
    """

    service: str
    session: str = field(default="", kw_only=True)
    level: ClassVar[Level] = Level.INFO

    @property
    def text(self) -> str:
        """The line without time and tag."""
        raise AssertionError("every event has its own text")


Journal = Callable[[Event], None]
"""Where events go. Must not block and must not raise."""


@value
class Notice(Event):
    """Anything else an operator should read, in words."""

    message: str
    severity: Level = Level.INFO

    @property
    def text(self) -> str:
        mark = "" if self.severity is Level.INFO else f"{self.severity.value}: "
        return f"{mark}{printable(self.message)}"
