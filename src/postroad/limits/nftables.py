"""Bans as an nftables script, for a packet filter that drops what would be refused here.

The sets are emptied and filled anew, each element with the time that its ban still has to run, so
the script can be run again and again. A set of intervals takes no element that overlaps another
one: where bans do, the ranges are cut, and each piece has the time of the longest of its bans.
"""

from __future__ import annotations

import heapq
import itertools
import math
import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from postroad.limits.bans import Ban, network_banned
from postroad.model.units import LONGEST

__all__ = ["is_name", "is_table", "script"]

_FAMILIES = frozenset({"ip", "ip6", "inet", "arp", "bridge", "netdev"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}\Z")

_MANY_DAYS = 1000

_TYPES = {4: "ipv4_addr", 6: "ipv6_addr"}
_ADDRESSES: dict[int, type[IPv4Address | IPv6Address]] = {4: IPv4Address, 6: IPv6Address}

Range = tuple[int, int, float]
"""First address, last address, end of the ban (infinite: none)."""


def is_name(text: str) -> bool:
    """Whether nft takes the text as the name of a set."""
    return bool(_NAME.match(text))


def is_table(text: str) -> bool:
    """Whether the text is the family and the name of a table."""
    family, _, name = text.partition(" ")
    return family in _FAMILIES and is_name(name)


def script(bans: Iterable[Ban], table: str, name: str, now: float) -> str:
    """The text for `nft -f`.

    Args:
        bans: those of users are left out.
        table: family and name of the table, such as `inet filter`; made if it is not there.
        name: of the sets, which end in 4 and 6.
        now: seconds since the epoch.
    """
    networks = [(network_banned(ban.subject), ban) for ban in bans if ban.holds(now)]
    sets = [f"{name}{version}" for version in _TYPES]
    lines = [f"table {table} {{"]
    for version, kind in _TYPES.items():
        lines.append(f"\tset {name}{version} {{ type {kind}; flags interval,timeout; }}")
    lines.append("}")
    lines += [f"flush set {table} {each}" for each in sets]
    for version, each in zip(_TYPES, sets, strict=True):
        ranges = [_range(n, ban) for n, ban in networks if n is not None and n.version == version]
        for piece in _disjoint(ranges):
            lines.append(f"add element {table} {each} {{ {_element(version, piece, now)} }}")
    return "\n".join(lines) + "\n"


def _range(network: IPv4Network | IPv6Network, ban: Ban) -> Range:
    end = math.inf if ban.until is None else ban.until
    return int(network.network_address), int(network.broadcast_address), end


def _disjoint(ranges: list[Range]) -> Iterator[Range]:
    """The same addresses in pieces that do not overlap, each with the latest end of its bans."""
    waiting = sorted(ranges)
    bounds = sorted({first for first, _, _ in ranges} | {last + 1 for _, last, _ in ranges})
    covering: list[tuple[float, int]] = []  # (-end, last): the latest end comes first
    piece: Range | None = None
    at = 0
    for bound, following in itertools.pairwise(bounds):
        while at < len(waiting) and waiting[at][0] <= bound:
            _, last, end = waiting[at]
            heapq.heappush(covering, (-end, last))
            at += 1
        while covering and covering[0][1] < bound:
            heapq.heappop(covering)
        if not covering:
            continue
        end = -covering[0][0]
        if piece is not None and (piece[1] + 1, piece[2]) == (bound, end):
            piece = (piece[0], following - 1, end)
            continue
        if piece is not None:
            yield piece
        piece = (bound, following - 1, end)
    if piece is not None:
        yield piece


def _element(version: int, piece: Range, now: float) -> str:
    first, last, end = piece
    address = _ADDRESSES[version]
    text = str(address(first)) if first == last else f"{address(first)}-{address(last)}"
    return text if end == math.inf else f"{text} timeout {_duration(min(end - now, LONGEST))}"


def _duration(seconds: float) -> str:
    """As nft reads it: of each unit eight digits at the most."""
    days, rest = divmod(math.ceil(seconds), 86_400)
    return f"{days}d{rest}s" if days >= _MANY_DAYS else f"{math.ceil(seconds)}s"
