r"""The end of content that NULs hide: a line of NUL octets and one dot.

A NUL in mail is only odd, and passes. But a server that drops NULs reads such a line as the lone
dot that ends the content (RFC 5321 §4.5.2), and what stands behind it as commands. So this one line
never goes out by DATA, and what could not go out is not taken either: both sides ask here.

Nearly every message has no NUL, and then each piece costs one search in C.
"""

from __future__ import annotations

import re

__all__ = ["HiddenEndSearch"]

_HIDDEN = re.compile(rb"\r\n\0+\.\0*\r\n")
_BEGINNING = re.compile(rb"\r\n\0+(?:\.\0*)?\Z")


class HiddenEndSearch:
    """Sees the content of one message go by, piece by piece.

    Attributes:
        found: whether there was such a line, with its end.
    """

    __slots__ = ("_at_line_start", "_begun", "found")

    def __init__(self) -> None:
        self.found = False
        self._at_line_start = True
        self._begun = b""  # a line of NULs, perhaps with a dot, whose end has not come yet

    @property
    def is_open(self) -> bool:
        """Whether the content would have such a line if it ended now."""
        return b"." in self._begun

    def see(self, text: bytes) -> None:
        """Look at the next octets; no CRLF may be cut in two."""
        if not text:
            return
        if self._begun or b"\0" in text:
            self._look(text)
        self._at_line_start = text.endswith(b"\r\n")

    def _look(self, text: bytes) -> None:
        if self._begun or self._at_line_start:
            text = b"\r\n" + self._begun + text
        self.found = self.found or _HIDDEN.search(text) is not None
        begun = _BEGINNING.search(text)
        # However many NULs there were, one says the same.
        self._begun = b"" if begun is None else b"\0." if b"." in begun[0] else b"\0"
