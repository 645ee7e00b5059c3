"""Which failing messages a policy is for, where a domain asks for a part of them only (`pct`).

No chance is used: the same message, offered again, or to another worker, meets the same decision
(RFC 7489 §6.6.4 leaves it open how). A key keeps senders from finding out beforehand which of their
messages are left out.
"""

from __future__ import annotations

import hashlib

__all__ = ["is_sampled"]


def is_sampled(percent: int, key: bytes, message: bytes) -> bool:
    """Whether the policy is for this message.

    Args:
        percent: of messages, 0 to 100.
        key: a secret, at most 64 octets.
        message: what stays the same when it is offered again.
    """
    digest = hashlib.blake2b(message, key=key, digest_size=8).digest()
    return int.from_bytes(digest, "big") % 100 < percent
