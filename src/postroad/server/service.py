"""What a listener's sessions need: one frozen value for all of them, built by the composition root.

A reload builds new services and swaps them; sessions that are under way keep the one that they
began with, so no transaction sees its rules change.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from postroad.directory import Alias, Mailbox, Purpose, Unknown
from postroad.history.recorder import NO_HISTORY, Recorder
from postroad.intake import NOBODY, Board, Door
from postroad.limits.gate import Gate
from postroad.model import PLAIN, Address, Client, Disposition, Recipient, Reply
from postroad.model.journal import Journal
from postroad.policy import Networks, Oracle, Policy
from postroad.server.containment import Containing, Uncontained
from postroad.server.extensions import Extensions
from postroad.server.from_header import FromHeaderMode
from postroad.server.group_rules import GroupRules
from postroad.server.logins import Logins
from postroad.server.return_rules import ReturnRules
from postroad.smtp import Offer, SessionLimits

__all__ = ["Authenticating", "MailboxClaims", "Mailboxes", "Names", "Room", "Service"]


class Authenticating(Protocol):
    """The part of a directory that logins need."""

    async def authenticate(
        self, name: str, password: str, purpose: Purpose, address: str, *, barred: bool
    ) -> str | None:
        """The account's own spelling of its name, or `None`; why is nobody's business."""
        ...

    async def login_name(self, name: str) -> str | None:
        """The same for those who proved by other means who they are."""
        ...

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """What an address of ours stands for."""
        ...


class Names(Protocol):
    """The part of a resolver that sessions need."""

    async def identify(self, client: Client) -> Client:
        """The client with its names, and what is unsure of them."""
        ...


class Room(Protocol):
    """Who knows how full the disks are."""

    def has(self, size: int = 0) -> bool:
        """Whether a message of so many octets may be taken."""
        ...

    def promise(self, size: int) -> None:
        """One was."""
        ...


class MailboxClaims(Protocol):
    """What one transaction is let into mailboxes with; one that only ends leaves nothing."""

    async def refusal(self, address: Address, size: int) -> Reply | None:
        """The refusal of a message of so many octets; `None`: there is room, or nobody knows."""
        ...

    def count(self, size: int) -> None:
        """The recipient asked about last is one of the message's."""
        ...

    def taken(self, size: int) -> None:
        """The message of so many octets was taken."""
        ...


class Mailboxes(Protocol):
    """Who knows how full the mailboxes of our accounts are."""

    def claims(self) -> MailboxClaims:
        """For a transaction that begins."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A listener's view of the server.

    Attributes:
        name: how logs name it: `smtpd`, `submission/smtpd`.
        hostname: our name.
        implicit_tls: TLS from the first octet (RFC 8314).
        starttls: STARTTLS is offered.
        require_tls: nothing of note is answered before TLS.
        auth: logins are offered, under TLS only.
        limits: of a session.
        policy: the restriction lists.
        oracle: answers their look-ups.
        trusted: the trusted networks, Postfix's mynetworks.
        directory: answers logins.
        door: takes messages.
        names: finds clients' names.
        reverse_names: whether to.
        tls_context: our certificate and TLS versions; `None` where the listener has no TLS.
        handshake_timeout: seconds a TLS handshake may take.
        gate: who may come in, and how often.
        journal: where events go.
        clock: seconds since the epoch.
        pause: waits for so many seconds.
        elapsed: seconds since some moment, by a clock that nobody sets.
        extensions: what is offered beyond plain SMTP.
        logins: what logins go by besides the directory.
        listener: the listener's name in the configuration.
        disposition: what is done with all mail that comes in here, unless a rule says otherwise.
        history: remembers what is decided.
        containment: watches over logged-in users.
        probe_sender: `Address.key` of the sender of our probes, whose mail is always taken (and
            thrown away); empty: none.
        from_header: what becomes of users' mail whose From header names somebody else.
        wrote_to: told of the recipients of our users' mail; `None`: nobody wants to know.
        room: whether the disks have some; `None`: nobody looks.
        mailboxes: whether those of our accounts have; likewise.
        groups: who may send to which; `None`: everybody to all.
        returns: what may be sent to rewritten senders; `None`: there are none.
        board: who looks at mail that comes in here.
        taken_before: whether that was taken before, by a server or a content filter of ours.
        daemon_name: what filters are told that the listener is called (milters' `{daemon_name}`).
        offers: what was offered to other clients (`offering`).
    """

    name: str
    hostname: str
    implicit_tls: bool
    starttls: bool
    require_tls: bool
    auth: bool
    limits: SessionLimits
    policy: Policy
    oracle: Oracle
    trusted: Networks
    directory: Authenticating
    door: Door
    names: Names
    reverse_names: bool
    tls_context: ssl.SSLContext | None
    handshake_timeout: float
    gate: Gate
    journal: Journal
    clock: Callable[[], float]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    elapsed: Callable[[], float] = time.monotonic
    extensions: Extensions = field(default_factory=Extensions)
    logins: Logins = field(default_factory=Logins)
    listener: str = ""
    disposition: Disposition = PLAIN
    history: Recorder = NO_HISTORY
    containment: Containing = field(default_factory=Uncontained)
    probe_sender: str = ""
    from_header: FromHeaderMode = "ignore"
    wrote_to: Callable[[Sequence[Recipient]], None] | None = None
    room: Room | None = None
    mailboxes: Mailboxes | None = None
    groups: GroupRules | None = None
    returns: ReturnRules | None = None
    board: Board = NOBODY
    taken_before: bool = False
    daemon_name: str = ""
    offers: dict[Hashable, Offer] = field(default_factory=dict, compare=False, repr=False)

    def trusts(self, client: Client) -> bool:
        """Whether a client is in a trusted network, or on a Unix-domain socket of ours.

        Who may write to that socket is decided by its owner and mode.
        """
        return client.is_local or self.trusted.contains(client.address)
