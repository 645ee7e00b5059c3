"""Parts of a service that have no effect, for sessions that only explain.

Each stands in for one that counts, keeps, asks for a secret or delivers; what it answers is what
that one would answer a client who comes for the first time.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from postroad.config import Configuration
from postroad.directory import Alias, Freezes, Mailbox, Purpose, Unknown
from postroad.history.recorder import Recordable
from postroad.limits.bans import Ban, BanFile, network_banned
from postroad.limits.conduct import Act
from postroad.limits.counters import Shelf, Window
from postroad.limits.database import BANS
from postroad.limits.gate import Gate
from postroad.limits.glance import Glance
from postroad.limits.settings import UNCOUNTED
from postroad.model import (
    BLANK,
    Address,
    Addressee,
    Client,
    Envelope,
    Login,
    Reply,
    StoredMessage,
    StoredRecipient,
    Waybill,
)
from postroad.policy import Networks
from postroad.server.chronicle import Decided, Decision
from postroad.server.containment import suspended
from postroad.spool import Claimed, Draft

__all__ = [
    "Exempt",
    "Nowhere",
    "Passwordless",
    "Scribe",
    "Watchful",
    "known_bans",
    "uncounting_gate",
]

QUEUE_ID = "QUEUE-ID"
SESSION_ID = "SESSION-ID"
"""What stand for identifiers that a real message and a real session would have."""


class Naming(Protocol):
    """Who finds a client's names."""

    async def identify(self, client: Client) -> Client:
        """The client with its names."""
        ...


class Exempt:
    """Implements a service's `Names`: a client whose names are given is not looked up.

    Attributes:
        is_named: whether they are.
        found: the client with its names, once that was asked for.
    """

    def __init__(self, names: Naming, *, is_named: bool) -> None:
        self._names = names
        self.is_named = is_named
        self.found: Client | None = None

    async def identify(self, client: Client) -> Client:
        """The client with its names."""
        self.found = client if self.is_named else await self._names.identify(client)
        return self.found


class Accounts(Protocol):
    """The part of a directory that is asked."""

    async def login_name(self, name: str) -> str | None:
        """The account of this name, if it may log in."""
        ...

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """What an address of ours stands for."""
        ...


class Passwordless:
    """Implements a service's `Authenticating`: every password is right, for who may log in."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def authenticate(
        self,
        name: str,
        password: str,  # noqa: ARG002
        purpose: Purpose,  # noqa: ARG002
        address: str,  # noqa: ARG002
        *,
        barred: bool,  # noqa: ARG002
    ) -> str | None:
        """See `Directory.authenticate`."""
        return await self._accounts.login_name(name)

    async def login_name(self, name: str) -> str | None:
        """See `Accounts.login_name`."""
        return await self._accounts.login_name(name)

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """See `Directory.resolve`."""
        return await self._accounts.resolve(address)


class Scribe:
    """Implements `Recorder`: keeps what a session decided, for whoever explains it.

    Attributes:
        decisions: in order.
        in_replies: see `Recorder.in_replies`.
    """

    def __init__(self, *, in_replies: bool) -> None:
        self.decisions: list[Decision] = []
        self._in_replies = in_replies

    @property
    def in_replies(self) -> bool:
        """Whether refusals tell the client the session's identifier."""
        return self._in_replies

    def session_id(self) -> str:
        """What stands for one."""
        return SESSION_ID

    def put(self, what: Recordable) -> None:
        """Keep the decisions; what else happened is in the answers already."""
        if isinstance(what, Decided):
            self.decisions += what.decisions


class Watchful:
    """Implements `Containing`: knows who is frozen, and watches nobody."""

    def __init__(self, freezes: Freezes, configuration: Configuration) -> None:
        domain = (*configuration.local_domains, configuration.hostname)[0]
        self._freezes = freezes
        self._postmaster = f"postmaster@{domain}"

    def suspension(self, login: Login) -> Reply | None:
        """See `Containing.suspension`."""
        for account in (login.user, login.actor) if login.actor else (login.user,):
            if self._freezes.of(account) is not None:
                return suspended(account, self._postmaster)
        return None

    def saw(self, login: Login, client: str, act: Act, now: float) -> None:
        """See `Containing.saw`."""


class Nowhere(Draft):
    """A draft whose content goes nowhere."""

    def __init__(self) -> None:
        self.queue_id = QUEUE_ID
        self.size = 0

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        """Forget it."""
        self.size += len(chunk)
        return None

    async def commit(
        self,
        envelope: Envelope,
        recipients: Sequence[Addressee],
        arrived: float,
        waybill: Waybill = BLANK,
    ) -> Claimed:
        """As if it were stored."""
        content = _Forgotten(self.size)
        stored = StoredMessage(self.queue_id, envelope, arrived, arrived, content, waybill)
        return Claimed(
            stored,
            tuple(
                StoredRecipient(n, one.address, one.original, 0, one.notify, one.orcpt)
                for n, one in enumerate(recipients)
            ),
        )

    def discard(self) -> None:
        """There is nothing to be discarded."""


@dataclass(frozen=True, slots=True)
class _Forgotten:
    """Implements `Content`: nobody reads it."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        return iter(())


class _Uncounted:
    """Implements `Counters`: everybody is the first."""

    def add(
        self,
        window: Window,  # noqa: ARG002
        key: str,  # noqa: ARG002
        now: float,  # noqa: ARG002
        amount: int = 1,
        *,
        since: float | None = None,  # noqa: ARG002
    ) -> int:
        return amount

    def count(self, window: Window, key: str, now: float) -> int:  # noqa: ARG002
        return 0

    def enter(self, kind: str, key: str) -> int:  # noqa: ARG002
        return 1

    def leave(self, kind: str, key: str) -> None:
        pass


class _KnownBans:
    """Implements `Banned` over what the file says now."""

    def __init__(self, bans: Sequence[Ban]) -> None:
        self._bans = bans

    def of_address(self, address: str, now: float) -> Ban | None:
        try:
            ip = ip_address(address)
        except ValueError:  # a client on a Unix-domain socket
            return None
        for ban in self._bans:
            network = network_banned(ban.subject)
            if network is not None and ban.holds(now) and ip in network:
                return ban
        return None


def known_bans(configuration: Configuration, now: float) -> list[Ban]:
    """Who is banned now.

    Raises:
        BansUnavailable: the file cannot be read.
    """
    glance = Glance(configuration.bans_file, BANS)
    try:
        return glance.look(lambda connection: BanFile(connection).holding(now))
    finally:
        glance.close()


def uncounting_gate(configuration: Configuration, service: str, trusted: Networks) -> Gate:
    """The gate of a listener that knows the bans and counts nothing."""
    return Gate(
        service=service,
        hostname=configuration.hostname,
        limits=UNCOUNTED,
        rates=(),
        shelves=dict.fromkeys(Shelf, _Uncounted()),
        bans=_KnownBans(known_bans(configuration, time.time())),
        is_trusted=trusted.contains,
        journal=lambda _: None,
    )
