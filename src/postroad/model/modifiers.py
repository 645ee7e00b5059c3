"""What Dovecot's variables may do to a user's name: `%Ln`, `%Mu`.

One table for whatever has such variables: names in passwd-files and paths of mail. Which variables
there are, and what a value has to be, differs with the place and is said there. (Dovecot's
documentation, "Config Variables", modifiers of 2.3.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

__all__ = ["LONG_NAMES", "MODIFIERS"]

LONG_NAMES: Mapping[str, str] = {"user": "u", "username": "n", "domain": "d"}
"""The letters of the long names, `%{user}`."""


def _digest(text: str) -> str:
    octets = text.encode("utf-8", "surrogatepass")
    return hashlib.md5(octets, usedforsecurity=False).hexdigest()


MODIFIERS: Mapping[str, Callable[[str], str]] = {
    "L": str.lower,
    "U": str.upper,
    "R": lambda text: text[::-1],
    "T": str.strip,
    "M": _digest,
}
"""Upper and lower case, backwards, without white space around it, and the MD5 digest, by which
accounts are spread over folders."""
