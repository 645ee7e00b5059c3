"""`STATE/tokens.db`: bearer tokens for logins at other servers, fetched before they are needed.

Theory of operation. A token that is still good is in memory. One that will not be for long is used
while the next one is fetched in the background, so that mail waits only for the first one of all,
and after an outage of the issuer. All workers share the file: whoever is to fetch a token claims
that in a transaction, the others wait for what it brings. That is needed for issuers which give a
new refresh token each time and take back an account's tokens when an old one is used twice; the new
one is on the disk before the token is used. An operator who writes another refresh token into the
configured file replaces what is kept here.

Where there is no token, mail waits, and the log says why; no words hold a secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from postroad.limits.state_file import Keeping, Shape, StateUnavailable
from postroad.model import Reply

__all__ = ["TOKENS", "Fetched", "Grant", "TokenRefused", "Tokens", "TokensUnavailable"]

MARGIN = 60.0
"""Seconds before its end at which a token is used no more."""

EARLY = 300.0
"""Seconds before its end at which the next one is fetched."""

CLAIM = 30.0
"""Seconds for which nobody else fetches a token that somebody is fetching."""

LOOK_EVERY = 0.5
"""Seconds between two looks at what another worker fetches."""

PAUSE = 60.0
"""Seconds after a failure before the issuer is asked again."""

_TABLES = """
CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    origin BLOB NOT NULL,                      -- a digest of the refresh token of the configuration
    refresh TEXT NOT NULL,                     -- the one to use; empty for none
    token TEXT NOT NULL,                       -- the last one fetched; empty for none
    until REAL NOT NULL,                       -- epoch, seconds: its end
    claimed REAL NOT NULL                      -- the same: before it, somebody is fetching one
) STRICT, WITHOUT ROWID;
"""


class TokensUnavailable(StateUnavailable):
    """The file of tokens cannot be read or written now; the message says why."""


TOKENS = Shape("tokens", 0x5052746B, 1, _TABLES, TokensUnavailable)  # "PRtk"


class TokenRefused(Exception):
    """There is no token; the message says why, for the log, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an issuer gave.

    Attributes:
        token: the bearer token.
        life: seconds for which it is good.
        refresh: the refresh token to use from now on; empty: the same as before.
    """

    token: str = field(repr=False)
    life: float
    refresh: str = field(default="", repr=False)


class Endpoint(Protocol):
    """Who gives tokens; `TokenEndpoint` is one."""

    async def fetch(self, refresh_token: str) -> Fetched:
        """A new token; raises `TokenRefused`."""
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """Where the tokens of a login come from.

    Attributes:
        endpoint: who gives them.
        refresh: the refresh token of the configuration; empty for none.
    """

    endpoint: Endpoint
    refresh: str


class _Held(NamedTuple):
    token: str
    until: float


class _Row(NamedTuple):
    """What the file says. Whoever reads `mine` has claimed to fetch the next token."""

    token: str
    until: float
    refresh: str
    mine: bool


class Tokens:
    """Implements `TokenSource`. Belongs to one event loop."""

    def __init__(
        self,
        grants: Mapping[str, Grant],
        keeper: Keeping,
        report: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is fetched yet.

        Args:
            grants: by user name.
            keeper: of the file.
            report: takes a line for the log.
            now: seconds since the epoch.
        """
        self._grants = grants
        self._keeper = keeper
        self._report = report
        self._now = now
        self._held: dict[str, _Held] = {}
        self._rejected: dict[str, str] = {}
        self._failed: dict[str, tuple[float, Reply]] = {}
        self._fetching: dict[str, asyncio.Task[Reply | None]] = {}

    async def token(self, name: str) -> str | Reply | None:
        """See `TokenSource.token`."""
        grant = self._grants.get(name)
        if grant is None:
            return None
        held, now = self._held.get(name), self._now()
        if held is not None and now < held.until - MARGIN:
            if now >= held.until - EARLY:
                self._begin(name, grant)
            return held.token
        until, reply = self._failed.get(name, (0.0, None))
        if reply is not None and now < until:
            return reply
        fetching = self._begin(name, grant)
        await asyncio.wait([fetching])  # who stops waiting takes it from nobody
        if fetching.cancelled():
            return Reply.of(454, "4.7.0", f"the token for the login {name} is not fetched any more")
        failure = fetching.result()
        return failure if failure is not None else self._held[name].token

    def reject(self, name: str, token: str) -> None:
        """See `TokenSource.reject`."""
        held = self._held.get(name)
        self._rejected[name] = token
        if held is not None and held.token == token:
            del self._held[name]

    async def close(self) -> None:
        """Give up what is being fetched; who waits for it is told that there is none."""
        for task in self._fetching.values():
            task.cancel()
        if self._fetching:
            await asyncio.wait(self._fetching.values())

    def _begin(self, name: str, grant: Grant) -> asyncio.Task[Reply | None]:
        """Fetch a token, unless that is under way."""
        task = self._fetching.get(name)
        if task is None:
            task = self._fetching[name] = asyncio.ensure_future(self._fetch(name, grant))
            task.add_done_callback(lambda _: self._fetching.pop(name, None))
        return task

    async def _fetch(self, name: str, grant: Grant) -> Reply | None:
        """Have a token, our own or another worker's; a reply says that there is none."""
        now = self._now()
        if now < self._failed.get(name, (0.0, None))[0]:
            return self._failed[name][1]
        try:
            self._held[name] = await self._obtained(name, grant)
        except (TokenRefused, StateUnavailable) as error:
            self._report(f"no token for the login {name}, whose mail waits: {error}")
            reply = Reply.of(454, "4.7.0", f"there is no token for the login {name} at present")
            self._failed[name] = (self._now() + PAUSE, reply)
            return reply
        self._failed.pop(name, None)
        return None

    async def _obtained(self, name: str, grant: Grant) -> _Held:
        """A token that will be good for a while.

        Raises:
            TokenRefused, StateUnavailable: there is none.
        """
        deadline = self._now() + CLAIM
        while True:
            row = await self._keeper.ask(lambda db: self._look(db, name, grant))
            if row.token:
                return _Held(row.token, row.until)
            if row.mine:
                break
            if self._now() >= deadline:
                raise TokenRefused("another worker has been fetching it for too long")
            await asyncio.sleep(LOOK_EVERY)
        try:
            fetched = await grant.endpoint.fetch(row.refresh)
        except BaseException:
            await self._keeper.ask(lambda db: _give_up(db, name))
            raise
        until = self._now() + fetched.life
        refresh = fetched.refresh or row.refresh
        await self._keeper.ask(lambda db: _store(db, name, fetched.token, until, refresh))
        return _Held(fetched.token, until)

    def _look(self, db: sqlite3.Connection, name: str, grant: Grant) -> _Row:
        """What the file has; without a good token, and if nobody else does, claim to fetch one."""
        now, origin = self._now(), hashlib.sha256(grant.refresh.encode()).digest()
        known = db.execute(
            "SELECT origin, refresh, token, until, claimed FROM tokens WHERE name = ?", (name,)
        ).fetchone()
        if known is None or known[0] != origin:
            known = (origin, grant.refresh, "", 0.0, 0.0)
        _, refresh, token, until, claimed = known
        if token and token != self._rejected.get(name) and now < until - EARLY:
            return _Row(token, until, refresh, mine=False)
        if claimed > now:
            return _Row("", 0.0, refresh, mine=False)
        db.execute(
            "INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
            (name, origin, refresh, token, until, now + CLAIM),
        )
        return _Row("", 0.0, refresh, mine=True)


def _store(db: sqlite3.Connection, name: str, token: str, until: float, refresh: str) -> None:
    db.execute(
        "UPDATE tokens SET token = ?, until = ?, refresh = ?, claimed = 0 WHERE name = ?",
        (token, until, refresh, name),
    )


def _give_up(db: sqlite3.Connection, name: str) -> None:
    db.execute("UPDATE tokens SET claimed = 0 WHERE name = ?", (name,))
