"""Lists of networks as Postfix writes them (`mynetworks`): brackets, files and tables."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network

from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.logical_lines import logical_lines

__all__ = ["networks_of"]

_MAPPED = 96
"""Bits before the IPv4 address in one that is written in IPv6 (RFC 4291 §2.5.5.2)."""


def networks_of(old: OldPostfix, words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Networks as Postroad writes them, and the words that could not be taken over.

    Args:
        old: whose they are.
        words: as in main.cf, expanded.
    """
    networks: list[str] = []
    lost: list[str] = []
    for word in words:
        found = _from_file(old, word)
        if found is None:
            network = _network(word)
            found = ([network], []) if network else ([], [word])
        networks += found[0]
        lost += found[1]
    return list(dict.fromkeys(networks)), lost


def _network(word: str) -> str | None:
    address, slash, length = word.partition("/")
    try:
        network = ip_network(f"{address.strip('[]')}{slash}{length}", strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED:
        mapped = IPv6Address(network.network_address).ipv4_mapped
        if mapped is not None:  # such a client is its IPv4 address here
            return str(IPv4Network((mapped, network.prefixlen - _MAPPED)))
    return str(network)


def _from_file(old: OldPostfix, word: str) -> tuple[list[str], list[str]] | None:
    """The networks of `/file` or `cidr:/file`; `None` if the word is neither."""
    kind, _, rest = word.rpartition(":/")
    if not (word.startswith("/") or kind in ("cidr", "hash", "btree", "texthash", "lmdb")):
        return None
    path = word if word.startswith("/") else f"/{rest}"
    text = old.files.text(path)
    if text is None:
        return [], [word]
    found: list[str] = []
    lost: list[str] = []
    for line in logical_lines(text):
        first, *more = line.text.split()
        if kind == "cidr" and more and more[0].upper() not in ("OK", "PERMIT", "RELAY"):
            lost.append(f"{first} {' '.join(more)}")
            continue
        entries = [first] if kind else line.text.replace(",", " ").split()
        for entry in entries:
            network = _network(entry)
            if network:
                found.append(network)
            else:
                lost.append(entry)
    return found, lost
