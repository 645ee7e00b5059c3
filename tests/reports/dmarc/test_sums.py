"""Counts in the file: added up, read, and bounded whatever strangers make up."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from dmarc_report_world import FAILED, PASSED, RECORD, YESTERDAY, by, memory, seen
from postroad.mailauth.dmarc.recording import AuthDkim, Evaluated
from postroad.reports import outgoing
from postroad.reports.dmarc import adding, sums
from postroad.reports.dmarc.counting import Counts
from postroad.reports.missed import missed
from report_world import TODAY


def counts_of(*messages: Evaluated, day: int = YESTERDAY) -> Counts:
    found: dict[tuple[int, object], int] = {}
    for each in messages:
        key = (day, seen(each))
        found[key] = found.get(key, 0) + 1
    return found  # type: ignore[return-value]


def add(connection: sqlite3.Connection, *messages: Evaluated, day: int = YESTERDAY) -> int:
    with connection:
        connection.execute("BEGIN")
        return adding.add(connection, counts_of(*messages, day=day), 0, TODAY)


def failing(number: int, **changes: object) -> Evaluated:
    return by(RECORD, dkim=(AuthDkim("x.example", f"s{number}", "fail"),), **changes)


def test_counts_of_all_workers_are_one() -> None:
    connection = memory()
    add(connection, PASSED, FAILED)
    add(connection, PASSED, day=TODAY)
    add(connection, PASSED)
    found = sums.of_day(connection, YESTERDAY, "bank.example")
    assert [(each.count, each.row) for each in found.messages] == [
        (2, seen(PASSED).row),
        (1, seen(FAILED).row),
    ]
    assert (found.record, found.found_by, found.missed) == (RECORD, "treewalk", 0)
    assert [(each.day, each.ok, each.failed) for each in sums.counted(connection)] == [
        (TODAY, 1, 0),
        (YESTERDAY, 2, 1),
    ]


def test_of_a_domain_that_nobody_knows() -> None:
    assert sums.of_day(memory(), YESTERDAY, "bank.example").messages == ()


def test_the_record_that_was_seen_last_counts() -> None:
    connection = memory()
    other = "v=DMARC1; p=none; rua=mailto:d@bank.example"
    for text in (RECORD, other, RECORD, other):
        add(connection, by(text))
    found = sums.of_day(connection, YESTERDAY, "bank.example")
    assert found.record == other
    assert {each.record for each in found.messages} == {RECORD, other}


def test_records_that_are_told_apart_have_a_bound() -> None:
    connection = memory()
    for number in range(50):
        add(connection, by(f"v=DMARC1; p=none; rua=mailto:d{number}@bank.example"))
    (count,) = connection.execute("SELECT count(*) FROM policies").fetchone()
    assert count == adding.MOST_POLICIES
    (day,) = sums.counted(connection)
    assert day.failed == 50


def test_made_up_selectors_cost_details_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "MOST_FAILING", 5)
    connection = memory()
    for number in range(20):
        assert add(connection, failing(number)) == 0
    found = sums.of_day(connection, YESTERDAY, "bank.example")
    assert len(found.messages) == 6
    assert found.messages[0].row == seen(FAILED).in_short.row
    assert found.messages[0].count == 15
    assert sum(each.count for each in found.messages) == 20


def test_made_up_sources_leave_room_for_what_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"FAILING": 5, "SHORT_FAILING": 8, "DETAILED": 10, "OF_DOMAIN": 12}
    for name, value in bounds.items():
        monkeypatch.setattr(adding, f"MOST_{name}", value)
    connection = memory()
    lost = sum(add(connection, failing(at, source_ip=f"192.0.2.{at}")) for at in range(50))
    assert lost == 42
    for number in range(50):
        lost += add(connection, by(RECORD, PASSED, source_ip=f"198.51.100.{number}"))
    found = sums.of_day(connection, YESTERDAY, "bank.example")
    assert len(found.messages) == 12
    assert sum(each.row.passes for each in found.messages) == 4
    assert found.missed == lost == 88


def test_made_up_domains_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "MOST_DOMAINS", 3)
    connection = memory()
    lost = sum(add(connection, by(RECORD, policy_domain=f"{at}.evil.example")) for at in range(9))
    assert lost == 6
    assert add(connection, FAILED) == 0
    assert len(list(sums.counted(connection))) == 4
    assert missed(connection) == 6
    assert add(connection, by(RECORD, policy_domain="1.evil.example")) == 0


def test_one_organization_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "MOST_ROWS", 45)
    connection = memory()
    for number in range(9):
        add(connection, failing(number, policy_domain=f"{number % 2}.evil.example"))
    assert add(connection, FAILED) == 0
    (rows,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    assert rows == 5


def test_forgers_in_many_names_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail that fails costs nothing, in the name of whoever has a record."""
    monkeypatch.setattr(adding, "MOST_ROWS", 200)
    connection = memory()
    for name in range(60):
        forged = [failing(number, policy_domain=f"victim{name}.test") for number in range(5)]
        add(connection, *forged)
    (rows,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    assert rows == 180
    assert add(connection, by(RECORD, PASSED, policy_domain="honest.test")) == 0
    assert add(connection, by(RECORD, policy_domain="victim999.test")) == 1


def test_owners_of_many_domains_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "MOST_ROWS", 1_000)
    connection = memory()
    passing = [by(RECORD, PASSED, source_ip=f"192.0.2.{n}") for n in range(120)]
    for name in range(10):
        add(connection, *[replace(each, policy_domain=f"evil{name}.test") for each in passing])
    assert add(connection, *[replace(each, policy_domain="a.test") for each in passing[:30]]) == 0


def test_the_file_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "MOST_ROWS", 6)
    connection = memory()
    lost = sum(add(connection, by(RECORD, policy_domain=f"d{at}.test")) for at in range(9))
    (rows,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    assert (rows, lost, missed(connection)) == (6, 3, 3)


def test_what_could_not_be_counted_in_memory_is_added() -> None:
    connection = memory()
    assert adding.add(connection, {}, 7, TODAY) == 7
    assert missed(connection) == 7


def test_counts_go_with_their_report_and_with_time() -> None:
    connection = memory()
    for day in (TODAY - 9, TODAY - 2, YESTERDAY):
        add(connection, PASSED, FAILED, day=day)
    (due, *_) = outgoing.claim(
        connection, counts="domains", now=TODAY * 86_400.0, delay=0.0, make_id=str, most=9
    )
    outgoing.finish(connection, due, "sent", counts="domains", totals=(1, 1))
    left = {each.day for each in sums.counted(connection)}
    assert due.day not in left
    sums.sweep(connection, TODAY + 1)
    for table in ("domains", "messages", "policies", "missed"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_odd_texts_are_kept() -> None:
    connection = memory()
    odd = by(RECORD, header_from="\ud800\x00x", policy_domain="bank.example")
    assert add(connection, odd) == 0
    (message,) = sums.of_day(connection, YESTERDAY, "bank.example").messages
    assert message.row.header_from == "??x"


def test_records_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "MOST_RECORDS", 3)
    connection = memory()
    for number in range(3):
        assert add(connection, by(RECORD, policy_domain=f"d{number}.test")) == 0
    assert add(connection, by(RECORD, policy_domain="d9.test")) == 1
    assert add(connection, by("v=DMARC1; rua=mailto:x@d1.test", policy_domain="d1.test")) == 0
    assert connection.execute("SELECT count(*) FROM policies").fetchone() == (3,)


def test_changing_records_leave_room_for_other_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "MOST_RECORDS", 6)
    connection = memory()
    for number in range(5):
        assert add(connection, by(f"v=DMARC1; rua=mailto:x{number}@bank.example")) == 0
    assert connection.execute("SELECT count(*) FROM policies").fetchone() == (3,)
