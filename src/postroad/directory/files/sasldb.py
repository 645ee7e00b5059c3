"""Cyrus SASL's `sasldb2`: accounts with their passwords in clear text.

A key is `user`, realm and property, with a NUL between them; the password is the property
`userPassword`. Other properties (`cmusaslsecretOTP`, …) are secrets of single mechanisms, made of
the same password, and are not needed where the password is there.

What comes out goes into the embedded directory, which makes hashes of it; nothing here is logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from postroad.directory.files.berkeley_hash import MAX_FILE, BerkeleyMistake, read_pairs

__all__ = ["SaslAccount", "read_sasldb"]

_PASSWORD = b"userPassword"


@dataclass(frozen=True, slots=True)
class SaslAccount:
    """An account.

    Attributes:
        user: its name, perhaps with a domain.
        realm: usually the name of the host.
        password: in clear text; `None` where there are only secrets of single mechanisms.
    """

    user: str
    realm: str
    password: str | None = field(repr=False)

    def address(self, domain: str = "") -> str:
        """The address it becomes.

        Args:
            domain: where it shall live; empty: the realm.
        """
        return self.user if "@" in self.user else f"{self.user}@{domain or self.realm}"


def read_sasldb(path: Path) -> tuple[SaslAccount, ...]:
    """The accounts of a file, by realm and name.

    Raises:
        BerkeleyMistake: it is none.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        octets = file.read(MAX_FILE + 1)
    found: dict[tuple[str, str], str | None] = {}
    for (realm, user), password in _entries(octets):
        if password is not None or (realm, user) not in found:
            found[realm, user] = password
    return tuple(SaslAccount(user, realm, found[realm, user]) for realm, user in sorted(found))


def _entries(octets: bytes) -> Iterator[tuple[tuple[str, str], str | None]]:
    for key, value in read_pairs(octets):
        parts = key.split(b"\0")
        if len(parts) != 3:
            raise BerkeleyMistake("it holds a key that is not Cyrus SASL's; is it a sasldb2?")
        try:
            user, realm = parts[0].decode(), parts[1].decode()
            password = value.decode() if parts[2] == _PASSWORD else None
        except UnicodeDecodeError:
            name = parts[0].decode("utf-8", "replace")
            raise BerkeleyMistake(f'"{name}" or its password is not UTF-8') from None
        yield (realm, user), password
