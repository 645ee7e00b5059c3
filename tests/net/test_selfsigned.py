"""Certificates of our own making."""

from __future__ import annotations

import contextlib
import ssl
import stat
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from postroad.net.selfsigned import LIFETIME, self_signed, write_self_signed
from postroad.net.settings import TlsSettings
from postroad.net.tls import server_context

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_what_is_in_it() -> None:
    pem, _ = self_signed(("mail.example.org", "127.0.0.1", "::1"), NOW)
    certificate = x509.load_pem_x509_certificate(pem)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc == NOW + LIFETIME
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.example.org"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


def test_a_long_name_still_makes_a_certificate() -> None:
    name = f"{'a' * 63}.{'b' * 63}.example"
    pem, _ = self_signed((name,), NOW)
    assert name in str(x509.load_pem_x509_certificate(pem).extensions)


def test_files_are_private_and_never_overwritten(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls" / "c.pem", tmp_path / "tls" / "k.pem"
    write_self_signed(("a.example",), certificate, key)
    assert stat.S_IMODE(certificate.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    with pytest.raises(FileExistsError):
        write_self_signed(("a.example",), certificate, key)
    assert key.read_bytes() == before


def test_who_trusts_the_file_trusts_the_server(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    write_self_signed(("mail.example.org",), certificate, key)
    trust = ssl.create_default_context(cafile=certificate)
    trust.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python asks for from 3.13 on
    served = server_context(TlsSettings(), certificate, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname="mail.example.org")
    server = served.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client.getpeercert()["subjectAltName"] == (("DNS", "mail.example.org"),)
