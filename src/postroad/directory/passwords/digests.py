"""The schemes that cost nothing: clear text and single digests, salted or not.

They are here because operators bring them along, not because they protect anything: whoever steals
the file tries billions of passwords a second. A successful login replaces them (`renewal`). Each
check takes the decoded octets of the stored hash, the password's octets and the account's name.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from postroad.directory.passwords.verdict import RIGHT, WRONG, Verdict, unusable
from postroad.sasl.secrets import CramSecret

__all__ = [
    "Check",
    "check_cram_md5",
    "check_digest_md5",
    "check_lanman",
    "check_md4",
    "check_ntlm",
    "check_plain",
    "check_truncated",
    "digest_check",
    "salted_check",
    "same",
]

Check = Callable[[bytes, bytes, str], Verdict]
"""(stored octets, password in UTF-8, canonical name of the account) -> verdict."""

_MOST_TRUNCATED = 9  # digits of PLAIN-TRUNC's length; more is no length of a password


def same(expected: bytes, actual: bytes) -> Verdict:
    """Equal octets, in a time that does not depend on where they differ."""
    return RIGHT if hmac.compare_digest(expected, actual) else WRONG


def check_plain(stored: bytes, password: bytes, _: str) -> Verdict:
    """PLAIN, CLEAR, CLEARTEXT."""
    return same(stored, password)


def check_truncated(stored: bytes, password: bytes, _: str) -> Verdict:
    """PLAIN-TRUNC: `length-password`, where a password of that length may be only the beginning."""
    digits, mark, text = stored.partition(b"-")
    if not mark or not digits.isdigit() or len(digits) > _MOST_TRUNCATED:
        return unusable("a PLAIN-TRUNC password begins with its length and a hyphen")
    return same(text, password[: len(text)] if len(text) == int(digits) else password)


def digest_check(name: str) -> Check:
    """One digest of the password alone.

    Args:
        name: of the algorithm, to `hashlib`.
    """

    def check(stored: bytes, password: bytes, _: str) -> Verdict:
        return same(stored, _digest(name, password))

    return check


def salted_check(name: str) -> Check:
    """The digest of password and salt, then the salt, as LDAP servers keep it (RFC 2307 §5.3)."""
    length = hashlib.new(name, usedforsecurity=False).digest_size

    def check(stored: bytes, password: bytes, _: str) -> Verdict:
        if len(stored) <= length:
            return unusable("a salted hash is longer than its digest")
        return same(stored[:length], _digest(name, password + stored[length:]))

    return check


def check_cram_md5(stored: bytes, password: bytes, _: str) -> Verdict:
    """CRAM-MD5, HMAC-MD5: the two states that RFC 2195 needs of the password."""
    secret = CramSecret.of(password)
    return same(stored, secret.outer + secret.inner)


def check_digest_md5(stored: bytes, password: bytes, user: str) -> Verdict:
    """DIGEST-MD5: MD5 of `user:realm:password` (RFC 2831 §2.1.2.1), the realm being the domain."""
    name, _, realm = user.rpartition("@")
    start = f"{name or realm}:{realm if name else ''}:".encode("utf-8", "surrogatepass")
    return same(stored, _digest("md5", start + password))


def check_md4(stored: bytes, password: bytes, _: str) -> Verdict:
    """PLAIN-MD4."""
    return same(stored, _md4(password))


def check_ntlm(stored: bytes, password: bytes, _: str) -> Verdict:
    """NTLM: MD4 of the password in UTF-16."""
    wide = password.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
    return same(stored, _md4(wide))


def check_lanman(stored: bytes, password: bytes, _: str) -> Verdict:
    """LANMAN: two DES keys from fourteen capital letters."""
    # Rarely needed, and slow to load.
    from passlib.hash import lmhash  # type: ignore[import-untyped]  # noqa: PLC0415

    return same(stored, bytes(lmhash.raw(password.upper()[:14])))


def _digest(name: str, octets: bytes) -> bytes:
    return hashlib.new(name, octets, usedforsecurity=False).digest()


def _md4(octets: bytes) -> bytes:
    # OpenSSL no longer has it.
    from passlib.crypto.digest import lookup_hash  # type: ignore[import-untyped]  # noqa: PLC0415

    return bytes(lookup_hash("md4").const(octets).digest())
