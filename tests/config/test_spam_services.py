"""What can be wrong with services that look at mail, each told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.test_filters import START, said
from postroad.config import ConfigurationError, load

SECTION = "5: [filters.scanner"


@pytest.mark.parametrize(
    ("kind", "line", "mistakes"),
    [
        ("spamassassin", 'socket = "unix:/run/spamd"', []),
        (
            "spamassassin",
            'socket = "783"',
            ['socket: expected "unix:/path" or "inet:host:port", not "783"'],
        ),
        ("spamassassin", "reject = 0", []),
        (
            "spamassassin",
            "reject = 4.0",
            ["reject: refuses mail before it is junk, which begins at 5 points"],
        ),
        ("rspamd", "reject = -1", ["reject: would refuse all mail; 0 refuses none"]),
        ("rspamd", 'url = "unix:/run/rspamd"', []),
        (
            "rspamd",
            'url = "localhost:11333"',
            ['url: expected "http://host:port" or "unix:/path", not "localhost:11333"'],
        ),
        ("builtin", "points = {HTML_ONLY = 0, BAYES_99 = 3.5}", []),
        (
            "builtin",
            "points = {HTML_ONYL = 0}",
            [f'{SECTION}.points] HTML_ONYL: there is no rule "HTML_ONYL"; did you mean HTML_ONLY?'],
        ),
        (
            "builtin",
            "points = {HTML_ONLY = nan}",
            [f"{SECTION}.points] HTML_ONLY: expected a number of points, up to 1000000"],
        ),
        ("builtin", 'client_lists = {"bl.example.net=127.0.0.[2..11]" = 3}', []),
        (
            "builtin",
            'client_lists = {"nonsense" = 3.0}',
            [f'{SECTION}.client_lists] nonsense: "nonsense" is not the domain of a DNS list'],
        ),
        (
            "builtin",
            'domain_lists = {"bl.example.net" = inf}',
            [f"{SECTION}.domain_lists] bl.example.net: expected a number of points, up to 1000000"],
        ),
        (
            "rspamd",
            "points = {HTML_ONLY = 1.0}",
            [f'{SECTION}.points]: means nothing with kind = "rspamd"'],
        ),
        (
            "clamav",
            "junk = 4.0",
            ['junk: means nothing with kind = "clamav"'],
        ),
    ],
)
def test_a_key(tmp_path: Path, kind: str, line: str, mistakes: list[str]) -> None:
    text = f'[filters.scanner]\nkind = "{kind}"\n{line}\n[listeners.mx]\n'
    found = [each.removeprefix("5: [filters.scanner] ") for each in said(tmp_path, text)]
    assert [each.partition(", only with")[0] for each in found] == mistakes


@pytest.mark.parametrize(
    ("mode", "mistake"),
    [
        (None, "no such file or directory"),
        (0o644, "everybody may read this password: chmod 600 {secret}"),
        (0o600, ""),
    ],
)
def test_a_password_file_of_rspamd(tmp_path: Path, mode: int | None, mistake: str) -> None:
    secret = tmp_path / "secret"
    if mode is not None:
        secret.write_text("q1\n")
        secret.chmod(mode)
    file = tmp_path / "postroad.toml"
    section = f'[filters.scanner]\nkind = "rspamd"\npassword_file = "{secret}"\n'
    file.write_text(f'{START}{section}[listeners.mx]\ntls = "none"\n')

    try:
        load(file)
        said = []
    except ConfigurationError as error:
        said = [str(each) for each in error.mistakes]

    told = f"{file}:5: [filters.scanner] password_file: {secret}: {mistake.format(secret=secret)}"
    assert said == ([told] if mistake else [])
