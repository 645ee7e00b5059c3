"""What is known about a transaction when a restriction is asked, and what can be looked up.

`Facts` holds what the session knows; `Oracle` answers what only others know. A restriction sees
nothing else, so the same list can be run for a live session, for one that never was, for one that
was recorded, and for a stranger of whom almost nothing is known (`proof`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal, NamedTuple, Protocol

from postroad.mailauth.spf.result import SpfVerdict
from postroad.model import Address, Client, Login, TlsSession
from postroad.model.value import value

__all__ = [
    "Accounts",
    "Agents",
    "Elsewhere",
    "Facts",
    "LookupUnavailable",
    "Names",
    "Oracle",
    "Particulars",
    "Passing",
    "RecordType",
    "Senders",
    "Tables",
    "Verification",
    "VerificationStatus",
]

RecordType = Literal["A", "AAAA", "MX", "NS", "TXT", "PTR"]


@value
class Particulars:
    """What only policy services are told; one value for all recipients of a message.

    Attributes:
        protocol: `SMTP`, `ESMTP` or `LMTP`.
        instance: the same text for all questions about one message, and for no other message.
        queue_id: the message's identifier once it has one; empty before.
        server_address: our IP address that the client connected to; empty where there is none.
        server_port: our port likewise; 0.
    """

    protocol: str = "ESMTP"
    instance: str = ""
    queue_id: str = ""
    server_address: str = ""
    server_port: int = 0


_NOTHING_PARTICULAR = Particulars()


@value
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
        recipients: how many the transaction has already; at RCPT without the one in question.
        pipelined: whether the client sent commands before it could know the answers to others
            where RFC 2920 forbids it.
        size: octets of the message: what SIZE announced, at the end what came; 0 when unknown.
        etrn: the domain that ETRN names; empty in mail transactions.
        state: the command in question as Postfix names it: `CONNECT`, `EHLO`, `HELO`, `LHLO`,
            `MAIL`, `RCPT`, `DATA`, `END-OF-MESSAGE`, `ETRN`.
        particulars: what only policy services are told.
    """

    client: Client
    trusted: bool = False
    helo: str = ""
    login: Login | None = None
    tls: TlsSession | None = None
    mail: bool = False
    sender: Address | None = None
    recipient: Address | None = None
    recipients: int = 0
    pipelined: bool = False
    size: int = 0
    etrn: str = ""
    state: str = "RCPT"
    particulars: Particulars = _NOTHING_PARTICULAR


class LookupUnavailable(Exception):
    """A look-up has no answer now: the engine defers and never permits. The text is for a log."""


class VerificationStatus(Enum):
    """Whether mail for an address is taken by the host that it would be sent to."""

    DELIVERABLE = "deliverable"
    UNDELIVERABLE = "undeliverable"
    UNKNOWN = "unknown"


class Verification(NamedTuple):
    """What a probe of an address found.

    Attributes:
        status: whether its host takes mail for it.
        why: what that host said, or why nothing is known; for the client to read.
    """

    status: VerificationStatus
    why: str = ""


class Passing(Enum):
    """That a domain is ours to take mail for, and its mail goes on to another server."""

    RELAYED = "relayed"


class Elsewhere(Enum):
    """What is known of an address whose mail goes on from here, or may."""

    LISTED = "its host takes mail for it"
    ABSENT = "not among those who take mail"
    ASK = "only its host knows"
    CARRIED = "somebody takes mail for it who may pass it on under the same name"


class Accounts(Protocol):
    """What the directory knows. Every method may raise `LookupUnavailable`."""

    async def is_local(self, domain: str) -> bool | Passing:
        """Whether mail for the domain is ours to take; its case does not matter.

        It ends here, or the domain was declared as one that we pass mail on for: `Passing`, which
        counts as yes.
        """
        ...

    async def is_listed(self, address: Address) -> bool | Elsewhere:
        """Whether an address in such a domain receives mail. Asked for those domains only.

        Yes or no where its mail ends here; `Elsewhere` where it is passed on. `Elsewhere.CARRIED`
        is said of local parts with a route in them only (`destination.is_routed`): of those that
        nobody has exactly.
        """
        ...

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address."""
        ...

    async def has_owner(self, address: Address) -> bool:
        """Whether any account here may send as the address."""
        ...


class Names(Protocol):
    """What the DNS knows."""

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        """The records of a name as a zone writes them (`10 mx.example.net.`); empty: none exist.

        Raises:
            LookupUnavailable: nobody knows at present.
        """
        ...


class Tables(Protocol):
    """What the operator's tables say, each named as Postfix does: `TYPE:REST`."""

    async def find(self, table: str, key: str) -> str | None:
        """What the table has for a key, if anything.

        Raises:
            LookupUnavailable: it cannot be asked now.
        """
        ...

    def takes_parts(self, table: str) -> bool:
        """Whether parts of a name or an address are keys too; they are not in patterns."""
        ...


class Agents(Protocol):
    """Those who do something to find the answer. Every method may raise `LookupUnavailable`."""

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        """What a policy service says: an action, as an access table would."""
        ...

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        """Whether mail for an address would be taken; `sender` says which role it has here."""
        ...

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        """Seconds for which mail between these must wait still; 0 when it may pass."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait."""
        ...


class Senders(Protocol):
    """Who knows whether a client may send for a domain."""

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        """SPF's verdict (RFC 7208).

        Args:
            address: the client's IP address.
            sender: the reverse-path; empty asks for the name in HELO.
            helo: that name.

        Raises:
            LookupUnavailable: nobody is there to be asked. That the DNS does not answer is a
                verdict.
        """
        ...


class _Nobody:
    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:  # noqa: ARG002
        raise LookupUnavailable(f"SPF for {address}")


class Oracle(NamedTuple):
    """Whom a restriction may ask; a tuple, because one is made for each question to policy.

    Attributes:
        accounts: the directory.
        names: the DNS.
        tables: the operator's tables.
        agents: those who do something to find out.
        senders: who knows SPF.
    """

    accounts: Accounts
    names: Names
    tables: Tables
    agents: Agents
    senders: Senders = _Nobody()
