"""What came of comparing a password with a stored hash: a value, whatever the hash looks like.

A stored hash that cannot be used (of no known scheme, damaged, or so costly that checking it would
stop the server) is no error of the client's: the login fails and the reason goes to the log.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RIGHT", "WRONG", "Verdict", "unusable"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """True exactly when the password is right.

    Attributes:
        right: whether it is.
        objection: why the stored hash cannot be used, for the log; empty if it can. It names no
            part of the hash.
    """

    right: bool
    objection: str = ""

    def __bool__(self) -> bool:
        return self.right


RIGHT = Verdict(right=True)
WRONG = Verdict(right=False)


def unusable(reason: str) -> Verdict:
    """The verdict on a stored hash that no password can be compared with."""
    return Verdict(right=False, objection=reason)
