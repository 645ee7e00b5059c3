"""Content on its way out: dots doubled, line ends checked (RFC 5321 §4.5.2, §2.3.8).

The spool holds lines ended by CRLF and nothing else. That promise is checked once more here,
because a bare CR or LF that some next hop takes for a line end is how one message smuggles a
second one in; and because three counts in C cost next to nothing.
"""

from __future__ import annotations

__all__ = ["BareLineEnd", "Stuffer"]


class BareLineEnd(Exception):
    """The content holds a CR or an LF that is not part of a CRLF; it must not be sent on."""


class Stuffer:
    """Stuffs one message, chunk by chunk."""

    __slots__ = ("_at_line_start", "_held")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it goes over the wire. A CR at its end waits for the next chunk.

        Raises:
            BareLineEnd: a CR or LF stands alone.
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
            raise BareLineEnd("the content has a CR or LF that is not a line end")
        begins_with_dot = self._at_line_start and chunk.startswith(b".")
        self._at_line_start = chunk.endswith(b"\r\n")
        stuffed = chunk.replace(b"\r\n.", b"\r\n..")
        return b"." + stuffed if begins_with_dot else stuffed

    def end(self) -> bytes:
        """What ends the content: the lone dot, after a line end where the last line lacks it.

        Raises:
            BareLineEnd: the content ended with a lone CR.
        """
        if self._held:
            raise BareLineEnd("the content has a CR or LF that is not a line end")
        return b".\r\n" if self._at_line_start else b"\r\n.\r\n"
