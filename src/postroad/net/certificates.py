"""Certificates in files: reading a chain, and what is to be known of it without using it.

For whom a certificate is, of what kind its key is, which hash of it a client may bind a login to,
and whether what stands behind it in the file is in order. Nothing here makes a connection.

The library that reads certificates is loaded by the first one, which many commands never see.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

__all__ = [
    "Chain",
    "KeyPair",
    "TlsConfigurationError",
    "is_for",
    "oddities",
    "read_chain",
    "require_readable",
]

MAX_FILE = 1_048_576
"""Octets of a PEM file: the largest chains have some ten thousand, the world's authorities together
a quarter of a million."""


class TlsConfigurationError(Exception):
    """A certificate, key or authority file cannot be used; `file` names it."""

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file
        self.message = message


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Where a certificate and its key are.

    Attributes:
        certificate: PEM file with the certificate and the chain behind it.
        key: PEM file with its private key, not encrypted.
        names: the server names it is shown for; empty: those in the certificate.
    """

    certificate: Path
    key: Path
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """A server's certificate and what stands behind it in its file.

    Attributes:
        certificates: in the file's order, at least one.
    """

    certificates: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own."""
        return self.certificates[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names it is for, in lower case; the common name counts for nothing any more."""
        from cryptography import x509  # noqa: PLC0415 - loaded by the first certificate
        from cryptography.x509.oid import ExtensionOID  # noqa: PLC0415

        try:
            extension = self.leaf.extensions.get_extension_for_oid(
                ExtensionOID.SUBJECT_ALTERNATIVE_NAME
            )
        except oddities():
            return ()
        assert isinstance(extension.value, x509.SubjectAlternativeName)
        found = extension.value.get_values_for_type(x509.DNSName)
        return tuple(name.lower() for name in found)

    @property
    def key_kind(self) -> str:
        """The key's algorithm: a context holds one certificate of each."""
        kind: str = self.leaf.public_key_algorithm_oid.dotted_string
        return kind

    @property
    def is_self_signed(self) -> bool:
        """Whether nobody but itself vouches for it."""
        return self.leaf.issuer == self.leaf.subject

    @property
    def misplaced(self) -> x509.Certificate | None:
        """The first certificate that did not sign the one before it (RFC 5246 §7.4.2)."""
        for signed, signer in zip(self.certificates, self.certificates[1:], strict=False):
            if signed.issuer != signer.subject:
                return signer
        return None

    @property
    def end_point(self) -> bytes | None:
        """The channel binding `tls-server-end-point` (RFC 5929 §4.1).

        The certificate's hash by the hash of its own signature, MD5 and SHA-1 replaced by SHA-256;
        `None` where that signature has no hash of its own (Ed25519), for which nothing is defined.
        """
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

        try:
            algorithm = self.leaf.signature_hash_algorithm
        except UnsupportedAlgorithm:
            return None
        if algorithm is None:
            return None
        name = "sha256" if algorithm.name in {"md5", "sha1"} else algorithm.name
        return hashlib.new(name.replace("-", "_"), _der(self.leaf)).digest()


def read_chain(file: Path) -> Chain:
    """The certificates in a PEM file.

    Raises:
        TlsConfigurationError: it is absent, unreadable or holds none.
    """
    from cryptography import x509  # noqa: PLC0415 - loaded by the first certificate

    octets = require_readable(file)
    try:
        certificates = x509.load_pem_x509_certificates(octets)
    except ValueError:
        certificates = []
    if not certificates:
        raise TlsConfigurationError(file, "holds no PEM certificate")
    return Chain(tuple(certificates))


def require_readable(file: Path) -> bytes:
    """What is in a file.

    Raises:
        TlsConfigurationError: it is absent or unreadable, or no certificate or key is so long.
    """
    try:
        with open(file, "rb", opener=_open_at_once) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise TlsConfigurationError(file, "it is no regular file")
            octets = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise TlsConfigurationError(file, (error.strerror or str(error)).lower()) from None
    if len(octets) > MAX_FILE:
        raise TlsConfigurationError(file, f"is longer than {MAX_FILE} octets")
    return octets


def _open_at_once(path: str, flags: int) -> int:
    """Without O_NONBLOCK, a named pipe that nobody writes to would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def is_for(names: Iterable[str], host: str) -> bool:
    """Whether a host name is among the names of a certificate.

    A wildcard stands for the whole leftmost label and nothing else (RFC 6125 §6.4.3).

    Args:
        names: in lower case.
        host: without a trailing dot, in lower case.
    """
    wildcard = f"*.{host.partition('.')[2]}"
    return any(name in {host, wildcard} for name in names)


def oddities() -> tuple[type[Exception], ...]:
    """What is raised for certificates that lack an extension, or break the rules of RFC 5280."""
    from cryptography import x509  # noqa: PLC0415 - loaded by the first certificate

    return (
        ValueError,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    )


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return certificate.public_bytes(Encoding.DER)
