"""What the rest of the server may ask about accounts, and the answers.

This is the interface every account backend implements; the conformance suite in
`tests/directory/` holds its promises. It knows no storage and no protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from postroad.model import Address
from postroad.sasl.secrets import Secret, SecretKind

__all__ = [
    "Accounts",
    "Alias",
    "Directory",
    "DirectoryUnavailable",
    "Mailbox",
    "Purpose",
    "Resolution",
    "Secrets",
    "Unknown",
]


class DirectoryUnavailable(Exception):
    """The directory cannot answer now; nothing follows about the account.

    Callers answer `451 4.3.0` to a recipient and `454 4.7.0` to a login (RFC 4954 §6), never a
    permanent refusal. The text is for the log.
    """


class Purpose(Enum):
    """What a login is for."""

    SEND = "send"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The address belongs to an account.

    Attributes:
        user: the account's canonical name, an address that `Address.parse` reads.
    """

    user: str


@dataclass(frozen=True, slots=True)
class Alias:
    """The address stands for others, ours or foreign; at least one, in a stable order."""

    targets: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody here has the address."""


Resolution = Mailbox | Alias | Unknown


class Directory(Protocol):
    """The read side of a directory. Every method may raise `DirectoryUnavailable`."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here.

        The empty domain does: it occurs only in `RCPT TO:<Postmaster>` (RFC 5321 §4.1.1.3).
        """
        ...

    async def resolve(self, address: Address) -> Resolution:
        """Who has the address: one step, aliases are not followed."""
        ...

    async def authenticate(
        self,
        name: str,
        password: str,
        purpose: Purpose = Purpose.SEND,
        address: str = "",
        *,
        barred: bool = False,
    ) -> str | None:
        """The canonical name of the account, or `None` if name and password do not fit.

        The password is the account's own, or an app password that is good for the purpose. An
        unknown name, a disabled account and a wrong password take the same work.

        Args:
            name: as the client gave it.
            password: the same.
            purpose: what the client wants to do.
            address: where the client is, to remember the last use of an app password by.
            barred: whether the account may not log in from there now: then no password is right,
                and a right one takes as long as a wrong one.
        """
        ...

    async def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        """Whether the address is the account's: its own, with or without extension, or an alias'.

        An alias is everybody's whom it delivers to, directly or through other aliases.

        Args:
            user: the account's canonical name.
            address: any.
            catch_all: whether an address is the account's too that only a catch-all (`@domain`)
                leads to it.
        """
        ...


class Secrets(Protocol):
    """What mechanisms that never see a password need. Methods may raise `DirectoryUnavailable`."""

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        """The canonical name of the account and its secret; `None` if there is none to be had."""
        ...

    async def all_have_verifiers(self) -> bool:
        """Whether each password that is good for a login has a verifier for SCRAM-SHA-256.

        A client chooses the best mechanism it is offered, so that one is offered to nobody where
        it would fail some; the other proofs only where the operator names them, to everybody.
        Passwords of disabled accounts do not count; app passwords have no secrets.
        """
        ...


class Accounts(Protocol):
    """Who is somebody here, for those who found out by other means than a password."""

    async def login_name(self, name: str) -> str | None:
        """The canonical name of the account if there is one and it may log in."""
        ...
