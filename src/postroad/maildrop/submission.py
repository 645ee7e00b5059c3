"""From a slip and the user who left it to a transaction: who may send, and what the envelope is.

Pure. It knows users by number and login name and asks nobody; whoever calls has looked them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroad.maildrop.settings import ANYBODY, SendmailSettings
from postroad.maildrop.slip import DELIMITERS, MARKS, Slip
from postroad.model import (
    SAME,
    Address,
    AddressError,
    BodyType,
    Envelope,
    Notify,
    Recipient,
    Return,
    Same,
)
from postroad.model.address import MAX_LOCAL

__all__ = ["Denied", "Submission", "User", "may_send_as", "submission", "variable_path"]

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
        plain: how many should have a reverse-path of their own, which would be too long.
    """

    envelope: Envelope
    recipients: tuple[Recipient, ...]
    unreadable: tuple[str, ...]
    plain: int = 0


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
    if not may_send_as(sender, user, settings, origin):
        return Denied(f"user {user.name} may not send as {sender}")
    notify, marks = _notify(slip.notify), _marks(slip.verp)
    recipients: list[Recipient] = []
    unreadable: list[str] = []
    for text in slip.recipients:
        address = _address(text, origin)
        if address is None:
            unreadable.append(text)
        else:
            verp = SAME if marks is None else variable_path(sender, address, marks)
            recipients.append(Recipient(address, notify, sender=verp))
    addresses = [each.address for each in recipients]
    envelope = Envelope(
        sender,
        _BODIES.get(slip.body, BodyType.SEVEN_BIT),
        smtputf8=not all(each.is_ascii for each in (*addresses, *([sender] if sender else []))),
        ret=_RETURNS.get(slip.ret),
        envid=slip.envid if _is_envid(slip.envid) else "",
    )
    varied = marks is not None and sender is not None
    plain = sum(each.sender is SAME for each in recipients) if varied else 0
    return Submission(envelope, tuple(recipients), tuple(unreadable), plain)


def _sender(slip: Slip, user: User, origin: str) -> Address | None:
    """The reverse-path; one that is no address could get no notice, so it is the user's own."""
    own = Address(user.name, origin)
    if slip.sender is None:
        return own
    if slip.sender in ("", "<>"):
        return None
    return _address(slip.sender, origin) or own


def _marks(text: str) -> tuple[str, str] | None:
    """The characters of variable return paths; what are none count as not said."""
    return (text[0], text[1]) if len(text) == len(DELIMITERS) and set(text) <= set(MARKS) else None


def variable_path(
    sender: Address | None, recipient: Address, marks: tuple[str, str]
) -> Address | Same:
    """The reverse-path of one recipient's copy: `list+john=example.net@example.org`.

    Postfix's VERP_README; the recipient is as it was named, before any alias.

    Args:
        sender: the message's own.
        recipient: as the program named it.
        marks: what stands before its local part, and before its domain.

    Returns:
        `SAME` for a null sender, and where the local part would be longer than any server need
        take (RFC 5321 §4.5.3.1.1).
    """
    if sender is None:
        return SAME
    local = f"{sender.local}{marks[0]}{recipient.local}{marks[1]}{recipient.domain}"
    if len(local.encode("utf-8", "surrogatepass")) > MAX_LOCAL:
        return SAME
    return Address(local, sender.domain)


def may_send_as(
    sender: Address | None, user: User, settings: SendmailSettings, origin: str
) -> bool:
    """Whether a user may send as an address.

    Args:
        sender: it; `None`: the null one.
        user: who wants to.
        settings: who may.
        origin: the domain of addresses that have none.
    """
    if not settings.sender_check or user.is_trusted:
        return True
    own, more = Address(user.name, origin), settings.senders.get(user.name, ())
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
