"""As whom an account's mail is written, and with which rights.

What the configuration says of a domain, or of all mail, is for accounts of which their directory
names no owner. The server writes what it can by itself: what is its own, and what it shares with
others by a group. The rest is for agents.
"""

from __future__ import annotations

import os
from dataclasses import replace

from postroad.directory import Place
from postroad.mailbox.owners import OWN_GROUP, Owner, Owners
from postroad.mailbox.rights import Rights

__all__ = ["belonging"]

Belonging = tuple[Rights, Owner | None]


def belonging(rights: Rights, owners: Owners, user: str, place: Place) -> Belonging | str:
    """As whom an account's mail is written.

    Args:
        rights: of mail in general.
        owners: who may own mail, and whom the configuration names.
        user: the account's canonical name.
        place: what its directory says.

    Returns:
        The rights, and the owner to write as (`None`: the server itself); or why it cannot be
        written as it has to be.
    """
    configured = owners.configured(user) if place.uid is None else None
    if isinstance(configured, str):
        return configured
    if configured is not None:
        uid, group = configured
    else:
        own = rights.of_account(place.uid, place.gid)
        if isinstance(own, Rights):
            return own, None
        if place.uid is None or place.uid == os.geteuid() or owners.absence:
            return own
        uid, group = place.uid, OWN_GROUP if rights.group is None else rights.group
    owner = owners.other(Owner(uid, group if place.gid is None else place.gid))
    # Whoever has one group only makes everything for that.
    return owner if isinstance(owner, str) else (replace(rights, group=None), owner)
