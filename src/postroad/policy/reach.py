"""How much of the Internet some networks hold: more than one organisation can have, or not.

Whoever is believed because of the network he is in, is believed because one organisation answers
for that network. Nobody answers for the Internet. This knows only which blocks there are, not what
the networks are for.

Some IPv6 blocks are the IPv4 Internet in other clothes: each of their addresses stands for an IPv4
address, and a translator or a tunnel brings its packets in from anywhere. As IPv6 they are small;
so they are judged by what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import TypeVar

from postroad.policy.networks import Networks

__all__ = ["reach_of"]

_WIDEST_V4 = 2**24  # addresses: a /8, the largest block ever given out
_WIDEST_V6 = 2**108  # addresses: a /20, what a large carrier has
_PRIVATE_V4 = tuple(
    IPv4Network(text)  # RFC 6890, RFC 5771: nobody on the Internet sends from these
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
_PRIVATE_V6 = (
    IPv6Network("fc00::/7"),  # RFC 4193
    IPv6Network("fe80::/10"),  # RFC 4291 §2.5.6; all else is global, or may become so (§2.4)
)


@dataclass(frozen=True, slots=True)
class _Embedding:
    """A block of IPv6 whose addresses stand for IPv4 addresses.

    Attributes:
        block: all of it.
        at: the bit where the IPv4 address begins.
        inverted: whether its bits are turned round.
    """

    block: IPv6Network
    at: int
    inverted: bool = False

    def stands_for(self, network: IPv6Network) -> IPv4Network | None:
        """The IPv4 addresses that a network has in the block."""
        if not network.overlaps(self.block):
            return None
        common = max(network, self.block, key=lambda each: each.prefixlen)
        length = min(max(common.prefixlen - self.at, 0), 32)
        bits = int(common.network_address) >> (96 - self.at) & 0xFFFF_FFFF
        if self.inverted:
            bits ^= 0xFFFF_FFFF
        return IPv4Network((bits >> (32 - length) << (32 - length), length))


_EMBEDDINGS = (
    _Embedding(IPv6Network("::/96"), 96),  # RFC 4291 §2.5.5.1, no longer used; ::1 is as private
    _Embedding(IPv6Network("::ffff:0:0:0/96"), 96),  # SIIT, RFC 2765 §2.1
    _Embedding(IPv6Network("64:ff9b::/96"), 96),  # NAT64 and SIIT, RFC 6052 §2.1
    # RFC 8215: translators of one's own, each with a /96 as a rule. In whatever is larger, the
    # whole of IPv4 may stand, by whichever layout of RFC 6052 §2.2.
    _Embedding(IPv6Network("64:ff9b:1::/48"), 96),
    _Embedding(IPv6Network("2001::/32"), 96, inverted=True),  # Teredo, RFC 4380 §4
    _Embedding(IPv6Network("2002::/16"), 16),  # 6to4, RFC 3056 §2
)
_NOT_ITSELF = (*_PRIVATE_V6, *(embedding.block for embedding in _EMBEDDINGS))

_Network = TypeVar("_Network", IPv4Network, IPv6Network)


def reach_of(networks: Networks) -> str:
    """The networks that hold more of the Internet than one organisation can.

    Args:
        networks: whose clients are believed in something.

    Returns:
        Those networks, in words; empty when there is none. Behind one that is IPv6 only by its
        clothes stand the IPv4 networks that it means.
    """
    meant = {network: _meant(network) for network in networks.v6}
    v4 = (*networks.v4, *(each for found in meant.values() for each in found))
    many_v4 = sum(map(_public_v4, collapse_addresses(v4))) > _WIDEST_V4
    many_v6 = sum(map(_public_v6, networks.v6)) > _WIDEST_V6
    wide = [str(network) for network in networks.v4 if many_v4 and _public_v4(network)]
    for network, found in meant.items():
        if many_v6 and _public_v6(network):
            wide.append(str(network))
        elif many_v4 and any(map(_public_v4, found)):
            wide.append(f"{network} meaning {' and '.join(map(str, found))}")
    return ", ".join(wide)


def _meant(network: IPv6Network) -> tuple[IPv4Network, ...]:
    """The public IPv4 networks that an IPv6 network stands for, as a whole or in part."""
    found = (embedding.stands_for(network) for embedding in _EMBEDDINGS)
    return tuple(collapse_addresses(each for each in found if each and _public_v4(each)))


def _public_v4(network: IPv4Network) -> int:
    return network.num_addresses - _shared(network, _PRIVATE_V4)


def _public_v6(network: IPv6Network) -> int:
    """How many addresses are public and stand for themselves."""
    return network.num_addresses - _shared(network, _NOT_ITSELF)


def _shared(network: _Network, others: Iterable[_Network]) -> int:
    """How many addresses the network has in common with the others, which are disjoint."""
    common = 0
    for other in others:
        if other.overlaps(network):
            common += min(other.num_addresses, network.num_addresses)
    return common
