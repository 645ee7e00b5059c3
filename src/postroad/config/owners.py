"""Whom a configuration names as owners of mail."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable, Iterator
from contextlib import suppress

from postroad.config.configuration import Configuration
from postroad.directory.names import domain_form
from postroad.mailbox.owners import HIGHEST, OWN_GROUP, Numbers, Owner, parse_numbers

__all__ = ["allowed_numbers", "group_number", "named_owners", "owners_are_wanted", "user_number"]

MAILDIRS = frozenset({"local", "maildir"})
"""Words of a domain's transport by which its mail is written into Maildirs."""


def named_owners(configuration: Configuration) -> Iterator[tuple[str, Owner | str]]:
    """Owners other than the server's user, by the domain they are for, empty for all mail.

    Words instead where there is nobody of this name.
    """
    mailbox = configuration.mailbox
    if mailbox.user and mailbox.user != configuration.user:
        yield "", _owner("[mailbox] ", mailbox.user, mailbox.group)
    for name, settings in configuration.domain.items():
        if settings.mail_user and settings.mail_user != configuration.user:
            section = f'[domain."{name}"] mail_'
            yield domain_form(name), _owner(section, settings.mail_user, settings.mail_group)


def owners_are_wanted(configuration: Configuration) -> bool:
    """Whether mail may have other owners than the server, by what is configured."""
    mailbox = configuration.mailbox
    ways = [each.transport.partition(":")[0] for each in configuration.domain.values()]
    if mailbox.transport != "maildir" and not MAILDIRS & set(ways):
        return False
    named = [*named_owners(configuration)]
    if any(isinstance(each, Owner) for _, each in named):
        return True
    return bool(mailbox.uids and configuration.directories)


def user_number(name: str) -> int:
    """The number of a user, by name or number.

    Raises:
        KeyError: there is none.
    """
    return _number(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid


def group_number(name: str) -> int:
    """The number of a group, likewise."""
    return _number(name) if name.isdecimal() else grp.getgrnam(name).gr_gid


def allowed_numbers(configuration: Configuration) -> tuple[Numbers, Numbers]:
    """Which users and groups mail may belong to; a name that nobody has allows nobody."""
    mailbox = configuration.mailbox
    uids, gids = _known(mailbox.uids, user_number), _known(mailbox.gids, group_number)
    # Who is named in the configuration, which is root's, is allowed by that.
    for _, owner in named_owners(configuration):
        if isinstance(owner, Owner):
            uids += ((owner.uid, owner.uid),)
            gids += () if owner.gid == OWN_GROUP else ((owner.gid, owner.gid),)
    return uids, gids


def _known(texts: tuple[str, ...], lookup: Callable[[str], int]) -> Numbers:
    found: Numbers = ()
    for text in texts:
        with suppress(KeyError):
            found += parse_numbers((text,), lookup)
    return found


def _number(text: str) -> int:
    number = int(text[:11])
    if number > HIGHEST:
        raise KeyError(text)
    return number


def _owner(section: str, user: str, group: str) -> Owner | str:
    try:
        uid = user_number(user)
    except KeyError:
        return f"{section}user: there is no user {user}"
    try:
        gid = group_number(group) if group else OWN_GROUP
    except KeyError:
        return f"{section}group: there is no group {group}"
    if uid == 0 or gid == 0:
        return f"{section}user: as root no mail is written for accounts"
    return Owner(uid, gid)
