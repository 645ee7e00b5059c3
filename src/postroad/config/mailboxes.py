"""What is wrong with `[mailbox]`, and what the system does not allow of it.

Faults are seen from the values alone. Whether a user or a group exists, and whether the server is
in that group, is asked of the system: by `postroad check` here, and by the server when it starts
(`app/mailboxes.py`), so that mail never waits for it in silence.
"""

from __future__ import annotations

import grp
from collections.abc import Iterator

from postroad.config.account_files import owners_in_files
from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault
from postroad.config.owners import allowed_numbers, group_number, named_owners, user_number
from postroad.config.reach import Account
from postroad.delivery.nexthop import LmtpTarget
from postroad.mailbox.location import above_accounts
from postroad.mailbox.owners import OWN_GROUP, Allowed, Owner, own_group, parse_numbers
from postroad.mailbox.rights import Rights, parse_mode

__all__ = ["mailbox_faults", "mailbox_obstacles"]


def mailbox_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in the values."""
    mailbox = configuration.mailbox
    if above_accounts(mailbox.path, mailbox.home) is None and not mailbox.roots:
        words = "it begins with a home that only directories know; set home, or roots"
        yield Fault(("mailbox", "path"), words)
    kind, _, target = mailbox.transport.partition(":")
    if kind == "lmtp":
        try:
            LmtpTarget.parse(target)
        except ValueError as error:
            yield Fault(("mailbox", "transport"), str(error))


def mailbox_obstacles(configuration: Configuration, account: Account | None) -> Iterator[str]:
    """What keeps the server from storing mail as it is to be stored, each in one line.

    Args:
        configuration: of the server.
        account: whom the server becomes; `None` for root.
    """
    mailbox = configuration.mailbox
    yield from _owner_obstacles(configuration, account)
    yield from _owners_in_files(configuration, account)
    if mailbox.group:
        try:
            number = grp.getgrnam(mailbox.group).gr_gid
        except KeyError:
            yield f"mailbox.group: there is no group {mailbox.group}"
        else:
            writes_itself = not mailbox.user or mailbox.user == configuration.user
            if account is not None and writes_itself and number not in account.groups:
                yield (
                    f"mailbox.group: {account.name} is not in the group {mailbox.group};"
                    f" usermod -aG {mailbox.group} {account.name}"
                )


def _owner_obstacles(configuration: Configuration, account: Account | None) -> Iterator[str]:
    """What keeps mail from having the owners that are wanted."""
    for domain, owner in named_owners(configuration):
        key = f"domain.{domain}.mail_user" if domain else "mailbox.user"
        if isinstance(owner, str):
            yield f"{key}: {owner.partition(': ')[2]}"
        elif account is not None and not account.after_root and owner.uid != account.user:
            yield (
                f"{key} is user {owner.uid}, and the server runs as {account.name}: only a server"
                " that is started as root writes as others"
            )
    for key, texts, number in (
        ("mailbox.uids", configuration.mailbox.uids, user_number),
        ("mailbox.gids", configuration.mailbox.gids, group_number),
    ):
        for text in texts:
            try:
                parse_numbers((text,), number)
            except KeyError:
                yield f"{key}: there is no {'user' if number is user_number else 'group'} {text}"


def _owners_in_files(configuration: Configuration, account: Account | None) -> Iterator[str]:
    """Owners that passwd-files name and nobody can write as, each once; others are not listed."""
    if configuration.mailbox.transport != "maildir":
        return
    allowed = Allowed(*allowed_numbers(configuration))
    shared = Rights(
        parse_mode(configuration.mailbox.mode), parse_mode(configuration.mailbox.file_mode)
    )
    for name, owners in owners_in_files(configuration):
        for (uid, gid), user in owners.items():
            if account is not None and uid == account.user:
                continue
            groups = frozenset[int]() if account is None else account.groups
            if shared.is_shared and (configuration.mailbox.group or gid in groups):
                continue
            words = allowed.objection(Owner(uid, OWN_GROUP if gid is None else gid), own_group)
            if not words and account is not None and not account.after_root:
                words = f"its owner is user {uid}, as whom only a server started as root writes"
            if words:
                yield f"directories.{name}: {user}: {words}"
