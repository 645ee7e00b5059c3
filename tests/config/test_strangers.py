"""Mistakes in `[greylist]` and `[verification]`."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load

BEGIN = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n[listeners.mx]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[greylist]\ndelay = "1h"\nretry_window = "30m"',
            "[greylist] retry_window: must be longer than delay: else nobody passes",
        ),
        ("[greylist]\nretry_window = 300", "must be longer than delay"),
        (
            '[verification]\nsender = "bob"',
            '[verification] sender: expected an address, not "bob": an address needs an @',
        ),
        (
            '[verification]\nsender = "bob@example.net"',
            'in one of the domains, not "bob@example.net": mail for it is always taken',
        ),
        ("[greylist]\ndelays = 300", "delay"),
        ("[verification]\nentries = -1", "[verification] entries: expected a number from 0"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(BEGIN + text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, examine_files=False)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[greylist]\nretry_window = 0",
        "[greylist]\ndelay = 0\nretry_window = 10",
        '[verification]\nsender = "<>"',
        '[verification]\nsender = "probe@Example.ORG"',
        '[verification]\nsender = "probe@mail.example.org"',
    ],
)
def test_what_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(BEGIN + text)
    load(file, examine_files=False)
