"""Dovecot's password schemes: which there are, how each is written, and what checking one costs.

`{SCHEME}hash` or `{SCHEME.encoding}hash`, as in a Dovecot passwd-file. A hash without braces is of
the default scheme, except that `$1$` is always MD5-CRYPT. Where a scheme has a fixed length and no
encoding is named, hexadecimal is told from base64 by the length.

Left out, with no use to a server that is sent the password or a SCRAM proof: OTP and SKEY, which
are used up by logging in, and RPA, whose mechanism died with CompuServe.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from postroad.directory.passwords import digests
from postroad.directory.passwords.crypts import check_crypt, crypt_check, is_exclusive
from postroad.directory.passwords.digests import Check
from postroad.directory.passwords.slow_hashes import (
    check_argon2,
    check_bcrypt,
    check_pbkdf2,
    scram_check,
)
from postroad.directory.passwords.verdict import Verdict, unusable
from postroad.sasl.secrets import SecretKind

__all__ = ["MAX_STORED", "SCHEMES", "Encoding", "Lane", "StoredHash", "matches", "read_hash"]

MAX_STORED = 4096
"""Characters of a stored hash; the longest real ones have some two hundred."""


class Lane(Enum):
    """Where a check may run without holding up the sessions."""

    INLINE = "on the event loop: microseconds"
    THREAD = "in a thread: it lets others run"
    PROCESS = "in a process of its own: it would hold the interpreter"


class Encoding(Enum):
    """How the octets of a hash are written."""

    NONE = ""
    BASE64 = "base64"
    HEX = "hex"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One password scheme.

    Attributes:
        check: compares a password with a stored hash.
        lane: where to run it, from the hash.
        encoding: how hashes are written where nothing else is said.
        length: octets of a hash, 0 if they differ.
    """

    check: Check
    lane: Callable[[bytes], Lane] = lambda _: Lane.INLINE
    encoding: Encoding = Encoding.NONE
    length: int = 0


def _in_thread(_: bytes) -> Lane:
    return Lane.THREAD


def _of_crypt(stored: bytes) -> Lane:
    return Lane.PROCESS if is_exclusive(stored) else Lane.THREAD


def _check_md5(stored: bytes, password: bytes, user: str) -> Verdict:
    """MD5: MD5-CRYPT or, as old files have it, PLAIN-MD5 in hexadecimal."""
    if stored.startswith(b"$1$"):
        return check_crypt(stored, password, user)
    octets = _decoded(stored.decode("utf-8", "replace"), Encoding.HEX)
    if octets is None or len(octets) != 16:
        return unusable("neither an MD5-CRYPT nor a PLAIN-MD5 hash")
    return _MD5_DIGEST(octets, password, user)


_MD5_DIGEST = digests.digest_check("md5")
_PLAIN = Scheme(digests.check_plain)
_SHA1 = Scheme(digests.digest_check("sha1"), encoding=Encoding.BASE64, length=20)
_CRAM = Scheme(digests.check_cram_md5, encoding=Encoding.HEX, length=32)
_ARGON2 = Scheme(check_argon2, _in_thread)

SCHEMES: dict[str, Scheme] = {
    "ARGON2ID": _ARGON2,
    "ARGON2I": _ARGON2,
    "ARGON2": _ARGON2,
    "BLF-CRYPT": Scheme(check_bcrypt, _in_thread),
    "CLEAR": _PLAIN,
    "CLEARTEXT": _PLAIN,
    "CRAM-MD5": _CRAM,
    "CRYPT": Scheme(check_crypt, _of_crypt),
    "DES-CRYPT": Scheme(crypt_check(b""), _of_crypt),
    "DIGEST-MD5": Scheme(digests.check_digest_md5, encoding=Encoding.HEX, length=16),
    "HMAC-MD5": _CRAM,
    "LANMAN": Scheme(digests.check_lanman, encoding=Encoding.HEX, length=16),
    "LDAP-MD5": Scheme(_MD5_DIGEST, encoding=Encoding.BASE64, length=16),
    "MD5": Scheme(_check_md5, _of_crypt),
    "MD5-CRYPT": Scheme(crypt_check(b"$1$"), _of_crypt),
    "NTLM": Scheme(digests.check_ntlm, encoding=Encoding.HEX, length=16),
    "PBKDF2": Scheme(check_pbkdf2, _in_thread),
    "PLAIN": _PLAIN,
    "PLAIN-MD4": Scheme(digests.check_md4, encoding=Encoding.HEX, length=16),
    "PLAIN-MD5": Scheme(_MD5_DIGEST, encoding=Encoding.HEX, length=16),
    "PLAIN-TRUNC": Scheme(digests.check_truncated),
    "SCRAM-SHA-1": Scheme(scram_check(SecretKind.SCRAM_SHA_1), _in_thread),
    "SCRAM-SHA-256": Scheme(scram_check(SecretKind.SCRAM_SHA_256), _in_thread),
    "SHA": _SHA1,
    "SHA1": _SHA1,
    "SHA256": Scheme(digests.digest_check("sha256"), encoding=Encoding.BASE64, length=32),
    "SHA256-CRYPT": Scheme(crypt_check(b"$5$"), _of_crypt),
    "SHA512": Scheme(digests.digest_check("sha512"), encoding=Encoding.BASE64, length=64),
    "SHA512-CRYPT": Scheme(crypt_check(b"$6$"), _of_crypt),
    "SMD5": Scheme(digests.salted_check("md5"), encoding=Encoding.BASE64),
    "SSHA": Scheme(digests.salted_check("sha1"), encoding=Encoding.BASE64),
    "SSHA256": Scheme(digests.salted_check("sha256"), encoding=Encoding.BASE64),
    "SSHA512": Scheme(digests.salted_check("sha512"), encoding=Encoding.BASE64),
}
"""Name -> scheme. The names are Dovecot's."""

_ENCODINGS = {"b64": Encoding.BASE64, "base64": Encoding.BASE64, "hex": Encoding.HEX}


@dataclass(frozen=True, slots=True)
class StoredHash:
    """A stored hash, read.

    Attributes:
        name: of its scheme, in capitals.
        octets: of the hash, decoded.
    """

    name: str
    octets: bytes

    @property
    def lane(self) -> Lane:
        """Where a check of it may run."""
        return SCHEMES[self.name].lane(self.octets)

    def check(self, password: str, user: str = "") -> Verdict:
        """Compare a password with it.

        Args:
            password: as the client sent it.
            user: the account's canonical name; only DIGEST-MD5 looks at it.
        """
        return SCHEMES[self.name].check(
            self.octets, password.encode("utf-8", "surrogatepass"), user
        )


def read_hash(stored: str, default: str = "CRYPT") -> StoredHash | Verdict:
    """Read a stored hash.

    Args:
        stored: `{SCHEME}hash`, or the hash alone.
        default: the scheme of a hash without braces, with an encoding if one is needed.

    Returns:
        The hash, or the objection to it.
    """
    if len(stored) > MAX_STORED:
        return unusable("a stored hash that is too long")
    name, text = _split(stored, default)
    name, _, encoding_name = name.upper().partition(".")
    scheme = SCHEMES.get(name)
    if scheme is None:
        return unusable(f"an unknown password scheme, {name[:40]!r}")
    if encoding_name:
        encoding = _ENCODINGS.get(encoding_name.lower())
        if encoding is None:
            return unusable(f"an unknown encoding, {encoding_name[:40]!r}")
        octets = _decoded(text, encoding)
    else:
        octets = _guessed(text, scheme)
    if octets is None or (scheme.length and len(octets) != scheme.length):
        return unusable(f"a damaged {name} hash")
    return StoredHash(name, octets)


def matches(stored: str, password: str, user: str = "", default: str = "CRYPT") -> Verdict:
    """Whether the password has this hash; see `read_hash` and `StoredHash.check`."""
    found = read_hash(stored, default)
    return found if isinstance(found, Verdict) else found.check(password, user)


def _split(stored: str, default: str) -> tuple[str, str]:
    if stored.startswith("{"):
        name, brace, text = stored[1:].partition("}")
        return (name, text) if brace else ("", "")
    if stored.startswith("$1$"):
        # Dovecot's rule: what follows the digest after another dollar is a remark.
        return "MD5-CRYPT", "$".join(stored.split("$")[:4])
    return default, stored


def _guessed(text: str, scheme: Scheme) -> bytes | None:
    """The octets of a hash whose encoding is not named."""
    if scheme.length and len(text) == scheme.length * 2:
        octets = _decoded(text, Encoding.HEX)
        if octets is not None:
            return octets
    guess = Encoding.BASE64 if scheme.length else scheme.encoding
    return _decoded(text, guess)


def _decoded(text: str, encoding: Encoding) -> bytes | None:
    try:
        if encoding is Encoding.HEX:
            return binascii.unhexlify(text)
        if encoding is Encoding.BASE64:
            return base64.b64decode(
                text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), None, True
            )
    except ValueError:  # binascii.Error, and text that is not ASCII
        return None
    return text.encode("utf-8", "surrogatepass")
