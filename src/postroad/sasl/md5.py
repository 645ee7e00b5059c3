"""MD5 (RFC 1321) that can begin in the middle: from the state that a first block left behind.

CRAM-MD5 secrets are such states, and no library lets one in or out. Only for them: a whole digest
is `hashlib`'s to compute, and slow here (about 30 µs a block). Pure; MD5 itself is broken for
signatures, but not as HMAC-MD5 is used by RFC 2195.
"""

from __future__ import annotations

import math
import struct

__all__ = ["block_state", "digest_from"]

_START = struct.pack("<4I", 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_BLOCK = 64
_MASK = 0xFFFFFFFF

# RFC 1321 §3.4: the sine table, and for each of the four rounds the shifts and the order of words.
_SINES = tuple(int(abs(math.sin(step + 1)) * 2**32) for step in range(64))
_SHIFTS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_WORDS = ((1, 0), (5, 1), (3, 5), (7, 0))
_STEPS = tuple(
    (
        step // 16,
        (_WORDS[step // 16][0] * step + _WORDS[step // 16][1]) % 16,
        _SHIFTS[step // 16][step % 4],
        _SINES[step],
    )
    for step in range(64)
)


def block_state(block: bytes) -> bytes:
    """The state after a first block of 64 octets, as 16 octets."""
    return _compress(_START, block)


def digest_from(state: bytes | None, rest: bytes) -> bytes:
    """The digest of a message.

    Args:
        state: what the first block of the message left; `None` where nothing was hashed yet.
        rest: the octets after that block.

    Returns:
        16 octets.
    """
    length = (len(rest) + (0 if state is None else _BLOCK)) * 8
    padded = rest + b"\x80" + b"\0" * (-(len(rest) + 9) % _BLOCK) + struct.pack("<Q", length)
    state = state or _START
    for at in range(0, len(padded), _BLOCK):
        state = _compress(state, padded[at : at + _BLOCK])
    return state


def _compress(state: bytes, block: bytes) -> bytes:
    words = struct.unpack("<16I", block)
    before = struct.unpack("<4I", state)
    a, b, c, d = before
    for turn, word, shift, sine in _STEPS:
        total = (a + _mix(turn, b, c, d) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (total << shift | total >> (32 - shift))) & _MASK
    return struct.pack("<4I", *((x + y) & _MASK for x, y in zip(before, (a, b, c, d), strict=True)))


def _mix(turn: int, b: int, c: int, d: int) -> int:
    """RFC 1321 §3.4: F, G, H or I."""
    if turn == 0:
        return (b & c) | (~b & d)
    if turn == 1:
        return (b & d) | (c & ~d)
    if turn == 2:
        return b ^ c ^ d
    return c ^ (b | (~d & _MASK))
