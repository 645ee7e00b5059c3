"""Content on its way out: dots doubled, line ends checked (RFC 5321 §4.5.2, §2.3.8).

The spool holds lines ended by CRLF and nothing else, except for BODY=BINARYMIME. That promise is
checked once more here, because what some next hop takes for a line end and we do not is how one
message smuggles a second one in; and because a few counts in C cost next to nothing.

What becomes of each kind of content:

- a lone dot, a dot at the start of a line: doubled, as the RFC has it;
- a last line without its end: it gets one;
- a bare CR or LF: refused, never repaired. A repaired line could begin with a dot that was none,
  and every signature over the message would break;
- a NUL: sent as it is, for mail with a stray NUL is only odd. But a line of NULs before one dot
  is refused: a server that drops NULs reads it as the end;
- octets that are no lines at all (BINARYMIME): not here. They go by BDAT, which needs no mark for
  the end and so knows none that could be forged; `Counter` sees that they are as many as announced.
"""

from __future__ import annotations

import re

__all__ = ["BareLineEnd", "Counter", "HiddenEnd", "Miscounted", "Stuffer", "Unsendable"]

_BARE = "the content has a CR or LF that is not a line end"
_HIDDEN = "the content has a line of NUL octets and a dot, which could be taken for its end"

_HIDDEN_END = re.compile(rb"\r\n\0+\.\0*\r\n")
_HIDDEN_BEGINNING = re.compile(rb"\r\n\0+(?:\.\0*)?\Z")


class Unsendable(Exception):
    """The content must not be sent on; the message says why, in words fit for a bounce."""


class BareLineEnd(Unsendable):
    """The content holds a CR or an LF that is not part of a CRLF."""

    def __init__(self) -> None:
        super().__init__(_BARE)


class HiddenEnd(Unsendable):
    """The content holds a line that is a lone dot once its NULs are dropped."""

    def __init__(self) -> None:
        super().__init__(_HIDDEN)


class Miscounted(Unsendable):
    """The content has more or fewer octets than were announced."""


class Stuffer:
    """Stuffs one message, chunk by chunk."""

    __slots__ = ("_at_line_start", "_held", "_nuls")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""
        self._nuls = b""  # a line of NULs, perhaps with a dot, whose end has not come yet

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it goes over the wire. A CR at its end waits for the next chunk.

        Raises:
            BareLineEnd: a CR or LF stands alone.
            HiddenEnd: NULs hide a lone dot.
        """
        if self._held:
            chunk = self._held + chunk
            self._held = b""
        if chunk.endswith(b"\r"):
            chunk, self._held = chunk[:-1], b"\r"
        if not chunk:
            return b""
        ends = chunk.count(b"\r\n")
        if ends != chunk.count(b"\n") or ends != chunk.count(b"\r"):
            raise BareLineEnd
        if self._nuls or b"\0" in chunk:
            self._look_behind_nuls(chunk)
        begins_with_dot = self._at_line_start and chunk.startswith(b".")
        self._at_line_start = chunk.endswith(b"\r\n")
        stuffed = chunk.replace(b"\r\n.", b"\r\n..")
        return b"." + stuffed if begins_with_dot else stuffed

    def end(self) -> bytes:
        """What ends the content: the lone dot, after a line end where the last line lacks it.

        Raises:
            BareLineEnd: the content ended with a lone CR.
            HiddenEnd: its last line is a dot behind NULs.
        """
        if self._held:
            raise BareLineEnd
        if b"." in self._nuls:
            raise HiddenEnd
        return b".\r\n" if self._at_line_start else b"\r\n.\r\n"

    def _look_behind_nuls(self, chunk: bytes) -> None:
        begun = b"\r\n" + self._nuls if self._at_line_start or self._nuls else b""
        text = begun + chunk
        if _HIDDEN_END.search(text):
            raise HiddenEnd
        open_line = _HIDDEN_BEGINNING.search(text)
        # However many NULs there were, one says the same.
        self._nuls = b"" if open_line is None else b"\0." if b"." in open_line[0] else b"\0"


class Counter:
    """Sends octets as they are, and exactly as many as were announced (RFC 3030 §2)."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def feed(self, chunk: bytes) -> bytes:
        """The chunk.

        Raises:
            Miscounted: it is more than was announced; the rest would be read as commands.
        """
        self._left -= len(chunk)
        if self._left < 0:
            raise Miscounted("the content is longer than its size")
        return chunk

    def end(self) -> bytes:
        """Nothing: the count is the end.

        Raises:
            Miscounted: it is less than was announced.
        """
        if self._left:
            raise Miscounted("the content is shorter than its size")
        return b""
