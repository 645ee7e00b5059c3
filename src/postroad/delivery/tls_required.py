"""Whether a message would rather arrive than be safe: `TLS-Required: No` (RFC 8689 §5).

The field asks not to go by what the recipient's domain publishes about TLS (DANE, MTA-STS); what
the operator of this server wants is another matter and stays. It is looked for only when such a
policy has stopped the message, so that nobody else's mail pays for it.
"""

from __future__ import annotations

import re

from postroad.delivery.reading import Pieces
from postroad.delivery.session import Unready
from postroad.model import Content

__all__ = ["is_about_tls", "is_relaxed"]

MAX_HEADER = 1_048_576
"""Octets that are looked at; a header is no longer where `[intake] header_size` is the default."""

_FIELD = re.compile(rb"(?im)^TLS-Required[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")


def is_about_tls(unready: Unready) -> bool:
    """Whether a policy of TLS is why there is no session."""
    enhanced = unready.answer.reply.enhanced or ""
    return not unready.answer.from_peer and enhanced in ("4.7.4", "4.7.5")


async def is_relaxed(content: Content) -> bool:
    """Whether the header has the field, once and with the only value that there is.

    Raises:
        postroad.spool.SpoolError: the content cannot be read.
    """
    header = b""
    async for piece in Pieces(content):
        header += piece
        end = header.find(b"\r\n\r\n")
        if end >= 0 or len(header) > MAX_HEADER:
            header = header[: end + 2 if end >= 0 else MAX_HEADER]
            break
    found = _FIELD.findall(header)
    return len(found) == 1 and found[0].lower() == b"no"
