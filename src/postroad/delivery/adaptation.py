"""What a transaction may be changed to, so that a server takes it that lacks an extension.

Only what loses nothing is changed. Many clients say BODY=8BITMIME and SMTPUTF8 of everything they
send; a message that turns out to need neither goes without. A domain of U-labels has a second
spelling in ASCII that means the same. An 8-bit content is converted to 7 bits (RFC 6152 §3) where
that is switched on. What cannot go as it is otherwise is left alone: the core then refuses it for
the reason that holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from postroad.delivery.conversion import converted
from postroad.delivery.reading import is_large
from postroad.delivery.utf8_header import has_utf8_header
from postroad.model import BodyType, Content
from postroad.net.dns import to_ascii
from postroad.smtp.client import Transaction
from postroad.smtp.extensions import Extensions

__all__ = ["Adapted", "adapted"]


@dataclass(frozen=True, slots=True)
class Adapted:
    """A transaction made fit for one server.

    Attributes:
        transaction: what to send.
        positions: of its recipients among those of the original, in their order.
        content: what to send with it.
        ascii_only: whether it holds only as long as no octet over 127 turns up in the content.
    """

    transaction: Transaction
    positions: tuple[int, ...]
    content: Content
    ascii_only: bool


async def adapted(
    transaction: Transaction, content: Content, offered: Extensions, *, convert: bool
) -> Adapted | None:
    """The transaction as this server may take it, or `None` where nothing has to change.

    Args:
        transaction: as the sender wants it.
        content: looked at as far as the question needs.
        offered: what the server announced.
        convert: whether 8-bit content may be converted.

    Raises:
        postroad.spool.SpoolError: the content cannot be read.
        NestedTooDeeply: the content would have to be converted, and cannot be.
    """
    changed = transaction
    positions: tuple[int, ...] = tuple(range(len(transaction.recipients)))
    if not offered.smtputf8 and _wants_utf8(transaction):
        ways = _ways_without_utf8(transaction)
        if ways and not (transaction.smtputf8 and await _has_utf8_header(content)):
            positions = tuple(ways)
            changed = _without_utf8(changed, ways)
    if transaction.body is BodyType.EIGHT_BIT_MIME and not offered.eight_bit_mime:
        refused = not offered.smtputf8 and _wants_utf8(changed)
        seven_bit = replace(changed, body=BodyType.SEVEN_BIT)
        if convert and not refused:
            return await _converted(Adapted(seven_bit, positions, content, ascii_only=False))
        if _may_be_ascii(content):
            return Adapted(seven_bit, positions, content, ascii_only=True)
    if changed is transaction:
        return None
    return Adapted(changed, positions, content, ascii_only=False)


async def _converted(made: Adapted) -> Adapted:
    """The same with its content in 7 bits. A small one that is ASCII is so already."""
    if not is_large(made.content) and _may_be_ascii(made.content):
        return made
    content, exact = await converted(made.content)
    size = content.size
    transaction = replace(made.transaction, size=size, estimated=not exact)
    return replace(made, transaction=transaction, content=content)


def _may_be_ascii(content: Content) -> bool:
    """Whether the content is ASCII, as far as can be said without reading a large one twice.

    If an octet over 127 turns up in the middle of one, the transaction is broken off there.
    """
    return is_large(content) or all(chunk.isascii() for chunk in content.chunks())


def _wants_utf8(transaction: Transaction) -> bool:
    return transaction.smtputf8 or not (
        transaction.sender.isascii() and all(each.isascii() for each in transaction.recipients)
    )


def _ways_without_utf8(transaction: Transaction) -> Mapping[int, str]:
    """The recipients that ASCII can name, by position; none where the sender cannot be named."""
    if _in_ascii(transaction.sender) is None:
        return {}
    spelt = {at: _in_ascii(each) for at, each in enumerate(transaction.recipients)}
    return {at: address for at, address in spelt.items() if address is not None}


def _without_utf8(transaction: Transaction, ways: Mapping[int, str]) -> Transaction:
    parameters = transaction.parameters
    if parameters is not None and parameters.recipients:
        kept = tuple(parameters.recipients[at] for at in ways)
        parameters = replace(parameters, recipients=kept)
    return replace(
        transaction,
        sender=_in_ascii(transaction.sender) or "",
        recipients=tuple(ways.values()),
        smtputf8=False,
        parameters=parameters,
    )


def _in_ascii(address: str) -> str | None:
    """The address with A-labels (RFC 5890 §2.3.2.1); `None` where its local part needs UTF-8."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    labels = to_ascii(domain) if local.isascii() else ""
    return f"{local}@{labels}" if labels else None


async def _has_utf8_header(content: Content) -> bool:
    if is_large(content):
        return await asyncio.to_thread(has_utf8_header, content)
    return has_utf8_header(content)
