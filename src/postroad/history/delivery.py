"""What became of messages in the queue, as the log is told of it, for the history.

`Remembering` stands before a journal and lets everything pass; nobody who writes to it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from postroad.history.page import Line, line_of
from postroad.history.recorder import Memory, Recorder
from postroad.model.journal import Event, Journal
from postroad.model.message_events import Bounced, Delivered

__all__ = ["Remembering"]


class Tried(NamedTuple):
    """Implements `Recordable`: one recipient's delivery attempt.

    Attributes:
        event: as the log has it.
        at: when it ended, seconds since the epoch.
    """

    event: Delivered
    at: float

    @property
    def weight(self) -> int:
        """See `Recordable.weight`."""
        return 1

    def line(self, _memory: Memory) -> Line:
        """See `Recordable.line`."""
        event = self.event
        recipient = quoted(str(event.recipient))
        original = recipient
        if event.original != event.recipient:
            original = quoted(str(event.original))
        sender = f'"sender":{quoted(event.sender)},' if event.sender else ""
        text = (  # by hand, for the reason that `policy.record` gives: there is one for each mail
            f'{{"kind":"delivery","at":{self.at!r},"queue_id":{quoted(event.queue_id)},'
            f'"recipient":{recipient},"original":{original},'
            f'{sender}"transport":{quoted(event.service)},"relay":{quoted(event.relay)},'
            f'"delay":{round(sum(event.delays), 3)!r},"status":"{event.status.value}",'
            f'"reply":{quoted(str(event.reply))}}}'
        )
        return Line(text, (event.queue_id,), self.at)


class Told(NamedTuple):
    """Implements `Recordable`: a message's sender was told something, by another message.

    Attributes:
        event: as the log has it.
        at: when, seconds since the epoch.
    """

    event: Bounced
    at: float

    @property
    def weight(self) -> int:
        """See `Recordable.weight`."""
        return 1

    def line(self, _memory: Memory) -> Line:
        """See `Recordable.line`."""
        event = self.event
        record = {
            "kind": "notification",
            "at": self.at,
            "queue_id": event.queue_id,
            "notification": event.notification,
            "told": event.kind,
        }
        return line_of(record)


class Remembering:
    """A journal that remembers what became of messages."""

    def __init__(self, journal: Journal, history: Recorder, clock: Callable[[], float]) -> None:
        """A journal before another one.

        Args:
            journal: gets every event.
            history: gets those that tell what became of a message.
            clock: seconds since the epoch.
        """
        self._journal = journal
        self._history = history
        self._clock = clock

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self._journal(event)
        if isinstance(event, Delivered):
            self._history.put(Tried(event, self._clock()))
        elif isinstance(event, Bounced):
            self._history.put(Told(event, self._clock()))
