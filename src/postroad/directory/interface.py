"""What the rest of the server may ask about accounts, and the answers.

This is the interface every account backend implements; the conformance suite in
`tests/directory/` holds its promises. It knows no storage and no protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from postroad.model import Address
from postroad.sasl import Step
from postroad.sasl.secrets import Secret, SecretKind

__all__ = [
    "Accounts",
    "Alias",
    "Directory",
    "DirectoryUnavailable",
    "Domains",
    "LoginNames",
    "Mailbox",
    "Origin",
    "PassedLogin",
    "Passing",
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
        domain: what the address's domain stands for (an alias domain): the address is the one of
            the same local part there. Empty: it is in a domain of its own.
    """

    user: str
    domain: str = ""


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
        mapped: whether it stands for a whole domain, as `@example.net` for `@example.org`: a target
            of the same local part is what the address itself is, and no more somebody's.
    """

    targets: tuple[Address, ...]
    owner: Address | None = None
    user: str = ""
    extension: str = ""
    mapped: bool = False


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


class LoginNames(Protocol):
    """What a login name stands for, to count those who guess."""

    async def login_names(self, name: str) -> tuple[str, ...]:
        """The names under which logins by this one are counted; at least one.

        The first is the account's own where there is one, so that whatever means one account counts
        at it. The others, told from the look of the name alone, are what directories look for to
        find it: names that nobody has count as those do that somebody has.

        Args:
            name: as the client gave it.

        Raises:
            DirectoryUnavailable: whose it is cannot be known now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a login comes from, as another server is told it.

    Attributes:
        address: the client's, an IP address; empty: it has none, or it is not known.
        port: its port; 0 where there is none.
        server_address: our end's, likewise.
        server_port: the same.
        secured: whether nobody between it and us can listen.
        session: what the log calls its session; empty for none.
    """

    address: str = ""
    port: int = 0
    server_address: str = ""
    server_port: int = 0
    secured: bool = False
    session: str = ""


class PassedLogin(Protocol):
    """A login by a mechanism that somebody else speaks: octets go there and come back."""

    @property
    def user(self) -> str:
        """The account's canonical name once it has proved whose it is; before, empty."""
        ...

    async def step(self, data: bytes | None) -> Step:
        """Pass on what the client said, as `sasl.Mechanism.step`.

        Returns:
            `Challenge`, `Proved`, `Refuted` or `Malformed`.

        Raises:
            DirectoryUnavailable: it cannot be said now who it is.
        """
        ...

    def abandon(self) -> None:
        """Nobody goes on with it. It may be over."""
        ...


@runtime_checkable
class Passing(Protocol):
    """What speaks mechanisms that are not ours to speak."""

    @property
    def passed_mechanisms(self) -> tuple[str, ...]:
        """Which: names of SASL mechanisms."""
        ...

    def pass_login(self, mechanism: str, origin: Origin) -> PassedLogin:
        """Begin a login.

        Args:
            mechanism: one of `passed_mechanisms`.
            origin: where it comes from.
        """
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
