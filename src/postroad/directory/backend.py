"""What a directory other than the embedded one has to answer: four look-ups, and nothing else.

A backend finds what is stored under a key. It knows no rules: that an address without its
extension, a catch-all or postmaster may answer in its place is said once, in `rules`, for all
backends together; which backend is asked first, and for which domains, is the chain's business.
So a backend stays small, and one suite of tests holds for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from postroad.directory.interface import Alias, Place
from postroad.directory.passwords.credentials import Credentials

__all__ = ["Account", "Backend", "ListsAccounts", "NamesLogins", "ReadsFiles", "SenderRules"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account as a backend has it.

    Attributes:
        name: canonical: the text of an address in the form of `names`.
        enabled: whether it may log in. One that may not still gets mail.
        credentials: what is kept of its password; `None` where only the backend can check one.
            Credentials with an empty hash fit no password.
        place: where its mail lies.
        forward: whom its mail goes to instead, where its own directory says so; perhaps with the
            account itself among them.
        nets: the networks it may log in from (Dovecot's allow_nets); empty: all.
        receives: whether the backend vouches that mail for the name is taken. One that only
            checks passwords does not know: such an account can log in and send as itself, and
            whether there is such a mailbox is another directory's to say.
        doubt: why nobody can log in now, though mail for it is taken; empty: nothing speaks
            against it.
    """

    name: str
    enabled: bool = True
    credentials: Credentials | None = field(default=None, repr=False)
    place: Place = field(default_factory=Place)
    forward: Alias | None = None
    nets: tuple[str, ...] = ()
    receives: bool = True
    doubt: str = ""


class Backend(Protocol):
    """Where accounts are kept. Every method but `close` may raise `DirectoryUnavailable`.

    A backend answers only for what it has: a name that is not there is `None`, and one about which
    it cannot know now is `DirectoryUnavailable`, never `None`.
    """

    async def has_domain(self, domain: str) -> bool:
        """Whether the domain is one of this backend's.

        Args:
            domain: in the form of `names.domain_form`, never empty.
        """
        ...

    async def account(self, name: str) -> Account | None:
        """The account of exactly this name.

        The account's own name is what the backend has, not what was asked for: where its look-up
        takes two spellings for one, both are one account.

        Args:
            name: the text of an address in the form of `names.address_form`, with a domain.
        """
        ...

    async def alias(self, source: str) -> Alias | None:
        """The alias of exactly this address, or the catch-all of a domain.

        Args:
            source: as in `account`, or `@domain`.
        """
        ...

    async def check(self, name: str, password: str, address: str = "") -> str | bool | None:
        """Whether the password is the account's; `None` where this cannot be said here.

        A text says that it is, and the canonical name of whose it is: a directory that knows names
        only by their passwords may know one account by several. Asked only about accounts that
        have no credentials, and about names that are not there, to take as long for them. It does
        not block the event loop.

        Args:
            name: as in `account`.
            password: as the client sent it; no longer than `password.MAX_PASSWORD`.
            address: the client's, an IP address; empty where it has none.
        """
        ...

    def key(self, login: str) -> str:
        """What is looked for to find the account of a login name: names of one key are one account.

        Told from the name alone, whether somebody has it or not, and nobody is asked: by it are
        counted those who guess, so that no spelling of a name begins anew.

        Args:
            login: in the form of `names.login_form`.
        """
        ...

    async def close(self) -> None:
        """Give up connections and files. Nothing is asked afterwards."""
        ...


@runtime_checkable
class NamesLogins(Protocol):
    """A backend whose accounts log in by other names than their addresses, such as `john`."""

    async def named(self, login: str) -> str | None:
        """The canonical name of the account that a login name means; `None` if it means none.

        Args:
            login: as the client gave it.

        Raises:
            DirectoryUnavailable: it cannot be known now.
        """
        ...


@runtime_checkable
class ListsAccounts(Protocol):
    """A backend that may be able to say which accounts it has."""

    async def accounts(self) -> Sequence[Account] | None:
        """All accounts; `None`: it can look one up, and not list them.

        Raises:
            DirectoryUnavailable: it cannot be known now.
        """
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """A backend that leaves a file as it was where it seems to be cut."""

    def take_as_they_are(self) -> None:
        """Take the files as they are now: an operator means them."""
        ...


@runtime_checkable
class SenderRules(Protocol):
    """A backend that says itself who may send as an address."""

    async def senders(self, source: str) -> frozenset[str] | None:
        """The canonical names of the accounts that may; `None`: it does not say.

        Args:
            source: as in `Backend.alias`.

        Raises:
            DirectoryUnavailable: it cannot be known now.
        """
        ...
