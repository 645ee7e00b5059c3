from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from postroad.directory import (
    CHEAP,
    CertificateMap,
    DirectoryEditor,
    DirectorySettings,
    EmbeddedDirectory,
)

JOHN, ANN = "john@example.org", "ann@example.org"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def certificate(common_name="John", email=None, names=()):
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if email:
        parts.append(x509.NameAttribute(NameOID.EMAIL_ADDRESS, email))
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), *parts])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, SHA256())


def der(made):
    return made.public_bytes(Encoding.DER)


def fingerprint(made, separator=""):
    octets = made.fingerprint(SHA256())
    return separator.join(f"{octet:02X}" for octet in octets)


PLAIN = certificate()
MAILED = certificate("J", email="John@example.org", names=[x509.RFC822Name("other@example.org")])
SUBJECT_ONLY = certificate("J", email="John@example.org", names=[x509.DNSName("a.example.org")])
KELVIN = certificate("K", email="mi\N{KELVIN SIGN}e@example.org")


@pytest.mark.parametrize(
    ("entries", "made", "user"),
    [
        ({}, PLAIN, None),
        ({f"sha256:{fingerprint(PLAIN)}": JOHN}, PLAIN, JOHN),
        ({f"SHA256:{fingerprint(PLAIN, ':').lower()}": JOHN}, PLAIN, JOHN),
        ({f"sha256:{fingerprint(MAILED)}": JOHN}, PLAIN, None),
        ({"name:John": JOHN}, PLAIN, JOHN),
        ({"name:john": JOHN}, PLAIN, None),
        ({"name:Joh": JOHN}, PLAIN, None),
        ({"email:john@EXAMPLE.org": JOHN}, SUBJECT_ONLY, JOHN),
        ({"email:john@example.org": JOHN}, MAILED, None),
        ({"email:other@example.org": JOHN}, MAILED, JOHN),
        ({"email:mike@example.org": JOHN}, KELVIN, None),
        ({"email:john@example.org": JOHN}, PLAIN, None),
        ({"subject:CN=John,O=Example": JOHN}, PLAIN, JOHN),
        ({"subject:CN=John": JOHN}, PLAIN, None),
        ({"email:other@example.org": JOHN, "name:J": JOHN}, MAILED, JOHN),
        ({"email:other@example.org": JOHN, "name:J": ANN}, MAILED, None),
        ({f"sha256:{fingerprint(MAILED)}": ANN, "name:J": JOHN}, MAILED, ANN),
    ],
)
def test_whose_a_certificate_is(entries, made, user):
    assert CertificateMap(entries).user_of(der(made)) == user


@pytest.mark.parametrize("octets", [b"", b"\0" * 100, der(PLAIN)[:-1], b"0\x82\xff\xff"])
def test_what_is_no_certificate_is_nobodys(octets):
    assert CertificateMap({"name:John": JOHN}).user_of(octets) is None


@pytest.mark.parametrize(
    "name",
    [
        *("", "John", "sha256:", "sha256:abc", "sha1:" + "a" * 40, "email:", "name: ", "x:y"),
        "email:mi\N{KELVIN SIGN}e@example.org",
    ],
)
def test_entries_that_name_no_certificate(name):
    with pytest.raises(ValueError, match=r"certificate is named by|64 hexadecimal digits|is ASCII"):
        CertificateMap({name: JOHN})


async def test_only_an_account_that_may_log_in_is_found(tmp_path):
    path = tmp_path / "directory.db"
    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        editor.add_user(JOHN, "summersun")
        directory = EmbeddedDirectory.open(
            path,
            domains=["example.org"],
            settings=DirectorySettings(
                certificates={"name:John": "John@example.org", "name:J": "nobody@example.org"}
            ),
            clock=lambda: 0.0,
            profile=CHEAP,
        )
        assert await directory.user_of_certificate(der(PLAIN)) == JOHN
        assert await directory.user_of_certificate(der(MAILED)) is None
        assert await directory.user_of_certificate(der(certificate("X"))) is None
        editor.set_enabled(JOHN, enabled=False)
        assert await directory.user_of_certificate(der(PLAIN)) is None
        directory.close()
