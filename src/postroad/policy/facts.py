"""What is known about a transaction when a restriction is asked, and what can be looked up.

`Facts` holds what the session knows; `Oracle` answers what only the directory knows. A restriction
sees nothing else, so the same list can be run for a live session, for one that never was, for one
that was recorded, and for a stranger of whom almost nothing is known (`proof`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from postroad.model import Address, Client, Login, TlsSession

__all__ = ["Facts", "LookupUnavailable", "Oracle"]


@dataclass(frozen=True, slots=True)
class Facts:
    """One recipient's transaction as far as it went.

    Attributes:
        client: the connecting host.
        trusted: whether its address is in `trusted_networks`; found once for each session.
        helo: the name it gave in HELO or EHLO; empty when it gave none.
        login: who authenticated, if anybody.
        tls: the session's TLS, if any.
        mail: whether MAIL was taken, so that `sender` means something.
        sender: the reverse-path; `None` is the null one.
        recipient: the forward-path in question; `None` where there is not exactly one.
    """

    client: Client
    trusted: bool = False
    helo: str = ""
    login: Login | None = None
    tls: TlsSession | None = None
    mail: bool = False
    sender: Address | None = None
    recipient: Address | None = None


class LookupUnavailable(Exception):
    """An `Oracle` cannot answer now: the engine defers and never permits. The text is for a log."""


class Oracle(Protocol):
    """The look-ups a restriction may make. Every method may raise `LookupUnavailable`."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here; its case does not matter."""
        ...

    async def is_listed(self, address: Address) -> bool:
        """Whether an address in a local domain receives mail. Asked for local domains only."""
        ...

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address."""
        ...

    async def has_owner(self, address: Address) -> bool:
        """Whether any account here may send as the address."""
        ...
