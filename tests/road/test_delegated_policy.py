"""Postroad asks policy services of others about mail, as the small-server guide has Postfix do.

The client is one at another address, for which a trusted peer speaks by XCLIENT.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes

import pytest

from peers.dns import NameServer
from peers.policyd_spf import PolicydSpf
from peers.postgrey import Postgrey
from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

JOHN, LISA = "john@example.org", "lisa@example.org"
SENDER = "paul@strict.test"
RECORDS = [
    'strict.test. TXT "v=spf1 ip4:192.0.2.1 -all"',
    'none.test. TXT "nothing about senders"',
    "mx.test. A 192.0.2.1",
]
ZONES = ("test.", "2.0.192.in-addr.arpa.")
GREYLISTED = re.compile(
    r"4\.2\.0 <john@example\.org>: Recipient address rejected: "
    r"Greylisted, see http://postgrey\.schweikert\.ch/help/example\.org\.html"
)


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    server = NameServer(RECORDS, ZONES)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def start(names: NameServer, module_started) -> Callable[..., Postroad]:
    def start(*services: str) -> Postroad:
        asked = [f"check_policy_service {service}" for service in services]
        policy = {"recipient": ["reject_unlisted_recipient", *asked]}
        settings = {
            "dns": {"servers": [names.address]},
            "listeners": {"mx": {"xclient": ["127.0.0.1/32"], "policy": policy}},
        }
        accounts = {JOHN: "summersun", LISA: "winterrain"}
        return module_started(Postroad(settings, listeners=["mx"], accounts=accounts))

    return start


@pytest.fixture(scope="module")
def spf(names: NameServer, module_started) -> PolicydSpf:
    return module_started(PolicydSpf(names.port))


@pytest.fixture(scope="module")
def guide(start: Callable[..., Postroad], spf: PolicydSpf) -> Postroad:
    """The guide's server."""
    return start(spf.service)


@contextmanager
def client_at(server: Postroad, address: str) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.ehlo("proxy.test")
        code, words = client.docmd("XCLIENT", f"ADDR={address} NAME=[UNAVAILABLE] HELO=mx.test")
        assert code == 220, words
        client.ehlo("proxy.test")
        yield client


def asked(client: smtplib.SMTP, sender: str = SENDER, recipient: str = JOHN) -> tuple[int, str]:
    """The answer about one recipient, in a transaction of its own."""
    client.rset()
    client.mail(sender)
    code, words = client.rcpt(recipient)
    return code, words.decode()


def test_forged_mail_is_refused(guide: Postroad) -> None:
    with client_at(guide, "192.0.2.2") as client:
        code, words = asked(client)
    assert code == 550
    assert words.startswith(
        "5.7.23 <john@example.org>: Recipient address rejected: "
        "Message rejected due to: SPF fail - not authorized. Please see http://"
    )
    line = guide.wait_log("NOQUEUE: reject: RCPT from unknown[192.0.2.2]: 550 5.7.23")
    assert "from=<paul@strict.test> to=<john@example.org> proto=ESMTP helo=<mx.test>" in line


def test_real_mail_gets_one_field_on_top(guide: Postroad) -> None:
    with client_at(guide, "192.0.2.1") as client:
        client.sendmail(SENDER, [JOHN, LISA], b"Subject: real\r\n\r\nhello\r\n")
    for recipient in (JOHN, LISA):
        message = message_from_bytes(guide.maildir(recipient).wait("Subject: real"))
        fields = message.get_all("Received-SPF")
        assert len(fields) == 1
        assert fields[0].startswith("Pass (mailfrom) identity=mailfrom; client-ip=192.0.2.1;")


def test_a_foreign_domain_stays_closed(guide: Postroad) -> None:
    with client_at(guide, "192.0.2.1") as client:
        assert asked(client, recipient="paul@elsewhere.test") == (
            554,
            "5.7.1 <paul@elsewhere.test>: Relay access denied",
        )


def test_greylisted_then_accepted(
    start: Callable[..., Postroad], spf: PolicydSpf, module_started
) -> None:
    server = start(spf.service, module_started(Postgrey()).service)
    with client_at(server, "192.0.2.1") as client:
        code, words = asked(client)
        assert code == 450
        assert GREYLISTED.match(words), words

        until(lambda: asked(client)[0] == 250, within=30, what="the end of greylisting")
        client.rset()
        client.sendmail(SENDER, [JOHN], b"Subject: patient\r\n\r\nhello\r\n")
    message = message_from_bytes(server.maildir(JOHN).wait("Subject: patient"))
    assert message["Received-SPF"].startswith("Pass ")
    server.wait_log("NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 450 4.2.0 <john@example.org>")


def test_a_service_that_is_gone(start: Callable[..., Postroad], module_started) -> None:
    greylist = Postgrey()
    place = greylist.service.removeprefix("inet:")
    greylist.stop()
    vital = greylist.service
    server = start(f"{{ {vital}, default_action=DUNNO, retry_delay=0 }}")
    with client_at(server, "192.0.2.1") as client:
        assert asked(client)[0] == 250
    server.wait_log(f"warning: problem talking to server {place}: ")

    server = start(f"{{ {vital}, retry_delay=0 }}")
    with client_at(server, "192.0.2.1") as client:
        assert asked(client) == (
            451,
            "4.3.5 <john@example.org>: Recipient address rejected: Server configuration problem",
        )
