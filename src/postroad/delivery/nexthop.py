"""The spellings of a next hop, as Postfix has them for its relayhost and transports.

`example.net` is a domain whose mail exchangers are looked up; `[mx.example.net]` is that host and
no other. Either may be followed by `:port`. An address literal of a mail address, `[192.0.2.1]` or
`[IPv6:2001:db8::1]`, is thereby a next hop as it stands (RFC 5321 §4.1.3).

A next hop of the queue is one text, and may stand for several hosts: parts with commas between
them are tried in their order, as Postfix 3.5 has it. Parts that follow each other and have a
weight, `[a]:587*3,[b]:587*1`, are tried in an order drawn by lot, where three of four draws begin
with the first; a part without a weight behind them is tried when none of them takes the mail.
Whose login is to be used there, where that depends on the sender, stands before all parts and a
slash: `john@example.org/[a]:587`. So mail that must not share a connection has next hops of its
own, and everybody who keeps mail or connections apart by next hop keeps these apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from postroad.model.next_hop import host_and_port
from postroad.net.dns import to_ascii

__all__ = ["MAX_PARTS", "MAX_WEIGHT", "LmtpTarget", "Nexthop", "split_login"]

LMTP_PORT = 24

MAX_PARTS = 20
"""Parts of one next hop; a message is offered to each of them in one attempt."""

MAX_WEIGHT = 1000


@dataclass(frozen=True, slots=True)
class Nexthop:
    """A parsed next hop.

    Attributes:
        host: a domain, a host name or an IP address.
        port: the TCP port, or `None` for the usual one.
        exchangers: whether the host is a domain whose mail exchangers are meant.
        weight: how often it comes first among its neighbours that have a weight too; 0: it has
            none, and its place in the list is its place in the order.
    """

    host: str
    port: int | None
    exchangers: bool
    weight: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `domain`, `domain:port`, `[host]` or `[host]:port`.

        Raises:
            ValueError: it is none of these; the message is for the operator.
        """
        found = host_and_port(text)
        if found is None:
            raise ValueError(
                f'"{text}" is no next hop: expected "[host]:port", "[host]", "domain:port" '
                'or "domain"'
            )
        host, port = found
        return cls(to_ascii(host) or host, port, not text.startswith("["))

    @classmethod
    def parse_list(cls, text: str) -> tuple[Self, ...]:
        """Read every part of a next hop, in the order written; a login before them is left out.

        Args:
            text: `Route.nexthop`, or a list of an operator's: commas or blanks between the parts.

        Raises:
            ValueError: a part is misspelt, or there are too many; the message is for the operator.
        """
        found = []
        words = split_login(text)[1].replace(",", " ").split()
        if len(words) > MAX_PARTS:
            raise ValueError(f"more than {MAX_PARTS} next hops in one")
        for word in words:
            part, star, weight = word.partition("*")
            parsed = cls.parse(part)
            found.append(replace(parsed, weight=_weight(weight, word)) if star else parsed)
        return tuple(found) or (cls.parse(text),)

    def __str__(self) -> str:
        """The part as Postfix spells it, without its weight."""
        host = self.host if self.exchangers else f"[{self.host}]"
        return host if self.port is None else f"{host}:{self.port}"


def split_login(text: str) -> tuple[str, str]:
    """Whose login a next hop asks for, empty for nobody's in particular, and its parts."""
    login, _, parts = text.rpartition("/")
    return login, parts


def _weight(text: str, word: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 4 and 0 < int(text) <= MAX_WEIGHT:
        return int(text)
    raise ValueError(f'"{word}": expected a weight from 1 to {MAX_WEIGHT} behind the star')


@dataclass(frozen=True, slots=True)
class LmtpTarget:
    """A mail store's LMTP socket.

    Attributes:
        path: the path of a Unix-domain socket; empty for TCP.
        host: a host name or an IP address.
        port: its TCP port.
    """

    path: str = ""
    host: str = ""
    port: int = LMTP_PORT

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `unix:/path`, `inet:host` or `inet:host:port`.

        Raises:
            ValueError: it is none of these; the message is for the operator.
        """
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest.startswith("/"):
            return cls(path=rest)
        if kind == "inet":
            nexthop = Nexthop.parse(rest)
            return cls(host=nexthop.host, port=nexthop.port or LMTP_PORT)
        raise ValueError(f'"{text}" is no LMTP socket: expected "unix:/path" or "inet:host:port"')
