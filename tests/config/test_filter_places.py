"""Filters that are elsewhere and do not answer: `postroad check` warns of each."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from postroad.config import load
from postroad.config.filter_places import silent_filters

START = 'hostname = "mail.example.org"\ndomains = []\nstate_directory = "state"\n[listeners.mx]\n'


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('kind = "milter"\nsocket = "unix:{place}"', "socket"),
        ('kind = "clamav"\nsocket = "unix:{place}"', "socket"),
        ('kind = "spamassassin"\nsocket = "unix:{place}"', "socket"),
        ('kind = "rspamd"\nurl = "unix:{place}"', "url"),
    ],
)
def test_a_filter_that_nobody_answers_for_is_a_warning(
    tmp_path: Path, lines: str, key: str
) -> None:
    place = tmp_path / "scan"
    file = tmp_path / "postroad.toml"
    file.write_text(f"{START}[filters.scan]\n{lines.format(place=place)}\n")
    configuration = load(file, examine_files=False)

    (words,) = silent_filters(configuration)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()
        answered = list(silent_filters(configuration))

    assert words == (
        f"filters.scan.{key}: nobody answers at unix:{place} (No such file or directory); "
        "on_failure = defer says what becomes of mail until it does"
    )
    assert answered == []


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('kind = "milter"\nsocket = "inet:127.0.0.1:{port}"', "inet:127.0.0.1:{port}"),
        ('kind = "rspamd"\nurl = "http://127.0.0.1:{port}"', "http://127.0.0.1:{port}"),
    ],
)
def test_so_is_one_at_a_port(tmp_path: Path, lines: str, named: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        file = tmp_path / "postroad.toml"
        file.write_text(f"{START}[filters.scan]\n{lines.format(port=port)}\n")
        configuration = load(file, examine_files=False)
        answered = list(silent_filters(configuration))

    (words,) = silent_filters(configuration)

    assert f"nobody answers at {named.format(port=port)} (Connection refused)" in words
    assert answered == []


def test_filters_of_this_server_are_not_looked_for(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(f'{START}[filters.spam]\nkind = "builtin"\n')

    assert list(silent_filters(load(file, examine_files=False))) == []
