"""What a session needs of a history, and the history of a server that keeps none."""

from __future__ import annotations

from typing import Protocol

from postroad.history.page import Line

__all__ = ["NO_HISTORY", "Memory", "Recordable", "Recorder"]


Memory = dict[tuple[int, int, int], tuple[object, object, str]]
"""What a writer remembers of texts that it made; who makes them says what the keys are."""


class Recordable(Protocol):
    """Something to be remembered. It holds references, so that to hand it over costs little."""

    @property
    def weight(self) -> int:
        """How many decisions it holds, at least 1: what it costs to keep it in memory."""
        ...

    def line(self, memory: Memory) -> Line:
        """It as JSON. Made in the writer's thread, from what nobody changes any more.

        Args:
            memory: for texts that are made once; the writer's, and the same for all its records.
        """
        ...


class Recorder(Protocol):
    """Where sessions put what was decided. Belongs to the event loop's thread."""

    @property
    def in_replies(self) -> bool:
        """Whether refusals tell the client the session's identifier."""
        ...

    def session_id(self) -> str:
        """An identifier for a session that begins; empty where none are given."""
        ...

    def put(self, what: Recordable) -> None:
        """Remember something. Never waits, never raises."""
        ...


class _NoHistory:
    """Implements `Recorder`: remembers nothing."""

    @property
    def in_replies(self) -> bool:
        return False

    def session_id(self) -> str:
        return ""

    def put(self, what: Recordable) -> None:
        """Forget it."""


NO_HISTORY: Recorder = _NoHistory()
