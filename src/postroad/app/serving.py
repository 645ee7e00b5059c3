"""From `[sockets]` to the services that their sessions run by."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from postroad.app.mailboxes import location_of, owner_of
from postroad.app.protection import Protection
from postroad.app.running import Running
from postroad.directory import DirectoryUnavailable, Freezes, Place, Places
from postroad.mailbox import MaildirLocation, UnsafeName
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.owners import OWN_GROUP, Owner, own_group
from postroad.mailbox.settings import MailboxSettings
from postroad.model.journal import Journal
from postroad.served.service import Owners, Served, SocketService
from postroad.server.binds import Bind
from postroad.server.group_rules import GroupRules
from postroad.server.logins import Logins

__all__ = ["PREFIX", "CompletePlaces", "socket_binds", "socket_services"]

PREFIX = "sockets."
"""Before the name of one of these sockets, where all sockets of a worker are; no listener has a
name with a dot in front of it."""


def socket_binds(running: Running) -> dict[str, tuple[Bind, ...]]:
    """Where the sockets listen, by the names that `open_sockets` gives them."""
    sockets = running.configuration.sockets
    return {f"{PREFIX}{name}": (each.where,) for name, each in sockets.items()}


def socket_services(
    running: Running,
    directory: Served,
    *,
    owners: Owners,
    places: Places,
    logins: Logins,
    protection: Protection,
    journal: Journal,
    freezes: Freezes,
    groups: GroupRules,
) -> dict[str, SocketService]:
    """A service for each socket.

    Args:
        running: what to serve.
        directory: accounts and addresses.
        owners: says who may send as whom.
        places: where mail lies.
        logins: what logins go by.
        protection: keeps count of those who log in.
        journal: where events go.
        freezes: says which accounts may not send.
        groups: says who may send to which group.

    Returns:
        Services by the names of `socket_binds`.
    """
    configuration = running.configuration

    async def is_frozen(user: str) -> bool:
        return await freezes.look(user) is not None

    complete = CompletePlaces(
        places,
        location_of(configuration),
        configuration.mailbox,
        owner_of(configuration, has_agents=running.agents is not None),
    )
    return {
        f"{PREFIX}{name}": SocketService(
            name=f"sockets/{name}",
            settings=settings,
            hostname=configuration.hostname,
            directory=directory,
            owners=owners,
            place=complete.place,
            senders=groups.senders,
            is_frozen=is_frozen,
            logins=logins,
            gate=protection.gate(running, f"sockets/{name}", f"{PREFIX}{name}"),
            journal=journal,
            clock=time.time,
        )
        for name, settings in configuration.sockets.items()
    }


class CompletePlaces:
    """Where mail lies, with everything that a program which opens it has to know.

    Args:
        places: what directories say.
        location: where it is if they say nothing.
        settings: `[mailbox]`. If another program writes the mailboxes, it knows where they are
            and how much they may hold.
        owner_of: as whom mail is written; `None`: as this process.
    """

    def __init__(
        self,
        places: Places,
        location: MaildirLocation,
        settings: MailboxSettings,
        owner_of: Callable[[str, Place], Owner | None] = lambda _, __: None,
    ) -> None:
        self._owner_of = owner_of
        self._places = places
        self._location = location
        self._settings = settings

    async def place(self, user: str) -> Place:
        """The place of an account's mail.

        Raises:
            DirectoryUnavailable: it cannot be said.
        """
        said = await self._places.place(user)
        if self._settings.transport != "maildir":
            return said
        try:
            found = self._location.find(user, said.home, said.mail)
        except UnsafeName as error:
            raise DirectoryUnavailable(f"{user}: {error}") from error
        usual = self._settings.quota_of()
        owner = self._owner_of(user, said) or Owner(os.geteuid(), os.getegid())
        group = own_group(owner.uid) if owner.gid == OWN_GROUP else owner.gid
        return Place(
            home=said.home or str(found.root.parent),
            mail=_mail_location(found),
            # Root's files are named by nobody: a Dovecot refuses to open mail as root, and has a
            # user of its own for such cases (mail_uid).
            uid=(owner.uid or None) if said.uid is None else said.uid,
            gid=(group or None) if said.gid is None else said.gid,
            quota_bytes=_limit(said.quota_bytes, usual.octets),
            quota_messages=_limit(said.quota_messages, usual.messages),
        )


def _limit(said: int | None, usual: int) -> int | None:
    """What a directory says, else what is usual; where nobody sets a limit, nothing is said."""
    return usual or None if said is None else said


def _mail_location(found: Whereabouts) -> str:
    """In Dovecot's form (its wiki, "MailLocation/Maildir"); a colon in a path is written twice."""
    options: Mapping[str, bool] = {
        f"INBOX={_written(found.inbox)}": found.inbox != found.root,
        f"CONTROL={_written(found.control)}": found.control != found.root,
        "LAYOUT=fs": found.nested,
        "UTF-8": found.utf8,
    }
    named = [option for option, is_so in options.items() if is_so]
    return ":".join(["maildir", _written(found.root), *named])


def _written(path: os.PathLike[str]) -> str:
    return os.fspath(path).replace(":", "::")
