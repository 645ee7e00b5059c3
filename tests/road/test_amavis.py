"""A content filter by SMTP, as docs/last-hops.md has it, with the real amavis."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peers.amavis import Amavis
from peers.clamd import EICAR, Clamd
from peers.ports import free_port
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

JOHN = "john@example.org"


@pytest.fixture(scope="module")
def server() -> Iterator[Postroad]:
    with ExitStack() as exits:
        clamd = Clamd()
        exits.callback(clamd.stop)
        clamd.folder.chmod(0o755)
        back = free_port()
        amavis = Amavis(str(clamd.path), back)
        exits.callback(amavis.stop)
        server = Postroad(
            {
                "workers": 1,
                "authentication": {"verify": False},
                "listeners": {
                    "mx": {"content_filter": f"smtp:[127.0.0.1]:{amavis.port}"},
                    "reinjection": {
                        "preset": "mx",
                        "bind": [f"127.0.0.1:{back}"],
                        "tls": "none",
                        "taken_before": True,
                        "filters": [],
                        "xforward": ["127.0.0.1"],
                        "policy": {"recipient": ["permit_mynetworks", "reject"]},
                    },
                },
            },
            listeners=("mx",),
            accounts={JOHN: "summersun"},
        )
        exits.callback(server.stop)
        yield server


def send(server: Postroad, subject: str, text: str) -> int:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), "client.example", timeout=30) as client:
        client.ehlo()
        client.mail("ann@elsewhere.test")
        client.rcpt(JOHN)
        letter = f"From: ann@elsewhere.test\r\nSubject: {subject}\r\n\r\n{text}\r\n"
        return client.data(letter.encode())[0]


def test_mail_passes_once_and_comes_back(server: Postroad) -> None:
    assert send(server, "through amavis", "Soup?") == 250

    message = server.maildir(JOHN).wait_parsed("Subject: through amavis")

    received = message.get_all("Received", [])
    assert ["(filter.example.org" in each for each in received].count(True) == 1
    assert ["by mail.example.org" in each for each in received].count(True) == 2
    assert message["X-Virus-Scanned"] == "by amavis"


def test_what_it_refuses_returns(server: Postroad) -> None:
    assert send(server, "a virus", EICAR) == 250

    line = server.wait_log("INFECTED: Eicar-Test.UNOFFICIAL")

    assert "status=bounced" in line
    assert "554 5.7.0" in line
