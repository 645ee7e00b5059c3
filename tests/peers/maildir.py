"""Maildirs that a server delivers to, read as a mail program would."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from peers.waiting import until

__all__ = ["Maildir"]

_TIME_LIMIT = 30.0


class Maildir:
    """The new messages of one Maildir.

    Args:
        path: its top folder, which need not exist yet.
        log: what its server has logged, for the error of a message that does not come.
    """

    def __init__(self, path: Path, log: Callable[[], str]) -> None:
        self.new = path / "new"
        self._log = log

    def messages(self) -> list[bytes]:
        """The content of each message, in the order of the file names."""
        if not self.new.is_dir():
            return []
        return [path.read_bytes() for path in sorted(self.new.iterdir())]

    def find(self, mark: str) -> bytes:
        """The first message that holds `mark`; empty if there is none."""
        return next((each for each in self.messages() if mark.encode() in each), b"")

    def wait(self, mark: str, *, within: float = _TIME_LIMIT) -> bytes:
        """The first message that holds `mark`, as soon as there is one.

        Raises:
            AssertionError: it did not come in time; the text holds the log.
        """
        what = f"a message with {mark!r} in {self.new}"
        try:
            return until(lambda: self.find(mark), within=within, what=what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the log:\n{self._log()}") from error

    def wait_parsed(self, mark: str, *, within: float = _TIME_LIMIT) -> EmailMessage:
        """The same, as header fields and content."""
        parsed = email.message_from_bytes(self.wait(mark, within=within), policy=_POLICY)
        assert isinstance(parsed, EmailMessage)
        return parsed


_POLICY = email.policy.default
