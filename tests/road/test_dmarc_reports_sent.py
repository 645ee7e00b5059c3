"""A whole server that reports on mail from strangers: nsd, a mail exchanger that gets the report.

The bank's own mail passes DMARC, mail that somebody else sends in its name fails. The next day the
bank has a report of both, which is signed, and which both we and others read.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import smtplib
import sqlite3
from contextlib import AsyncExitStack, closing
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import dkim
import pytest

from dkim_signer import signature
from dmarc_report_schemas import check
from fake_mx import FakeMx
from peers.dns import NameServer
from peers.postroad import Postroad
from peers.waiting import until
from postroad.mailauth.dkim.signing_key import new_key
from postroad.model.fields import Fields
from postroad.reports.dmarc.attachments import in_mail

pytestmark = pytest.mark.peer

BANK = new_key("bank.test", "june", "ed25519", 0)
OURS = new_key("example.org", "one", "rsa", 2048)
AGREES = "v=DMARC1"
WANTED = (
    "mailto:dmarc@bank.test",
    "mailto:us@collector.test!5m",
    "mailto:victim@quiet.test",
    "https://bank.test/dmarc",
)
RECORDS = [
    "bank.test. MX 10 mx.bank.test.",
    "mx.bank.test. A 127.0.0.1",
    f'_dmarc.bank.test. TXT "v=DMARC1; p=reject; rua={",".join(WANTED)}"',
    f'{BANK.name}. TXT "{BANK.record}"',
    'bank.test. TXT "v=spf1 ip4:192.0.2.1 -all"',
    "collector.test. MX 10 mx.bank.test.",
    f'bank.test._report._dmarc.collector.test. TXT "{AGREES}"',
    "quiet.test. MX 10 mx.bank.test.",
    '_dmarc.shy.test. TXT "v=DMARC1; p=none"',
    '_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.org"',
]


def message(author: str, *, signed: bool) -> bytes:
    fields = Fields.of(f"From: {author}\r\nSubject: hello\r\nDate: now\r\n".encode())
    body = b"Your account\r\n"
    if signed:
        fields = fields.above(signature(fields, body, BANK))
    return fields.octets + b"\r\n" + body


def send(server: Postroad, text: bytes) -> int:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), "client.example", timeout=30) as client:
        client.ehlo()
        assert client.mail("ann@bank.test")[0] == 250
        assert client.rcpt("john@example.org")[0] == 250
        return client.data(text)[0]


def two_days_pass(server: Postroad) -> None:
    """While it is down, what it counted becomes two days older: its clock is the machine's."""
    server.end()
    with closing(sqlite3.connect(server.state / "dmarc-reports.db")) as file, file:
        for table in ("messages", "domains"):
            file.execute(f"UPDATE {table} SET day = day - 2")
    server.start()


async def test_a_day_is_reported(tmp_path: Path) -> None:
    key_file = tmp_path / "one.pem"
    key_file.write_bytes(OURS.pem)
    key_file.chmod(0o600)
    async with AsyncExitStack() as exits:
        exchanger = FakeMx()
        await exchanger.start()
        exits.push_async_callback(exchanger.stop)
        names = NameServer(RECORDS, ("test.", "org."))
        exits.callback(names.stop)
        server = await asyncio.to_thread(
            Postroad,
            {
                "workers": 2,
                "dns": {"servers": [names.address], "reverse": False},
                "delivery": {"mx_port": exchanger.port},
                "relay": {"trusted_networks": ["203.0.113.0/24"]},
                "spf": {"skip_addresses": []},
            },
            listeners=("mx",),
            accounts={"john@example.org": "summersun"},
        )
        exits.callback(server.stop)
        await asyncio.to_thread(_use_key, server, key_file)
        for author, signed, code in (
            ("ann@bank.test", True, 250),
            ("ann@bank.test", True, 250),
            ("ann@bank.test", False, 550),
            ("ann@shy.test", False, 250),
            ("ann@example.org", False, 250),
        ):
            found = await asyncio.to_thread(send, server, message(author, signed=signed))
            assert found == code, author
        await asyncio.to_thread(two_days_pass, server)
        await asyncio.to_thread(
            until, lambda: len(exchanger.messages) >= 2, within=60, what="two reports"
        )
        sent = await asyncio.to_thread(_noted, server)
        _check_listing(sent)
        assert {each.recipients[0] for each in exchanger.messages} == {
            "dmarc@bank.test",
            "us@collector.test",
        }
        for taken in exchanger.messages:
            assert taken.sender == ""
            _check(taken.content, sent["reports"][0]["report_id"])


def _use_key(server: Postroad, file: Path) -> None:
    """The operator adds a key of theirs, and reports begin by themselves: nobody said `send`."""
    server.end()
    with server.configuration.open("a") as configuration:
        configuration.write(
            f'\n[[dkim.keys]]\ndomain = "example.org"\nselector = "one"\nfile = "{file}"\n'
        )
    server.start()


def _noted(server: Postroad) -> dict:
    """What was sent, as soon as it is noted that all of it was."""

    def listed() -> dict:
        found: dict = json.loads(server.run("dmarc", "sent", "--json"))
        return found if {each["state"] for each in found["reports"]} == {"sent"} else {}

    return until(listed, within=30, what="the report noted as sent")


def _check_listing(sent: dict) -> None:
    (report,) = sent["reports"]
    assert (report["domain"], report["state"]) == ("bank.test", "sent")
    assert (report["passed"], report["failed"]) == (2, 1)
    ends = {each["endpoint"]: each for each in report["endpoints"]}
    assert ends["mailto:dmarc@bank.test"]["sent"]
    assert ends["mailto:us@collector.test!5m"]["sent"]
    assert "quiet.test does not agree" in ends["mailto:victim@quiet.test"]["words"]
    assert ends["https://bank.test/dmarc"]["words"] == "reports go by mail only"
    assert sent["counting"] == []
    assert sent["not_counted"] == 0


def _check(octets: bytes, report_id: str) -> None:
    record = OURS.record.encode()
    assert dkim.verify(octets, dnsfunc=lambda name, timeout=5: record)
    mail = message_from_bytes(octets, policy=policy.SMTP)
    assert isinstance(mail, EmailMessage)
    assert mail["From"] == "postmaster@example.org"
    assert "d=example.org" in mail["DKIM-Signature"]
    subject = " ".join(mail["Subject"].split())
    assert subject == (
        f"Report Domain: bank.test Submitter: mail.example.org Report-ID: <{report_id}>"
    )
    _, attached = mail.iter_parts()
    assert attached.get_content_type() == "application/gzip"
    xml = gzip.decompress(attached.get_content())
    check(xml, "rfc7489")
    assert b"ann" not in xml
    assert b"john" not in xml
    (report,) = in_mail([octets])
    assert (report.organization, report.id) == ("example.org", report_id)
    passed, failed = report.rows
    assert (passed[1], failed[1]) == (2, 1)
    assert (passed[0].dkim, passed[0].spf, passed[0].disposition) == (True, False, "none")
    assert passed[0].signatures == (("bank.test", "june", "pass"),)
    assert (failed[0].passes, failed[0].disposition) == (False, "reject")
    assert failed[0].source == "127.0.0.1"
    assert failed[0].senders == (("bank.test", "mfrom", "fail"),)
