"""What is wrong with `[mailbox]`, and what the system does not allow of it.

Faults are seen from the values alone. Whether a user or a group exists, and whether the server is
in that group, is asked of the system: by `postroad check` here, and by the server when it starts
(`app/mailboxes.py`), so that mail never waits for it in silence.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault
from postroad.config.reach import Account
from postroad.delivery.nexthop import LmtpTarget
from postroad.mailbox.location import above_accounts

__all__ = ["mailbox_faults", "mailbox_obstacles"]


def mailbox_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in the values."""
    mailbox = configuration.mailbox
    if mailbox.user and mailbox.user != configuration.user:
        words = (
            f"the server runs as {configuration.user}, and only root could give files to another;"
            f' set user = "{mailbox.user}" at the top, or share a group'
        )
        yield Fault(("mailbox", "user"), words)
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
    if mailbox.user and account is not None:
        try:
            owner = pwd.getpwnam(mailbox.user).pw_uid
        except KeyError:
            yield f"mailbox.user: there is no user {mailbox.user}"
        else:
            if owner != account.user:
                yield f"mailbox.user is {mailbox.user}, and the server runs as {account.name}"
    if mailbox.group:
        try:
            number = grp.getgrnam(mailbox.group).gr_gid
        except KeyError:
            yield f"mailbox.group: there is no group {mailbox.group}"
        else:
            if account is not None and number not in account.groups:
                yield (
                    f"mailbox.group: {account.name} is not in the group {mailbox.group};"
                    f" usermod -aG {mailbox.group} {account.name}"
                )
