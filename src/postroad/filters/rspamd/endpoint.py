"""Where rspamd is asked: a URL, or a Unix-domain socket."""

from __future__ import annotations

from typing import NamedTuple, Self
from urllib.parse import urlsplit

__all__ = ["Endpoint"]

_PAGE = "/checkv2"


class Endpoint(NamedTuple):
    """One place.

    Attributes:
        url: what is asked.
        path: of the Unix-domain socket that it is asked by; empty: none.
    """

    url: str
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it: `http://host:port`, `https://host:port` or `unix:/path`; a page may be named.

        Raises:
            ValueError: it is no such place; the message says what was expected.
        """
        if text.startswith("unix:/"):
            return cls(f"http://localhost{_PAGE}", text.removeprefix("unix:"))
        expected = f'expected "http://host:port" or "unix:/path", not "{text}"'
        try:
            parts = urlsplit(text)
            has_port = parts.port is None or parts.port > 0
        except ValueError:
            raise ValueError(expected) from None
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in ("http", "https") or not parts.hostname or not has_port:
            raise ValueError(expected)
        if not is_plain:
            raise ValueError(f"{expected}; a password goes into password_file")
        return cls(text.rstrip("/").removesuffix(_PAGE) + _PAGE)

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else self.url.removesuffix(_PAGE)
