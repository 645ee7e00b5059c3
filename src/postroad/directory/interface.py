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
    "Domains",
    "Mailbox",
    "Place",
    "Places",
    "Purpose",
    "Resolution",
    "Secrets",
    "Standing",
    "Unknown",
    "account_of",
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
    """The address stands for others, ours or foreign; at least one, in a stable order.

    Attributes:
        targets: whom it stands for.
        owner: who gets the bounces of what goes to them; `None`: whoever sent it.
        user: the account that has the address itself and forwards its mail to the targets, by its
            canonical name; empty: no account has it. A copy stays with the account if it is among
            its own targets, and then it is the mailbox; the address is its own in any case, and
            does not become the targets'.
        extension: what the address has behind its name that the alias does not, with its
            delimiter (`+lists`); empty for nothing.
    """

    targets: tuple[Address, ...]
    owner: Address | None = None
    user: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody here has the address."""


Resolution = Mailbox | Alias | Unknown


def account_of(answer: Resolution) -> str:
    """The account whose address it is, also one that forwards its mail; empty: it is nobody's."""
    return "" if isinstance(answer, Unknown) else answer.user


class Standing(Enum):
    """What a domain is to us: mail for it ends here, or is taken and passed on by its route."""

    LOCAL = "local"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Place:
    """What a directory says of where an account's mail lies, as Dovecot's userdb does.

    What is empty or `None` is as `[mailbox]` says.

    Attributes:
        home: a folder, an absolute path.
        mail: where the mail is: a path, or Dovecot's `maildir:PATH` form.
        uid: the owner of the files, a number.
        gid: their group, a number.
        quota_bytes: octets of mail that may lie there.
        quota_messages: messages that may lie there.
    """

    home: str = ""
    mail: str = ""
    uid: int | None = None
    gid: int | None = None
    quota_bytes: int | None = None
    quota_messages: int | None = None


class Domains(Protocol):
    """What domains are to us. Every method may raise `DirectoryUnavailable`."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here.

        The empty domain does: it occurs only in `RCPT TO:<Postmaster>` (RFC 5321 §4.1.1.3).
        """
        ...

    async def standing(self, domain: str) -> Standing | None:
        """What the domain is to us; `None` if it is nothing to us.

        `is_local` is true of those that are `Standing.LOCAL`.
        """
        ...


class Directory(Domains, Protocol):
    """The read side of a directory. Every method may raise `DirectoryUnavailable`."""

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


class Places(Protocol):
    """Where mail lies."""

    async def place(self, user: str) -> Place:
        """What is said of the account's place; an empty `Place` if nothing is, or nobody has it.

        Args:
            user: the account's canonical name.

        Raises:
            DirectoryUnavailable: it cannot be said now; the mail has to wait.
        """
        ...
