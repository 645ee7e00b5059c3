"""What `load` says about `[tls]` and its certificates, and what `check` doubts about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peers.certificates import Authority, Certificate
from postroad.config import Configuration, ConfigurationError, load
from postroad.config.credence import doubts
from postroad.net.certificates import KeyPair
from postroad.net.settings import CertificateSettings, TlsSettings

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n[listeners.submission]\n'


def mistakes(directory: Path, text: str, *, examine_files: bool = False) -> list[str]:
    file = directory / "postroad.toml"
    file.write_text(HEAD + text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, examine_files=examine_files)
    return [str(mistake).replace(f"{directory}/", "") for mistake in caught.value.mistakes]


VALUES = {
    "an older version than the profile's": (
        '[tls]\nprofile = "modern"\nminimum_version = "TLSv1.2"',
        (
            'postroad.toml:6: [tls] minimum_version: TLSv1.2 is older than profile = "modern"'
            ' allows: take this key out, or take profile = "intermediate"'
        ),
    ),
    "no such profile": (
        '[tls]\nprofile = "moderne"',
        (
            "postroad.toml:5: [tls] profile: expected one of modern, intermediate, old, not"
            ' "moderne"; did you mean modern?'
        ),
    ),
    "a certificate without its file": (
        '[[tls.certificates]]\nkey = "k.pem"',
        "postroad.toml:4: [[tls.certificates]] certificate: is required",
    ),
    "an unknown key of the second": (
        (
            '[[tls.certificates]]\ncertificate = "a"\n[[tls.certificates]]\ncertificat = "b"\n'
            'certificate = "b"'
        ),
        "postroad.toml:7: [[tls.certificates]] certificat: unknown key; did you mean certificate?",
    ),
    "a value of the wrong kind": (
        '[[tls.certificates]]\ncertificate = "a"\nnames = "x.example"',
        (
            "postroad.toml:6: [[tls.certificates]] names: expected a list in brackets, each text in"
            ' quotes, not "x.example"'
        ),
    ),
    "a name that is none": (
        '[[tls.certificates]]\ncertificate = "a"\nnames = ["*.x.example", "m*.x.example"]',
        (
            "postroad.toml:6: [[tls.certificates]] names: expected a name such as"
            ' "mail.example.org" or "*.example.org", not "m*.x.example"'
        ),
    ),
    "client certificates of nobody": (
        "client_certificates = true",
        (
            "postroad.toml:4: [listeners.submission] client_certificates: needs [tls]"
            " client_ca_file, the authorities to look for behind them"
        ),
    ),
    "client certificates without TLS": (
        '[tls]\nclient_ca_file = "a"\n[listeners.mx]\ntls = "none"\nclient_certificates = true',
        (
            "postroad.toml:8: [listeners.mx] client_certificates: certificates are shown under TLS"
            " only, which this listener has not"
        ),
    ),
}


@pytest.mark.parametrize(("text", "said"), VALUES.values(), ids=VALUES.keys())
def test_values(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(tmp_path, text) == [said]


def test_certificates_as_tables_and_in_a_line(tmp_path: Path) -> None:
    tables = (
        '[tls]\ncertificate = "a.pem"\n[[tls.certificates]]\ncertificate = "b.pem"\n'
        '[[tls.certificates]]\ncertificate = "c.pem"\nkey = "/c.key"\nnames = ["x.example"]\n'
    )
    line = (
        '[tls]\ncertificate = "a.pem"\ncertificates = [{certificate = "b.pem"},'
        ' {certificate = "c.pem", key = "/c.key", names = ["x.example"]}]\n'
    )
    for text in (tables, line):
        file = tmp_path / "postroad.toml"
        file.write_text(HEAD + text)
        assert load(file, examine_files=False).key_pairs == (
            KeyPair(tmp_path / "a.pem", tmp_path / "a.pem"),
            KeyPair(tmp_path / "b.pem", tmp_path / "b.pem"),
            KeyPair(tmp_path / "c.pem", Path("/c.key"), ("x.example",)),
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_every_file_that_cannot_be_used_is_named(tmp_path: Path, authority: Authority) -> None:
    for name in ("a", "b", "c"):
        authority.issue(f"{name}.example", file=name)
    authority.issue("short.example", file="short", kind="short")
    text = (
        '[tls]\ncertificate = "a.pem"\nkey = "b.key"\nclient_ca_file = "a.key"\n'
        '[[tls.certificates]]\ncertificate = "nothing.pem"\nkey = "b.key"\n'
        '[[tls.certificates]]\ncertificate = "c.pem"\nkey = "b.key"\n'
        '[[tls.certificates]]\ncertificate = "short.pem"\nkey = "short.key"\n'
        '[[tls.certificates]]\ncertificate = "b.pem"\nkey = "b.key"\n'
    )

    said = mistakes(tmp_path, text, examine_files=True)

    assert said[:4] == [
        "postroad.toml:6: [tls] key: b.key: this key does not belong to the certificate",
        (
            "postroad.toml:7: [tls] client_ca_file: a.key: not a PEM file of certificates (no"
            " certificate or crl found)"
        ),
        "postroad.toml:9: [[tls.certificates]] certificate: nothing.pem: no such file or directory",
        (
            "postroad.toml:13: [[tls.certificates]] key: b.key: this key does not belong to the"
            " certificate"
        ),
    ]
    assert said[4].startswith(
        "postroad.toml:15: [[tls.certificates]] certificate: short.pem: a key is too weak"
    )
    assert len(said) == 5


NOW = datetime.now(UTC)


def doubted(default: Certificate, *more: CertificateSettings) -> list[tuple[str, bool]]:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=(),
        tls=TlsSettings(certificate=default.chain, key=default.key, certificates=more),
    )
    return [(doubt.words, doubt.harmless) for doubt in doubts(configuration, NOW)]


def test_nothing_to_doubt(authority: Authority) -> None:
    other = authority.issue("mail.example.net")

    [first, second] = doubted(
        authority.issue("mail.example.org"), CertificateSettings(certificate=other.chain)
    )

    assert first[1]
    assert second[1]
    assert first[0].startswith("valid until ")


@pytest.mark.parametrize(
    ("valid", "words"),
    [
        ((timedelta(-9), timedelta(-1)), "expired on "),
        ((timedelta(1), timedelta(9)), "is not valid before "),
        ((timedelta(-9), timedelta(days=9, hours=1)), "expires on "),
    ],
)
def test_days(authority: Authority, valid: tuple[timedelta, timedelta], words: str) -> None:
    [(said, harmless)] = doubted(authority.issue("mail.example.org", valid=valid))

    assert said.startswith(words)
    assert not harmless


def test_a_chain_in_the_wrong_order(authority: Authority, tmp_path: Path) -> None:
    leaf = authority.issue("mail.example.org")
    stranger = Authority(tmp_path, "Stranger")
    own = leaf.chain.read_bytes().partition(b"-----END CERTIFICATE-----\n")
    leaf.chain.write_bytes(own[0] + own[1] + stranger.certificate.read_bytes())

    [(said, _)] = doubted(leaf)

    assert said.startswith("the chain is out of order: Stranger did not sign what stands before it")


def test_a_chain_without_its_end(authority: Authority) -> None:
    leaf = authority.issue("mail.example.org")
    own = leaf.chain.read_bytes().partition(b"-----END CERTIFICATE-----\n")
    leaf.chain.write_bytes(own[0] + own[1])

    [(said, _)] = doubted(leaf)

    assert said.startswith("the chain ends before an authority: Test authority, which signed")
    assert "fullchain.pem" in said


def test_names(authority: Authority) -> None:
    other = authority.issue("mail.example.net", "*.example.com")
    named = CertificateSettings(
        certificate=other.chain, names=("MAIL.example.net", "x.example.com", "mail.example.info")
    )

    said = doubted(authority.issue("example.org"), named)

    assert said == [
        ("is not for mail.example.org; users' programs will refuse it", False),
        (
            "is not for mail.example.info, which names says; users' programs will refuse it there",
            False,
        ),
    ]
