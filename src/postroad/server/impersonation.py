"""XCLIENT: a trusted peer speaks for a client (Postfix's XCLIENT_README).

From then on everything is judged as if that client had connected: limits, trust, policy, log and
trace field. What XCLIENT said holds until the next XCLIENT says otherwise, the name in HELO too:
the EHLO that follows is the peer's own. TLS is the connection's and stays as it is. Who may do this
is judged by who connected, not by whom it speaks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address

from postroad.directory import DirectoryUnavailable, Mailbox
from postroad.model import Address, AddressError, Client, Login, Reply
from postroad.server.peer import Peer

__all__ = ["speak_for"]

MECHANISM = "XCLIENT"
"""What stands in for a SASL mechanism where the peer says who has logged in, as in Postfix."""

_UNKNOWN = "unknown"  # Postfix's word for an address and for a name

Attributes = Mapping[str, str | None]


async def speak_for(peer: Peer, attributes: Attributes) -> Reply | None:
    """Make the peer of a session the client that it speaks for.

    Args:
        peer: changed in place: client, trust, login, name and protocol.
        attributes: of XCLIENT, their form checked.

    Returns:
        The refusal of that client, if it may not come in.
    """
    speaker = peer.client
    login = await _login(peer, attributes)
    peer.log_out()
    refusal = peer.become(await _client(peer, attributes))
    if refusal is None and login is not None:
        refusal = peer.log_in(login)
    if "HELO" in attributes:
        peer.said_hello = _in_ascii(attributes["HELO"] or _UNKNOWN)
    if "PROTO" in attributes:
        peer.said_protocol = attributes["PROTO"]
    said = " ".join(f"{name}={value or '[UNAVAILABLE]'}" for name, value in attributes.items())
    peer.inform(f"{speaker} speaks for {peer.client}: {said}")
    return refusal


async def _client(peer: Peer, attributes: Attributes) -> Client:
    client = peer.client
    address, port, name = client.address, client.port, client.name
    if "ADDR" in attributes:
        address, port, name = _unmapped(attributes["ADDR"] or _UNKNOWN), 0, _UNKNOWN
    if "PORT" in attributes:
        port = int(attributes["PORT"] or 0)
    if "NAME" in attributes:
        given = attributes["NAME"]
        name = _UNKNOWN if given is None or given.startswith("[") else given
    elif "ADDR" in attributes and attributes["ADDR"] and peer.service.reverse_names:
        name = await peer.service.names.client_name(address)
    return Client(address, port, name)


async def _login(peer: Peer, attributes: Attributes) -> Login | None:
    """Who is logged in now; a login of the peer's own was never the client's."""
    before = peer.login
    if "LOGIN" not in attributes:
        return before if before is not None and before.mechanism == MECHANISM else None
    name = attributes["LOGIN"]
    return None if name is None else Login(await _own_name(peer, name), MECHANISM)


async def _own_name(peer: Peer, name: str) -> str:
    """An account's own spelling of its name; the name itself where it is no account's."""
    try:
        found = await peer.service.directory.resolve(Address.parse(name))
    except (AddressError, DirectoryUnavailable):
        return name
    return found.user if isinstance(found, Mailbox) else name


def _unmapped(address: str) -> str:
    """An IPv4-mapped address as IPv4 (RFC 4291 §2.5.5.2), as clients are known by."""
    if not address.startswith("::"):
        return address
    return str(IPv6Address(address).ipv4_mapped or address)


def _in_ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
