"""Who submitted a message first, as the AUTH parameter of MAIL says it (RFC 4954 §5).

A neighbour that relays for others says so by it. It is believed of trusted networks, and of a user
about addresses of the user's own; from everybody else it counts as `<>`, nobody in particular. It
is written to the log and goes no further: servers that we log in to are told `<>` or nothing.
"""

from __future__ import annotations

from postroad.model import Address, AddressError
from postroad.policy import LookupUnavailable
from postroad.server.peer import Peer

__all__ = ["submitter"]

_NOBODY = "<>"


async def submitter(peer: Peer, said: str) -> str:
    """What the parameter is worth.

    Args:
        peer: who says it.
        said: the parameter, decoded.

    Returns:
        An address or `<>`.
    """
    try:
        address = Address.parse(said)
    except AddressError:
        return _NOBODY
    if peer.trusted:
        return str(address)
    if peer.login is None:
        return _NOBODY
    try:
        owned = await peer.service.oracle.accounts.owns(peer.login.user, address)
    except LookupUnavailable:
        return _NOBODY
    return str(address) if owned else _NOBODY
