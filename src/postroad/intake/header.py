"""The header section of a message, as octets (RFC 5322 §2.2), while it streams in.

A relay must not change what it does not have to, so nothing is parsed into objects and written
out again: the section is found, a few fields are looked up in it, and lines are added. The view is
made of whole-section operations that run in C; no loop over lines or octets is in Python.
"""

from __future__ import annotations

import re

from postroad.smtp.line_ends import are_paired

__all__ = ["HeaderSection", "HeaderTooLarge", "are_fields"]

# A field name, a colon, and its lines; RFC 5322 §2.2, with the obsolete blank before the colon.
_FIELDS = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*)*")
_MESSAGE_ID = re.compile(rb"\nmessage-id[ \t]*:[ \t]*(?:\r\n[ \t]+)*([^\r]*)", re.IGNORECASE)
_DATE = re.compile(rb"\ndate[ \t]*:", re.IGNORECASE)
_RECEIVED = re.compile(rb"\nreceived[ \t]*:", re.IGNORECASE)

# The separator of an mbox file, which some programs leave at the top of what they send. It is no
# field, and would end the section before it began.
_MAILBOX_LINES = re.compile(rb"(?:>*From (?![ \t]*:)[^\r]*\r\n)+")
_MAILBOX_LINE = re.compile(rb"^(?=>*From )", re.MULTILINE)


def are_fields(octets: bytes) -> bool:
    """Whether octets are whole field lines and nothing else, by whatever a reader takes for a line.

    Args:
        octets: of one field or several.
    """
    if _FIELDS.fullmatch(octets) is None or not octets:
        return False
    return octets.count(b"\n") == octets.count(b"\r\n")


class HeaderTooLarge(Exception):
    """The header section is larger than the limit."""


class HeaderSection:
    """Collects a message's first octets until its header section is complete."""

    __slots__ = ("_buffer", "_limit", "_searched", "fields", "is_broken", "rest")

    def __init__(self, limit: int) -> None:
        """An empty section.

        Args:
            limit: octets to collect at most; 0 for no limit.
        """
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self.fields = b""
        """The field lines, once complete; the blank line is not among them."""
        self.rest = b""
        """What followed them in what was fed: the blank line and the start of the body."""
        self.is_broken = False
        """Whether a bare CR or LF is in it: readers differ in what are its fields then."""

    def feed(self, chunk: bytes) -> bool:
        """Take the next octets.

        Returns:
            Whether the section is complete; `fields` and `rest` are set then.

        Raises:
            HeaderTooLarge: the limit is reached and field lines still go on.
        """
        buffer = self._buffer
        buffer += chunk
        if buffer.startswith(b"\r\n") or buffer.find(b"\r\n\r\n", self._searched) >= 0:
            self.finish()
            if self._limit and len(self.fields) > self._limit:
                raise HeaderTooLarge
            return True
        self._searched = max(0, len(buffer) - 3)
        if self._limit and len(buffer) > self._limit:
            self.finish()
            if self.rest.find(b"\r\n", 2) < 0:  # no line that is no field: it goes on
                raise HeaderTooLarge
            return True
        return False

    def finish(self) -> None:
        """Split what was fed; for a message that ends within, or without, its header section."""
        whole = bytes(self._buffer)
        self._buffer.clear()
        match = _MAILBOX_LINES.match(whole)
        if match is not None:  # kept as a field of the name that Postfix gives it
            whole = _MAILBOX_LINE.sub(b"X-Mailbox-Line: ", match[0]) + whole[match.end() :]
        match = _FIELDS.match(whole)
        end = match.end() if match else 0
        self.fields, self.rest = whole[:end], whole[end:]
        self.is_broken = self.fields.count(b"\n") != self.fields.count(b"\r\n")
        if not self.rest.startswith(b"\r\n"):
            # A bare CR ends the section before its line, so that is looked at as well.
            self.is_broken |= not are_paired(self.rest.partition(b"\r\n")[0])
            # No field line follows, yet no blank line either (RFC 5322 §2.1 wants one before a
            # body): without it, the body's first line would be read as a field.
            self.rest = b"\r\n" + self.rest

    @property
    def message_id(self) -> str | None:
        """The Message-ID field's text, `None` when there is no such field."""
        found = _MESSAGE_ID.search(b"\n" + self.fields)
        return None if found is None else found.group(1).decode("utf-8", "replace").strip()

    @property
    def has_date(self) -> bool:
        """Whether there is a Date field."""
        return _DATE.search(b"\n" + self.fields) is not None

    @property
    def hops(self) -> int:
        """How many Received fields there are: the relays the message has passed."""
        return len(_RECEIVED.findall(b"\n" + self.fields))
