"""Certificates for the peers: an authority made for one test run, and leaves for names.

Verification is real: a client that trusts `Authority.certificate` accepts these leaves and no
others.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "Certificate"]

_VALID = dt.timedelta(days=40)  # more than anybody warns of

Kind = Literal["ec", "rsa", "short", "ed25519"]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a certificate: its chain and its private key, both PEM."""

    chain: Path
    key: Path


class Authority:
    """A certificate authority; `certificate` is the file that a client must trust.

    Args:
        folder: where the files go; every user must be able to enter it.
        name: its own; of its file too, where it is not the usual one.
    """

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        builder = _builder(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_key_usage(signs_certificates=True), True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        usual = name == "Test authority"
        self.certificate = folder / ("authority.pem" if usual else f"{name}.pem")
        self.certificate.write_bytes(_pem(self._certificate))

    def issue(
        self,
        *names: str,
        kind: Kind = "ec",
        file: str = "",
        client: bool = False,
        valid: tuple[dt.timedelta, dt.timedelta] = (-_VALID, _VALID),
    ) -> Certificate:
        """A certificate for host names, IP addresses and, with an @, mail addresses.

        Args:
            names: the first is its subject.
            kind: its key: `ec` (P-256), `rsa` (2048 bits), `short` (RSA of 1024) or `ed25519`.
            file: the name of its files without their ending; the first name unless given.
            client: whether it is for a client and no server's.
            valid: from when to when, as distances from now.
        """
        key = _new_key(kind)
        builder = _builder(_name(names[0]), self._name, key.public_key(), valid)
        alternatives = [_general_name(name) for name in names]
        usage = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH]
        )
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        builder = builder.add_extension(usage, False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        leaf = builder.add_extension(authority_key, False).sign(self._key, hashes.SHA256())
        stem = file or names[0].replace("*", "any")
        files = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        files.chain.write_bytes(_pem(leaf) + _pem(self._certificate))
        files.key.touch(0o600)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files


def _new_key(kind: Kind) -> Key:
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(
        public_exponent=65_537, key_size=2048 if kind == "rsa" else 1024
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    valid: tuple[dt.timedelta, dt.timedelta] = (-_VALID, _VALID),
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + valid[0]).not_valid_after(now + valid[1])
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    if "@" in text:
        return x509.RFC822Name(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
