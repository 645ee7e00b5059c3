"""What a configuration may get wrong about bearer tokens and certificates, with its line."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load

START = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"
[listeners.mx]
tls = "none"
"""
ASKING = """\
[oauth]
introspection = "https://x.example/"
client_id = "p"
client_secret_file = "s"
"""
KEYS = 'issuer = "https://x.example"\naudience = "a"\n'


def mistakes(folder: Path, text: str, *, examine_files: bool = False) -> list[tuple[str, str]]:
    file = folder / "postroad.toml"
    file.write_text(START + text)
    try:
        load(file, examine_files=examine_files)
    except ConfigurationError as error:
        return [(each.key, each.message) for each in error.mistakes]
    return []


@pytest.mark.parametrize(
    "text",
    [
        '[directory.certificates]\n"sha256:' + "ab:" * 31 + 'ab" = "john@example.org"\n',
        '[directory]\ncertificates = { "name:John" = "john@example.org" }\n',
        f'[oauth]\nkey_set = "https://x.example/keys"\n{KEYS}',
        ASKING,
    ],
)
def test_what_is_right(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('[oauth]\nkey_set = "http://x.example/"\n', "[oauth] key_set", "begins with https://"),
        ('[oauth]\nkey_set = "https://x.example/"\n', "[oauth] issuer", "is needed"),
        (
            f'[oauth]\nkey_set = "https://x.example/"\nkey_set_file = "k"\n{KEYS}',
            "[oauth] key_set_file",
            "one way only",
        ),
        ('[oauth]\nintrospection = "https://x/"\n', "[oauth] introspection", "needs client_id"),
        ('[oauth]\nalgorithms = ["HS256"]\n', "[oauth] algorithms", "one of RS256"),
        ('[directory]\nsecrets = ["PLAIN"]\n', "[directory] secrets", "one of CRAM-MD5"),
        (
            '[directory]\ncertificates = { "x" = "y" }\n',
            "[directory.certificates] x",
            "is named by",
        ),
        (
            '[directory]\ncertificates = { "name:x" = 7 }\n',
            "[directory.certificates] name:x",
            "expected text in quotes",
        ),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, key: str, words: str) -> None:
    found = mistakes(tmp_path, text)
    assert any(named.startswith(key) and words in message for named, message in found), found


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0o600, "no such file"),
        ("secret\n", 0o644, "everybody may read this password"),
        ("", 0o600, "the first line is empty"),
        ("secret\n", 0o600, ""),
    ],
)
def test_the_password_at_the_issuer(
    tmp_path: Path, content: str | None, mode: int, words: str
) -> None:
    if content is not None:
        (tmp_path / "s").write_text(content)
        (tmp_path / "s").chmod(mode)
    found = mistakes(tmp_path, ASKING, examine_files=True)
    assert [key for key, _ in found] == (["[oauth] client_secret_file"] if words else [])
    assert all(words in message for _, message in found)


RSA = {"kty": "RSA", "e": "AQAB", "n": urlsafe_b64encode(b"\xc1" * 256).decode().rstrip("=")}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "k: no such file or directory"),
        (b"root:x:0:0:root:/root:/bin/bash\n", "k: this is not JSON"),
        (b"\xff\xfe", "k: this is not JSON"),
        (b"[" * 100_000, "k: this is not JSON"),
        (b"[]", "k: this is no set of keys"),
        (b'{"keys": {}}', "k: this is no set of keys"),
        (b'{"keys": []}', "k: there is no public key for signatures in this set of keys"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "k: there is no public key for"),
        (json.dumps({"keys": [RSA]}).encode(), ""),
    ],
)
def test_the_keys_of_the_issuer(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "k").write_bytes(content)
    text = f'[oauth]\nkey_set_file = "k"\n{KEYS}'
    found = mistakes(tmp_path, text, examine_files=True)
    assert [key for key, _ in found] == (["[oauth] key_set_file"] if words else [])
    assert all(message.startswith(f"{tmp_path}/{words}") for _, message in found), found
    assert mistakes(tmp_path, text) == [], "it is not asked for where only state is looked at"


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file or directory"), (b"junk", "c: ")]
)
def test_the_authorities_of_the_issuer(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "c").write_bytes(content)
    text = f'[oauth]\nkey_set = "https://x.example/"\nca_file = "c"\n{KEYS}'
    [(key, message)] = mistakes(tmp_path, text, examine_files=True)
    assert key == "[oauth] ca_file"
    assert words in message


def test_a_pipe_in_place_of_the_keys_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k")
    found = mistakes(tmp_path, f'[oauth]\nkey_set_file = "k"\n{KEYS}', examine_files=True)
    assert found == [("[oauth] key_set_file", f"{tmp_path}/k: it is no regular file")]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    text = f'[oauth]\nkey_set_file = "k"\nca_file = "c"\n{KEYS}'
    found = mistakes(tmp_path, text, examine_files=True)
    assert [key for key, _ in found] == ["[oauth] key_set_file", "[oauth] ca_file"]
