"""How a next hop is spelt: hosts with ports, and the content filters that access tables name.

Policy must know a misspelt filter before any mail meets it, and delivery must read it when mail
does; so its grammar is here, below both. It is Postfix's: `TRANSPORT:NEXT-HOP`, the next hop in
the spelling of that transport (access(5), FILTER). Pure: no name is looked up, no socket touched.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from difflib import get_close_matches

from postroad.model.printable import beginning

__all__ = ["ContentFilter", "host_and_port", "parse_filter"]

MAX_SHOWN = 60
"""Characters of a wrong text that its mistake repeats: it may come from a policy service."""

_KINDS = {
    "smtp": "smtp:[host]:port or smtp:domain:port",
    "lmtp": "lmtp:unix:/path or lmtp:[host]:port",
    "local": "local:",
    "capture": "capture:",
}
"""The transports there are, each with what its filter looks like."""


@dataclass(frozen=True, slots=True)
class ContentFilter:
    """A next hop that a whole message goes through, whoever its recipients are.

    Attributes:
        transport: `smtp`, `lmtp`, `local`, `capture`, or one that the operator named.
        nexthop: in the spelling of that transport; empty for the domain of each recipient
            (Postfix 2.7: the transport is overridden, the next hop is not).
    """

    transport: str
    nexthop: str


def parse_filter(text: str, named: Container[str] | None = frozenset()) -> ContentFilter | str:
    """Read the argument of FILTER.

    Args:
        text: `TRANSPORT:NEXT-HOP`.
        named: the transports that the operator named; `None`: whatever could be one is taken for
            one, and whether there is such a transport is found out where mail is routed.

    Returns:
        The filter, or for the operator what is wrong with the text.
    """
    transport, colon, rest = text.partition(":")
    if not colon:
        return f'"{beginning(text, MAX_SHOWN)}" is no content filter: expected {_KINDS["smtp"]}'
    if transport not in _KINDS:  # and so it is one of the operator's, if it is any
        if transport in named if named is not None else _could_be_named(transport):
            return ContentFilter(transport, rest.strip())
        return f'there is no transport "{beginning(transport, MAX_SHOWN)}"{_hint(transport)}'
    nexthop = _nexthop(transport, rest)
    if nexthop is None:
        return f'"{beginning(text, MAX_SHOWN)}" is no content filter: expected {_KINDS[transport]}'
    return ContentFilter(transport, nexthop)


def _could_be_named(transport: str) -> bool:
    return 0 < len(transport) <= MAX_SHOWN and all(c.isalnum() or c in "-_./" for c in transport)


def host_and_port(text: str) -> tuple[str, int | None] | None:
    """Read `host`, `host:port`, `[host]` or `[host]:port`.

    An address literal of a mail address, `[IPv6:2001:db8::1]`, is a host as well (RFC 5321 §4.1.3).

    Returns:
        The host without brackets and the TCP port, `None` where none is written; `None` when the
        text is none of these.
    """
    host, colon, port = _split(text)
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len("65535") else 0
    if not host or (colon and not 0 < number < 65_536):
        return None
    return host, number or None


def _nexthop(transport: str, text: str) -> str | None:
    """What the transport is told; `None` for what it cannot read."""
    if transport == "smtp":
        text = text.removeprefix("inet:")
        return text if not text or _is_host(text) else None
    if transport == "lmtp":
        return _lmtp(text)
    return None if text else ""


def _lmtp(text: str) -> str | None:
    """The socket, spelt as `[mailbox] transport` has it."""
    kind, _, path = text.partition(":")
    if kind == "unix":
        return text if path.startswith("/") and path.isprintable() else None
    text = text.removeprefix("inet:")
    return f"inet:{text}" if _is_host(text) else None


def _is_host(text: str) -> bool:
    found = host_and_port(text)
    return found is not None and _is_name(found[0])


def _is_name(host: str) -> bool:
    """Whether this could be a host's name or address; what cannot would bounce, not wait."""
    return all(c.isalnum() or c in "-_.:%" for c in host)


def _split(text: str) -> tuple[str, str, str]:
    if not text.startswith("["):
        return text.partition(":")
    host, bracket, rest = text[1:].partition("]")
    if not bracket or (rest and not rest.startswith(":")):
        return "", "", ""
    if host[:5].lower() == "ipv6:":
        host = host[5:]
    return host, rest[:1], rest[1:]


def _hint(transport: str) -> str:
    close = get_close_matches(transport[:MAX_SHOWN].lower(), _KINDS, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f": expected {', '.join(_KINDS)}"
