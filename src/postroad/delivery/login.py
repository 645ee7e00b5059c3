"""Who knows the login for a host: between those who connect and those who keep logins.

Whoever opens a session asks with the host's name and the next hop, and says afterwards when the
host refused what it was given. Where logins come from, and for how long a refused one is not
offered again, is the keeper's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from postroad.model import Reply

__all__ = ["Credentials", "Login", "NoLogin"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login at another server. The secret shows in no representation.

    Attributes:
        username: the name.
        password: the password, or the bearer token.
        is_token: whether the secret is a bearer token (RFC 6750), which only mechanisms for tokens
            take.
        mechanisms: the names that may be used, the most wanted first; empty: all, the strongest
            first.
        of_host: whether it was written down for a host of this very name, and not for a next hop
            that led to it.
    """

    username: str
    password: str = field(repr=False)
    is_token: bool = False
    mechanisms: tuple[str, ...] = ()
    of_host: bool = False


class Login(Protocol):
    """Who knows logins."""

    async def credentials(self, host: str, nexthop: str) -> Credentials | Reply | None:
        """What to log in with at a host.

        Args:
            host: its name, as its certificate has to bear it.
            nexthop: the next hop that led to it, or the part of one: `str(Nexthop)`.

        Returns:
            The login; `None` where there is to be none; a reply where there is to be one and it
            cannot be had now: the host is not to be used then.
        """
        ...

    def refused(self, host: str, credentials: Credentials, reply: Reply) -> None:
        """The host refused this login. It is not offered there again for a while."""
        ...


class NoLogin:
    """Implements `Login` where nobody logs in anywhere."""

    async def credentials(self, host: str, nexthop: str) -> None:
        """None."""

    def refused(self, host: str, credentials: Credentials, reply: Reply) -> None:
        """Cannot happen."""
