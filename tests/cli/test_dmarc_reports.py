"""`postroad dmarc reports`: on the file that the workers use, and on files of the operator's."""

from __future__ import annotations

import gzip
import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from command_line import CommandLine
from dmarc_feedback import SHAPES, record, report_mail, xml, zipped
from postroad.limits.state_file import open_file
from postroad.reports.arrival import Arrival
from postroad.reports.dmarc.reading import parse
from postroad.reports.dmarc.received import DMARC_RECEIVED, put

pytestmark = pytest.mark.usefixtures("server")

FILE = Path("state/dmarc-received.db")


@pytest.fixture
def filled(server: Path) -> None:
    bad = record("2001:db8::9", 4, dkim="fail", spf="fail")
    reports = [
        (xml(record(count=120), bad), "receiver.example"),
        (xml(record("203.0.113.5", 300), organization="Evil \x1b[2J"), ""),
        (xml(record(header_from="example.net"), domain="example.net"), "receiver.example"),
    ]
    with closing(open_file(server / FILE, DMARC_RECEIVED)) as connection:
        for text, author in reports:
            put(connection, parse([text.encode()]), author, Arrival(time.time(), "", "Q1"))


def test_there_is_nothing_and_no_file_is_made(command_line: CommandLine) -> None:
    ran = command_line("dmarc", "reports")
    assert (ran.status, ran.out) == (0, "")
    words = "no reports to show: [dmarc_reports] receive names nobody, so none is read\n"
    assert ran.err == words
    assert command_line("dmarc", "reports", "--json").json == []
    assert not FILE.exists()


def test_where_they_would_come_from_is_said(command_line: CommandLine, server: Path) -> None:
    file = server / "postroad.toml"
    line = '[dmarc_reports]\nreceive = ["dmarc@example.org"]\n'
    file.write_text(file.read_text().replace("[dmarc_reports]\n", line))
    ran = command_line("dmarc", "reports", "--json")
    assert ran.json == []
    assert ran.err == "no reports to show: those that come to dmarc@example.org are read\n"


def test_a_name_is_not_taken_for_our_word(command_line: CommandLine, server: Path) -> None:
    report = parse([xml(organization="google.com (proved)").encode()])
    with closing(open_file(server / FILE, DMARC_RECEIVED)) as connection:
        put(connection, report, "", Arrival(time.time(), "", "Q1"))
    lines = command_line("dmarc", "reports", "--no-names").lines
    words = 'on nobody\'s word (DMARC proved no author), as "google.com (proved)"'
    assert f"    reported {words}: 1 report, 1 message" in lines
    (about,) = command_line("dmarc", "reports", "--no-names", "--json").json
    assert about["sources"][0]["reporters"] == {'"google.com (proved)"': 1}


@pytest.mark.usefixtures("filled")
def test_received(command_line: CommandLine) -> None:
    lines = command_line("dmarc", "reports", "--no-names").lines
    net, org = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert net[0] == "example.net  2023-11-15 to 2023-11-15: 1 message, 1 passed (100 %), 0 failed"
    assert net[1] == "    policy: p=none"
    assert net[2] == '    reported by receiver.example (proved), as "Receiver": 1 report, 1 message'
    assert org[0].endswith(": 424 messages, 420 passed (99 %), 4 failed")
    assert (
        '    reported on nobody\'s word (DMARC proved no author), as "Evil [2J": 1 report,'
        " 300 messages" in org
    )
    assert any(each.startswith("    300 of the messages are told of by reports") for each in org)
    assert "  203.0.113.5: 300 messages, 0 failed; DKIM 300, SPF 300; done: none 300" in org
    assert "      300 of them only by reports that are nobody's word" in org
    at = org.index("  2001:db8::9: 4 messages, 4 failed; DKIM 0, SPF 0; done: none 4")
    assert org[at + 1].strip().startswith("nothing proves that it is from example.org: if the")


@pytest.mark.usefixtures("filled")
def test_json(command_line: CommandLine) -> None:
    net, org = command_line("dmarc", "reports", "--no-names", "--json").json
    assert (net["domain"], net["messages"], net["failed"]) == ("example.net", 1, 0)
    assert net["policy"]["policy"] == "none"
    assert net["reporters"] == [
        {
            "organization": "Receiver",
            "proved": "receiver.example",
            "file": False,
            "contact": "dmarc@receiver.example",
            "reports": 1,
            "messages": 1,
            "skipped": 0,
        }
    ]
    found = {each["address"]: each for each in org["sources"]}
    assert found["203.0.113.5"]["unproved"] == 300
    assert found["203.0.113.5"]["name"] is None
    failing = found["2001:db8::9"]
    assert (failing["failed"], failing["done"], failing["advice"]) == (4, {"none": 4}, "unknown")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "messages"),
    [
        (("--domain", "example.net"), [1]),
        (("--domain", "Example.ORG"), [424]),
        (("--source", "2001:DB8:0::9"), [4]),
        (("--proved",), [1, 124]),
        (("--since", "2023-11-15"), [1, 424]),
        (("--since", "2023-11-17T00:00:00"), []),
        (("--since", "7d"), []),
    ],
)
def test_what_is_wanted(command_line: CommandLine, options, messages: list[int]) -> None:
    found = command_line("dmarc", "reports", "--no-names", "--json", *options).json
    assert [each["messages"] for each in found] == messages


@pytest.mark.usefixtures("filled")
def test_the_most(command_line: CommandLine) -> None:
    options = ("--no-names", "--most", "1", "--domain", "example.org")
    lines = command_line("dmarc", "reports", *options).lines
    assert lines[-1] == "  and 2 more sources: 124 messages, 4 failed"


@pytest.mark.parametrize(
    "options", [("--source", "nowhere"), ("--since", "some day"), ("--most", "0")]
)
def test_what_is_no_option(command_line: CommandLine, options) -> None:
    ran = command_line("dmarc", "reports", *options)
    assert ran.status == os.EX_USAGE
    assert ran.err


def test_files(command_line: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    text = xml(record(count=7))
    (folder / "a.xml").write_text(text)
    (folder / "b.xml.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "c.zip").write_bytes(zipped(xml(record(count=2), report_id="2").encode()))
    (folder / "d.eml").write_bytes(report_mail(xml(record(count=3), report_id="3")))
    (folder / "notes.txt").write_text("not a report")
    result = command_line("dmarc", "reports", str(folder), "--no-names")
    assert result.lines[0].endswith(": 12 messages, 12 passed (100 %), 0 failed")
    assert '    reported in a file, as "Receiver": 3 reports, 12 messages' in result.lines
    assert result.err == f"{folder}/notes.txt: passed over: the mail has no part that is a report\n"
    # One that is named is not passed over.
    result = command_line("dmarc", "reports", str(folder / "notes.txt"))
    assert result.status == os.EX_DATAERR
    assert "no report on DMARC" in result.err
    result = command_line("dmarc", "reports", str(folder / "none"))
    assert result.status == os.EX_NOINPUT
    assert "cannot be read" in result.err


def test_all_shapes_have_words(command_line: CommandLine) -> None:
    lines = command_line("dmarc", "reports", str(SHAPES), "--no-names").lines
    assert lines[0].startswith("example.org  2023-11-15 to 2023-11-16: 287 messages")
    assert "    a receiver says of the record: the record has a tag that is not known" in lines
    assert any("a signature of example.org" in line for line in lines)
    assert any("sent through a list" in line for line in lines)
