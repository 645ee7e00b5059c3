"""App passwords: one for each device or program, made here, with a scope, and easy to take back.

`q7kd-3m8x-…`: six groups of four from 32 letters and digits, none of which look alike. The first
group, the tag, finds the password among those of its account; the other twenty characters are 100
random bits. A slow hash makes up for what people choose; here there is nothing to make up for, as
nobody tries 2^100 passwords however fast the hash is. So it is SHA-256, and a login with an app
password costs microseconds. The salt is there so that nothing can be computed ahead.

Pure; what is stored is the business of `app_password_editing`, who may use one of `embedded`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import Enum

from postroad.directory.interface import Purpose

__all__ = [
    "DIGEST_LENGTH",
    "SALT_LENGTH",
    "AppPassword",
    "Scope",
    "digest_of",
    "fits",
    "generate",
    "parse_typed",
]

SALT_LENGTH = 16  # octets
DIGEST_LENGTH = 32  # the same

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_GROUP = 4
_GROUPS = 6
_LENGTH = _GROUP * _GROUPS
_SEPARATORS = re.compile(r"[ \-]")
_LOOK_ALIKES = str.maketrans("ilo", "110")
_SHAPE = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}")
_MAX_TYPED = 64  # characters, with spaces


class Scope(Enum):
    """What an app password is good for."""

    SEND = "send"
    READ = "read"
    ALL = "all"

    def allows(self, purpose: Purpose) -> bool:
        """Whether it is good for that."""
        return self is Scope.ALL or self.value == purpose.value


@dataclass(frozen=True, slots=True)
class AppPassword:
    """An app password in clear text.

    Attributes:
        tag: its first group, which may be shown.
        rest: the secret.
    """

    tag: str
    rest: str = field(repr=False)

    @property
    def text(self) -> str:
        """As it is shown once, and typed."""
        rest = (self.rest[at : at + _GROUP] for at in range(0, len(self.rest), _GROUP))
        return "-".join((self.tag, *rest))


def generate() -> AppPassword:
    """A new one."""
    characters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return AppPassword(characters[:_GROUP], characters[_GROUP:])


def parse_typed(text: str) -> AppPassword | None:
    """The app password that a text may be, however it was typed; `None` if it cannot be one."""
    if not _LENGTH <= len(text) <= _MAX_TYPED or not text.isascii():
        return None
    characters = _SEPARATORS.sub("", text).lower().translate(_LOOK_ALIKES)
    if not _SHAPE.fullmatch(characters):
        return None
    return AppPassword(characters[:_GROUP], characters[_GROUP:])


def digest_of(password: AppPassword, salt: bytes) -> bytes:
    """What is stored of it."""
    return hashlib.sha256(salt + password.rest.encode()).digest()


def fits(password: AppPassword, salt: bytes, digest: bytes) -> bool:
    """Whether it is the one of that digest."""
    return hmac.compare_digest(digest_of(password, salt), digest)
