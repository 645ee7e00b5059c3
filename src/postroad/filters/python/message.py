"""What a hook sees of a message, and what it may change.

Changes are collected here and are taken only if the hook ends well: a program that falls over half
way leaves the message as it was. Every change is a new `Letter`; the one that came stays as it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import NamedTuple

from postroad.filters.python.decoding import decoded, readable
from postroad.filters.python.session import Log, Session
from postroad.filters.python.writing import field_line
from postroad.model import Address, Client, Recipient, TlsSession
from postroad.model.address import AddressError
from postroad.model.content import Octets
from postroad.model.letter import Finding, Letter
from postroad.spool.reading import joined, pieces

__all__ = ["Message", "NamedField", "Points"]

TEXT = 1_048_576
"""Octets of a body that `text` looks at unless told otherwise: more is attachments."""

POINTS = 1000.0
"""Points that one call may give, either way: what is more is a slip, and would drown all others."""


class NamedField(NamedTuple):
    """A field of the header: its name as it is spelt, its value in one line and decoded."""

    name: str
    value: str


class Points(NamedTuple):
    """Points that a hook gave, and for what."""

    points: float
    name: str


class Message:
    """A message whose content is complete.

    Attributes:
        session: the session that it came by; `None` for mail of programs and mail made here.
        memory: that session's; empty and new where there is none.
    """

    def __init__(self, letter: Letter, session: Session | None, log: Log) -> None:
        """A message.

        Args:
            letter: as it is before the hook.
            session: by which it came.
            log: writes a line of the log.
        """
        self.session = session
        self.memory: dict[str, object] = session.memory if session is not None else {}
        self._points: list[Points] = []
        self._changes: list[str] = []
        self._letter = letter
        self._log = log

    @property
    def letter(self) -> Letter:
        """As it is by now; of the server's own types, which may change."""
        return self._letter

    @property
    def points(self) -> tuple[Points, ...]:
        """Given so far by this hook."""
        return tuple(self._points)

    @property
    def changes(self) -> tuple[str, ...]:
        """What was changed, in words, for the log."""
        return tuple(self._changes)

    @property
    def queue_id(self) -> str:
        """Its identifier in the log."""
        return self.letter.queue_id

    @property
    def origin(self) -> str:
        """`outside`, `neighbour` (a server of ours that took it before), `ours` or `made`."""
        return self.letter.origin.value

    @property
    def listener(self) -> str:
        """The listener that it came in by; empty for none."""
        return self.letter.listener

    @property
    def client(self) -> Client | None:
        """The host that it came from; `None` for mail of this machine."""
        return self.letter.client

    @property
    def hello(self) -> str:
        """The name that the client gave for itself."""
        return self.letter.hello

    @property
    def tls(self) -> TlsSession | None:
        """The TLS of the session."""
        return self.letter.tls

    @property
    def login(self) -> str:
        """Who logged in; empty for nobody."""
        return self.letter.login.user if self.letter.login is not None else ""

    @property
    def sender(self) -> str:
        """The reverse-path; empty for the null one."""
        return self.letter.envelope.sender_text

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets it, before aliases."""
        return tuple([str(each.address) for each in self.letter.recipients])

    @property
    def size(self) -> int:
        """Octets in all."""
        return self.letter.size

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What others found out before: `by` (spf, dkim, dmarc …), `result`, `words`, `details`."""
        return self.letter.findings

    def found(self, by: str) -> str:
        """The result of somebody before, such as `pass`; empty where there is none."""
        finding = self.letter.found(by)
        return finding.result if finding is not None else ""

    @property
    def headers(self) -> tuple[NamedField, ...]:
        """The fields of the header, from the top."""
        return tuple([NamedField(each.name, decoded(each)) for each in self.letter.fields])

    def header(self, name: str) -> str:
        """The value of the uppermost field of a name, decoded; empty where there is none."""
        field = self.letter.fields.first(name)
        return decoded(field) if field is not None else ""

    def read(self) -> bytes:
        """All octets, header and body. This may wait for a disk: for hooks without `async`."""
        return b"".join([self.letter.fields.octets, b"\r\n", *self.letter.body.chunks()])

    async def octets(self) -> bytes:
        """All octets, header and body."""
        letter = self.letter
        return b"".join([letter.fields.octets, b"\r\n", await joined(letter.body)])

    async def text(self, limit: int = TEXT) -> str:
        """What there is to read: the plain part, or else the HTML; empty where there is neither.

        Args:
            limit: octets of the body that are looked at.
        """
        body = bytearray()
        async for piece in pieces(self.letter.body):
            body += piece[: limit - len(body)]
            if len(body) >= limit:
                break
        # In a thread: a stranger chooses how long it takes.
        return await asyncio.to_thread(readable, self.letter.fields, bytes(body))

    def add_header(self, name: str, value: str, *, top: bool = False) -> None:
        """Add a field at the end of the header, or on top.

        Raises:
            ValueError: the name is none, or the value has line ends in it.
        """
        line, fields = self._field(name, value), self.letter.fields
        self._take(fields=fields.above(line) if top else fields.below(line))
        self._changes.append(f"added {name}")

    def set_header(self, name: str, value: str) -> None:
        """Give the uppermost field of a name another value, or add it; others stay.

        Raises:
            ValueError: likewise.
        """
        line, fields = self._field(name, value), self.letter.fields
        old = fields.first(name)
        self._take(fields=fields.below(line) if old is None else fields.replaced(old, line))
        self._changes.append(f"set {name}")

    def remove_header(self, name: str) -> int:
        """Remove all fields of a name; how many there were."""
        count = len(self.letter.fields.named(name))
        if count:
            self._take(fields=self.letter.fields.without(name))
            self._changes.append(f"removed {name}")
        return count

    def replace_body(self, body: bytes | str) -> None:
        """Put another body in its place; text is written as UTF-8.

        The fields that tell what the body is (Content-Type, Content-Transfer-Encoding) stay as
        they are: they are yours to put right. A signature over the old body is broken.

        Raises:
            TypeError: it is neither octets nor text.
        """
        if not isinstance(body, bytes | bytearray | memoryview | str):
            raise TypeError(f"a body of type {type(body).__name__}: expected bytes or str")
        octets = body.encode() if isinstance(body, str) else bytes(body)
        self._take(body=Octets(octets))
        self._changes.append(f"replaced the body ({len(octets)} octets)")

    def set_sender(self, address: str) -> None:
        """Give it another reverse-path; empty for the null one.

        Raises:
            ValueError: it is no address.
        """
        sender = _address(address) if address else None
        self._take(envelope=replace(self.letter.envelope, sender=sender))
        self._changes.append(f"sender is <{address}>")

    def add_recipient(self, address: str) -> None:
        """One more recipient, if it is none yet.

        Raises:
            ValueError: it is no address.
        """
        fresh = _address(address)
        if all(each.address.key != fresh.key for each in self.letter.recipients):
            self._take(recipients=(*self.letter.recipients, Recipient(fresh)))
            self._changes.append(f"added <{address}>")

    def remove_recipient(self, address: str) -> bool:
        """Take a recipient out; whether it was one.

        A message that has none left in the end is refused.
        """
        key = _address(address).key
        kept = tuple([each for each in self.letter.recipients if each.address.key != key])
        if len(kept) == len(self.letter.recipients):
            return False
        self._take(recipients=kept)
        self._changes.append(f"removed <{address}>")
        return True

    def score(self, points: float, name: str) -> None:
        """Give points, and say for what; those of all files of a filter are added up.

        Raises:
            TypeError: it is no number, or the name is no text.
            ValueError: it is not a number, or beyond ±1000.
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of points is of type {type(name).__name__}: expected str")
        if not -POINTS <= points <= POINTS:
            raise ValueError(f"{points} points are not between -1000 and 1000")
        self._points.append(Points(float(points), name))

    def log(self, words: str) -> None:
        """Write a line into the server's log."""
        self._log(f"{self.queue_id}: {words}")

    def _field(self, name: str, value: str) -> bytes:
        return field_line(name, value, is_utf8=self.letter.envelope.smtputf8)

    def _take(self, **changes: object) -> None:
        self._letter = replace(self._letter, **changes)  # type: ignore[arg-type]


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except AddressError as error:
        raise ValueError(f"{text!r} is no address: {error}") from None
