"""A whole server that receives reports on DMARC: proved, forged, and none at all."""

from __future__ import annotations

import gzip
import json
import smtplib
from collections.abc import Iterator

import pytest

from dkim_signer import signature
from dmarc_feedback import mail, record, report_mail, xml
from peers.dns import NameServer
from peers.postroad import Postroad
from postroad.mailauth.dkim.signing_key import new_key
from postroad.model.fields import Fields

pytestmark = pytest.mark.peer

KEY = new_key("receiver.example", "june", "ed25519", 0)
RECORDS = [
    '_dmarc.receiver.example. TXT "v=DMARC1; p=reject"',
    f'{KEY.name}. TXT "{KEY.record}"',
]
ACCOUNT = "lisa@example.org"
FAILED = record("203.0.113.5", 3, dkim="fail", spf="fail", disposition="quarantine")


@pytest.fixture(scope="module")
def server() -> Iterator[Postroad]:
    dns = NameServer(RECORDS, ["example.", "org.", "arpa."])
    settings = {
        "workers": 1,
        "dns": {"servers": [dns.address]},
        "relay": {"trusted_networks": ["203.0.113.0/24"]},
        "spf": {"skip_addresses": []},
        "dmarc_reports": {"receive": ["dmarc@example.org", ACCOUNT]},
    }
    found = Postroad(settings, listeners=["mx"], accounts={ACCOUNT: "summersun"})
    yield found
    found.stop()
    dns.stop()


def signed(text: bytes) -> bytes:
    header, _, body = text.partition(b"\r\n\r\n")
    fields = Fields.of(header + b"\r\n")
    return fields.above(signature(fields, body, KEY)).octets + b"\r\n" + body


def send(server: Postroad, text: bytes, recipient: str = "dmarc@example.org") -> str:
    """The log's line of its delivery."""
    with smtplib.SMTP("127.0.0.1", server.port("mx"), "client.example") as client:
        client.ehlo()
        assert client.mail("bounces@client.example")[0] == 250
        assert client.rcpt(recipient)[0] == 250
        code, words = client.data(text)
    assert code == 250, words
    queue_id = words.decode().split()[-1]
    return server.wait_log(f"{queue_id}: to=<{recipient}>")


def listed(server: Postroad, *options: str) -> list[dict]:
    return json.loads(server.run("dmarc", "reports", "--no-names", "--json", *options))


def test_reports_are_received(server: Postroad) -> None:
    assert listed(server) == []
    forged = xml(record("192.0.2.66", 666, dkim="fail", spf="fail"))
    text = xml(record(count=200), FAILED)
    other = xml(record("192.0.2.67", 67), report_id="id-2")
    # A stranger sends it first, under the same name and number; then comes the real one.
    line = send(server, report_mail(forged, author="dmarc@nobody.example"))
    assert "status=sent (250 2.0.0 kept as a report on DMARC)" in line
    line = send(server, signed(report_mail(text)))
    assert "status=sent (250 2.0.0 kept as a report on DMARC)" in line
    send(server, report_mail(forged, author="dmarc@nobody.example"))
    send(server, report_mail(other, author="dmarc@nobody.example"))
    server.wait_log(
        'proved to be from receiver.example: report-id=<id-1>, from="Receiver", domain=example.org:'
        " 203 messages, 3 failed"
    )
    server.wait_log("nobody's word (DMARC proved no author): report-id=<id-2>")
    (about,) = listed(server)
    assert {each["address"]: each["unproved"] for each in about["sources"]} == {
        "192.0.2.1": 0,
        "203.0.113.5": 0,
        "192.0.2.67": 67,
    }
    assert [(each["proved"], each["messages"]) for each in about["reporters"]] == [
        ("receiver.example", 203),
        (None, 67),
    ]
    (about,) = listed(server, "--proved", "--source", "203.0.113.5")
    assert (about["messages"], about["sources"][0]["done"]) == (3, {"quarantine": 3})


def test_an_account_has_the_mail_as_well(server: Postroad) -> None:
    text = xml(domain="example.net", report_id="id-3")
    assert "delivered to maildir" in send(server, signed(report_mail(text)), ACCOUNT)
    server.maildir(ACCOUNT).wait("Subject: Report Domain: example.org")
    assert "example.net" in [each["domain"] for each in listed(server)]


def test_what_is_none_is_set_aside(server: Postroad) -> None:
    text = xml().replace("<feedback>", '<!DOCTYPE f [<!ENTITY a "bomb">]><feedback>')
    bomb = mail(gzip.compress(text.encode()), author="dmarc@nobody.example")
    line = send(server, bomb)
    assert "status=sent (250 2.0.0 no report that could be read, set aside" in line
    server.wait_log("no report on DMARC: it has a document type")
    (path,) = (server.state / "unread-reports").iterdir()
    assert b"This is a report." in path.read_bytes()
    server.wait_log(f"it has no mailbox to go to, and is in {path}")
    # In a mailbox it is seen without that.
    line = send(server, b"Subject: no report\r\n\r\nHello\r\n", ACCOUNT)
    assert "delivered to maildir" in line
    assert len(list((server.state / "unread-reports").iterdir())) == 1
