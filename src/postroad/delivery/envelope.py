"""A stored message's envelope as the transaction of one session: what the sender asked for, now.

The model holds moments; a next hop is told seconds from now. The recipients are cut to what the
next hop will take in one transaction. What the server can do with it all is not asked here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from postroad.model import DeliverBy, StoredMessage, StoredRecipient
from postroad.model.address import domain_key
from postroad.smtp.client import Parameters, RecipientParameters, Transaction
from postroad.smtp.events import By
from postroad.smtp.extensions import Limits

__all__ = ["split", "transaction_of"]


def split(
    recipients: tuple[StoredRecipient, ...], limits: Limits
) -> tuple[tuple[StoredRecipient, ...], tuple[StoredRecipient, ...]]:
    """The recipients of the next transaction, and those left for others (RFC 9422 §4).

    Returns:
        at least one recipient, and the rest, both in their order.
    """
    most = limits.recipients or len(recipients)
    domains: set[str] = set()
    taken: list[StoredRecipient] = []
    left: list[StoredRecipient] = []
    for recipient in recipients:
        domain = domain_key(recipient.address.domain)
        another = limits.domains and domain not in domains and len(domains) >= limits.domains
        if len(taken) >= most or another:
            left.append(recipient)
            continue
        domains.add(domain)
        taken.append(recipient)
    return tuple(taken), tuple(left)


def transaction_of(
    message: StoredMessage, recipients: Sequence[StoredRecipient], now: Callable[[], float]
) -> Transaction:
    """The transaction that brings a message to some of its recipients.

    Args:
        message: the message.
        recipients: at least one.
        now: seconds since the epoch; asked only where the message has a deadline.
    """
    envelope = message.envelope
    return Transaction(
        envelope.sender_text,
        tuple([str(recipient.address) for recipient in recipients]),
        message.content.size,
        envelope.body,
        envelope.smtputf8,
        _parameters(message, recipients, now),
    )


def _parameters(
    message: StoredMessage, recipients: Sequence[StoredRecipient], now: Callable[[], float]
) -> Parameters | None:
    """What the sender wants beyond the delivery; `None` for most mail."""
    envelope = message.envelope
    of_each = _of_recipients(recipients)
    by = envelope.deliver_by
    if not (
        of_each
        or by is not None
        or envelope.ret is not None
        or envelope.envid
        or envelope.require_tls
        or envelope.priority
    ):
        return None
    return Parameters(
        envelope.ret,
        envelope.envid,
        envelope.require_tls,
        None if by is None else _remaining(by, now()),
        envelope.priority,
        of_each,
    )


def _of_recipients(recipients: Sequence[StoredRecipient]) -> tuple[RecipientParameters, ...]:
    """What is wanted of each; empty where it is nothing of any."""
    for each in recipients:
        if each.notify is not None or each.orcpt or each.address != each.original:
            return tuple([_of_recipient(each) for each in recipients])
    return ()


def _of_recipient(recipient: StoredRecipient) -> RecipientParameters:
    """ORCPT as the sender gave it; else what RCPT said, where the next hop would not know it.

    That is where the sender wants to hear of the recipient, and where mail is forwarded: a report
    from behind then names the address that its reader knows, and whoever gets the mail sees by
    which of his addresses (as Postfix does for all mail). RFC 3461 §5.2.1 lets a relay add the
    address it was given, and no other.
    """
    orcpt, original = recipient.orcpt, recipient.original
    wanted = recipient.notify or original.key != recipient.address.key
    if not orcpt and wanted and original.domain:
        orcpt = recipient.original_recipient
    return RecipientParameters(recipient.notify, orcpt)


def _remaining(by: DeliverBy, now: float) -> By:
    """The time that is left, never more than there is (RFC 2852 §4.1.4)."""
    return By(math.floor(by.deadline - now), by.mode, by.trace)
