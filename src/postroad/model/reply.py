"""SMTP replies (RFC 5321 §4.2) with their enhanced status codes (RFC 3463, RFC 2034)."""

from __future__ import annotations

from postroad.model.value import value

__all__ = ["Reply"]


@value
class Reply:
    """A reply as one side of the wire gives it to the other.

    Attributes:
        code: the three digits, 200 to 599.
        enhanced: `class.subject.detail`, or `None` where RFC 2034 §4 wants none
            (greeting, EHLO, 354 and 334).
        lines: the text of each line without codes; at least one.
    """

    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @classmethod
    def of(cls, code: int, enhanced: str | None, text: str) -> Reply:
        """A reply of one line."""
        return cls(code, enhanced, (text,))

    @property
    def text(self) -> str:
        """Everything after the code on one line, as logs and bounces quote it."""
        words = " ".join(self.lines)
        return f"{self.enhanced} {words}" if self.enhanced else words

    @property
    def is_positive(self) -> bool:
        """2xx or 3xx: the command was taken (RFC 5321 §4.2.1)."""
        return self.code < 400

    @property
    def is_permanent(self) -> bool:
        """5xx: the same again will fail."""
        return self.code >= 500

    def encode(self) -> bytes:
        """The reply's bytes, every line ended by CRLF; non-ASCII text becomes UTF-8."""
        lines = self.lines
        mark = f"{self.enhanced} " if self.enhanced else ""
        if len(lines) == 1:  # nearly all are
            return f"{self.code} {mark}{lines[0]}\r\n".encode()
        last = len(lines) - 1
        return "".join(
            f"{self.code}{' ' if at == last else '-'}{mark}{line}\r\n"
            for at, line in enumerate(lines)
        ).encode()

    def __str__(self) -> str:
        return f"{self.code} {self.text}"
