"""Rows of the spool's tables as values, and the values of the model as columns.

Most mail asks for nothing beyond delivery. What it does not ask for is NULL, and rows that ask for
nothing are written without the columns for it; `is_plain` and `uncommon` tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model import (
    SAME,
    Action,
    Addressee,
    BodyType,
    ByMode,
    DeliverBy,
    Envelope,
    Notify,
    Return,
    Same,
    StoredRecipient,
    Told,
    Waybill,
)
from postroad.model.address import Address

__all__ = [
    "ASKING_COLUMNS",
    "MESSAGE_COLUMNS",
    "NOTIFY",
    "PLAIN_COLUMNS",
    "DueRow",
    "MessageRow",
    "decode_address",
    "decode_sender",
    "encode_address",
    "encode_sender",
    "is_plain",
    "uncommon",
]

PLAIN_COLUMNS = (
    "id, queue_id, sender, body, smtputf8, arrived, queued, size, filed,"
    " login, client, listener, checksum"
)
ASKING_COLUMNS = (
    f"{PLAIN_COLUMNS}, held, content_filter,"
    " ret, envid, require_tls, hold_until, deliver_by, by_mode, priority"
)
MESSAGE_COLUMNS = f"{ASKING_COLUMNS}, damage"

_KEYWORDS = ("SUCCESS", "FAILURE", "DELAY")
NOTIFY = {
    Notify(bits): ",".join(word for bit, word in enumerate(_KEYWORDS) if bits & 1 << bit) or "NEVER"
    for bits in range(1 << len(_KEYWORDS))
}
"""NOTIFY as the parameter spells it (RFC 3461 §4.1)."""

_NOTIFY = {text: notify for notify, text in NOTIFY.items()}
_TRACE = "T"


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row of `message`, in the order of `MESSAGE_COLUMNS`."""

    number: int
    queue_id: str
    sender: str
    body: str
    smtputf8: int
    arrived: float
    queued: float
    size: int
    filed: int
    login: str | None
    client: str | None
    listener: str | None
    checksum: int | None
    held: str | None
    content_filter: str | None
    ret: str | None
    envid: str | None
    require_tls: int | None
    hold_until: float | None
    deliver_by: float | None
    by_mode: str | None
    priority: int | None
    damage: str | None

    def envelope(self) -> Envelope:
        """The envelope the row was made of."""
        return Envelope(
            decode_address(self.sender) if self.sender else None,
            BodyType(self.body),
            bool(self.smtputf8),
            None if self.ret is None else Return(self.ret),
            self.envid or "",
            bool(self.require_tls),
            self.hold_until,
            self._deliver_by(),
            self.priority or 0,
        )

    def waybill(self) -> Waybill:
        """Whose it is and how it is handled."""
        return Waybill(
            self.login or "",
            self.client or "",
            self.held or "",
            self.content_filter or "",
            self.listener or "",
        )

    def _deliver_by(self) -> DeliverBy | None:
        if self.deliver_by is None or self.by_mode is None:
            return None
        mode = ByMode(self.by_mode.removesuffix(_TRACE))
        return DeliverBy(self.deliver_by, mode, self.by_mode.endswith(_TRACE))


@dataclass(frozen=True, slots=True)
class DueRow:
    """A recipient in the index of due times."""

    at: float
    id: int
    message: int
    address: str
    original: str | None
    attempts: int
    notify: str | None
    orcpt: str | None
    told: int | None
    owed: str | None
    reason: str | None
    sender: str | None

    def recipient(self) -> StoredRecipient:
        """The row as the queue sees it."""
        address = decode_address(self.address)
        return StoredRecipient(
            self.id,
            address,
            address if self.original is None else decode_address(self.original),
            self.attempts,
            None if self.notify is None else _NOTIFY[self.notify],
            self.orcpt or "",
            Told.NOTHING if self.told is None else Told(self.told),
            None if self.owed is None else Action(self.owed),
            self.reason or "",
            decode_sender(self.sender),
        )


_NO_WISHES = (None,) * 7


def uncommon(envelope: Envelope, waybill: Waybill) -> tuple[str | float | None, ...]:
    """The columns of `message` behind those of every message; empty where they are all NULL."""
    asked = _wishes(envelope)
    if not (asked or waybill.held or waybill.content_filter):
        return ()
    return (waybill.held or None, waybill.content_filter or None, *(asked or _NO_WISHES))


def _wishes(envelope: Envelope) -> tuple[str | float | None, ...]:
    """The columns of `message` from `ret` on; empty where the sender asked for nothing."""
    by = envelope.deliver_by
    if (
        envelope.ret is None
        and not envelope.envid
        and not envelope.require_tls
        and envelope.hold_until is None
        and by is None
        and not envelope.priority
    ):
        return ()
    return (
        None if envelope.ret is None else envelope.ret.value,
        envelope.envid or None,
        int(envelope.require_tls) or None,
        envelope.hold_until,
        None if by is None else by.deadline,
        None if by is None else by.mode.value + (_TRACE if by.trace else ""),
        envelope.priority or None,
    )


def is_plain(one: Addressee) -> bool:
    """Whether nothing was asked for about this recipient."""
    return (
        one.notify is None and not one.orcpt and one.owed is None and one.sender is SAME
    )  # a reason comes with what is owed only


def encode_address(address: Address) -> str:
    """An address as a column holds it: unquoted, so that every `Address` can be read back."""
    return f"{address.local}@{address.domain}"


def decode_address(text: str) -> Address:
    """The address of a column."""
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


def encode_sender(sender: Address | Same | None) -> str | None:
    """A recipient's reverse-path as a column holds it: empty for the null one."""
    if sender is SAME:
        return None
    return "" if sender is None else encode_address(sender)


def decode_sender(text: str | None) -> Address | Same | None:
    """The reverse-path of a column."""
    if text is None:
        return SAME
    return decode_address(text) if text else None
