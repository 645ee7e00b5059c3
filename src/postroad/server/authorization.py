"""Whom a login may act as: the authorization identity (RFC 4422 §2).

Many programs send one without need, often without the domain: what means the login itself is
always right. Another account is a matter of `[login] act_as`. Nothing is asked here; whether the
other account exists is the directory's to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from postroad.directory.names import address_form, domain_form, login_form
from postroad.model import Address, AddressError
from postroad.model.address import is_domain

__all__ = ["ActAs", "Named", "is_same_user", "name_form"]


def name_form(name: str) -> str:
    """The form in which names of accounts are compared, for names that are no addresses too."""
    return login_form(name)


def is_same_user(authzid: str, *names: str) -> bool:
    """Whether an authorization identity means the user of these names.

    Args:
        authzid: as the client sent it; empty means whoever logs in.
        names: what the user is called: the login name, the account's own.
    """
    if not authzid:
        return True
    wanted = name_form(authzid)
    for form in map(name_form, names):
        local = form.rpartition("@")[0]
        if wanted == form or (local and wanted == local):
            return True
    return False


@dataclass(frozen=True, slots=True)
class ActAs:
    """The rule of `[login] act_as`.

    Attributes:
        others: for each account, the accounts and `@domain`s it may act as; all in the form in
            which names are compared.
    """

    others: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, given: Mapping[str, tuple[str, ...]]) -> Self:
        """Read the setting.

        Raises:
            ValueError: a name in it is no address and not `*@domain`; the text says which.
        """
        return cls({_account(name): frozenset(map(_other, whom)) for name, whom in given.items()})

    def allows(self, user: str, other: str) -> bool:
        """Whether the account `user` may act as the account `other`; both by their own names."""
        return _is_among(self.others.get(name_form(user), frozenset()), name_form(other))


@dataclass(frozen=True, slots=True)
class Named:
    """Accounts that a setting names, one by one or by their domain.

    Attributes:
        forms: accounts and `@domain`s, in the form in which names are compared.
    """

    forms: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Read the setting.

        Raises:
            ValueError: one is no address and not `*@domain`; the text says which.
        """
        return cls(frozenset(map(_other, names)))

    def __contains__(self, account: str) -> bool:
        """Whether an account is meant, by its own name."""
        return bool(self.forms) and _is_among(self.forms, account)


def _is_among(forms: frozenset[str], form: str) -> bool:
    return form in forms or f"@{form.rpartition('@')[2]}" in forms


def _account(name: str, expected: str = '"john@example.org"') -> str:
    try:
        form = str(address_form(Address.parse(name)))
    except AddressError:
        form = "*"
    if "*" in form:  # which an address may hold, but here somebody means more by it
        raise ValueError(f'expected an account such as {expected}, not "{name}"')
    return form


def _other(name: str) -> str:
    if name.startswith("*@") and is_domain(name[2:]):
        return f"@{domain_form(name[2:])}"
    return _account(name, '"john@example.org" or "*@example.org"')
