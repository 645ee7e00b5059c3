"""Counts in memory and in the file: exact while there is room, and bounded."""

from __future__ import annotations

import pytest

from postroad.reports import outgoing
from postroad.reports.arrival import Arrival
from postroad.reports.missed import missed
from postroad.reports.tls import counting, received, sums
from postroad.reports.tls.counting import Counting
from postroad.reports.tls.reading import parse
from report_world import BAD, EXAMPLE, GOOD, NONE, TODAY, MemoryFile

NOW = TODAY * 86_400.0
REPORT = parse(EXAMPLE.read_bytes())


def counted(*sessions) -> dict:
    counter = Counting(lambda: NOW, enabled=True)
    for session in sessions:
        counter.seen(session)
    return dict(counter.take()[0])


def test_successes_are_counted_together() -> None:
    other = GOOD._replace(host="mx2.example.net", reason="whatever")
    assert counted(GOOD, other, GOOD) == {(TODAY, GOOD.in_short): 3}


def test_failures_are_counted_in_detail() -> None:
    other = BAD._replace(host="mx2.example.net")
    assert counted(BAD, other, BAD) == {(TODAY, BAD): 2, (TODAY, other): 1}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_DETAILED", 2)
    monkeypatch.setattr(counting, "MOST", 3)
    counter = Counting(lambda: NOW, enabled=True)
    hosts = [BAD._replace(host=f"mx{number}.example.net") for number in range(5)]
    for session in (*hosts, *hosts, GOOD):
        counter.seen(session)
    counts, missed = counter.take()
    assert counts == {(TODAY, hosts[0]): 2, (TODAY, hosts[1]): 2, (TODAY, BAD.in_short): 6}
    assert missed == 1
    assert counter.take() == ({}, 0)


def test_workers_add_to_the_same_counts() -> None:
    connection = MemoryFile().connection
    for _ in range(2):
        counts = {(TODAY, GOOD.in_short): 3, (TODAY, BAD): 1}
        assert sums.add(connection, counts, 0, TODAY) == 0
    sums.add(connection, {(TODAY, GOOD._replace(policy=NONE).in_short): 1}, 0, TODAY)
    found = dict(sums.of_day(connection, TODAY, "example.net"))
    assert found == {
        GOOD.in_short: 6,
        BAD: 2,
        GOOD._replace(policy=NONE).in_short: 1,
    }
    assert list(sums.counted(connection)) == [sums.Counted(TODAY, "example.net", 7, 2)]


def test_details_beyond_a_bound_are_kept_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MOST_DETAILS", 2)
    connection = MemoryFile().connection
    hosts = [BAD._replace(host=f"mx{number}.example.net") for number in range(5)]
    sums.add(connection, {(TODAY, each): 1 for each in hosts}, 0, TODAY)
    sums.add(connection, {(TODAY, GOOD.in_short): 1}, 0, TODAY)
    found = dict(sums.of_day(connection, TODAY, "example.net"))
    assert found == {hosts[0]: 1, hosts[1]: 1, BAD.in_short: 3, GOOD.in_short: 1}


def test_the_file_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MOST_ROWS", 2)
    connection = MemoryFile().connection
    domains = [GOOD._replace(domain=f"d{number}.test").in_short for number in range(4)]
    assert sums.add(connection, {(TODAY, each): 2 for each in domains}, 3, TODAY) == 7
    assert missed(connection) == 7
    assert len(list(sums.counted(connection))) == 2


def test_what_is_old_goes() -> None:
    connection = MemoryFile().connection
    sums.add(connection, {(TODAY, BAD): 1, (TODAY - 9, GOOD): 1}, 1, TODAY - 9)
    sums.sweep(connection, TODAY - 7)
    assert [each.day for each in sums.counted(connection)] == [TODAY]
    assert missed(connection) == 0
    sums.sweep(connection, TODAY + 1)
    assert connection.execute("SELECT count(*) FROM policies").fetchone() == (0,)


def test_odd_characters_are_no_error() -> None:
    connection = MemoryFile().connection
    odd = BAD._replace(host="\ud800")
    for _ in range(2):
        sums.add(connection, {(TODAY, odd): 1}, 0, TODAY)
    ((session, count),) = sums.of_day(connection, TODAY, "example.net")
    assert (session.host, count) == ("?", 2)


# What others sent --------------------------------------------------------------------------------


def arrival(at: float = NOW) -> Arrival:
    return Arrival(at, "", "Q1")


def test_a_report_is_kept_once() -> None:
    connection = MemoryFile().connection
    assert received.put(connection, REPORT, arrival())
    assert not received.put(connection, REPORT, arrival())
    (day,) = received.days(connection)
    assert (day.organization, day.domain, day.ok, day.failed) == (
        "Company-X",
        "company-y.example",
        5326,
        303,
    )
    assert [(each.result, each.count, each.senders) for each in day.failures] == [
        ("starttls-not-supported", 200, ("2001:db8:abcd:0013::1",)),
        ("certificate-expired", 100, ("2001:db8:abcd:0012::1",)),
        ("validation-failure", 3, ("198.51.100.62",)),
    ]


def test_reports_of_the_same_day_are_added_up() -> None:
    import dataclasses

    connection = MemoryFile().connection
    for name in ("one", "two"):
        received.put(connection, dataclasses.replace(REPORT, id=name), arrival())
    (day,) = received.days(connection)
    assert (day.ok, day.failed) == (10_652, 606)
    assert [each.count for each in day.failures] == [400, 200, 6]


def test_old_reports_and_the_oldest_of_too_many_go(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    monkeypatch.setattr(received, "MOST", 3)
    connection = MemoryFile().connection
    for number in range(6):
        report = dataclasses.replace(REPORT, id=f"{number}", organization=f"O{number}")
        received.put(connection, report, arrival(NOW + number))
    assert {each.organization for each in received.days(connection)} == {"O3", "O4", "O5"}
    received.sweep(connection, NOW + 5)
    assert {each.organization for each in received.days(connection)} == {"O5"}
    (rows,) = connection.execute("SELECT count(*) FROM received_failures").fetchone()
    assert rows == 3


def test_what_was_sent_is_forgotten_in_time() -> None:
    connection = MemoryFile().connection
    for day in (TODAY - 40, TODAY - 10, TODAY):
        sums.add(connection, {(day, GOOD.in_short): 1}, 0, TODAY)
    asked = {"counts": "sessions", "delay": 0.0, "make_id": str, "most": 9}
    due = outgoing.claim(connection, now=NOW + 90_000, **asked)
    for each in due:
        state = "unwanted" if each.day == TODAY - 10 else "sent"
        outgoing.finish(connection, each, state, counts="sessions")
    outgoing.sweep(connection, before=TODAY - 30, unwanted_before=TODAY - 7)
    assert connection.execute("SELECT day FROM outgoing").fetchall() == [(TODAY,)]
