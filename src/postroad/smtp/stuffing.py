"""Content on its way out: dots doubled, line ends checked (RFC 5321 §4.5.2, §2.3.8).

The spool holds lines ended by CRLF and nothing else, except for BODY=BINARYMIME: what is refused
here was not taken in the first place (`inspection`). That promise is checked once more, because
what some next hop takes for a line end and we do not is how one message smuggles a second one in;
and because two passes in C cost little.

What becomes of each kind of content:

- a lone dot, a dot at the start of a line: doubled, as the RFC has it;
- a last line without its end: it gets one;
- a bare CR or LF: refused, never repaired. A repaired line could begin with a dot that was none,
  and every signature over the message would break;
- a NUL: sent as it is, for mail with a stray NUL is only odd. But a line of NULs before one dot
  is refused: a server that drops NULs reads it as the end (`hidden_end`);
- octets that are no lines at all (BINARYMIME): not here. They go by BDAT, which needs no mark for
  the end and so knows none that could be forged; `Counter` sees that they are as many as announced.

Lines may go by BDAT as well (RFC 3030 §2). Then no dot is doubled and nothing is added; what is
refused stays the same (`CountedLines`), for the next hop may hand them on by DATA.

Most contents are small and come whole. `stuffed` does for those in one step what `Stuffer` does in
pieces.
"""

from __future__ import annotations

from postroad.smtp.hidden_end import HiddenEndSearch
from postroad.smtp.line_ends import are_paired

__all__ = [
    "BareLineEnd",
    "CountedLines",
    "Counter",
    "HiddenEnd",
    "Miscounted",
    "Stuffer",
    "Unsendable",
    "check_lines",
    "stuffed",
]

_BARE = "the content has a CR or LF that is not a line end"
_HIDDEN = "the content has a line of NUL octets and a dot, which could be taken for its end"


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

    __slots__ = ("_at_line_start", "_held", "_hidden_end")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""
        self._hidden_end = HiddenEndSearch()

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
        if not are_paired(chunk):
            raise BareLineEnd
        self._hidden_end.see(chunk)
        if self._hidden_end.found:
            raise HiddenEnd
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
        if self._hidden_end.is_open:
            raise HiddenEnd
        return b".\r\n" if self._at_line_start else b"\r\n.\r\n"


class CountedLines:
    """Sends lines as they are, and exactly as many octets as were announced."""

    __slots__ = ("_counter", "_lines")

    def __init__(self, size: int) -> None:
        self._counter = Counter(size)
        self._lines = Stuffer()

    def feed(self, chunk: bytes) -> bytes:
        """The chunk.

        Raises:
            BareLineEnd: a CR or LF stands alone.
            HiddenEnd: NULs hide a lone dot.
            Miscounted: it is more than was announced; the rest would be read as commands.
        """
        self._lines.feed(chunk)
        return self._counter.feed(chunk)

    def end(self) -> bytes:
        """Nothing: the count is the end.

        Raises:
            BareLineEnd: the content ended with a lone CR.
            HiddenEnd: its last line is a dot behind NULs.
            Miscounted: it is less than was announced.
        """
        self._lines.end()
        return self._counter.end()


def check_lines(text: bytes) -> None:
    """See that a whole content is of lines that may be sent.

    Raises:
        BareLineEnd: a CR or LF stands alone.
        HiddenEnd: NULs hide a lone dot.
    """
    if not are_paired(text):
        raise BareLineEnd
    if b"\0" in text:
        search = HiddenEndSearch()
        search.see(text)
        if search.found or search.is_open:
            raise HiddenEnd


def stuffed(text: bytes) -> bytes:
    """A whole content as it goes over the wire behind DATA, with its end.

    Raises:
        BareLineEnd: a CR or LF stands alone.
        HiddenEnd: NULs hide a lone dot.
    """
    check_lines(text)
    end = b".\r\n" if text.endswith(b"\r\n") or not text else b"\r\n.\r\n"
    sent = text.replace(b"\r\n.", b"\r\n..") + end
    return b"." + sent if text.startswith(b".") else sent


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
