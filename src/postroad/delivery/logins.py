"""The logins at other servers, and what is remembered of those that were refused.

Where a login comes from. `[relay] username` is for the smarthost; tables in the form of Postfix's
sasl_passwd are asked for the sender (where that is wanted), the host's name and the next hop, as
`smtp_sasl_password_maps`; a table's login without a password, or a user name without a password
file, is one whose token is fetched (`tokens`).

A refused login is not offered again at that host for a while, as it may get the account locked. A
new password is another login. Each worker learns that by itself.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from postroad.delivery.login import Credentials
from postroad.delivery.nexthop import Nexthop, split_login
from postroad.delivery.route_tables import RouteTables, Tables
from postroad.model import Reply
from postroad.tables import TableUnavailable

__all__ = ["Logins", "Own", "TokenSource", "read_login"]

MAX_REFUSED = 1000
"""Logins that are remembered as refused; the oldest goes."""

_NO_TABLE = Reply.of(451, "4.3.0", "the login for this host cannot be looked up now")


class TokenSource(Protocol):
    """Who fetches bearer tokens; `postroad.delivery.tokens.Tokens` is one."""

    async def token(self, name: str) -> str | Reply | None:
        """The token of a user, a reply where it cannot be had now; `None`: it has none at all."""
        ...

    def reject(self, name: str, token: str) -> None:
        """A server refused this token: it is not to be given again."""
        ...


@dataclass(frozen=True, slots=True)
class Own:
    """A login that a section of the configuration sets.

    Attributes:
        credentials: it; one with an empty password is one by token.
        nexthop: the next hops that it is for; empty: all.
    """

    credentials: Credentials
    nexthop: str = ""


class _Refused(NamedTuple):
    until: float
    secret: bytes


class Logins:
    """Implements `Login`. Belongs to one transport of one worker."""

    def __init__(
        self,
        *,
        own: Own | None,
        tables: Tables,
        names: Sequence[str] = (),
        tokens: TokenSource | None = None,
        pause: float = 600.0,
        report: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where logins are.

        Args:
            own: the login of the section.
            tables: who has tables.
            names: tables of logins, the first one asked first.
            tokens: who fetches tokens.
            pause: seconds for which a refused login is not offered again; 0: not at all.
            report: takes a line for the log.
            now: seconds of a clock that only goes on.
        """
        self._own = own
        self._own_parts = (
            frozenset(map(str, Nexthop.parse_list(own.nexthop))) if own and own.nexthop else None
        )
        self._tables = RouteTables(tables, names)
        self._tokens = tokens
        self._pause = pause
        self._report = report
        self._now = now
        self._refused: dict[tuple[str, str], _Refused] = {}

    async def credentials(self, host: str, nexthop: str) -> Credentials | Reply | None:
        """See `Login.credentials`."""
        found: Credentials | Reply | None
        try:
            found = await self._found(host, nexthop)
        except TableUnavailable:
            return _NO_TABLE
        if isinstance(found, Credentials) and not found.password:
            found = await self._with_token(found)
        if not isinstance(found, Credentials):
            return found
        return self._resting(host, found) or found

    def refused(self, host: str, credentials: Credentials, reply: Reply) -> None:
        """See `Login.refused`."""
        name = credentials.username
        if credentials.is_token and self._tokens is not None:
            self._tokens.reject(name, credentials.password)
        if not reply.is_permanent or not self._pause:
            return
        if len(self._refused) >= MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        until = self._now() + self._pause
        self._refused[host, name] = _Refused(until, _digest(credentials.password))
        self._report(
            f"SASL authentication failed: host {host} refused the login {name}, which is not tried"
            f" there again for {self._pause:.0f} seconds; it said: {reply}"
        )

    async def _found(self, host: str, nexthop: str) -> Credentials | None:
        sender, parts = split_login(nexthop)
        if self._tables:
            for key in filter(None, (sender, host, parts)):
                value = await self._tables.find(iter([(key, False)]))
                if value is not None:
                    return replace(read_login(value), of_host=key == host)
        own = self._own
        if own is None or not (self._own_parts is None or self._is_own(parts)):
            return None
        return own.credentials

    def _is_own(self, parts: str) -> bool:
        """Whether a next hop, or a part of one, is what the section's login is for."""
        try:
            found = {str(part) for part in Nexthop.parse_list(parts)}
        except ValueError:
            return False
        return self._own_parts is not None and found <= self._own_parts

    async def _with_token(self, found: Credentials) -> Credentials | Reply:
        name = found.username
        token = await self._tokens.token(name) if self._tokens is not None else None
        if token is None:
            return Reply.of(
                451, "4.3.5", f"the login {name} has neither a password nor a section [tokens]"
            )
        if isinstance(token, Reply):
            return token
        return replace(found, password=token, is_token=True)

    def _resting(self, host: str, found: Credentials) -> Reply | None:
        """Why a login is not offered now: it was refused not long ago."""
        key = host, found.username
        refused = self._refused.get(key)
        if refused is None:
            return None
        left = refused.until - self._now()
        if left <= 0 or refused.secret != _digest(found.password):
            del self._refused[key]
            return None
        return Reply.of(
            454,
            "4.7.0",
            f"SASL authentication failed; server {host} refused the login {found.username} before,"
            f" and it is not tried again for another {left:.0f} seconds",
        )


def read_login(value: str) -> Credentials:
    """Read `user:password`, as Postfix's sasl_passwd has it; the first colon parts them."""
    username, _, password = value.strip().partition(":")
    return Credentials(username, password)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
