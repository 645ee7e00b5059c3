"""Certificates in files: what is read of them, and what is said about files that are none."""

from __future__ import annotations

import hashlib
import re
import subprocess
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from peers import needs
from peers.certificates import Authority
from postroad.net.certificates import Chain, TlsConfigurationError, is_for, read_chain
from postroad.net.peer_certificate import client_certificate

Signer = Callable[[x509.CertificateBuilder], x509.Certificate]
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PSS = padding.PSS(padding.MGF1(hashes.SHA512()), 64)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def certificate(sign: Signer, name: str = "mail.example.org") -> x509.Certificate:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return sign(
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(EC_KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.DER)


def test_a_chain(authority: Authority) -> None:
    issued = authority.issue("Mail.example.org", "*.example.net", "192.0.2.1")

    chain = read_chain(issued.chain)

    assert chain.names == ("mail.example.org", "*.example.net")
    assert len(chain.certificates) == 2
    assert chain.misplaced is None
    assert not chain.is_self_signed


def test_a_chain_in_the_wrong_order(authority: Authority, tmp_path: Path) -> None:
    first, second = authority.issue("a.example"), authority.issue("b.example")
    mixed = tmp_path / "mixed.pem"
    mixed.write_bytes(first.chain.read_bytes() + second.chain.read_bytes())

    misplaced = read_chain(mixed).misplaced

    assert misplaced is not None
    assert "b.example" in misplaced.subject.rfc4514_string()


def test_kinds_of_keys(authority: Authority) -> None:
    kinds = {
        kind: read_chain(authority.issue(f"{kind}.example", kind=kind).chain).key_kind
        for kind in ("ec", "rsa", "ed25519")
    }
    again = read_chain(authority.issue("again.example", kind="rsa").chain).key_kind

    assert len(set(kinds.values())) == 3
    assert again == kinds["rsa"]


@pytest.mark.parametrize(
    ("sign", "name"),
    [
        (lambda builder: builder.sign(EC_KEY, hashes.SHA256()), "sha256"),
        (lambda builder: builder.sign(EC_KEY, hashes.SHA384()), "sha384"),
        (lambda builder: builder.sign(RSA_KEY, hashes.SHA512()), "sha512"),
        (lambda builder: builder.sign(EC_KEY, hashes.SHA3_256()), "sha3_256"),
        (lambda builder: builder.sign(RSA_KEY, hashes.SHA512(), rsa_padding=PSS), "sha512"),
    ],
    ids=["SHA-256", "SHA-384", "SHA-512", "SHA3-256", "RSASSA-PSS"],
)
def test_the_end_point_is_hashed_as_the_signature_is(sign: Signer, name: str) -> None:
    made = certificate(sign)

    assert Chain((made,)).end_point == hashlib.new(name, der(made)).digest()


def test_ed25519_has_no_end_point() -> None:
    key = ed25519.Ed25519PrivateKey.generate()

    assert Chain((certificate(lambda builder: builder.sign(key, None)),)).end_point is None


class Sha1Signed:
    """A certificate that this system's libraries refuse to make and still may read."""

    class Algorithm:
        name = "sha1"

    signature_hash_algorithm = Algorithm()

    def public_bytes(self, _encoding: serialization.Encoding) -> bytes:
        return b"octets of a certificate"


def test_sha_1_counts_as_sha_256() -> None:
    made = Chain((Sha1Signed(),))  # type: ignore[arg-type]

    assert made.end_point == hashlib.sha256(b"octets of a certificate").digest()


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        (("mail.example.org",), "mail.example.org", True),
        (("*.example.org",), "mail.example.org", True),
        (("*.example.org",), "a.mail.example.org", False),
        (("*.example.org",), "example.org", False),
        (("m*.example.org",), "mail.example.org", False),
        (("*.org",), "mail.example.org", False),
        ((), "mail.example.org", False),
        (("*",), "mail", False),
        (("*.",), "mail", True),
    ],
)
def test_whom_names_are_for(names: tuple[str, ...], host: str, expected: bool) -> None:
    assert is_for(names, host) is expected


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "holds no PEM certificate"),
        (b"hello", "holds no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no PEM"),
        (b"x" * 1_048_577, "is longer than 1048576 octets"),
    ],
    ids=["empty", "text", "broken", "huge"],
)
def test_what_is_no_certificate(tmp_path: Path, octets: bytes, words: str) -> None:
    file = tmp_path / "certificate.pem"
    file.write_bytes(octets)

    with pytest.raises(TlsConfigurationError, match=words) as caught:
        read_chain(file)
    assert caught.value.file == file


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(TlsConfigurationError, match="no such file"):
        read_chain(tmp_path / "nothing.pem")


def test_what_a_clients_certificate_says(authority: Authority) -> None:
    issued = authority.issue("john", "john@example.org", "Laptop.example.org", client=True)
    leaf = read_chain(issued.chain).leaf

    seen = client_certificate(der(leaf))

    assert (seen.subject, seen.issuer) == ("john", "Test authority")
    assert seen.emails == ("john@example.org",)
    assert seen.names == ("john", "laptop.example.org")
    assert seen.fingerprint == hashlib.sha256(der(leaf)).hexdigest()
    assert seen.der == der(leaf)
    argv = [needs.program("openssl"), "x509", "-in", str(issued.chain), "-noout", "-pubkey"]
    pem = subprocess.run(argv, check=True, capture_output=True).stdout
    key = b64decode(b"".join(pem.splitlines()[1:-1]))
    assert seen.key_fingerprint == hashlib.sha256(key).hexdigest()
    assert re.fullmatch("([0-9A-F]{2}:){31}[0-9A-F]{2}", seen.shown_key_fingerprint)
    assert seen.shown_fingerprint.replace(":", "").lower() == seen.fingerprint


def test_of_a_certificate_that_cannot_be_read_the_fingerprint_is_left() -> None:
    seen = client_certificate(b"no certificate")

    assert (seen.subject, seen.emails, seen.names) == ("", (), ())
    assert (seen.key_fingerprint, seen.shown_key_fingerprint) == ("", "")
    assert seen.fingerprint == hashlib.sha256(b"no certificate").hexdigest()
