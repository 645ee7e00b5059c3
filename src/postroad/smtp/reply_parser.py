"""Replies of a server, from bytes to `Reply` (RFC 5321 §4.2.1, RFC 2034).

Only what a client needs: buffering, joining the lines of a multi-line reply, and taking the
enhanced status code out of the text. Both limits exist because a hostile server would otherwise
choose how much memory we use. What a server repeats of our password is blotted out here, before
anybody sees a reply, or quotes what is none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from postroad.model import Reply
from postroad.model.printable import printable
from postroad.smtp.secrets import Secrets

__all__ = ["MAX_LINES", "MAX_REPLY_LINE", "MalformedReply", "ReplyParser"]

MAX_REPLY_LINE = 2048
"""Octets of one line with its end: four times what RFC 5321 §4.5.3.1.5 allows a server."""

MAX_LINES = 100
"""Lines of one reply. The longest in the wild, EHLO's, have about twenty."""

_MADE = {2: "2.0.0", 3: None, 4: "4.0.0", 5: "5.0.0"}
"""Enhanced codes of replies that have none (RFC 3463 §3.1: other or undefined status)."""

_LINE = re.compile(
    r"([2-5][0-9][0-9])(?:([ -])(?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z))?(.*))?\Z", re.DOTALL
)

_BEGINNING = re.compile(rb"[2-5][0-9][0-9][ -]")


class MalformedReply(Exception):
    """The server broke the protocol; nothing it sends from here on can be understood."""


class _Line(NamedTuple):
    """One line of a reply.

    Attributes:
        reply: what it says if it is the only one.
        enhanced: the enhanced code that it bears itself.
        last: whether no other follows.
    """

    reply: Reply
    enhanced: str | None
    last: bool


class ReplyParser:
    """Buffers what a server sends and gives it back reply by reply.

    Attributes:
        challenge: what the last 334 said, with whatever is hidden in its reply: it is for the
            login alone, and a prompt may well have something in common with a password.
    """

    __slots__ = ("_buffer", "_lines", "_secrets", "_start", "challenge")

    def __init__(self) -> None:
        self._buffer = b""
        self._start = 0
        self._lines: list[_Line] = []
        self._secrets: Secrets | None = None
        self.challenge = b""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left, not even half a line."""
        return self._start == len(self._buffer) and not self._lines

    def hide(self, secrets: Secrets) -> None:
        """Blot these out of all that follows."""
        self._secrets = secrets

    def feed(self, data: bytes) -> None:
        """Buffer what came."""
        rest = self._buffer[self._start :]
        self._buffer = rest + data if rest else data
        self._start = 0

    def next_reply(self) -> Reply | None:
        """The next whole reply, or `None` while it has not all come.

        Raises:
            MalformedReply: a line is no reply line, or a limit is passed.
        """
        while True:
            end = self._buffer.find(b"\n", self._start)
            if (len(self._buffer) if end < 0 else end) - self._start >= MAX_REPLY_LINE:
                raise MalformedReply(f"a reply line is longer than {MAX_REPLY_LINE} octets")
            if end < 0:
                return None
            line = self._buffer[self._start : end]
            self._start = end + 1
            if self._secrets is not None:
                if line.startswith(b"334 "):
                    self.challenge = line[4:].strip()
                line = _veiled(line, self._secrets)
            parsed = _parse_line(line)
            if parsed.last and not self._lines:
                return parsed.reply
            self._lines.append(parsed)
            if parsed.last:
                return self._join()
            if len(self._lines) >= MAX_LINES:
                raise MalformedReply(f"a reply has more than {MAX_LINES} lines")

    def _join(self) -> Reply:
        """One reply of many lines. Where codes differ the last counts, as it does in Postfix."""
        lines, self._lines = self._lines, []
        code = lines[-1].reply.code
        marks = (each.enhanced for each in lines if each.enhanced and each.reply.code == code)
        enhanced = next(marks, None) or _MADE[code // 100]
        return Reply(code, enhanced, tuple(each.reply.lines[0] for each in lines))


def _veiled(line: bytes, secrets: Secrets) -> bytes:
    """The line without secrets. The code of a reply is none, whatever the password is."""
    veiled = secrets.hide(line)
    if veiled != line and _BEGINNING.match(line):
        return line[:4] + secrets.hide(line[4:])
    return veiled


@lru_cache(maxsize=256)
def _parse_line(line: bytes) -> _Line:
    """What one line says.

    Remembered, because nearly all lines of a busy server are the same few. An enhanced code of
    another class than the reply's is taken for a part of the text.
    """
    text = line.removesuffix(b"\r").decode("utf-8", "replace")
    if not text.isprintable():
        text = printable(text)
    match = _LINE.match(text)
    if match is None:
        raise MalformedReply(f"not an SMTP reply: {text[:80]!r}")
    digits, mark, enhanced, words = match.groups()
    if enhanced and enhanced[0] != digits[0]:
        enhanced, words = None, f"{enhanced} {words}".rstrip()
    code = int(digits)
    reply = Reply(code, enhanced or _MADE[code // 100], (words or "",))
    return _Line(reply, enhanced, last=mark != "-")
