"""A certificate of our own making, until a real one takes its place.

Mail servers speak opportunistic TLS with each other and do not check names, so a self-signed
certificate serves port 25 well. Users' programs do check, and will ask before they trust this one.
No file is ever overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["LIFETIME", "self_signed", "write_self_signed"]

LIFETIME = timedelta(days=3650)
"""Long, because nobody renews it: it is to be replaced, not to expire on a forgotten server."""

_SKEW = timedelta(hours=1)
MAX_COMMON_NAME = 64  # characters, RFC 5280 appendix A.1


def self_signed(names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """A certificate and its private key (EC P-256), each as PEM.

    Args:
        names: DNS names and IP addresses it is valid for; the first is also its subject.
        now: when it begins to be valid, less an hour for clocks that are slow.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:MAX_COMMON_NAME])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def write_self_signed(names: Sequence[str], certificate: Path, key: Path) -> None:
    """Make a certificate and key and write them, readable by their owner alone.

    Args:
        names: DNS names and IP addresses it is valid for.
        certificate: where the certificate goes; its directory is made if need be.
        key: where the key goes.

    Raises:
        FileExistsError: one of the files is there already.
        OSError: one cannot be written.
    """
    certificate_pem, key_pem = self_signed(names, datetime.now(UTC))
    for path, octets in ((key, key_pem), (certificate, certificate_pem)):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
