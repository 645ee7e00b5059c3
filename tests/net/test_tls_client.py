"""Contexts for our connections to other servers: versions, ciphers, files."""

from __future__ import annotations

import ssl
import warnings

import pytest

from chains import issue, root
from peers.certificates import Authority
from postroad.net.certificates import TlsConfigurationError
from postroad.net.tls_client import MAX_CONTEXTS, ClientContexts, ClientTls, parse_protocols

ONE, ONE_ONE, TWO, THREE = (
    ssl.TLSVersion.TLSv1,
    ssl.TLSVersion.TLSv1_1,
    ssl.TLSVersion.TLSv1_2,
    ssl.TLSVersion.TLSv1_3,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=TLSv1.2", {TWO, THREE}),
        (">=TLSv1", {ONE, ONE_ONE, TWO, THREE}),
        ("TLSv1.3", {THREE}),
        ("TLSv1.2, TLSv1.3", {TWO, THREE}),
        ("TLSv1.2:TLSv1.3", {TWO, THREE}),
        ("!SSLv2, !SSLv3", {ONE, ONE_ONE, TWO, THREE}),
        ("!SSLv2:!SSLv3:!TLSv1:!TLSv1.1", {TWO, THREE}),
        (">=TLSv1.1, <=TLSv1.2", {ONE_ONE, TWO}),
        (">=SSLv3", {ONE, ONE_ONE, TWO, THREE}),
        (">=TLSv1, !TLSv1.1", {ONE, TWO, THREE}),
    ],
)
def test_protocols(text, expected):
    assert parse_protocols(text) == expected


@pytest.mark.parametrize(
    "text", ["", "TLS", "TLSv1.4", "SSLv3", "<=SSLv3", "tlsv1.2", "!TLSv1.3 TLSv1.3", ">= TLSv1.2"]
)
def test_what_are_none(text):
    with pytest.raises(ValueError, match="version of TLS"):
        parse_protocols(text)


def test_a_context_is_made_once():
    contexts = ClientContexts()
    assert contexts.of(ClientTls()) is contexts.of(ClientTls())
    assert contexts.of(ClientTls()) is not contexts.of(ClientTls(ciphers="high"))


def test_not_more_are_kept_than_there_is_room_for():
    contexts = ClientContexts()
    first = contexts.of(ClientTls())
    versions = ("TLSv1.2", "TLSv1.3", "TLSv1.2 TLSv1.3")
    for number in range(MAX_CONTEXTS):
        contexts.of(ClientTls(protocols=f"{versions[number % 3]}{' !SSLv3' * number}"))
    assert contexts.of(ClientTls()) is not first


def test_versions_and_ciphers():
    contexts = ClientContexts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = contexts.of(ClientTls(protocols=">=TLSv1, !TLSv1.1"))
        assert old.minimum_version == ONE
        assert old.options & ssl.OP_NO_TLSv1_1
    usual = contexts.of(ClientTls())
    assert (usual.minimum_version, usual.maximum_version) == (TWO, THREE)
    names = {each["name"] for each in usual.get_ciphers()}
    strict = {each["name"] for each in contexts.of(ClientTls(ciphers="high")).get_ciphers()}
    assert "AES128-SHA" in names
    assert "AES128-SHA" not in strict
    assert not [name for name in names | strict if "NULL" in name or name.startswith("ADH")]


def test_no_context_checks_the_name_by_itself():
    for verify in (True, False):
        context = ClientContexts().of(ClientTls(verify=verify))
        assert not context.check_hostname
        assert context.verify_mode is (ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)


def test_files(tmp_path):
    authority = Authority(tmp_path)
    issued = authority.issue("client.example.org", client=True)
    contexts = ClientContexts()
    context = contexts.of(
        ClientTls(ca_file=authority.certificate, certificate=issued.chain, key=issued.key)
    )
    assert [each["subject"] for each in context.get_ca_certs()]
    missing, junk = tmp_path / "missing", tmp_path / "junk"
    junk.write_text("junk")
    other = tmp_path / "other.key"
    other.write_bytes(issue(root(), "x.example").key_pem)
    for wanted in (
        ClientTls(ca_file=missing),
        ClientTls(ca_file=junk),
        ClientTls(certificate=missing),
        ClientTls(certificate=issued.chain),  # no key in it
        ClientTls(certificate=issued.chain, key=junk),
        ClientTls(certificate=issued.chain, key=other),
    ):
        with pytest.raises(TlsConfigurationError):
            contexts.of(wanted)
