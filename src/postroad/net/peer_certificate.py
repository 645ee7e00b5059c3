"""What a client's certificate says about it, once OpenSSL has found an authority behind it.

Values are chosen by whoever had the certificate issued, so each is bounded; the fingerprint alone
is beyond anybody's choice.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID

from postroad.model import ClientCertificate
from postroad.net.certificates import Chain, oddities

__all__ = ["client_certificate", "end_point"]

MAX_NAMES = 32
"""Names of a kind that are looked at: a person has a few addresses, a machine a few names."""

MAX_LENGTH = 254
"""Characters of a name: the longest address that mail can be sent to (RFC 5321 §4.5.3.1.3)."""


def client_certificate(der: bytes) -> ClientCertificate:
    """Read a certificate.

    Args:
        der: as it came, and verified.

    Returns:
        What it says; where it cannot be read, the fingerprint alone.
    """
    fingerprint = hashlib.sha256(der).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(der)
        emails, names = _alternatives(certificate)
        subject = _common_name(certificate.subject)
        issuer = _common_name(certificate.issuer)
        key = _key_fingerprint(certificate)
    except oddities():
        return ClientCertificate(fingerprint=fingerprint, der=der)
    return ClientCertificate(subject, issuer, emails, names, fingerprint, der, key)


def _key_fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, as Postfix takes it too since 2.9.6."""
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:  # OpenSSL knows kinds of keys that this library does not
        return ""
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(octets).hexdigest()


def _alternatives(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The e-mail addresses and the DNS names it is for."""
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except x509.ExtensionNotFound:
        return (), ()
    assert isinstance(extension.value, x509.SubjectAlternativeName)
    emails = extension.value.get_values_for_type(x509.RFC822Name)[:MAX_NAMES]
    names = extension.value.get_values_for_type(x509.DNSName)[:MAX_NAMES]
    return (
        tuple(email for email in emails if len(email) <= MAX_LENGTH),
        tuple(name.lower() for name in names if len(name) <= MAX_LENGTH),
    )


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = found[0].value if found else ""
    return value[:MAX_LENGTH] if isinstance(value, str) else ""


def end_point(der: bytes) -> bytes | None:
    """The channel binding `tls-server-end-point` of a server that showed this certificate.

    Args:
        der: as it came.

    Returns:
        As `Chain.end_point`; `None` also where the certificate cannot be read.
    """
    try:
        return Chain((x509.load_der_x509_certificate(der),)).end_point
    except oddities():
        return None
