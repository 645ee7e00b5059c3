"""Received reports in their file: duplicates, forgers, bounds, and what is read back."""

from __future__ import annotations

import sqlite3

import pytest

from dmarc_feedback import SHAPES, record, xml
from postroad.reports.arrival import Arrival
from postroad.reports.dmarc import received
from postroad.reports.dmarc.feedback import Feedback
from postroad.reports.dmarc.reading import parse
from postroad.reports.dmarc.received import DMARC_RECEIVED, Kept, kept, put, sweep


def arrival(at: float = 1.0) -> Arrival:
    return Arrival(at, "dmarc@receiver.example", "Q1")


def report(*records: str, **more) -> Feedback:
    return parse([xml(*records, **more).encode()])


@pytest.fixture
def file():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(DMARC_RECEIVED.tables)
    yield connection
    connection.close()


@pytest.mark.parametrize("shape", sorted(SHAPES.glob("*.xml")), ids=lambda path: path.stem)
def test_what_is_kept_is_what_came(file, shape) -> None:
    came = parse([shape.read_bytes()])
    assert put(file, came, "receiver.example", arrival())
    assert list(kept(file)) == [Kept(came, "receiver.example", 1.0, "Q1")]


def authors(file) -> list[tuple[str, int]]:
    return [(each.author, each.feedback.messages) for each in kept(file)]


def test_the_same_report_counts_once(file) -> None:
    assert put(file, report(), "receiver.example", arrival())
    assert not put(file, report(), "receiver.example", arrival(2))
    assert put(file, report(domain="example.net"), "receiver.example", arrival())
    assert put(file, report(report_id="id-2"), "receiver.example", arrival())
    assert put(file, report(organization="Other"), "receiver.example", arrival())
    assert len(list(kept(file))) == 4


def test_a_forger_takes_nobodys_place(file) -> None:
    forged, real = report(record(count=666)), report(record(count=7))
    assert put(file, forged, "", arrival())
    assert put(file, forged, "forger.example", arrival())
    assert put(file, real, "receiver.example", arrival())
    assert authors(file) == [("forger.example", 666), ("receiver.example", 7)]
    assert not put(file, forged, "", arrival())
    assert authors(file) == [("forger.example", 666), ("receiver.example", 7)]


def test_nobodys_word_counts_once_too(file) -> None:
    assert put(file, report(), "", arrival())
    assert not put(file, report(), "", arrival())


def test_since(file) -> None:
    put(file, report(begins=100, ends=200, report_id="a"), "", arrival())
    put(file, report(begins=300, ends=400, report_id="b"), "", arrival())
    assert [each.feedback.id for each in kept(file)] == ["a", "b"]
    assert [each.feedback.id for each in kept(file, 200.0)] == ["a", "b"]
    assert [each.feedback.id for each in kept(file, 200.5)] == ["b"]


def test_old_ones_are_not_shown_even_if_none_came_since(file) -> None:
    for at in (100.0, 200.0):
        put(file, report(report_id=f"{at}"), "", arrival(at))
    assert [each.arrived for each in kept(file, 0.0, 150.0)] == [200.0]


def test_old_ones_go_with_their_rows(file) -> None:
    for at in range(1, 5):
        put(file, report(report_id=str(at)), "", arrival(at))
    sweep(file, 3.0)
    assert [each.arrived for each in kept(file)] == [3.0, 4.0]
    assert file.execute("SELECT count(*) FROM rows").fetchone() == (2,)


def test_who_floods_loses_his_own(file, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_REPORTS", 30)
    for n in range(5):
        put(file, report(report_id=f"real {n}"), "receiver.example", arrival(n))
    for n in range(200):
        put(file, report(report_id=f"flood {n}"), "", arrival(100 + n))
    found = [each.author for each in kept(file)]
    assert found.count("receiver.example") == 5
    assert len(found) <= 30
    assert "flood 199" in [each.feedback.id for each in kept(file)]


def test_names_below_a_domain_are_one_author(file, monkeypatch: pytest.MonkeyPatch) -> None:
    """One record in the DNS proves any number of them."""
    monkeypatch.setattr(received, "MOST_REPORTS", 30)
    for n in range(5):
        put(file, report(report_id=f"real {n}"), "receiver.example", arrival(n))
    for n in range(100):
        put(file, report(report_id=f"flood {n}"), f"x{n}.forger.example", arrival(100 + n))
    found = [each.author for each in kept(file)]
    assert found.count("receiver.example") == 5
    assert len(found) <= 30
    assert "flood 99" in [each.feedback.id for each in kept(file)]


def test_what_is_proved_comes_first(file) -> None:
    put(file, report(begins=100, ends=200, report_id="nobody's"), "", arrival())
    put(file, report(begins=300, ends=400, report_id="b"), "receiver.example", arrival())
    put(file, report(begins=200, ends=300, report_id="a"), "receiver.example", arrival())
    assert [each.feedback.id for each in kept(file)] == ["a", "b", "nobody's"]


def test_large_ones_go_by_their_size(file, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_SIZE", 100_000)
    put(file, report(report_id="small"), "receiver.example", arrival())
    rows = [record(f"192.0.2.{n}") for n in range(200)]
    for n in range(10):
        put(file, report(*rows, report_id=str(n)), "flooder.example", arrival(n))
    found = [each.feedback.id for each in kept(file)]
    assert "small" in found
    assert "9" in found
    assert len(found) < 8
    rows_left = file.execute("SELECT count(DISTINCT report) FROM rows").fetchone()
    assert rows_left == (len(found),)


def test_one_that_is_too_large_by_itself_is_not_kept(file, monkeypatch) -> None:
    monkeypatch.setattr(received, "MOST_SIZE", 1_000)
    put(file, report(*[record(f"192.0.2.{n}") for n in range(200)]), "", arrival())
    assert list(kept(file)) == []
