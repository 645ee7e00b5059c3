"""Transports of the operator's, tables of routes, source addresses and a warm-up, in a server."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from peers.certificates import Authority, Certificate
from peers.postfix import Postfix
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

JOHN, PASSWORD = "john@example.org", "summersun"
LISA = "lisa@elsewhere.test"


@pytest.fixture(scope="module")
def server(certificate: Certificate, elsewhere: Postfix) -> Iterator[Postroad]:
    there = f"[127.0.0.1]:{elsewhere.port}"
    entries = [
        "closed.test=error:5.1.2 it moved",
        "asleep.test=retry:4.3.2 back at noon",
        "noise.test=discard:as agreed",
        "lisa+warm@elsewhere.test=warm:",
        "lisa+gone@elsewhere.test=gone:",
        "elsewhere.test=:",
    ]
    server = Postroad(
        {
            "workers": 1,
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "routing": {
                "transport": [f"inline:{{{', '.join(f'{{{each}}}' for each in entries)}}}"],
                "sender_transport": ["inline:{news@example.org=news:}"],
            },
            "relay": {"smarthost": there, "tls": "none"},
            "transports": {
                "news": {
                    "nexthop": there,
                    "tls": "none",
                    "source_addresses": ["127.0.0.2 news.example.org"],
                },
                "warm": {
                    "nexthop": there,
                    "tls": "none",
                    "source_addresses": ["127.0.0.3 warm.example.org"],
                },
                "gone": {"nexthop": there, "source_addresses": ["192.0.2.77"]},
                "side": {"nexthop": there, "tls": "none", "helo": "side.example.org"},
            },
            "warmup": {
                "127.0.0.3": {
                    "start": datetime.now(UTC).date().isoformat(),
                    "schedule": "2, 4",
                    "beyond": "wait",
                }
            },
            "listeners": {"submissions": {"transport": "side"}},
            "login": {"send_as": {JOHN: ["news@example.org"]}},
        },
        listeners=["submission", "submissions"],
        accounts={JOHN: PASSWORD},
    )
    yield server
    server.stop()


def send(
    server: Postroad, authority: Authority, to: str, subject: str, *, sender: str = JOHN
) -> None:
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as client:
        client.starttls(context=trust)
        client.login(JOHN, PASSWORD)
        client.sendmail(sender, [to], f"Subject: {subject}\r\n\r\nhello\r\n".encode())


@pytest.mark.parametrize(
    ("to", "log"),
    [
        ("any@closed.test", "dsn=5.1.2, status=bounced (550 5.1.2 it moved)"),
        ("any@asleep.test", "dsn=4.3.2, status=deferred (450 4.3.2 back at noon)"),
        ("any@noise.test", "dsn=2.0.0, status=sent (250 2.0.0 as agreed)"),
    ],
)
def test_routes_that_lead_nowhere(
    server: Postroad, authority: Authority, to: str, log: str
) -> None:
    send(server, authority, to, "nowhere")
    line = server.wait_log(f"to=<{to}>")
    assert log in line
    assert "relay=none" in line


def test_a_senders_transport_has_an_address_and_a_name_of_its_own(
    server: Postroad, authority: Authority, elsewhere: Postfix
) -> None:
    send(server, authority, LISA, "by news", sender="news@example.org")
    received = elsewhere.maildir("lisa").wait_parsed("by news").get_all("Received", [])[0]
    assert received.startswith("from news.example.org (unknown [127.0.0.2])")
    assert "postroad/news[" in server.wait_log(f"to=<{LISA}>, relay=127.0.0.1[127.0.0.1]")


def test_a_listeners_transport(server: Postroad, authority: Authority, elsewhere: Postfix) -> None:
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    port = server.port("submissions")
    with smtplib.SMTP_SSL("127.0.0.1", port, timeout=30, context=trust) as client:
        client.login(JOHN, PASSWORD)
        client.sendmail(JOHN, [LISA], b"Subject: by side\r\n\r\nhello\r\n")
    received = elsewhere.maildir("lisa").wait_parsed("by side").get_all("Received", [])[0]
    assert received.startswith("from side.example.org (unknown [127.0.0.1])")


def test_a_new_address_sends_its_share_and_no_more(server: Postroad, authority: Authority) -> None:
    for number in range(3):
        send(server, authority, "lisa+warm@elsewhere.test", f"warm {number}")
    line = server.wait_log("has sent its share of today")
    assert "status=deferred" in line
    (state,) = json.loads(server.run("warmup", "--json"))
    assert (state["address"], state["day"], state["share"]) == ("127.0.0.3", 1, 2)
    assert state["sent"] == 2
    assert "127.0.0.3" in server.run("warmup")


def test_an_address_that_is_not_ours_makes_mail_wait(
    server: Postroad, authority: Authority
) -> None:
    send(server, authority, "lisa+gone@elsewhere.test", "from nowhere")
    line = server.wait_log("to=<lisa+gone@elsewhere.test>")
    assert "status=deferred" in line
    assert "cannot send from 192.0.2.77: Cannot assign requested address" in line
    assert "192.0.2.77 of source_addresses is no address" in server.run("check")


def test_explain_tells_the_same_routes(server: Postroad) -> None:
    asked = ["explain", "--client", "192.0.2.9", "--listener", "submission", "--tls"]
    asked += ["--login", JOHN, "--helo", "client.example.org", "--json"]

    def told(to: str, sender: str = JOHN) -> tuple[str, str]:
        said = json.loads(server.run(*asked, "--from", sender, "--to", to))
        (end,) = said["destinations"]
        return end["transport"], end["words"]

    assert told("any@closed.test") == ("error", "it would go back to the sender: 5.1.2 it moved")
    assert told("any@noise.test") == ("discard", "thrown away: as agreed")
    assert told(LISA)[0] == "smtp"
    transport, words = told(LISA, "news@example.org")
    assert transport == "news"
    assert words.endswith("by the transport news")


def test_a_reload_exchanges_transports(
    server: Postroad, authority: Authority, elsewhere: Postfix
) -> None:
    text = server.configuration.read_text()
    changed = text.replace("127.0.0.2 news.example.org", "127.0.0.4 other.example.org")
    assert changed != text
    server.configuration.write_text(changed)
    os.kill(server.supervisor, signal.SIGHUP)
    server.wait_log("reloaded")
    send(server, authority, LISA, "after the reload", sender="news@example.org")
    received = elsewhere.maildir("lisa").wait_parsed("after the reload").get_all("Received", [])[0]
    assert received.startswith("from other.example.org (unknown [127.0.0.4])")
