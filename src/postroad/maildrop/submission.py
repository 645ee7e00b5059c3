"""From a slip and the user who left it to a transaction: who may send, and what the envelope is.

Pure. It knows users by number and login name and asks nobody; whoever calls has looked them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroad.maildrop.settings import ANYBODY, SendmailSettings
from postroad.maildrop.slip import Slip
from postroad.model import (
    Address,
    AddressError,
    BodyType,
    Envelope,
    Notify,
    Recipient,
    Return,
)

__all__ = ["Denied", "Submission", "User", "submission"]

_BODIES = {"7BIT": BodyType.SEVEN_BIT, "8BITMIME": BodyType.EIGHT_BIT_MIME}
_RETURNS = {"FULL": Return.FULL, "HDRS": Return.HEADERS}
_NOTICES = {
    "NEVER": Notify.NEVER,
    "SUCCESS": Notify.SUCCESS,
    "FAILURE": Notify.FAILURE,
    "DELAY": Notify.DELAY,
}

MAX_ENVID = 100
"""Characters of an envelope identifier (RFC 3461 §4.4)."""


@dataclass(frozen=True, slots=True)
class User:
    """Who left a message.

    Attributes:
        uid: the number.
        login: the name; empty where the system knows none.
        is_trusted: root, or the user of the server.
    """

    uid: int
    login: str
    is_trusted: bool

    @property
    def name(self) -> str:
        """As an address's local part, and as settings name it."""
        return self.login or str(self.uid)


@dataclass(frozen=True, slots=True)
class Denied:
    """The user may not send this. `why` is a few words for the log."""

    why: str


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be brought to the door.

    Attributes:
        envelope: sender and wishes.
        recipients: those that are addresses.
        unreadable: those that are none, as they were written.
    """

    envelope: Envelope
    recipients: tuple[Recipient, ...]
    unreadable: tuple[str, ...]


def submission(
    slip: Slip, user: User, settings: SendmailSettings, origin: str
) -> Submission | Denied:
    """Judge a slip, and read it.

    Args:
        slip: as it was left.
        user: by whom.
        settings: who may.
        origin: the domain of addresses that have none.
    """
    if not (user.is_trusted or ANYBODY in settings.users or user.name in settings.users):
        return Denied(f"user {user.name} is not among sendmail.users")
    sender = _sender(slip, user, origin)
    if settings.sender_check and not user.is_trusted:
        own = Address(user.name, origin)
        if not _may_send_as(sender, own, settings.senders.get(user.name, ())):
            return Denied(f"user {user.name} may not send as {sender}")
    notify = _notify(slip.notify)
    recipients: list[Recipient] = []
    unreadable: list[str] = []
    for text in slip.recipients:
        address = _address(text, origin)
        if address is None:
            unreadable.append(text)
        else:
            recipients.append(Recipient(address, notify))
    addresses = [each.address for each in recipients]
    envelope = Envelope(
        sender,
        _BODIES.get(slip.body, BodyType.SEVEN_BIT),
        smtputf8=not all(each.is_ascii for each in (*addresses, *([sender] if sender else []))),
        ret=_RETURNS.get(slip.ret),
        envid=slip.envid if _is_envid(slip.envid) else "",
    )
    return Submission(envelope, tuple(recipients), tuple(unreadable))


def _sender(slip: Slip, user: User, origin: str) -> Address | None:
    """The reverse-path; one that is no address could get no notice, so it is the user's own."""
    own = Address(user.name, origin)
    if slip.sender is None:
        return own
    if slip.sender in ("", "<>"):
        return None
    return _address(slip.sender, origin) or own


def _may_send_as(sender: Address | None, own: Address, more: Sequence[str]) -> bool:
    if sender is None or sender.key == own.key or ANYBODY in more:
        return True
    return any(_address(each, own.domain) == sender for each in more)


def _address(text: str, origin: str) -> Address | None:
    try:
        return Address.parse(text if "@" in text else f"{text}@{origin}")
    except AddressError:
        return None


def _notify(text: str) -> Notify | None:
    """The wishes of RFC 3461 §4.1; what is none of them counts as not said."""
    words = [word for word in text.upper().split(",") if word]
    if not words or not all(word in _NOTICES for word in words):
        return None
    return _union(words, _NOTICES)


def _union(words: Sequence[str], meaning: Mapping[str, Notify]) -> Notify:
    wishes = Notify.NEVER
    for word in words:
        wishes |= meaning[word]
    return wishes


def _is_envid(text: str) -> bool:
    return len(text) <= MAX_ENVID and text.isascii() and text.isprintable()
