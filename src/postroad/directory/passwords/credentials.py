"""What is stored of a password: its hash, and the secrets by which it can be proved unsent.

Made together and written together, so that hash and secrets are always those of one password.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from postroad.directory.embedded.mistake import UnusableHash, UnusablePassword
from postroad.directory.names import is_text
from postroad.directory.passwords.password import (
    MAKERS,
    MAX_PASSWORD,
    STANDARD,
    PasswordProfile,
    hash_password,
    is_current,
)
from postroad.directory.passwords.schemes import StoredHash, read_hash
from postroad.directory.passwords.scram import SCRAM_KINDS, make_verifier, read_verifier
from postroad.sasl.secrets import CramSecret, ScramSecret, Secret, SecretKind

__all__ = [
    "DEFAULT_KINDS",
    "Credentials",
    "check_password",
    "credentials_of",
    "credentials_of_hash",
    "renewed",
]

DEFAULT_KINDS = frozenset({SecretKind.SCRAM_SHA_256})
"""The kinds of secrets that are kept where nothing else is said."""

_CLEAR = frozenset({"PLAIN", "CLEAR", "CLEARTEXT"})
_CRAM = frozenset({"CRAM-MD5", "HMAC-MD5"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the directory keeps of one password.

    Attributes:
        password: its hash, `{SCHEME}…`.
        scram_sha_1: the verifier as text; empty if there is none.
        scram_sha_256: the same.
        default: the scheme of a hash without braces.
    """

    password: str
    scram_sha_1: str = ""
    scram_sha_256: str = ""
    default: str = "CRYPT"

    @property
    def stored(self) -> tuple[str, str, str]:
        """The hash and both verifiers, as rows hold them."""
        return self.password, self.scram_sha_1, self.scram_sha_256

    @property
    def cram_md5(self) -> bool:
        """Whether CRAM-MD5 can be used: from clear text, or from its own scheme."""
        found = read_hash(self.password, self.default)
        return isinstance(found, StoredHash) and found.name in _CLEAR | _CRAM

    def secret(self, kind: SecretKind) -> Secret | None:
        """The secret of that kind, `None` if there is none."""
        if kind is SecretKind.CRAM_MD5:
            return self._cram_secret()
        return read_verifier(kind, self._verifier(kind))

    def is_as_wanted(self, profile: PasswordProfile, kinds: Collection[SecretKind]) -> bool:
        """Whether hash and verifiers are what would be made of the password today.

        Args:
            profile: today's cost.
            kinds: the secrets to keep. While CRAM-MD5 is one, a hash that serves it is kept.
        """
        return self._is_kept(profile, kinds) and all(
            self._iterations(kind) == (profile.iterations if kind in kinds else 0)
            for kind in SCRAM_KINDS
        )

    def _is_kept(self, profile: PasswordProfile, kinds: Collection[SecretKind]) -> bool:
        serves = SecretKind.CRAM_MD5 in kinds and self.cram_md5
        return serves or is_current(self.password, profile)

    def _iterations(self, kind: SecretKind) -> int:
        """How costly the verifier of that kind is; 0 if there is none."""
        secret = self.secret(kind)
        return secret.iterations if isinstance(secret, ScramSecret) else 0

    def hash_to_keep(
        self, password: str, profile: PasswordProfile, kinds: Collection[SecretKind]
    ) -> str:
        """The hash as it is, or a new one where it is not as it should be."""
        kept = self._is_kept(profile, kinds)
        return self.password if kept else hash_password(password, profile)

    def _verifier(self, kind: SecretKind) -> str:
        return self.scram_sha_1 if kind is SecretKind.SCRAM_SHA_1 else self.scram_sha_256

    def _cram_secret(self) -> CramSecret | None:
        found = read_hash(self.password, self.default)
        if isinstance(found, StoredHash) and found.name in _CLEAR:
            return CramSecret.of(found.octets)
        if isinstance(found, StoredHash) and found.name in _CRAM:
            return CramSecret(found.octets[:16], found.octets[16:])
        return None


def check_password(password: str) -> None:
    """Refuse a password that could never be used to log in.

    Raises:
        UnusablePassword: empty, too long, with a NUL, or with half a character.
    """
    if not password:
        raise UnusablePassword("the password is empty")
    if len(password) > MAX_PASSWORD:
        raise UnusablePassword(f"the password is longer than {MAX_PASSWORD} characters")
    if "\0" in password:  # SASL PLAIN separates its fields with it (RFC 4616 §2)
        raise UnusablePassword("the password holds a NUL, which no client can send")
    if not is_text(password):
        raise UnusablePassword("the password is not UTF-8 text")


def credentials_of(
    password: str,
    profile: PasswordProfile,
    kinds: Collection[SecretKind] = DEFAULT_KINDS,
    scheme: str = STANDARD,
) -> Credentials:
    """New credentials for a password.

    Args:
        password: in clear text.
        profile: the cost.
        kinds: the secrets to keep beside the hash.
        scheme: of the hash, one of `MAKERS`.

    Raises:
        UnusablePassword: it could never be used, or no such scheme can be made.
    """
    check_password(password)
    if scheme not in MAKERS:
        raise UnusableHash(f"no hash of scheme {scheme} is made; one of {', '.join(MAKERS)}")
    return _with_verifiers(hash_password(password, profile, scheme), password, profile, kinds)


def credentials_of_hash(
    stored: str,
    profile: PasswordProfile,
    kinds: Collection[SecretKind] = DEFAULT_KINDS,
    default: str = "CRYPT",
    *,
    tried: bool = False,
) -> Credentials:
    """The credentials that a ready hash gives, such as one from a Dovecot passwd-file.

    A verifier of SCRAM is one for that mechanism too; clear text gives every secret.

    Args:
        stored: `{SCHEME}hash`, or the hash alone.
        profile: the cost of verifiers that are made.
        kinds: the secrets to keep beside the hash.
        default: the scheme of a hash without braces.
        tried: whether a hash of the same form was found good before; then none is computed, which
            takes as long as a login.

    Raises:
        UnusableHash: its scheme is unknown, it is damaged, or it costs too much to check.
    """
    found = read_hash(stored, default)
    if not isinstance(found, StoredHash):
        raise UnusableHash(found.objection)
    # The check of any password tells what reading alone does not.
    objection = "" if tried else found.check("", "").objection
    if objection:
        raise UnusableHash(objection)
    if found.name in _CLEAR:
        password = found.octets.decode("utf-8", "surrogatepass")
        check_password(password)
        return replace(_with_verifiers(stored, password, profile, kinds), default=default)
    text = found.octets.decode("utf-8", "replace")
    return Credentials(
        stored,
        scram_sha_1=text if found.name == SecretKind.SCRAM_SHA_1.value else "",
        scram_sha_256=text if found.name == SecretKind.SCRAM_SHA_256.value else "",
        default=default,
    )


def renewed(
    held: Credentials, password: str, profile: PasswordProfile, kinds: Collection[SecretKind]
) -> Credentials | None:
    """The credentials to keep from now on, `None` if those that are held can stay.

    Args:
        held: what is stored.
        password: the right one, just given.
        profile: today's cost.
        kinds: the secrets to keep.
    """
    if held.is_as_wanted(profile, kinds) or not is_text(password):
        return None
    stored = held.hash_to_keep(password, profile, kinds)
    return replace(_with_verifiers(stored, password, profile, kinds), default=held.default)


def _with_verifiers(
    stored: str, password: str, profile: PasswordProfile, kinds: Collection[SecretKind]
) -> Credentials:
    verifiers = {
        kind: make_verifier(kind, password, profile.iterations) if kind in kinds else ""
        for kind in SCRAM_KINDS
    }
    return Credentials(
        stored, verifiers[SecretKind.SCRAM_SHA_1], verifiers[SecretKind.SCRAM_SHA_256]
    )
