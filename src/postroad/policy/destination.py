"""Whether mail for a recipient is ours to take.

The domain says so, but for one thing: a local part with an operator of routing in it, `x%there`,
`"x@there"` or `there!x`, may be read as a way to another host by whoever gets the mail next. Who
passes on mail for a domain does not know how its host reads it, and would lend it to strangers as
a relay: by way of us, whom it trusts. So such an address is no destination of ours unless somebody
here has exactly that name, or nobody takes it at all; extensions and catch-alls carry the route on
to where aliases lead. Postfix holds it so too (`allow_untrusted_routing = no`, postconf(5)).
"""

from __future__ import annotations

from enum import Enum

from postroad.model import Address
from postroad.policy.facts import Elsewhere, Oracle

__all__ = ["TAKEN", "Destination", "destination", "is_routed"]

_OPERATORS = frozenset("@%!")


class Destination(Enum):
    """What a recipient is to us."""

    OURS = "the recipient's domain is ours"
    RELAYED = "mail for the recipient's domain is passed on here"
    ROUTED = "the recipient has a route in it, and its mail may be passed on"
    FOREIGN = "the recipient's domain is not ours"


TAKEN = frozenset({Destination.OURS, Destination.RELAYED})
"""What mail is taken for."""


def is_routed(address: Address) -> bool:
    """Whether the local part may be read as a way to another host."""
    return not _OPERATORS.isdisjoint(address.local)


async def destination(recipient: Address, oracle: Oracle) -> Destination:
    """What a recipient is to us.

    Raises:
        LookupUnavailable: it cannot be known now.
    """
    ours = await oracle.accounts.is_local(recipient.domain)
    if not ours:
        return Destination.FOREIGN
    if is_routed(recipient):
        listed = await oracle.accounts.is_listed(recipient)
        if isinstance(listed, Elsewhere):
            return Destination.ROUTED
    return Destination.OURS if ours is True else Destination.RELAYED
