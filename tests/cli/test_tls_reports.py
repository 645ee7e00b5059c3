"""`postroad tls-reports`: on the file that the workers use."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.limits.state_file import open_file
from postroad.reports import outgoing
from postroad.reports.arrival import Arrival
from postroad.reports.tls import received, sums
from postroad.reports.tls.advice import ADVICE, advice_on
from postroad.reports.tls.file import TLS_REPORTS
from postroad.reports.tls.reading import parse
from report_world import BAD, EXAMPLE, GOOD, TODAY

pytestmark = pytest.mark.usefixtures("server")

FILE = Path("state/tls-reports.db")
NOW = (TODAY + 1) * 86_400.0


@pytest.fixture
def filled(server: Path) -> None:
    report = dataclasses.replace(parse(EXAMPLE.read_bytes()), organization="Evil \x1b[2J")
    with closing(open_file(server / FILE, TLS_REPORTS)) as connection:
        received.put(connection, report, Arrival(NOW, "", "Q1"))
        counts = {(TODAY, GOOD.in_short): 3, (TODAY, BAD): 1}
        sums.add(connection, counts, 2, TODAY)
        (due,) = outgoing.claim(
            connection,
            counts="sessions",
            now=NOW,
            delay=0.0,
            make_id=lambda day: f"{day}@us",
            most=5,
        )
        outgoing.noted(connection, due, "mailto:tls@example.net", None, "no room")
        outgoing.finish(
            connection, due, "failed", counts="sessions", totals=(3, 1), words="given up"
        )
        sums.add(connection, {(TODAY + 1, GOOD.in_short): 5}, 0, TODAY)


def test_there_is_nothing_and_no_file_is_made(command_line: CommandLine) -> None:
    ran = command_line("tls-reports")
    assert (ran.status, ran.out) == (0, "")
    words = "no reports to show: [tls_reports] receive names nobody, so none is read\n"
    assert ran.err == words
    assert command_line("tls-reports", "received", "--json").json == []
    assert command_line("tls-reports", "sent").out == ""
    found = command_line("tls-reports", "sent", "--json").json
    assert found == {"reports": [], "counting": [], "not_counted": 0}
    assert not FILE.exists()


@pytest.mark.usefixtures("filled")
def test_received(command_line: CommandLine) -> None:
    lines = command_line("tls-reports").lines
    assert lines == command_line("tls-reports", "received").lines
    assert lines[0] == (
        "2016-04-01  Evil ?[2J  company-y.example: 5326 sessions succeeded, 303 failed"
    )
    assert lines[1].strip() == (
        "200 starttls-not-supported at mx2.mail.company-y.example, seen from 2001:db8:abcd:0013::1"
    )
    assert lines[2].strip().startswith("the host did not offer STARTTLS: check that")
    assert len(lines) == 7
    (day,) = command_line("tls-reports", "--json").json
    assert (day["day"], day["succeeded"], day["failed"]) == ("2016-04-01", 5326, 303)
    assert day["failures"][1]["type"] == "certificate-expired"
    assert day["failures"][1]["action"].startswith("renew it")


@pytest.mark.usefixtures("filled")
def test_sent(command_line: CommandLine) -> None:
    lines = [line.split() for line in command_line("tls-reports", "sent").lines]
    assert lines == [
        ["DAY", "DOMAIN", "OK", "FAILED", "STATE", "WORDS"],
        ["2024-10-04", "example.net", "3", "1", "failed", "given", "up"],
        ["mailto:tls@example.net:", "not", "sent,", "no", "room"],
        [],
        ["Counted,", "and", "not", "reported", "yet:"],
        ["DAY", "DOMAIN", "OK", "FAILED"],
        ["2024-10-05", "example.net", "5", "0"],
        [
            "2",
            "sessions",
            "were",
            "not",
            "counted:",
            "there",
            "were",
            "too",
            "many",
            "different",
            "ones",
        ],
    ]
    found = command_line("tls-reports", "sent", "--json").json
    assert found["counting"] == [
        {"day": "2024-10-05", "domain": "example.net", "succeeded": 5, "failed": 0}
    ]
    (report,) = found["reports"]
    assert (report["report_id"], report["state"], report["next"]) == ("20000@us", "failed", None)
    assert report["endpoints"] == [
        {"endpoint": "mailto:tls@example.net", "sent": None, "words": "no room"}
    ]


def test_every_type_that_is_sent_here_has_its_words() -> None:
    from postroad.delivery.tls_policy import TlsResult

    assert {each.value for each in TlsResult} == {"success", *ADVICE}
    assert advice_on("new-type").meaning
