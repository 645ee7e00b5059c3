"""A filter that looks at messages only, and hears nothing of sessions: an examiner with a name."""

from __future__ import annotations

from collections.abc import Sequence

from postroad.filters.stages import Stage
from postroad.model import Reply
from postroad.model.letter import Examiner

__all__ = ["Examining"]


class Examining:
    """Implements `Filter` and `Listening`: it keeps nothing of a session, so one serves all."""

    __slots__ = ("_examiners", "name")

    def __init__(self, name: str, examiner: Examiner) -> None:
        """A filter.

        Args:
            name: how configuration and log name it.
            examiner: looks at messages.
        """
        self.name = name
        self._examiners = (examiner,)

    def session(self) -> Examining:
        """Begin to listen to a session."""
        return self

    async def heard(self, stage: Stage) -> Reply | None:  # noqa: ARG002 - it does not listen
        """Nothing is said of steps."""
        return None

    @property
    def examiners(self) -> Sequence[Examiner]:
        """Who looks at the message."""
        return self._examiners

    def forget(self) -> None:
        """There is nothing to forget."""

    async def close(self) -> None:
        """There is nothing to close."""
