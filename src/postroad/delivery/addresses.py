"""In which order the addresses of hosts of one preference are tried, and which not at all.

Hosts of one preference share the load (RFC 5321 §5.1), and so do the addresses of a host: the DNS
hands them out in turn, but its answers are kept here, so the lot decides. Then the families take
turns, for where one of them does not work the other is tried next, or even at the same time
(`racing`), and the limit of addresses is not used up by one family. Postfix has the same as
smtp_address_preference and smtp_balance_inet_protocols.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from ipaddress import ip_address
from itertools import chain, zip_longest

from postroad.delivery.endpoint import Endpoint
from postroad.delivery.settings import AddressFamily

__all__ = ["arranged", "is_private", "of_family"]


def of_family(addresses: Sequence[str], family: AddressFamily) -> Sequence[str]:
    """The addresses that may be used at all."""
    if family == "ipv4":
        return [each for each in addresses if ":" not in each]
    if family == "ipv6":
        return [each for each in addresses if ":" in each]
    return addresses


def arranged(
    endpoints: Sequence[Endpoint], family: AddressFamily, chance: random.Random
) -> list[Endpoint]:
    """The endpoints of one preference in the order to try them.

    Args:
        endpoints: of any number of hosts.
        family: which family is first.
        chance: the lot.
    """
    if len(endpoints) < 2:
        return list(endpoints)
    drawn = list(endpoints)
    chance.shuffle(drawn)
    four = [each for each in drawn if ":" not in each.address]
    six = [each for each in drawn if ":" in each.address]
    first_six = family == "prefer_ipv6" or (family == "any" and ":" in drawn[0].address)
    pairs = zip_longest(six, four) if first_six else zip_longest(four, six)
    return [each for each in chain.from_iterable(pairs) if each is not None]


def is_private(address: str) -> bool:
    """Whether an address leads nowhere in the Internet: private, loopback, link-local, reserved."""
    return not ip_address(address.partition("%")[0]).is_global
