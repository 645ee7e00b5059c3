"""Zones signed for a test, and what a resolver must trust to believe them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dns.dnssec
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm

__all__ = ["SignedZone", "sign"]

_DAYS = 86_400


@dataclass(frozen=True)
class SignedZone:
    """A zone file with signatures.

    Attributes:
        name: the zone.
        text: the file.
        anchor: the zone's key as a resolver's trust anchor.
    """

    name: str
    text: str
    anchor: str

    def spoiled(self, line: Callable[[str], str]) -> SignedZone:
        """The same with lines changed after they were signed."""
        return SignedZone(self.name, "\n".join(map(line, self.text.split("\n"))), self.anchor)


def sign(name: str, records: Sequence[str]) -> SignedZone:
    """Sign a zone.

    Args:
        name: with the root's dot.
        records: its lines with absolute names; the zone's own SOA and NS are added.
    """
    head = [
        f"{name} 60 IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60",
        f"{name} 60 IN NS ns.invalid.",
    ]
    lines = [f"{line.split()[0]} 60 IN {line.split(maxsplit=1)[1]}" for line in records]
    zone = dns.zone.from_text("\n".join([*head, *lines]) + "\n", name, relativize=False)
    key = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(key.public_key(), Algorithm.ECDSAP256SHA256, flags=257)
    with zone.writer() as transaction:
        dns.dnssec.sign_zone(zone, transaction, keys=[(key, public)], lifetime=7 * _DAYS)
    return SignedZone(name, _text(zone), f"{name} IN DNSKEY {public.to_text()}")


def _text(zone: dns.zone.Zone) -> str:
    lines = [rdataset.to_text(owner) for owner, node in zone.nodes.items() for rdataset in node]
    return "\n".join(lines) + "\n"
