"""Certificates made in memory: roots, what they sign, and what is wrong with some of it."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Issued", "issue", "root"]

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and who signed it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def root(name: str = "Root") -> Issued:
    """An authority that signed itself."""
    return issue(None, common_name=name, ca=True)


def issue(
    signer: Issued | None,
    *names: str,
    common_name: str = "",
    ca: bool = False,
    valid: tuple[float, float] = (-2, 40),
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.SERVER_AUTH,),
    path_length: int | None = None,
) -> Issued:
    """A certificate.

    Args:
        signer: who signs it; `None`: itself.
        names: of hosts and addresses.
        common_name: of its subject; else the first name.
        ca: whether it may sign others.
        valid: from when to when, in days from now.
        usages: what it is for, for one that is no authority.
        path_length: how many authorities may be below it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(common_name or names[0])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid[0] * DAY)
        .not_valid_after(now + valid[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(name) for name in names]), False
        )
    if usages and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(usages)), False)
    signing = key if signer is None else signer.key
    return Issued(builder.sign(signing, hashes.SHA256()), key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
