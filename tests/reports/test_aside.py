"""Mail that brought no report: a folder of bounded size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postroad.model.content import Octets
from postroad.reports import aside
from postroad.reports.aside import Aside


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "unread-reports"


def stored(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_it_is_a_file(folder: Path) -> None:
    log: list[str] = []
    kept = Aside(folder, log.append)
    assert await kept.keep("Q1", Octets(b"Subject: x\r\n\r\nbody\r\n"))
    check(folder)
    assert log == [f"Q1: it has no mailbox to go to, and is in {folder / 'Q1.eml'}"]


def check(folder: Path) -> None:
    path = folder / "Q1.eml"
    assert path.read_bytes() == b"Subject: x\r\n\r\nbody\r\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_the_oldest_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "MOST_FILES", 3)
    monkeypatch.setattr(aside, "MOST_SIZE", 100)
    kept = Aside(folder, lambda words: None)
    for n in range(6):
        assert await kept.keep(f"Q{n}", Octets(b"x"))
        os.utime(folder / f"Q{n}.eml", (n, n))
    assert stored(folder) == ["Q3.eml", "Q4.eml", "Q5.eml"]
    assert await kept.keep("Q6", Octets(b"x" * 99))
    assert stored(folder) == ["Q5.eml", "Q6.eml"]
    assert not await kept.keep("Q7", Octets(b"x" * 101))


async def test_what_a_crash_left_goes_before_mail(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(aside, "MOST_FILES", 2)
    kept = Aside(folder, lambda words: None)
    await kept.keep("Q1", Octets(b"x"))
    (folder / "Q2.part").write_bytes(b"half")
    await kept.keep("Q3", Octets(b"x"))
    assert stored(folder) == ["Q1.eml", "Q3.eml"]


@pytest.fixture
def blocked(folder: Path) -> Path:
    folder.write_text("a file")
    return folder


async def test_where_nothing_can_be_written(blocked: Path) -> None:
    log: list[str] = []
    assert not await Aside(blocked, log.append).keep("Q1", Octets(b"x"))
    assert "file exists" in log[0]


async def test_a_name_that_is_none(folder: Path) -> None:
    assert not await Aside(folder, lambda words: None).keep("../Q1", Octets(b"x"))
