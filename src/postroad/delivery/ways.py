"""What a table or a setting says of the way of mail: `TRANSPORT:NEXT-HOP` (transport(5)).

Either half may be left out: `:NEXT-HOP` changes only where to, `TRANSPORT:` leaves the recipient's
domain. Which transports there are is a matter of configuration, and comes in as a table of kinds;
what the next hop of a kind looks like is known here, so that a text that no transport could read
is found before it meets mail: mail with such a route waits, and never bounces for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from postroad.delivery.nexthop import LmtpTarget, Nexthop, split_login
from postroad.model.printable import beginning

__all__ = ["ALIAS_PROGRAMS", "BUILT_IN", "Kind", "Way", "read_way", "usual_nexthop"]

Kind = Literal["smtp", "lmtp", "local", "capture", "discard", "error", "retry", "pipe"]
"""What a transport does. `error` returns mail, `retry` keeps it (error(8) of Postfix)."""

FILTER = "filter/smtp"

ALIAS_PROGRAMS = "alias-programs"
"""What delivers to the commands and files that aliases name."""

BUILT_IN: Mapping[str, Kind] = {
    "smtp": "smtp",
    "relay": "smtp",
    FILTER: "smtp",
    "lmtp": "lmtp",
    "local": "local",
    "capture": "capture",
    "discard": "discard",
    "error": "error",
    "retry": "retry",
    ALIAS_PROGRAMS: "pipe",
}
"""The transports that need no section of their own, by name."""

MAX_SHOWN = 60
"""Characters of a wrong text that its mistake repeats: it may come from a database."""

_USUAL = {
    "capture": "capture",
    "discard": "discarded, as a route says",
    "error": "Address is undeliverable",
    "retry": "Address is undeliverable",
}
"""What transports are told that take no host. `error` and `retry` have Postfix's words."""

_ELSEWHERE = {"virtual": "local", "dovecot": "lmtp", "uucp": "pipe", "smtps": "smtp"}
"""Names that tables of Postfix have, by the kind that comes nearest here."""


@dataclass(frozen=True, slots=True)
class Way:
    """A transport and a next hop; an empty one is not changed.

    Attributes:
        transport: its name.
        nexthop: in the spelling of that transport.
    """

    transport: str
    nexthop: str


def read_way(text: str, kinds: Mapping[str, Kind], *, otherwise: Kind = "smtp") -> Way:
    """Read the result of a transport table.

    Args:
        text: `TRANSPORT:NEXT-HOP`, or one half of it with the colon.
        kinds: the transports there are.
        otherwise: the kind that a next hop without a transport is for.

    Raises:
        ValueError: it is none of these; the message is for the operator.
    """
    transport, _, rest = text.strip().partition(":")
    if transport and transport not in kinds:
        raise ValueError(
            f'there is no transport "{beginning(transport, MAX_SHOWN)}"{_hint(transport, kinds)}'
        )
    kind = kinds[transport] if transport else otherwise
    rest = rest.strip()
    try:
        return Way(transport, _checked(kind, rest) if rest else "")
    except ValueError as error:
        raise ValueError(f'"{beginning(text, MAX_SHOWN)}": {error}') from None


def usual_nexthop(kind: Kind, domain: str) -> str:
    """The next hop of a transport that is named without one.

    Args:
        kind: the transport's.
        domain: the recipient's, in lower case.
    """
    if kind == "lmtp":
        return f"inet:{domain}"
    return _USUAL.get(kind, domain)


def _checked(kind: Kind, nexthop: str) -> str:
    """The next hop in the one spelling that the queue groups by.

    Raises:
        ValueError: the transport could not read it.
    """
    if kind == "smtp":
        return _smtp(nexthop.removeprefix("inet:"))
    if kind == "lmtp":
        target = nexthop if nexthop.startswith(("unix:", "inet:")) else f"inet:{nexthop}"
        LmtpTarget.parse(target)
        return target
    if kind == "capture":
        return "capture"
    return nexthop


def _smtp(nexthop: str) -> str:
    if split_login(nexthop)[0]:
        raise ValueError("a next hop of a table names no login; [relay] logins has those")
    parts = Nexthop.parse_list(nexthop)
    for part in parts:
        if not _is_name(part.host):
            raise ValueError(f'"{beginning(part.host, MAX_SHOWN)}" is no host name')
    return ",".join(nexthop.lower().replace(",", " ").split())


def _is_name(host: str) -> bool:
    return bool(host) and all(c.isalnum() or c in "-_.:%" for c in host)


def _hint(name: str, kinds: Mapping[str, Kind]) -> str:
    near = _ELSEWHERE.get(name.lower(), "")
    if near:
        return f": here that is {near}, or a section [transports.{name}]"
    close = get_close_matches(name[:MAX_SHOWN].lower(), kinds, n=1)
    return f"; did you mean {close[0]}?" if close else f": expected {', '.join(kinds)}"
