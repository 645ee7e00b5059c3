"""Mailboxes as a configuration wants them: how mail is stored, and whether there is room for it."""

from __future__ import annotations

import grp
import os
import pwd
import time
from collections.abc import Awaitable, Callable

from postroad.app.spam import are_marks_ours
from postroad.config import Configuration
from postroad.config.owners import allowed_numbers, named_owners
from postroad.delivery import Route
from postroad.delivery.belonging import belonging
from postroad.delivery.filing import DetailFiling, Filing, InboxFiling
from postroad.delivery.junk import JunkFiling
from postroad.delivery.local import Copy, Crossing, Storing
from postroad.delivery.mailbox_room import MailboxRoom
from postroad.delivery.routing import RouteMistake
from postroad.directory import Directory, Place, Places
from postroad.filters.thresholds import Thresholds
from postroad.mailbox import MaildirLocation, MaildirWriter
from postroad.mailbox.folder import FolderName
from postroad.mailbox.owners import Allowed, Owner, Owners
from postroad.mailbox.rights import Rights, group_bit_objection, parse_mode
from postroad.model import Address
from postroad.tables import TableUnavailable

__all__ = ["location_of", "owner_of", "room_of", "storing_of"]


def location_of(configuration: Configuration) -> MaildirLocation:
    """Where the mail of accounts lies."""
    mailbox = configuration.mailbox
    return MaildirLocation(
        mailbox.path, configuration.state_directory, home=mailbox.home, roots=mailbox.roots
    )


def storing_of(
    configuration: Configuration,
    warn: Callable[[Crossing], None] | None,
    report: Callable[[str], None] | None = None,
    *,
    has_agents: bool = False,
    delivered: Callable[[Copy], None] | None = None,
) -> Storing:
    """How mail is stored; what the system does not allow is a fault in it, and mail waits.

    Args:
        configuration: of the server.
        warn: told of mailboxes that fill up; `None`: nobody is.
        report: takes a line about a file that cannot be written; `None`: nobody does.
        has_agents: whether somebody writes as other users.
        delivered: told of each copy that was stored here; `None`: nobody is.
    """
    mailbox = configuration.mailbox
    owners = _owners(configuration, has_agents=has_agents)
    group, fault = _group(mailbox.group)
    if has_agents and owners.usual is not None:
        fault = ""  # the group is the owner's, and need not be ours
    elif not has_agents:
        fault = fault or _stranger(mailbox.user)
    mode = parse_mode(mailbox.mode)
    if mailbox.transport == "maildir":
        fault = fault or group_bit_objection(mode, configuration.state_directory)
    return Storing(
        settings=mailbox,
        rights=Rights(mode, parse_mode(mailbox.file_mode), group),
        owners=owners,
        fault=fault,
        filing=_filing(configuration, report),
        warn=warn,
        report=report,
        delivered=delivered,
    )


def room_of(
    configuration: Configuration,
    directory: Directory,
    places: Places,
    writer: MaildirWriter,
    route: Callable[[Address], Awaitable[Route]],
) -> MailboxRoom:
    """Who says at RCPT that a mailbox is full.

    Args:
        configuration: of the server.
        directory: knows whose an address is.
        places: knows quotas.
        writer: knows what lies in a mailbox.
        route: the way of mail for an address.
    """

    async def is_kept_here(address: Address) -> bool:
        try:
            return (await route(address)).transport == "local"
        except (RouteMistake, TableUnavailable):
            return False  # the mail waits in the queue, whatever its mailbox is like

    return MailboxRoom(
        directory,
        places,
        location_of(configuration),
        writer,
        settings=configuration.mailbox,
        is_kept_here=is_kept_here,
        clock=time.monotonic,
        owner_of=owner_of(configuration, has_agents=writer.has_others),
    )


def owner_of(
    configuration: Configuration, *, has_agents: bool
) -> Callable[[str, Place], Owner | None]:
    """Who knows whose an account's mail is, by its name and its directory's word.

    Args:
        configuration: of the server.
        has_agents: whether somebody writes as other users.

    Returns:
        A function; its answer is `None` for mail of the server's own, and where nobody can be it.
    """
    mailbox, owners = configuration.mailbox, _owners(configuration, has_agents=has_agents)
    group, _ = _group(mailbox.group)
    rights = Rights(parse_mode(mailbox.mode), parse_mode(mailbox.file_mode), group)

    def of(user: str, place: Place) -> Owner | None:
        found = belonging(rights, owners, user, place)
        return None if isinstance(found, str) else found[1]

    return of


def _owners(configuration: Configuration, *, has_agents: bool) -> Owners:
    named = dict(named_owners(configuration))
    usual = named.pop("", None)
    if not has_agents:
        return Owners(usual=usual, domains=named)
    uids, gids = allowed_numbers(configuration)
    return Owners(Allowed(uids, gids), usual, named, absence="")


def _filing(configuration: Configuration, report: Callable[[str], None] | None) -> Filing:
    usual, folder = _usual_filing(configuration), configuration.mailbox.junk_folder
    if not folder or not are_marks_ours(configuration):
        return usual
    thresholds = Thresholds(configuration.thresholds_file, report or (lambda _: None))
    return JunkFiling(usual, FolderName.parse(folder), thresholds.of)


def _usual_filing(configuration: Configuration) -> Filing:
    how = configuration.mailbox.detail_folders
    if how == "off":
        return InboxFiling()
    return DetailFiling(configuration.directory.recipient_delimiter, create=how == "create")


def _stranger(name: str) -> str:
    """Why files do not belong to whom they should; only root could give them away."""
    if not name:
        return ""
    try:
        user = pwd.getpwnam(name).pw_uid
    except KeyError:
        return f"[mailbox] user: there is no user {name}"
    if user == os.geteuid():
        return ""
    return (
        f"[mailbox] user: the server does not run as {name}, and nobody writes for others: start it"
        f' as root, or set user = "{name}" for all of it'
    )


def _group(name: str) -> tuple[int | None, str]:
    """The number of a group, and why files cannot be given to it."""
    if not name:
        return None, ""
    try:
        number = grp.getgrnam(name).gr_gid
    except KeyError:
        return None, f"[mailbox] group: there is no group {name}"
    if os.geteuid() != 0 and number not in (os.getegid(), *os.getgroups()):
        return None, f"[mailbox] group: the server's user is not in the group {name}"
    return number, ""
