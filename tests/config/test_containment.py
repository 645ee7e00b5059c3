"""`[containment]`: what an operator can say, and what is a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import Configuration, ConfigurationError, load
from postroad.limits.conduct_settings import ContainmentSettings

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n[listeners.submission]\n'


def read(folder: Path, text: str) -> Configuration:
    file = folder / "postroad.toml"
    file.write_text(HEAD + text)
    return load(file, examine_files=False)


def test_what_it_holds(tmp_path: Path) -> None:
    text = (
        '[containment]\naction = "warn"\nburst_window = "1h"\nburst = 0\n'
        'exempt = ["newsletter@example.org", "*@lists.example.org"]\n'
        'notify = ["admin@example.com"]\n'
    )
    assert read(tmp_path, text).containment == ContainmentSettings(
        action="warn",
        burst_window=3600.0,
        burst=0,
        exempt=("newsletter@example.org", "*@lists.example.org"),
        notify=("admin@example.com",),
    )


def test_its_file_is_in_the_state_directory(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert found.habits_file == found.state_directory / "habits.db"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('action = "frieze"', 'not "frieze"; did you mean freeze?'),
        ("bounce_share = 101", "expected a number from 0 to 100, not 101"),
        ("burst = -1", "expected a number from 0 to"),
        ('window = "soon"', "a duration is"),
        (
            'exempt = ["newsletter"]',
            'expected an account such as "john@example.org" or "*@example.org", not "newsletter"',
        ),
        ('exempt = ["*@"]', 'or "*@example.org", not "*@"'),
        ('notify = ["root"]', 'expected an address such as "john@example.org", not "root"'),
        ("bursts = 3", "unknown key; did you mean burst?"),
    ],
)
def test_mistakes(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, f"[containment]\n{line}\n")

    (mistake,) = caught.value.mistakes
    assert words in str(mistake)
    assert str(mistake).startswith(f"{tmp_path}/postroad.toml:5: [containment")
