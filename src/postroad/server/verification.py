"""VRFY: whether an address is anybody's here (RFC 5321 §3.5).

By default nobody is told, because lists of addresses are made by asking (§7.3): the core then
answers every question alike. Where the operator allows it, the answer is what RCPT would find.
"""

from __future__ import annotations

from postroad.directory import DirectoryUnavailable, Mailbox, Unknown
from postroad.model import Address, AddressError, Reply
from postroad.policy import LookupUnavailable
from postroad.policy.facts import Accounts, Elsewhere
from postroad.server.peer import Peer
from postroad.smtp import Vrfy, replies

__all__ = ["verify"]

_LATER = Reply.of(451, "4.3.0", "Temporary lookup failure")
_BAD_ADDRESS = Reply.of(501, "5.1.3", "Bad address syntax")
_NEED_SMTPUTF8 = Reply.of(550, "5.6.7", "Must declare SMTPUTF8 to see the address")


async def verify(event: Vrfy, peer: Peer) -> Reply:
    """Answer VRFY on a listener that has it.

    Returns:
        250 with the mailbox, 252 for what is taken without saying whose it is, 550 for what is
        nobody's (RFC 5321 §3.5.3).
    """
    service = peer.service
    if service.extensions.vrfy != "always" and peer.login is None:
        return replies.CANNOT_VERIFY
    address = _address_of(event.argument)
    if address is None:
        return _BAD_ADDRESS
    try:
        if not await service.oracle.accounts.is_local(address.domain):
            return replies.CANNOT_VERIFY
        found = await service.directory.resolve(address)
        if isinstance(found, Unknown) and await _is_elsewhere(address, service.oracle.accounts):
            return replies.CANNOT_VERIFY
    except (DirectoryUnavailable, LookupUnavailable) as error:
        peer.notice(f"VRFY from {peer.client}: {error}")
        return _LATER
    match found:
        case Unknown():
            return Reply.of(550, "5.1.1", f"<{address}>: User unknown")
        case Mailbox(user) if user.isascii() or event.smtputf8:  # RFC 6531 §3.7.4.2
            return Reply.of(250, "2.1.5", f"<{user}>")
        case Mailbox():
            return _NEED_SMTPUTF8
        case _:  # an alias: whose it is, is not told
            return Reply.of(252, "2.1.5", f"<{address}>")


async def _is_elsewhere(address: Address, accounts: Accounts) -> bool:
    """Whether the address is one that mail may be passed on for."""
    return await accounts.is_listed(address) in {True, Elsewhere.LISTED, Elsewhere.ASK}


def _address_of(text: str) -> Address | None:
    """The address a client asks about; a name alone is a local part (RFC 5321 §3.5.1)."""
    try:
        if "@" not in text:
            return Address(Address.parse(f"{text}@localhost").local, "")
        return Address.parse(text)
    except AddressError:
        return None
