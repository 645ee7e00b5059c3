"""The file in which an owner of mail keeps what was seen, whatever he puts in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroad.mailbox import Whereabouts
from postroad.mailbox.moves.notebook import (
    BLANK,
    MOST_OCTETS,
    NAME,
    Notebook,
    read_notebook,
    write_notebook,
)
from postroad.mailbox.moves.snapshot import EMPTY, MOST_SEEN, Seen, Snapshot

KEPT = Notebook(Snapshot(7, 8, (Seen(1, 2, 3, 4),)), 1_700_000_000.5, "12.1700000000000000000.0")


@pytest.fixture
def where(tmp_path: Path) -> Whereabouts:
    return Whereabouts.at(tmp_path)


@pytest.mark.parametrize(
    "notebook",
    [
        KEPT,
        BLANK,
        Notebook(EMPTY, 1.0, "-"),
        Notebook(Snapshot(2**64 - 1, 2**40, (Seen(2**64 - 1, 2**64 - 1, 1, 9),) * 2 * MOST_SEEN)),
    ],
)
def test_it_is_read_as_it_was_written(where: Whereabouts, notebook: Notebook) -> None:
    write_notebook(where, KEPT)
    write_notebook(where, notebook)
    assert read_notebook(where) == notebook
    assert [each.name for each in where.root.iterdir()] == [NAME]
    assert (where.root / NAME).stat().st_mode & 0o777 == 0o600


def test_without_one_it_is_blank(where: Whereabouts) -> None:
    assert read_notebook(where) == BLANK
    with pytest.raises(FileNotFoundError):
        read_notebook(Whereabouts.at(where.root / "gone"))


def test_what_a_killed_writer_left_is_in_nobodys_way(where: Whereabouts, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.new").write_bytes(b"half")
    write_notebook(where, KEPT)
    assert read_notebook(where) == KEPT


def test_links_are_not_followed(where: Whereabouts, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other") / "file"
    write_notebook(where, KEPT)
    (where.root / NAME).rename(other)
    before = other.read_bytes()
    for name in (NAME, f"{NAME}.new"):
        (where.root / name).symlink_to(other)
    assert read_notebook(where) == BLANK
    write_notebook(where, Notebook(EMPTY, 1.0, "-"))
    assert other.read_bytes() == before
    assert not (where.root / NAME).is_symlink()


def test_what_is_no_file_is_no_notebook(where: Whereabouts) -> None:
    os.mkfifo(where.root / NAME)
    assert read_notebook(where) == BLANK
    (where.root / NAME).unlink()
    (where.root / NAME).mkdir()
    assert read_notebook(where) == BLANK
    with pytest.raises(IsADirectoryError):
        write_notebook(where, KEPT)


def test_a_huge_one_is_read_in_part(where: Whereabouts) -> None:
    write_notebook(where, KEPT)
    with (where.root / NAME).open("r+b") as file:
        file.truncate(2**40)
    assert read_notebook(where) == BLANK


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.binary(max_size=200), st.integers(0, 120))
def test_whatever_its_owner_writes_it_is_read(where: Whereabouts, octets: bytes, at: int) -> None:
    write_notebook(where, KEPT)
    file = where.root / NAME
    whole = file.read_bytes()
    for each in (octets, whole[:at], whole[:at] + octets, whole[:at] + octets + whole[at:]):
        file.write_bytes(each)
        found = read_notebook(where)
        assert found.looked >= 0
        assert len(found.stamp) <= 80
        assert len(found.snapshot.seen) * 28 <= MOST_OCTETS
