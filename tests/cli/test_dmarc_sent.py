"""`postroad dmarc sent`: what went to other domains."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from command_line import CommandLine
from dmarc_report_world import FAILED, PASSED, seen
from postroad.limits.state_file import open_file
from postroad.reports import outgoing
from postroad.reports.dmarc import adding
from postroad.reports.dmarc.file import DMARC_REPORTS
from report_world import TODAY

pytestmark = pytest.mark.usefixtures("server")

FILE = Path("state/dmarc-reports.db")
NOW = (TODAY + 1) * 86_400.0


def test_there_is_nothing_and_no_file_is_made(command_line: CommandLine) -> None:
    assert command_line("dmarc", "sent").out == ""
    found = command_line("dmarc", "sent", "--json").json
    assert found == {"reports": [], "counting": [], "not_counted": 0}
    assert not FILE.exists()


def test_sent_and_counted(command_line: CommandLine, server: Path) -> None:
    with closing(open_file(server / FILE, DMARC_REPORTS)) as connection:
        adding.add(connection, {(TODAY, seen(PASSED)): 3, (TODAY, seen(FAILED)): 1}, 2, TODAY)
        (due,) = outgoing.claim(
            connection, counts="domains", now=NOW, delay=0.0, make_id=lambda day: f"r{day}", most=5
        )
        outgoing.noted(connection, due, "mailto:d@bank.example", None, "\x1b[2Jno room")
        outgoing.finish(
            connection, due, "failed", counts="domains", totals=(3, 1), words="given up"
        )
        adding.add(connection, {(TODAY + 1, seen(PASSED)): 5}, 0, TODAY)
    lines = [line.split() for line in command_line("dmarc", "sent").lines]
    assert lines[:-1] == [
        ["DAY", "DOMAIN", "OK", "FAILED", "STATE", "WORDS"],
        ["2024-10-04", "bank.example", "3", "1", "failed", "given", "up"],
        ["mailto:d@bank.example:", "not", "sent,", "?[2Jno", "room"],
        [],
        ["Counted,", "and", "not", "reported", "yet:"],
        ["DAY", "DOMAIN", "OK", "FAILED"],
        ["2024-10-05", "bank.example", "5", "0"],
    ]
    assert command_line("dmarc", "sent").out.endswith(
        "2 messages were not counted: there were too many different ones\n"
    )
    found = command_line("dmarc", "sent", "--json").json
    assert found["counting"] == [
        {"day": "2024-10-05", "domain": "bank.example", "passed": 5, "failed": 0}
    ]
    (report,) = found["reports"]
    assert (report["report_id"], report["state"], report["passed"]) == ("r20000", "failed", 3)
