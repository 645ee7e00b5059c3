"""The file of thresholds: changes hold at once, and a file that is broken stops nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from postroad.filters.scoring import Wish
from postroad.filters.thresholds import (
    Thresholds,
    ThresholdsUnavailable,
    change_threshold,
    read_thresholds,
)

JOHN = "john@example.org"


async def test_a_change_holds_with_the_next_question(tmp_path: Path) -> None:
    path = tmp_path / "spam" / "thresholds.json"
    said: list[str] = []
    thresholds = Thresholds(path, said.append)
    assert await thresholds.of(JOHN) == Wish()
    assert not path.parent.exists()

    assert change_threshold(path, JOHN, lambda old: old._replace(junk=8.0)) == Wish(8.0)
    assert await thresholds.of(JOHN) == Wish(8.0)
    change_threshold(path, JOHN, lambda old: old._replace(reject=0.0))
    assert await thresholds.of(JOHN) == Wish(8.0, 0.0)
    change_threshold(path, "anna@example.org", lambda _: Wish(reject=9.5))
    assert set(await thresholds.all()) == {JOHN, "anna@example.org"}
    assert path.stat().st_mode & 0o777 == 0o600

    change_threshold(path, JOHN, lambda _: Wish())
    assert read_thresholds(path) == {"anna@example.org": Wish(reject=9.5)}
    path.unlink()
    assert not await thresholds.all()
    assert said == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is no file of thresholds"),
        ("[1]", "it is no file of thresholds"),
        ('{"version": 2, "accounts": {}}', "it was written by another release"),
        ("[" * 100_000, "it is no file of thresholds"),
    ],
)
async def test_a_broken_file_is_said_once_and_the_usual_ones_hold(
    tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text(content)
    said: list[str] = []
    thresholds = Thresholds(path, said.append)

    assert [await thresholds.of(JOHN), await thresholds.of(JOHN)] == [Wish(), Wish()]
    assert said == [f"{path}: {words}"]
    with pytest.raises(ThresholdsUnavailable, match=words):
        change_threshold(path, JOHN, lambda _: Wish(1.0))
    assert path.read_text() == content


async def test_while_it_cannot_be_read_those_that_were_read_hold(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    said: list[str] = []
    thresholds = Thresholds(path, said.append)
    change_threshold(path, JOHN, lambda _: Wish(reject=0.0))
    assert await thresholds.of(JOHN) == Wish(reject=0.0)

    good = path.read_text()
    path.write_text("garbage")
    assert [await thresholds.of(JOHN) for _ in range(2)] == [Wish(reject=0.0)] * 2
    assert said == [f"{path}: it is no file of thresholds"]
    path.write_text(good.replace("0.0", "9.0"))
    assert await thresholds.of(JOHN) == Wish(reject=9.0)


async def test_whoever_asks_while_it_is_read_waits_for_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    change_threshold(path, JOHN, lambda _: Wish(8.0))
    thresholds = Thresholds(path, pytest.fail)
    found = await asyncio.gather(*(thresholds.of(JOHN) for _ in range(3)))
    assert found == [Wish(8.0)] * 3


def test_a_number_beyond_all_bounds_is_no_threshold(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text(
        '{"version": 1, "accounts": {"a": {"junk": 1%s, "reject": 1e999}}}' % ("0" * 400)
    )
    assert read_thresholds(path) == {"a": Wish()}


def test_what_is_odd_in_it_is_no_threshold(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text(
        '{"version": 1, "accounts": {"a": 7, "b": {"junk": "x", "reject": true}, "c": {"junk": 3}}}'
    )
    assert read_thresholds(path) == {"a": Wish(), "b": Wish(), "c": Wish(3.0)}
