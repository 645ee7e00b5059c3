"""`[destinations]` and `[queue] defer_transports`: read, and mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.queue.settings import DestinationSettings

HEAD = """hostname = "mail.example.org"
domains = ["example.org"]
[listeners.mx]
"""


def configured(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + text)
    return file


@pytest.mark.parametrize(
    "name",
    [
        "gmail.com",
        ".example.com",
        "site:google.com",
        "transport:smtp",
        "transport:slow",
        "[smtp.example.net]:587",
        "smtp.example.net:587",
        "[192.0.2.1]",
    ],
)
def test_names(tmp_path: Path, name: str) -> None:
    text = f'[transports.slow]\n[destinations."{name}"]\nrate = "30/min"\n'
    found = load(configured(tmp_path, text), examine_files=False).destinations
    assert found == {name: DestinationSettings(rate="30/min")}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[destinations."trasport:smtp"]', 4, 'did you mean "transport:smtp"?'),
        ('[destinations."sites:google.com"]', 4, 'did you mean "site:google.com"?'),
        ('[destinations."transport:smpt"]', 4, 'did you mean "transport:smtp"?'),
        ('[destinations."site:not a domain"]', 4, 'expected "site:" and a domain'),
        ('[destinations.".-"]', 4, 'expected "." and a domain'),
        ('[destinations."what is this"]', 4, "expected a domain"),
        ('[destinations."a.com"]\n[destinations."A.com"]', 5, "is said twice"),
        ('[destinations."bücher.com"]\n[destinations."xn--bcher-kva.com"]', 5, "is said twice"),
        ('[destinations."a.com"]\nrate = "30"', 5, "rate: a rate is a number and a time"),
        ('[destinations."a.com"]\nrates = "30/s"', 5, "unknown key; did you mean rate?"),
        ('[destinations."a.com"]\nconcurrency = -1', 5, "cannot be negative"),
        ('[destinations."a.com"]\npriority = 12', 5, "a number from -9 to 9"),
        ('[destinations."a.com"]\nretry = ["0"]', 5, "pauses of at least 1 second"),
        ('[destinations."a.com"]\nretry = "5m"', 5, "expected a list in brackets"),
        ('[destinations."a.com"]\nminimal_backoff = "2h"', 5, "longer than [queue] maximal"),
        ('[destinations."a.com"]\ntotal_concurrency = 5', 5, "is for all mail of a transport"),
        (
            '[destinations."a.com"]\nconcurrency = 2\ninitial_concurrency = 5',
            6,
            "is more than concurrency",
        ),
        (
            '[destinations."a.com"]\nretry = ["5m"]\nminimal_backoff = "5m"',
            5,
            "names every pause",
        ),
        ('[queue]\ndefer_transports = ["smpt"]', 5, "did you mean"),
        ('[queue]\ndefer_transports = ["dest:"]', 5, 'expected a transport or "dest:DOMAIN"'),
        ("[queue]\nsoft_bounces = true", 5, "did you mean soft_bounce?"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(configured(tmp_path, f"{text}\n"), examine_files=False)
    words = [str(each) for each in raised.value.mistakes]
    assert len(words) == 1
    assert said in words[0]
    assert f"postroad.toml:{line}: " in words[0]


def test_the_example_of_the_reference_can_be_loaded(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
    example = page.read_text().partition("## `[destinations.NAME]`")[2].partition("| key ")[0]
    lines = [line.strip() for line in example.splitlines() if line.startswith("    ")]
    found = load(configured(tmp_path, "\n".join(lines)), examine_files=False).destinations
    assert [each.rate for each in found.values()] == ["120/min"]
