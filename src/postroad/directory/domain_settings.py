"""`[domain."NAME"]`: what a domain is to us, and what holds for it alone.

Values only; `config` checks them against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ANY_RECIPIENT", "VERIFIED_RECIPIENT", "DomainKind", "DomainSettings"]

DomainKind = Literal["local", "relay", "alias"]

ANY_RECIPIENT = "any"
VERIFIED_RECIPIENT = "verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSettings:
    """`[domain."NAME"]`: a domain and its own ways.

    Attributes:
        kind: `local`: its mail ends here; `relay`: its mail is taken from anybody and passed on;
            `alias`: each of its addresses is the one with the same name in another domain.
        alias_of: that other domain (alias).
        recipients: which of its addresses take mail (relay): `any`; `verify`: the next hop is
            asked first; or a table that finds those who exist, as Postfix's relay_recipient_maps.
        transport: `TRANSPORT` or `TRANSPORT:NEXT-HOP` for its mail, as in a transport table;
            empty: as `[mailbox]` or, for relay, `[routing] relay_transport` has it.
        nexthop: where to, if only that is to be said (relay), or where `transport` goes, if it says
            none.
        directories: the directories that know its addresses, in this order; empty: all, in the
            order of `[directory] order`.
        mail_user: who owns the mail of its accounts, if a directory does not say (local): a name,
            or a number; empty: as `[mailbox] user` has it.
        mail_group: the group of their mail; empty: the own group of `mail_user`.
    """

    kind: DomainKind = "local"
    alias_of: str = ""
    recipients: str = "verify"
    transport: str = ""
    nexthop: str = ""
    directories: tuple[str, ...] = ()
    mail_user: str = ""
    mail_group: str = ""
