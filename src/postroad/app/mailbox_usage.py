"""How full mailboxes are, for operators; beside a running server or without one.

A mailbox belongs to the server's user, to one that shares it, or to whom the configuration or a
directory names; so root becomes its owner to look at it: no link in it leads root anywhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from postroad.app.lookout import Lookout
from postroad.app.mailboxes import location_of, owner_of
from postroad.config import Configuration, ownership
from postroad.directory import DirectoryUnavailable, account_of
from postroad.mailbox import UnsafeName, Whereabouts
from postroad.mailbox.maildirsize import MaildirSize
from postroad.mailbox.owners import OWN_GROUP, Owner, own_group
from postroad.mailbox.quota import NO_QUOTA, NO_USAGE, Quota, Usage
from postroad.mailbox.rights import Rights, parse_mode
from postroad.model import Address, AddressError
from postroad.model.journal import Event

__all__ = ["MailboxUsage", "mailbox_usages"]


@dataclass(frozen=True, slots=True)
class MailboxUsage:
    """What is known of one mailbox.

    Attributes:
        user: the account, or the name that was asked for.
        usage: what lies there.
        quota: what it may have.
        fault: why that cannot be said; empty: it can.
    """

    user: str
    usage: Usage = NO_USAGE
    quota: Quota = NO_QUOTA
    fault: str = ""

    @property
    def percent(self) -> int | None:
        """How full it is; `None` without a quota."""
        return self.quota.percent(self.usage) if self.quota else None


async def mailbox_usages(
    configuration: Configuration, names: Iterable[str], *, recount: bool = False
) -> list[MailboxUsage]:
    """What lies in mailboxes.

    Args:
        configuration: of the server.
        names: addresses of accounts, in any directory.
        recount: whether the messages are counted anew, and `maildirsize` is written.

    Raises:
        DirectoryUnavailable: the accounts cannot be read.
    """
    async with Lookout(configuration, _ignore) as lookout:
        return [await _usage_of(configuration, lookout, name, recount=recount) for name in names]


async def _usage_of(
    configuration: Configuration, lookout: Lookout, name: str, *, recount: bool
) -> MailboxUsage:
    try:
        found = await lookout.directory.resolve(Address.parse(name))
        user = account_of(found)
        if not user:
            return MailboxUsage(name, fault="there is no such account")
        place = await lookout.directory.place(user)
        where = location_of(configuration).find(user, place.home, place.mail)
        quota = configuration.mailbox.quota_of(place.quota_bytes, place.quota_messages)
        usage = _look(
            configuration,
            where,
            quota,
            owner_of(configuration, has_agents=True)(user, place),
            recount,
        )
    except (AddressError, DirectoryUnavailable, UnsafeName) as error:
        return MailboxUsage(name, fault=str(error))
    except OSError as error:
        return MailboxUsage(name, fault=(error.strerror or str(error)).lower())
    return MailboxUsage(user, usage, quota)


def _look(
    configuration: Configuration,
    where: Whereabouts,
    quota: Quota,
    owner: Owner | None,
    recount: bool,
) -> Usage:
    mailbox = configuration.mailbox
    rights = Rights(parse_mode(mailbox.mode), parse_mode(mailbox.file_mode))
    whose = ownership.owner_of(Path(where.control)) if owner is None else _numbers_of(owner)
    with ownership.acting_as(whose):
        where.confine()
        size = MaildirSize(where, quota, time.time, rights=rights)
        return size.recalculate() if recount else size.peek()


def _numbers_of(owner: Owner) -> Owner:
    group = own_group(owner.uid) if owner.gid == OWN_GROUP else owner.gid
    return Owner(owner.uid, os.getgid() if group is None else group)


def _ignore(_: Event) -> None:
    """What tables and directories say of themselves is the server's log's business."""
