"""A history that keeps what it is told, for tests to look at."""

from __future__ import annotations

from postroad.history import Recordable

__all__ = ["KeptHistory"]


class KeptHistory:
    """Implements `Recorder`."""

    def __init__(self, session: str = "", *, in_replies: bool = False) -> None:
        self.in_replies = in_replies
        self.put_in: list[Recordable] = []
        self._session = session

    def session_id(self) -> str:
        return self._session

    def put(self, what: Recordable) -> None:
        self.put_in.append(what)
