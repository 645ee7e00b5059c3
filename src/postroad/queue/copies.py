"""The copies of a message that the queue handles one by one: one for each reverse-path. Pure.

Nearly all mail has one reverse-path, and then this is one look at each recipient. Where a group has
an owner, or mail is forwarded under a rewritten sender, some recipients have another. From here on
those are recipients of a message of their own, with the same queue ID and content: whose turn it
takes, by which route it goes, what MAIL says and who hears of a failure all follow from its
envelope, so nothing behind this needs to know that there are several.

What the sender asked for about the message as a whole goes with its own copies, and with those that
are its own by another name. A copy that goes out in the name of a list's owner has nothing of it
(RFC 3461 §5.2.7.1: ENVID and RET are not to be derived from those of the original message).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from postroad.model import SAME, Address, Envelope, Same, StoredRecipient
from postroad.spool import Claimed

__all__ = ["copies"]


def copies(claimed: Claimed) -> Sequence[Claimed]:
    """A message and some of its recipients, as one message for each reverse-path.

    Args:
        claimed: as the spool gives it.

    Returns:
        The same where there is one reverse-path; else every recipient in one of several, each
        with the envelope that holds for it.
    """
    for each in claimed.recipients:
        if each.sender is not SAME:
            return _split(claimed)
    return (claimed,)


def _split(claimed: Claimed) -> list[Claimed]:
    groups: dict[Address | Same | None, list[StoredRecipient]] = {}
    for each in claimed.recipients:
        groups.setdefault(each.sender, []).append(each)
    message, parts = claimed.message, []
    for sender, group in groups.items():
        if sender is SAME:
            parts.append(Claimed(message, tuple(group)))
        else:
            envelope = _renamed(message.envelope, sender)
            parts.append(Claimed(replace(message, envelope=envelope), tuple(group)))
    return parts


def _renamed(envelope: Envelope, sender: Address | None) -> Envelope:
    if sender is not None and sender.is_rewritten:
        return replace(envelope, sender=sender)
    return replace(envelope, sender=sender, ret=None, envid="")
