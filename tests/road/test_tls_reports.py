"""A whole server that counts, reports, and reads reports: nsd, a web server, a mail exchanger."""

from __future__ import annotations

import asyncio
import email
import email.policy
import gzip
import json
import os
import smtplib
import sqlite3
import ssl
from contextlib import AsyncExitStack, closing
from email.message import EmailMessage

import pytest

from fake_mx import OFFER, FakeMx
from peers import needs
from peers.certificates import Authority, Certificate
from peers.dns import NameServer
from peers.postroad import Postroad
from peers.waiting import until
from policy_web_server import WebServer, served

pytestmark = pytest.mark.peer

POLICY = "version: STSv1\nmode: enforce\nmx: mx.elsewhere.test\nmax_age: 604800\n"
HOST = f"127.{os.getpid() >> 8 & 127}.{os.getpid() & 255}.44"
REPORT = "v=TLSRPTv1; rua=mailto:tls@elsewhere.test"
RECORDS = [
    "elsewhere.test. MX 10 mx.elsewhere.test.",
    "mx.elsewhere.test. A 127.0.0.1",
    '_mta-sts.elsewhere.test. TXT "v=STSv1; id=1;"',
    f"mta-sts.elsewhere.test. A {HOST}",
    f'_smtp._tls.elsewhere.test. TXT "{REPORT}"',
    "astray.test. MX 10 mx.astray.test.",
    "mx.astray.test. A 127.0.0.1",
    '_mta-sts.astray.test. TXT "v=STSv1; id=1;"',
    f"mta-sts.astray.test. A {HOST}",
    f'_smtp._tls.astray.test. TXT "{REPORT}"',
    "silent.test. MX 10 mx.elsewhere.test.",
]


def tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


def send(server: Postroad, recipient: str, octets: bytes = b"Subject: hi\r\n\r\nHello\r\n") -> None:
    with smtplib.SMTP("127.0.0.1", server.port("mx")) as client:
        client.sendmail("john@example.org", [recipient], octets)


def two_days_pass(server: Postroad) -> None:
    """While it is down, what it counted becomes two days older: its clock is the machine's."""
    server.end()
    with closing(sqlite3.connect(server.state / "tls-reports.db")) as file, file:
        file.execute("UPDATE sessions SET day = day - 2")
    server.start()


async def test_a_day_is_reported_and_a_report_is_read(authority: Authority) -> None:
    needs.root("a web server at port 443")
    async with AsyncExitStack() as exits:
        exchanger = FakeMx(
            offer=(*OFFER, "STARTTLS"), context=tls(authority.issue("mx.elsewhere.test"))
        )
        await exchanger.start()
        exits.push_async_callback(exchanger.stop)
        web = WebServer(
            tls(authority.issue("mta-sts.elsewhere.test", "mta-sts.astray.test")), served(POLICY)
        )
        await web.start(HOST, 443)
        exits.push_async_callback(web.stop)
        names = NameServer(RECORDS, ("elsewhere.test.", "astray.test.", "silent.test."))
        exits.callback(names.stop)
        server = await asyncio.to_thread(
            Postroad,
            {
                "dns": {"servers": [names.address]},
                "delivery": {"mx_port": exchanger.port},
                "outbound_tls": {"ca_file": str(authority.certificate)},
                "tls_reports": {"send": True, "receive": ["tls@example.org"]},
            },
            listeners=("mx",),
        )
        exits.callback(server.stop)
        for domain in ("elsewhere.test", "astray.test", "silent.test"):
            await asyncio.to_thread(send, server, f"lisa@{domain}")
            await asyncio.to_thread(server.wait_log, f"to=<lisa@{domain}>")
        await asyncio.to_thread(two_days_pass, server)
        await asyncio.to_thread(_reported, exchanger)
        reports = dict(map(_read, exchanger.messages[-2:]))
        _check(reports)
        await asyncio.to_thread(_written_down, server)
        await _received(server, exchanger.messages[-1].content)


def _reported(exchanger: FakeMx) -> None:
    until(lambda: len(exchanger.messages) >= 4, within=60, what="two reports")


def _written_down(server: Postroad) -> None:
    """That both were sent is noted after they were."""

    def states() -> bool:
        sent = json.loads(server.run("tls-reports", "sent", "--json"))
        found = {each["domain"]: each["state"] for each in sent["reports"]}
        return found == {"elsewhere.test": "sent", "astray.test": "sent"}

    until(states, within=30, what="both noted as sent")


def _read(taken) -> tuple[str, dict]:
    assert taken.sender == ""
    assert taken.recipients == ["tls@elsewhere.test"]
    message = email.message_from_bytes(taken.content, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert message.get_content_type() == "multipart/report"
    assert message["TLS-Required"] == "No"
    _, attached = message.iter_parts()
    return message["TLS-Report-Domain"], json.loads(gzip.decompress(attached.get_content()))


def _check(reports: dict[str, dict]) -> None:
    (policy,) = reports["elsewhere.test"]["policies"]
    assert policy["policy"]["policy-type"] == "sts"
    assert policy["policy"]["mx-host"] == ["mx.elsewhere.test"]
    assert policy["policy"]["policy-string"] == POLICY.splitlines()
    assert policy["summary"] == {
        "total-successful-session-count": 1,
        "total-failure-session-count": 0,
    }
    (policy,) = reports["astray.test"]["policies"]
    assert policy["summary"]["total-successful-session-count"] == 0
    (failure,) = policy["failure-details"]
    assert failure["result-type"] == "validation-failure"
    assert failure["receiving-mx-hostname"] == "mx.astray.test"


async def _received(server: Postroad, report: bytes) -> None:
    """The same report comes back to an address that has no mailbox."""
    await asyncio.to_thread(send, server, "tls@example.org", report.replace(b"\r\n.", b"\r\n"))
    line = await asyncio.to_thread(server.wait_log, "to=<tls@example.org>")
    assert "status=sent (250 2.0.0 kept as a report about TLS)" in line
    (day,) = json.loads(await asyncio.to_thread(server.run, "tls-reports", "--json"))
    assert day["organization"] == "example.org"
    assert day["domain"] in {"elsewhere.test", "astray.test"}
    # What is no report goes the way of all mail for nobody.
    await asyncio.to_thread(send, server, "tls@example.org")
    await asyncio.to_thread(server.wait_log, "no report about TLS: the mail has no part")
    bounced = await asyncio.to_thread(server.wait_log, "status=bounced")
    assert "to=<tls@example.org>" in bounced
