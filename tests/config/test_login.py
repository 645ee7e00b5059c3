"""`[login]`: what an operator can say, and what is a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import Configuration, ConfigurationError, load
from postroad.server.login_settings import LoginSettings

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n[listeners.submission]\n'
ISSUER = '[oauth]\nissuer = "https://issuer.test"\naudience = "mail"\nkey_set = "https://issuer.test/keys"\n'
CERTIFICATES = '[directory]\ncertificates = { "name:John" = "john@example.org" }\n'


def read(folder: Path, text: str) -> Configuration:
    file = folder / "postroad.toml"
    file.write_text(HEAD + text)
    return load(file, examine_files=False)


def test_what_it_holds(tmp_path: Path) -> None:
    login = read(
        tmp_path,
        '[login]\nmechanisms = ["SCRAM-SHA-256", "PLAIN"]\nbroken_clients = true\n'
        'act_as = { "admin@example.org" = ["*@example.org", "lisa@example.com"] }\n',
    ).login

    assert login == LoginSettings(
        mechanisms=("SCRAM-SHA-256", "PLAIN"),
        act_as={"admin@example.org": ("*@example.org", "lisa@example.com")},
        broken_clients=True,
    )


@pytest.mark.parametrize("name", ["OAUTHBEARER", "XOAUTH2"])
def test_tokens_with_an_issuer(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, f'[login]\nmechanisms = ["{name}"]\n{ISSUER}').login.mechanisms == (name,)


def test_certificates_with_a_map(tmp_path: Path) -> None:
    text = f'[login]\nmechanisms = ["EXTERNAL"]\n{CERTIFICATES}'
    assert read(tmp_path, text).login.mechanisms == ("EXTERNAL",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            'mechanisms = ["PLAIN", "SCRAM-SHA256"]',
            'not "SCRAM-SHA256"; did you mean SCRAM-SHA-256?',
        ),
        ('mechanisms = ["plain"]', 'not "plain"; did you mean PLAIN?'),
        ('mechanisms = ["NTLM"]', "expected one of PLAIN, LOGIN, SCRAM-SHA-256-PLUS, "),
        ('mechanisms = "PLAIN"', "expected a list in brackets, "),
        ('mechanisms = ["PLAIN", "LOGIN", "PLAIN"]', "PLAIN is listed twice"),
        ('mechanisms = ["XOAUTH2"]', "XOAUTH2 needs [oauth], which says whose tokens are good"),
        ('mechanisms = ["EXTERNAL"]', "EXTERNAL needs [directory] certificates, "),
        (
            'act_as = { "admin" = ["john@example.org"] }',
            'expected an account such as "john@example.org", not "admin"',
        ),
        (
            'act_as = { "admin@example.org" = ["*"] }',
            'expected an account such as "john@example.org" or "*@example.org", not "*"',
        ),
        ('mechanism = ["PLAIN"]', "unknown key; did you mean mechanisms?"),
    ],
)
def test_mistakes(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, f"[login]\n{line}\n")

    (mistake,) = caught.value.mistakes
    assert words in str(mistake)
    assert str(mistake).startswith(f"{tmp_path}/postroad.toml:5: [login")
