"""Octets that must not come back: a password and its encodings, blotted out of what a server says.

A server may repeat what it was sent, whole or cut short, in a reply or in what should have been
one. It may do so long after the login, and its words go into logs, queue listings and bounces.
So every line is searched for pieces of the secrets, not for the secrets alone.
"""

from __future__ import annotations

from itertools import groupby

__all__ = ["Secrets"]

HIDDEN = b"[hidden]"

PIECE = 8
"""Octets of a secret that are hidden wherever they occur; a shorter secret only as a whole."""


class Secrets:
    """What is to be hidden."""

    __slots__ = ("_pieces",)

    def __init__(self, *secrets: str) -> None:
        self._pieces: dict[int, set[bytes]] = {}
        for secret in filter(None, secrets):
            octets = secret.encode().lower()
            length = min(PIECE, len(octets))
            pieces = self._pieces.setdefault(length, set())
            pieces.update(octets[at : at + length] for at in range(len(octets) - length + 1))

    def hide(self, octets: bytes) -> bytes:
        """The octets without any piece of a secret, in capital letters or small ones."""
        lowered = octets.lower()
        marks = bytearray(len(octets))
        for length, pieces in self._pieces.items():
            for at in range(len(octets) - length + 1):
                if lowered[at : at + length] in pieces:
                    marks[at : at + length] = b"\1" * length
        if not any(marks):
            return octets
        runs = groupby(zip(marks, octets, strict=True), key=lambda pair: pair[0])
        return b"".join(HIDDEN if mark else bytes(each for _, each in run) for mark, run in runs)
