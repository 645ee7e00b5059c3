"""The rows of a directory as an operator sees them, and how the names they type are read.

Reading a name settles its form once; the editor and the file below it see only that form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from postroad.directory.embedded.app_password import Scope
from postroad.directory.embedded.freezing import Freeze
from postroad.directory.embedded.groups import Senders
from postroad.directory.embedded.mistake import InvalidName
from postroad.directory.embedded.quota import NO_QUOTA, Quota
from postroad.directory.names import address_form, domain_form
from postroad.model import Address, AddressError
from postroad.model.address import is_domain

__all__ = [
    "AliasEntry",
    "AppPasswordEntry",
    "DomainEntry",
    "GroupEntry",
    "NewAppPassword",
    "PatternEntry",
    "UserEntry",
    "parse_domain",
    "parse_key",
    "parse_right",
    "parse_source",
    "parse_targets",
    "parse_user",
]


@dataclass(frozen=True, slots=True)
class DomainEntry:
    """One of our domains.

    Attributes:
        name: as an A-label.
        configured: whether it stands in the configuration file.
        alias_of: the domain that it stands for; empty: none.
        recipients: for a relayed one: `any`, `verify` or a table; empty: it is not relayed.
    """

    name: str
    configured: bool
    alias_of: str = ""
    recipients: str = ""


@dataclass(frozen=True, slots=True)
class UserEntry:
    """An account, without its password; one that is not `enabled` cannot log in.

    Attributes:
        name: its address.
        enabled: whether it may log in.
        frozen: why it cannot send; `None`: it can.
        quota: what its mailbox may hold.
        forward: where its mail goes instead; the account itself among them: a copy stays.
        send_as: the addresses and `@domain`s it may send as besides its own.
    """

    name: str
    enabled: bool
    frozen: Freeze | None = None
    quota: Quota = NO_QUOTA
    forward: tuple[str, ...] = ()
    send_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AliasEntry:
    """An alias (`@domain` for a catch-all) and its targets in the order they were added."""

    source: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A group.

    Attributes:
        name: its address.
        members: in the order they were added.
        owner: who gets the bounces of what goes to them; empty: whoever sent it.
        senders: who may send to it.
    """

    name: str
    members: tuple[str, ...]
    owner: str = ""
    senders: Senders = Senders.EVERYBODY


@dataclass(frozen=True, slots=True)
class PatternEntry:
    """An alias by regular expression, and its targets in the order they were added."""

    pattern: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppPasswordEntry:
    """An app password, without the password.

    Attributes:
        user: the account.
        id: its first group, which tells it from the account's others.
        label: what it is for.
        scope: what it is good for.
        created: seconds since the epoch.
        used: the same, of the last use, give or take a minute; `None` if there was none.
        used_from: the client's address then.
    """

    user: str
    id: str
    label: str
    scope: Scope
    created: int
    used: int | None
    used_from: str


@dataclass(frozen=True, slots=True)
class NewAppPassword:
    """An app password that was made just now; `text` is to be shown once."""

    user: str
    id: str
    text: str = field(repr=False)


def parse_domain(text: str) -> str:
    """A domain in the form it is kept in.

    Raises:
        InvalidName: it is no domain name, or has no A-label.
    """
    form = domain_form(text)
    if not is_domain(form) or not form.isascii():
        raise InvalidName(f"{text!r} is not a domain name")
    return form


def _address(text: str) -> Address:
    try:
        return address_form(Address.parse(text))
    except AddressError as error:
        raise InvalidName(f"{text!r} is not an address: {error}") from None


def parse_key(text: str) -> str:
    """An address in the form rows are found by.

    Raises:
        InvalidName: it is no address.
    """
    return str(_address(text))


def parse_user(text: str) -> Address:
    """The address of a new account, in the form it is kept in.

    Raises:
        InvalidName: it is no address, or none that is safe as the name of a mail folder.
    """
    form = _address(text)
    if form.domain.startswith("["):
        raise InvalidName("an account needs a domain name, not an address literal")
    if "/" in form.local or str(form).startswith('"'):
        # The name becomes a folder's name; quoted names could be `..` or worse.
        raise InvalidName(f"{text!r}: an account's name holds no slash and needs no quotes")
    return form


def parse_source(text: str) -> tuple[str, str]:
    """The source of an alias and its domain, both as they are kept.

    Raises:
        InvalidName: it is neither an address nor `@domain`.
    """
    if text.startswith("@"):
        domain = parse_domain(text[1:])
        return f"@{domain}", domain
    form = _address(text)
    return str(form), form.domain


def parse_right(text: str) -> str:
    """What an account may send as: an address, or `@domain` for all of a domain's.

    Raises:
        InvalidName: it is neither.
    """
    return parse_source(text)[0]


def parse_targets(texts: Sequence[str]) -> dict[str, str]:
    """The targets by the form they are compared in, as they were written, each once.

    Raises:
        InvalidName: one is no address, or there is none.
    """
    if not texts:
        raise InvalidName("an alias needs a target")
    return {parse_key(text): str(Address.parse(text)) for text in dict.fromkeys(texts)}
