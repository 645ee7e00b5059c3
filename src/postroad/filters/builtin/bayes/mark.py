"""The mark of a message: by which what was learned once is known again.

It is made of what stays the same on a message's way to a mailbox, from folder to folder, and from
one copy to another: its Message-ID and its body. Fields that come on the way change nothing.
"""

from __future__ import annotations

import hashlib

from postroad.model.fields import Fields

__all__ = ["MARKED", "mark_of"]

MARKED = 64 * 1024
"""Octets of the body that count: two messages of one Message-ID differ before."""

_OCTETS = 16


def mark_of(fields: Fields, body: bytes) -> bytes:
    """The mark of a message.

    Args:
        fields: its header section.
        body: what follows the blank line, or at least its first `MARKED` octets, lines ended by
            CRLF. Blank lines at its end do not count: mailboxes add and remove them.
    """
    found = fields.first("message-id")
    identifier = b"" if found is None else b"".join(found.value.split())
    content = body[:MARKED].rstrip(b"\r\n \t")
    about = len(identifier).to_bytes(4, "big") + identifier + content
    return hashlib.blake2b(about, digest_size=_OCTETS).digest()
