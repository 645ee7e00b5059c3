"""`[directory]`: where accounts are kept and how their passwords are checked.

Values only; nothing here opens the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from postroad.directory.certificates import CertificateMap, CertificateName
from postroad.directory.passwords.credentials import DEFAULT_KINDS
from postroad.directory.passwords.schemes import SCHEMES
from postroad.model.units import Duration
from postroad.sasl.secrets import SecretKind

__all__ = ["DirectorySettings"]

_DELIMITERS = frozenset("!#$%&'*+-/=?^_`{|}~.")
_KINDS = {kind.value: kind for kind in SecretKind}


def _check_delimiter(text: str) -> str:
    if not _DELIMITERS.issuperset(text):
        raise ValueError('the delimiter is one or more of the marks an address may hold, as in "+"')
    return text


def _check_threads(count: int) -> int:
    if count < 1:
        raise ValueError("at least one thread is needed to check passwords")
    return count


def _check_scheme(name: str) -> str:
    scheme, _, encoding = name.upper().partition(".")
    if scheme not in SCHEMES or encoding not in {"", "B64", "BASE64", "HEX"}:
        raise ValueError(f"one of {', '.join(SCHEMES)}, perhaps with .b64 or .hex")
    return name


def _check_secrets(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in _KINDS:
            raise ValueError(f"one of {', '.join(_KINDS)}, not {name}")
    return names


def _check_certificates(entries: dict[str, str]) -> dict[str, str]:
    CertificateMap(entries)
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """`[directory]`: the embedded directory of domains, accounts and aliases, and all together.

    Attributes:
        order: all directories in the order they are asked, by their names in `[directories]`, with
            `embedded` for this one; empty: this one, then the others as they stand there.
        postmaster: the address that gets mail for the postmaster of a domain where nobody has that
            name; empty: the oldest account of the domain or of the server.
        file: the SQLite file; `directory.db` in the state directory when absent.
        recipient_delimiter: the marks that begin an address extension (`john+lists`); each
            character is one of them, as in Postfix. Empty switches extensions off.
        patterns: whether aliases by regular expression (`postroad alias add --pattern`) are asked
            for addresses that nobody has.
        password_threads: threads per worker that check passwords, and processes for the schemes
            that need one, a number of each. Each check at OWASP's parameters takes 19 MiB and
            about 20 ms of one core.
        success_cache: how long a password that was right is remembered, as a duration, so that
            a client which logs in for every message costs little; 0 switches it off. A changed
            password ends it at once.
        default_scheme: the scheme of a stored hash without braces, as Dovecot's
            default_pass_scheme.
        rehash: whether a stored hash of another scheme or cost is replaced by today's, and
            missing secrets are made, after a login that showed the password.
        secrets: the mechanisms that need a secret of their own, for which one is kept beside the
            hash: SCRAM-SHA-256, SCRAM-SHA-1. CRAM-MD5 among them means that `rehash` leaves
            {PLAIN} and {CRAM-MD5} passwords alone.
        certificates: the accounts of TLS client certificates, by `sha256:` and the fingerprint,
            or `email:`, `name:` (the common name) or `subject:` and what the certificate says.
    """

    order: tuple[str, ...] = ()
    postmaster: str = ""
    file: Path | None = None
    recipient_delimiter: Annotated[str, AfterValidator(_check_delimiter)] = "+"
    patterns: bool = False
    password_threads: Annotated[int, AfterValidator(_check_threads)] = 2
    success_cache: Duration = 60.0
    default_scheme: Annotated[str, AfterValidator(_check_scheme)] = "CRYPT"
    rehash: bool = True
    secrets: Annotated[tuple[str, ...], AfterValidator(_check_secrets)] = tuple(
        sorted(kind.value for kind in DEFAULT_KINDS)
    )
    certificates: Annotated[dict[CertificateName, str], AfterValidator(_check_certificates)] = (
        field(default_factory=dict)
    )

    @property
    def kinds(self) -> frozenset[SecretKind]:
        """The secrets to keep."""
        return frozenset(_KINDS[name] for name in self.secrets)
