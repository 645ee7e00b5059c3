"""What `load` says about `[outbound_tls]`, its tables and its files, and what `check` doubts."""

from __future__ import annotations

from pathlib import Path

import pytest

from peers.certificates import Authority
from postroad.config import ConfigurationError, load
from postroad.config.outbound import policy_objection, unproved_levels

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n[listeners.lmtp]\n'


def mistakes(directory: Path, text: str, *, examine_files: bool = False) -> list[str]:
    file = directory / "postroad.toml"
    file.write_text(HEAD + text)
    try:
        load(file, examine_files=examine_files)
    except ConfigurationError as error:
        return [str(each).replace(f"{directory}/", "") for each in error.mistakes]
    return []


VALUES = {
    'security_level = "dan"': "one of none, may, encrypt, fingerprint, verify, secure, dane",
    'security_level = "fingerprint"': "needs fingerprint_match in [outbound_tls]",
    'protocols = "TLSv1.4"': 'protocols: "TLSv1.4" is no version of TLS',
    'protocols = ">=TLSv1.3, <=TLSv1.2"': "leaves no version of TLS",
    "verify_match = []": "verify_match: needs a name",
    'verify_match = ["host name"]': 'expected "hostname", "nexthop"',
    'secure_match = ["nexthop", "a..b"]': 'expected "hostname", "nexthop"',
    'fingerprint_match = ["xy"]': "expected a fingerprint",
    'key = "client.key"': "key: needs certificate",
    "mta_sts_refresh = 5": "mta_sts_refresh: expected a number from 600",
    "mta_sts = 1": "mta_sts: expected true or false",
    'ciphers = "hihg"': "did you mean high?",
    "tls_security_level = 1": "unknown key",
}


@pytest.mark.parametrize("text", VALUES)
def test_mistakes(tmp_path, text):
    (said,) = mistakes(tmp_path, f"[outbound_tls]\n{text}\n")
    assert said.startswith("postroad.toml:5: [outbound_tls] ")
    assert VALUES[text] in said


@pytest.mark.parametrize("section", ["[relay]", '[transports."partner"]'])
def test_levels_elsewhere_need_the_same(tmp_path, section):
    (said,) = mistakes(tmp_path, f'{section}\ntls = "fingerprint"\n')
    assert "needs fingerprint_match" in said
    both = f'{section}\ntls = "fingerprint"\n[outbound_tls]\nfingerprint_match = ["AB:CD"]\n'
    assert mistakes(tmp_path, both) == []


def test_an_entry_that_means_nothing(tmp_path):
    table = tmp_path / "policy"
    table.write_text("example.net secure\nexample.com secured match=x\n")
    text = f'[outbound_tls]\npolicy = ["hash:{table}"]\n'
    said = mistakes(tmp_path, text, examine_files=True)
    assert len(said) == 1
    assert 'the entry "secured match=x" means nothing: "secured" is no level of TLS' in said[0]
    table.write_text("example.net secure\n")
    assert mistakes(tmp_path, text, examine_files=True) == []


def test_a_running_server_does_not_take_it(tmp_path):
    file = tmp_path / "postroad.toml"
    file.write_text(f'{HEAD}[outbound_tls]\npolicy = ["hash:/policy"]\n')
    configuration = load(file, examine_files=False)
    assert "no level" in policy_objection(configuration, "hash:/policy", frozenset({"secured"}))
    assert policy_objection(configuration, "hash:/policy", frozenset({"secure"})) == ""
    assert policy_objection(configuration, "hash:/policy", None) == ""
    assert policy_objection(configuration, "hash:/other", frozenset({"secured"})) == ""


def test_files(tmp_path):
    authority = Authority(tmp_path)
    issued = authority.issue("client.example.org", client=True)
    good = (
        f'[outbound_tls]\nca_file = "{authority.certificate}"\n'
        f'certificate = "{issued.chain}"\nkey = "{issued.key}"\n'
    )
    assert mistakes(tmp_path, good, examine_files=True) == []
    for wrong, right in (
        ("ca_file", authority.certificate),
        ("certificate", issued.chain),
        ("key", issued.key),
    ):
        bad = good.replace(f'{wrong} = "{right}"', f'{wrong} = "{tmp_path}/missing"')
        (said,) = mistakes(tmp_path, bad, examine_files=True)
        assert f"[outbound_tls] {wrong}: missing: no such file" in said


@pytest.mark.parametrize(
    ("text", "doubtful"),
    [
        ('[outbound_tls]\nsecurity_level = "dane"\n', ["[outbound_tls] security_level"]),
        ('[relay]\ntls = "dane-only"\n', ["[relay] tls"]),
        ('[outbound_tls]\nsecurity_level = "may"\n', []),
    ],
)
def test_dane_without_a_resolver_to_trust(tmp_path, text, doubtful):
    file = tmp_path / "postroad.toml"
    for dns, expected in (
        ('servers = ["192.0.2.1"]', doubtful),
        ('servers = ["127.0.0.1"]', []),
        ('servers = ["192.0.2.1"]\nvalidating = true', []),
    ):
        file.write_text(f"{HEAD}{text}[dns]\n{dns}\n")
        assert list(unproved_levels(load(file, examine_files=False))) == expected
