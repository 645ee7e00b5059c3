"""Files that the configuration names: certificates, keys, authorities, passwords."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from configuration_text import DOOR, HEAD, loaded, mistakes
from postroad.config import load
from postroad.net.selfsigned import write_self_signed


def test_files_are_examined_unless_the_caller_does_not_need_them(tmp_path: Path) -> None:
    text = HEAD + DOOR
    assert mistakes(tmp_path, text + f'[tls]\nkey = "{tmp_path}/k"', examine_files=True) == [
        "postroad.toml:5: [tls] key: needs certificate, the certificate that it belongs to"
    ]
    text = 'state_directory = "none"\n' + text
    assert mistakes(tmp_path, text, examine_files=True) == [
        (
            "postroad.toml: [tls] certificate: is required, for none/tls/certificate.pem, which "
            "`postroad init` makes, is not there"
        )
    ]
    assert loaded(tmp_path, text).hostname == "mail.example.org"


def test_no_certificate_is_needed_without_tls(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + DOOR + 'tls = "none"')
    assert load(file).resolved_listeners[0].tls == "none"


def test_certificate_and_key_must_match(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_self_signed((f"{name}.example",), tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
    text = HEAD + DOOR + '[tls]\ncertificate = "a.pem"\n'
    assert mistakes(tmp_path, text + 'key = "b.key"', examine_files=True) == [
        "postroad.toml:6: [tls] key: b.key: this key does not belong to the certificate"
    ]
    assert mistakes(tmp_path, text + 'key = "c.key"', examine_files=True) == [
        "postroad.toml:6: [tls] key: c.key: no such file or directory"
    ]
    file = tmp_path / "postroad.toml"
    file.write_text(text + 'key = "a.key"')
    assert load(file).key == tmp_path / "a.key"


def test_certificate_and_key_may_share_a_file(tmp_path: Path) -> None:
    write_self_signed(("a.example",), tmp_path / "a.pem", tmp_path / "a.key")
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "a.key").read_bytes() + (tmp_path / "a.pem").read_bytes())
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + DOOR + '[tls]\ncertificate = "both.pem"\n')
    assert load(file).key == both


RELAY = '[relay]\nsmarthost = "x.example"\nusername = "u"\npassword_file = "secret"\n'
DOOR_WITHOUT_TLS = DOOR + 'tls = "none"\n'


@pytest.mark.parametrize(
    ("octets", "mode", "said"),
    [
        (None, 0, "secret: no such file or directory"),
        (b"secret\n", 0o644, "secret: everybody may read this password: chmod 600 secret"),
        (b"secret\n", 0o601, "secret: everybody may read this password: chmod 600 secret"),
        (b"\nsecret", 0o600, "secret: the first line, the password, is empty"),
        (b"", 0o600, "secret: the first line, the password, is empty"),
        (b"\xff\n", 0o600, "secret: the password is not UTF-8 text"),
    ],
)
def test_the_password_file(tmp_path: Path, octets: bytes | None, mode: int, said: str) -> None:
    if octets is not None:
        (tmp_path / "secret").write_bytes(octets)
        (tmp_path / "secret").chmod(mode)
    text = HEAD + DOOR_WITHOUT_TLS + RELAY
    assert mistakes(tmp_path, text, examine_files=True) == [
        f"postroad.toml:8: [relay] password_file: {said}"
    ]


def test_a_good_password_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"summersun\n")
    os.chmod(tmp_path / "secret", 0o640)
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + DOOR_WITHOUT_TLS + RELAY)
    assert load(file).relay.password_file == tmp_path / "secret"


def test_the_authorities(tmp_path: Path) -> None:
    text = HEAD + DOOR_WITHOUT_TLS + '[relay]\nca_file = "ca.pem"\n'
    assert mistakes(tmp_path, text, examine_files=True) == [
        "postroad.toml:6: [relay] ca_file: ca.pem: no such file or directory"
    ]


@pytest.mark.parametrize("key", ["certificate", "client_ca_file"])
def test_a_pipe_in_place_of_a_certificate_is_not_waited_for(tmp_path: Path, key: str) -> None:
    write_self_signed("mx.example.org", tmp_path / "c.pem", tmp_path / "k.pem")
    os.mkfifo(tmp_path / "pipe")
    files = {"certificate": "c.pem", "key": "k.pem", key: "pipe"}
    text = "".join(f'{name} = "{file}"\n' for name, file in files.items())
    found = mistakes(tmp_path, f"{HEAD}{DOOR}[tls]\n{text}", examine_files=True)
    assert any(f"[tls] {key}: pipe: it is no regular file" in line for line in found), found
