"""The octets that a message came in, kept in pieces until they are needed in one.

Most contents come in a few large pieces, and joining these once is the cheapest. A client may send
as many small ones as it likes (RFC 3030 §3 sets no least size of a chunk), and each is an object
of some thirty octets and a place in a list, whatever little it holds. So many pieces become one.
"""

from __future__ import annotations

__all__ = ["Pieces", "keep"]

MANY = 64  # pieces; their objects take less room than one network packet does

Pieces = list[bytes | bytearray]


def keep(pieces: Pieces, octets: bytes) -> None:
    """Append `octets`, so that the pieces take about as much memory as they hold octets.

    The first piece becomes the one that grows; whoever hands the pieces on starts a new list.
    """
    pieces.append(octets)
    if len(pieces) > MANY:
        first = pieces[0]
        grown = first if isinstance(first, bytearray) else bytearray(first)
        for piece in pieces[1:]:
            grown += piece
        pieces[:] = [grown]
