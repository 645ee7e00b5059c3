"""XCLIENT: a trusted peer speaks for a client (Postfix's XCLIENT_README).

From then on everything is judged as if that client had connected: limits, trust, policy, log and
trace field. What XCLIENT said holds until the next XCLIENT says otherwise, the name in HELO too:
the EHLO that follows is the peer's own. TLS is the connection's and stays as it is. Who may do this
is judged by who connected, not by whom it speaks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv6Address

from postroad.directory import DirectoryUnavailable, account_of
from postroad.model import Address, AddressError, Client, Endpoint, Login, Reply
from postroad.model.log_fields import tamed
from postroad.server.peer import Peer
from postroad.smtp.attributes import TEMPORARILY

__all__ = ["speak_for"]

MECHANISM = "XCLIENT"
"""What stands in for a SASL mechanism where the peer says who has logged in, as in Postfix."""

_UNKNOWN = "unknown"  # Postfix's word for an address and for a name
_NOWHERE = Endpoint(_UNKNOWN, 0)

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
    peer.said_server = _server(peer.said_server, attributes)
    peer.inform(f"{speaker} speaks for {peer.client}: {_said(attributes)}")
    return refusal


def _said(attributes: Attributes) -> str:
    """The attributes for the log. In a client's own name for itself there may be anything."""
    shown = {name: value or "[UNAVAILABLE]" for name, value in attributes.items()}
    if "HELO" in shown:
        shown["HELO"] = tamed(shown["HELO"])
    return " ".join(f"{name}={value}" for name, value in shown.items())


async def _client(peer: Peer, attributes: Attributes) -> Client:
    client = peer.client
    if "ADDR" in attributes:
        client = Client(_unmapped(attributes["ADDR"] or _UNKNOWN), 0)
    if "PORT" in attributes:
        client = replace(client, port=int(attributes["PORT"] or 0))
    if "NAME" in attributes:
        client = _named(client, attributes["NAME"])
    elif "ADDR" in attributes and client.has_address and peer.service.reverse_names:
        client = await peer.service.names.identify(client)
    if "REVERSE_NAME" in attributes:
        name, unsure = _name(attributes["REVERSE_NAME"])
        client = replace(client, reverse_name=name, reverse_unsure=unsure)
    return client


def _named(client: Client, given: str | None) -> Client:
    """With a name that the peer confirmed, which is its reverse name too; or with none."""
    name, unsure = _name(given)
    if name == _UNKNOWN:
        return replace(client, name=name, name_unsure=unsure)
    return replace(client, name=name, reverse_name=name, name_unsure=False, reverse_unsure=False)


def _name(given: str | None) -> tuple[str, bool]:
    """A name, `unknown` where there is none, and whether that is only for now."""
    if given is None or given == TEMPORARILY:
        return _UNKNOWN, given is not None
    return given, False


def _server(before: Endpoint | None, attributes: Attributes) -> Endpoint | None:
    """What the client connected to, if any XCLIENT said so."""
    if "DESTADDR" not in attributes and "DESTPORT" not in attributes:
        return before
    address, port = before or _NOWHERE
    if "DESTADDR" in attributes:
        address = _unmapped(attributes["DESTADDR"] or _UNKNOWN)
    if "DESTPORT" in attributes:
        port = int(attributes["DESTPORT"] or 0)
    return Endpoint(address, port)


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
    return account_of(found) or name


def _unmapped(address: str) -> str:
    """An IPv4-mapped address as IPv4 (RFC 4291 §2.5.5.2), as clients are known by."""
    if not address.startswith("::"):
        return address
    return str(IPv6Address(address).ipv4_mapped or address)


def _in_ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
