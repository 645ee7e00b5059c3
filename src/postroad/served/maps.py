"""The maps that a Postfix can ask for, each a question to the directory.

They are made for the parameters of the same meaning (postconf(5)): `domains` for
virtual_mailbox_domains, `mailboxes` for virtual_mailbox_maps, `aliases` for virtual_alias_maps,
`relay_domains` for relay_domains, `senders` for smtpd_sender_login_maps, `groups` for
check_recipient_access. Postfix asks a socketmap for whole addresses and domains only, so extensions
and catch-alls are resolved here, as at our own door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from postroad.directory import Alias, Standing, account_of
from postroad.directory.embedded.groups import Senders
from postroad.directory.names import domain_form
from postroad.model import Address, AddressError
from postroad.model.address import is_domain
from postroad.served.service import SocketService

__all__ = ["MAPS", "NOBODY"]

NOBODY = "-"
"""The login that owns what is ours and may be sent as by nobody: no account has such a name. Not
found would mean to Postfix that anybody may."""

CLOSED: Mapping[Senders, str] = {
    Senders.LOGGED_IN: "permit_sasl_authenticated, reject",
    Senders.MEMBERS: "REJECT only its members may send to this group, and not by way of here",
}
"""What access(5) is told of groups that are not open to everybody. It is asked about recipients
only, so whether a sender is a member cannot be told: better none of them than everybody."""

Find = Callable[[SocketService, str], Awaitable[str | None]]


async def _domains(service: SocketService, key: str) -> str | None:
    return await _with_standing(service, key, Standing.LOCAL)


async def _relay_domains(service: SocketService, key: str) -> str | None:
    return await _with_standing(service, key, Standing.RELAYED)


async def _mailboxes(service: SocketService, key: str) -> str | None:
    address = _address(key)
    found = None if address is None else await service.directory.resolve(address)
    return None if found is None else account_of(found) or None


async def _aliases(service: SocketService, key: str) -> str | None:
    address = _address(key)
    found = None if address is None else await service.directory.resolve(address)
    return ",".join(map(str, found.targets)) if isinstance(found, Alias) else None


async def _senders(service: SocketService, key: str) -> str | None:
    address = _address(key)
    owners = None if address is None else await service.owners.owners(address)
    if owners is None:
        return None
    return ",".join(owners) or NOBODY


async def _groups(service: SocketService, key: str) -> str | None:
    address = _address(key)
    return None if address is None else CLOSED.get(await service.senders(address))


MAPS: Mapping[str, Find] = {
    "domains": _domains,
    "mailboxes": _mailboxes,
    "aliases": _aliases,
    "senders": _senders,
    "relay_domains": _relay_domains,
    "groups": _groups,
}
"""By name."""


async def _with_standing(service: SocketService, key: str, wanted: Standing) -> str | None:
    if not is_domain(key):
        return None
    form = domain_form(key)
    return form if await service.directory.standing(form) is wanted else None


def _address(key: str) -> Address | None:
    try:
        return Address.parse(key)
    except AddressError:
        return None
