"""The forms of crypt(3), told apart by how they begin, each within a bound on its cost.

Those that libpass computes are Python loops which hold the interpreter: they belong in another
process (`is_exclusive`). bcrypt and the system's own forms (yescrypt, scrypt) let others run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from postroad.directory.passwords.digests import same
from postroad.directory.passwords.slow_hashes import check_bcrypt
from postroad.directory.passwords.verdict import RIGHT, WRONG, Verdict, unusable

__all__ = ["check_crypt", "crypt_check", "is_exclusive"]

MAX_SHA_ROUNDS = 1_000_000
"""Of SHA256-CRYPT, SHA512-CRYPT and sha1crypt: about half a second; 5,000 are usual."""

MAX_SUN_ROUNDS = 200_000
MAX_BSDI_ROUNDS = 50_000
"""About half a second each."""

MAX_YESCRYPT_MEMORY = 256 * 1024
"""KiB of memory of a yescrypt or scrypt check; 16 MiB are usual."""

_ITOA64 = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_SHA2 = re.compile(rb"\$[56]\$(?:rounds=(\d{1,9})\$)?[^$:\n]{0,16}\$[./0-9A-Za-z]{43,86}")
_SHA1 = re.compile(rb"\$sha1\$(\d{1,9})\$[./0-9A-Za-z]{1,64}\$[./0-9A-Za-z]{28}")
_SUN = re.compile(rb"\$md5(?:,rounds=(\d{1,9}))?\$[^$:\n]{0,64}\$\$?[./0-9A-Za-z]{22}")
_MD5 = re.compile(rb"\$1\$[^$:\n]{0,8}\$[./0-9A-Za-z]{22}")
_BSDI = re.compile(rb"_([./0-9A-Za-z]{4})[./0-9A-Za-z]{4}[./0-9A-Za-z]{11}")
_DES = re.compile(rb"[./0-9A-Za-z]{13}")
_YESCRYPT = re.compile(
    rb"\$g?y\$j([./0-9A-Za-j])([./0-9A-Za-j])\$[./0-9A-Za-z]{1,86}\$[./0-9A-Za-z]{43}"
)
_SCRYPT = re.compile(
    rb"\$7\$([./0-9A-Za-z])([./0-9A-Za-z]{5})([./0-9A-Za-z]{5})[./0-9A-Za-z]{0,86}"
    rb"\$[./0-9A-Za-z]{43}"
)
_OLD_BLOWFISH = re.compile(rb"\$2x\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}")
_NT = re.compile(rb"\$3\$\$[0-9a-f]{32}")


def check_crypt(stored: bytes, password: bytes, user: str) -> Verdict:
    """CRYPT and its relatives, whatever form the hash has."""
    form = _form_of(stored)
    if form.prefix in _BCRYPT:
        return check_bcrypt(stored, password, user)
    found = form.shape.fullmatch(stored)
    if found is None:
        return unusable(f"a damaged {form.name} hash")
    objection = form.objection(found)
    if objection:
        return unusable(f"a {form.name} hash {objection}")
    if b"\0" in password:
        return WRONG  # it would end there for crypt(3)
    return _by_library(form, stored, password) if form.library else _by_system(stored, password)


def crypt_check(*prefixes: bytes) -> Callable[[bytes, bytes, str], Verdict]:
    """The check of a scheme that is one form of crypt(3) only.

    Args:
        prefixes: how its hashes begin.
    """

    def check(stored: bytes, password: bytes, user: str) -> Verdict:
        if _form_of(stored).prefix not in prefixes:
            return unusable("a hash of another scheme than its name says")
        return check_crypt(stored, password, user)

    return check


def is_exclusive(stored: bytes) -> bool:
    """Whether checking this hash keeps all other threads waiting."""
    return bool(_form_of(stored).library)


def _by_library(form: _Form, stored: bytes, password: bytes) -> Verdict:
    # Slow to load, and only where such a hash is stored.
    from passlib import hash as schemes  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        # Dovecot and crypt(3) cut at what libpass refuses: nothing else is longer than 4096.
        right = getattr(schemes, form.library).verify(password[:4096], stored.decode("ascii"))
    except (ValueError, TypeError) as error:
        return unusable(f"a {form.name} hash that the library refuses: {type(error).__name__}")
    return RIGHT if right else WRONG


def _by_system(stored: bytes, password: bytes) -> Verdict:
    # Loaded here, with ctypes: only where such a hash is stored.
    from postroad.directory.passwords.libcrypt import crypt  # noqa: PLC0415

    actual = crypt(password, stored)
    if actual is None:
        return unusable("a form of crypt(3) that this system's libcrypt does not have")
    return same(stored, actual)


def _few_rounds(most: int) -> Callable[[re.Match[bytes]], str]:
    def objection(found: re.Match[bytes]) -> str:
        rounds = int(found[1] or 0)
        return f"of {rounds} rounds, more than {most}" if rounds > most else ""

    return objection


def _free(_: re.Match[bytes]) -> str:
    return ""


def _bsdi(found: re.Match[bytes]) -> str:
    rounds = _number(found[1])
    return f"of {rounds} rounds, more than {MAX_BSDI_ROUNDS}" if rounds > MAX_BSDI_ROUNDS else ""


def _yescrypt(found: re.Match[bytes]) -> str:
    """`j`, then log2 of N and r, each less one; a larger number than 48 takes more characters."""
    return _memory(_number(found[1]) + 1, _number(found[2]) + 1, 1)


def _scrypt(found: re.Match[bytes]) -> str:
    return _memory(*(_number(found[n]) for n in (1, 2, 3)))


def _memory(log_n: int, r: int, p: int) -> str:
    kibibytes = (128 * r * p << log_n) // 1024
    return "costs too much" if kibibytes > MAX_YESCRYPT_MEMORY else ""


def _number(characters: bytes) -> int:
    return sum(_ITOA64.index(each) << (6 * at) for at, each in enumerate(characters))


@dataclass(frozen=True, slots=True)
class _Form:
    """One form.

    Attributes:
        prefix: how its hashes begin.
        name: for the log.
        shape: of a whole hash; nothing else reaches a library.
        objection: what is wrong with the cost of one, empty if nothing is.
        library: its name in `passlib.hash`; empty for the system's crypt(3).
    """

    prefix: bytes
    name: str
    shape: re.Pattern[bytes]
    objection: Callable[[re.Match[bytes]], str] = _free
    library: str = ""


_BCRYPT = frozenset({b"$2a$", b"$2b$", b"$2y$"})
_NEVER = re.compile(rb"(?!)")

_FORMS = (
    _Form(b"$1$", "MD5-CRYPT", _MD5, library="md5_crypt"),
    _Form(b"$5$", "SHA256-CRYPT", _SHA2, _few_rounds(MAX_SHA_ROUNDS), "sha256_crypt"),
    _Form(b"$6$", "SHA512-CRYPT", _SHA2, _few_rounds(MAX_SHA_ROUNDS), "sha512_crypt"),
    *(_Form(prefix, "bcrypt", _NEVER) for prefix in sorted(_BCRYPT)),
    _Form(b"$2x$", "bcrypt", _OLD_BLOWFISH),
    _Form(b"$y$", "yescrypt", _YESCRYPT, _yescrypt),
    _Form(b"$gy$", "gost-yescrypt", _YESCRYPT, _yescrypt),
    _Form(b"$7$", "scrypt", _SCRYPT, _scrypt),
    _Form(b"$sha1$", "sha1crypt", _SHA1, _few_rounds(MAX_SHA_ROUNDS), "sha1_crypt"),
    _Form(b"$md5", "SunMD5", _SUN, _few_rounds(MAX_SUN_ROUNDS), "sun_md5_crypt"),
    _Form(b"$3$", "NT", _NT),
    _Form(b"$", "crypt(3)", _NEVER),
    _Form(b"_", "BSDi", _BSDI, _bsdi, "bsdi_crypt"),
    _Form(b"", "DES-CRYPT", _DES, library="des_crypt"),
)
"""The first that fits; the last but two is any form that we do not know."""


def _form_of(stored: bytes) -> _Form:
    return next(form for form in _FORMS if stored.startswith(form.prefix))
