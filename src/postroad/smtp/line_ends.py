r"""Whether all CR and LF of a text are those of CRLF pairs (RFC 5321 §2.3.8).

Both sides ask this of each octet that passes: what is taken (`inspection`), and once more what is
sent (`stuffing`). Three counts would do; they find the octets one by one and take twice as long as
this, for a large message a tenth of all that is done for it.
"""

from __future__ import annotations

__all__ = ["are_paired"]

_OTHERS = bytes(octet for octet in range(256) if octet not in b"\r\n")


def are_paired(text: bytes) -> bool:
    """Whether there is neither a bare CR nor a bare LF."""
    return len(text.translate(None, _OTHERS)) == 2 * text.count(b"\r\n")
