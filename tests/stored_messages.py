"""Stored messages made of plain values, for tests of what happens after the spool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postroad.model import Address, Envelope, StoredMessage, StoredRecipient


class Octets:
    """`Content` from given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def chunks(self) -> Iterator[bytes]:
        return iter(self.pieces)


def stored_message(
    *pieces: bytes, queue_id: str = "Zx1", sender: str = "ann@elsewhere.test", queued: float = 2e9
) -> StoredMessage:
    """A message of these pieces; `queued` is far ahead, so that no `cur` seems newer."""
    return StoredMessage(
        queue_id=queue_id,
        envelope=Envelope(Address.parse(sender) if sender else None),
        arrived=1_700_000_000.5,
        queued=queued,
        content=Octets(*(pieces or (b"Subject: hello\r\n\r\n", b"text\r\n"))),
    )


def stored_recipients(*addresses: str | tuple[str, str]) -> Sequence[StoredRecipient]:
    """Recipients with the identities 1, 2, …; a pair is the address and the original one."""
    pairs = [(one, one) if isinstance(one, str) else one for one in addresses]
    return tuple(
        StoredRecipient(number, Address.parse(address), Address.parse(original))
        for number, (address, original) in enumerate(pairs, 1)
    )
