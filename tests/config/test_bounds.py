"""Numbers that are senseless, by the file and by the page that documents them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from postroad.config import Configuration, ConfigurationError, load
from postroad.config.bounds import BOUNDS, MOST
from postroad.config.schema import ANY_NAME, settings
from postroad.model.units import Duration

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
HEADER = "| number | least | most | 0 |"
NUMBERS = [
    ".".join(setting.path)
    for setting in settings(Configuration)
    if setting.annotation in {int, Duration} and ANY_NAME not in setting.path
]


def said(folder: Path, key: str, value: str) -> list[str]:
    """What is said of a file in which a key has a value."""
    *table, name = key.split(".")
    header = f"[{'.'.join(table)}]\n" if table else ""
    top, below = (f"{name} = {value}\n", "") if not table else ("", f"{header}{name} = {value}\n")
    file = folder / "postroad.toml"
    door = "" if key.startswith("listeners.mx.") else "[listeners.mx]\n"
    file.write_text(f"{HEAD}{top}{door}{below}")
    try:
        load(file, examine_files=False)
    except ConfigurationError as error:
        return [f"{mistake.key}: {mistake.message}" for mistake in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("limits.command_line", "1", "from 512 to 65_536, or 0, not 1"),
        ("limits.text_line", "1", "from 1_000 to 1_000_000_000, or 0, not 1"),
        ("limits.message_size", "50", "from 65_536 to 100_000_000_000, or 0, not 50"),
        ("limits.message_size", "999999999999999", "not 999_999_999_999_999"),
        ("limits.message_size", "99999999999999999999", "a whole number of 64 bits"),
        ("limits.message_size", "0x" + "f" * 5000, "a whole number of 64 bits"),
        ("limits.message_size", "9" * 5000, "a number has too many digits"),
        ("limits.timeout", "1e300", "a duration is ten years at the most"),
        ("limits.timeout", "0.001", "from 1 to 315_360_000, or 0, not 0.001"),
        ("guessing.ban", '"999999999999w"', "a duration is ten years at the most"),
        ("workers", "100000", "from 1 to 256, or 0, not 100_000"),
        ("workers", "-1", "from 1 to 256, or 0, not -1"),
        ("delivery.mx_port", "0", "from 1 to 65_535, not 0"),
    ],
)
def test_what_is_out_of_bounds(tmp_path: Path, key: str, value: str, words: str) -> None:
    [line] = said(tmp_path, key, value)
    assert words in line
    assert len(line) < 200


def test_every_number_without_room_is_named_wherever_it_stands(tmp_path: Path) -> None:
    huge = "0x" + "f" * 5000
    lines = said(tmp_path, "listeners.mx.bind", f"[{huge}, {{ a = [{huge}] }}]\nnone = {huge}")
    assert sorted(lines) == [
        "[[listeners.mx.bind]] a: expected a whole number of 64 bits",
        "[listeners.mx] bind: expected a whole number of 64 bits",
        "[listeners.mx] none: expected a whole number of 64 bits",
        "[listeners.mx] none: unknown key",
    ]


@pytest.mark.parametrize("key", sorted(BOUNDS))
def test_the_bounds_themselves_are_right(tmp_path: Path, key: str) -> None:
    bounds = BOUNDS[key]
    assert said(tmp_path, key, str(bounds.least)) == []
    assert said(tmp_path, key, str(bounds.most)) == []
    assert (said(tmp_path, key, "0") == []) is (0 in bounds)
    assert said(tmp_path, key, str(bounds.most + 1)) != []
    assert not bounds.least or said(tmp_path, key, str(bounds.least - 1 or -1)) != []


@pytest.mark.parametrize("key", NUMBERS)
def test_every_number_has_an_end(tmp_path: Path, key: str) -> None:
    assert len(said(tmp_path, key, str(10**15))) == 1


def test_the_bounds_are_documented() -> None:
    lines = PAGE.read_text().partition(f"{HEADER}\n")[2].splitlines()[1:]
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        keys, least, most, zero = (cell.strip() for cell in line.strip("|").split(" | "))
        for key in re.findall(r"`([a-z_.]+)`", keys):
            rows[key] = (least.replace("_", ""), most.replace("_", ""), zero == "yes")
    assert rows == {
        key: (str(bounds.least), str(bounds.most), bounds.zero) for key, bounds in BOUNDS.items()
    }
    assert f"{MOST:_}" in PAGE.read_text()
