"""What a chain of directories is made of: its links, and what the configuration says of domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from postroad.directory.backend import Backend, NamesLogins, SenderRules
from postroad.directory.interface import Passing, Standing
from postroad.model import Address

__all__ = ["EMBEDDED", "DomainPlan", "Link", "Plan"]

EMBEDDED = "embedded"
"""The name of the embedded directory where directories are named."""


@dataclass(frozen=True, slots=True)
class Link:
    """A directory in the chain.

    Attributes:
        name: of its section.
        backend: answers.
        domains: what it is asked about, in the form of `names`; empty: everything.
        logins: knows accounts by other names than their addresses; `None`: it does not.
        senders: says who may send as an address; `None`: it does not.
        passing: speaks mechanisms itself; `None`: it does not.
    """

    name: str
    backend: Backend
    domains: frozenset[str] = frozenset()
    logins: NamesLogins | None = None
    senders: SenderRules | None = None
    passing: Passing | None = None


@dataclass(frozen=True, slots=True)
class DomainPlan:
    """What `[domain."NAME"]` says of a domain, as far as it concerns addresses.

    Attributes:
        standing: whether its mail ends here.
        alias_of: the domain it stands for, in the form of `names`; empty for none.
        recipients: of a relayed one, which addresses take mail: `any`, `verify` or a table.
        directories: who knows its addresses, in order; empty: all.
    """

    standing: Standing = Standing.LOCAL
    alias_of: str = ""
    recipients: str = ""
    directories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the configuration says.

    Attributes:
        domains: by their names in the form of `names`.
        first_domain: the first of our domains, likewise; empty where there is none.
        order: the directories' names in the order they are asked; empty: the embedded one first.
        delimiters: the characters that begin an address extension.
        postmaster: who gets mail for the postmaster of a domain that names nobody; `None`: nobody
            is named.
        certificates: the accounts of client certificates, as `[directory] certificates`.
    """

    domains: Mapping[str, DomainPlan] = field(default_factory=dict)
    first_domain: str = ""
    order: tuple[str, ...] = ()
    delimiters: str = "+"
    postmaster: Address | None = None
    certificates: Mapping[str, str] = field(default_factory=dict)

    def real(self, form: Address) -> Address | None:
        """What an address stands for where its domain is an alias domain, else the address itself.

        Args:
            form: in the form of `names`.

        Returns:
            `None` where the configuration says nothing of the domain: the embedded directory may.
        """
        said = self.domains.get(form.domain)
        if said is None:
            return None
        return Address(form.local, said.alias_of) if said.alias_of else form
