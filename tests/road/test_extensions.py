"""What a sender asks for with its mail, from submission through the queue to the next hop.

The next hop is a Postfix, which knows DSN and CHUNKING and neither BINARYMIME nor REQUIRETLS.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from peers.certificates import Authority, Certificate
from peers.dns import NameServer
from peers.postfix import Postfix
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
LISA = "lisa@elsewhere.test"
PASSWORD = "summersun"


@pytest.fixture(scope="module")
def server(
    authority: Authority, certificate: Certificate, elsewhere: Postfix
) -> Iterator[Postroad]:
    names = NameServer(
        ["elsewhere.test. MX 10 mx.elsewhere.test.", "mx.elsewhere.test. A 127.0.0.1"]
    )
    server = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "dns": {"servers": [names.address]},
            "delivery": {"mx_port": elsewhere.port},
            "relay": {"ca_file": str(authority.certificate)},
        },
        accounts={JOHN: PASSWORD},
    )
    yield server
    server.stop()
    names.stop()


@pytest.fixture
def login(server: Postroad, authority: Authority):
    @contextmanager
    def session() -> Iterator[smtplib.SMTP]:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as client:
            client.starttls(context=trust)
            client.login(JOHN, PASSWORD)
            yield client

    return session


def envelope(client: smtplib.SMTP, recipient: str, options: Sequence[str]) -> None:
    code, words = client.mail(JOHN, options)
    assert code == 250, words
    code, words = client.rcpt(recipient)
    assert code == 250, words


def chunk(client: smtplib.SMTP, content: bytes) -> None:
    """Send the content in one piece, as BINARYMIME has to go."""
    client.send(b"BDAT %d LAST\r\n" % len(content) + content)
    code, words = client.getreply()
    assert code == 250, words


def test_the_next_hop_reports_what_the_sender_asked_for(login, elsewhere: Postfix) -> None:
    with login() as client:
        client.sendmail(
            JOHN,
            [LISA],
            b"Subject: tell me\r\n\r\nhello\r\n",
            mail_options=["RET=HDRS", "ENVID=id+2B1"],
            rcpt_options=["NOTIFY=SUCCESS"],
        )
    assert b"hello" in elsewhere.maildir("lisa").wait("Subject: tell me")
    elsewhere.wait_log("sender delivery status notification")


def test_binary_mail_reaches_a_maildir_octet_by_octet(login, server: Postroad) -> None:
    octets = bytes(range(256)) * 3 + b"\r\n.\r\n\n.\n\r"
    with login() as client:
        envelope(client, JOHN, ["BODY=BINARYMIME"])
        chunk(client, b"Subject: all octets\r\nMIME-Version: 1.0\r\n\r\n" + octets)
    assert server.maildir(JOHN).wait("Subject: all octets").endswith(b"\r\n\r\n" + octets)


def test_binary_mail_to_a_host_without_binarymime_comes_back(login, server: Postroad) -> None:
    with login() as client:
        envelope(client, LISA, ["BODY=BINARYMIME"])
        chunk(client, b"Subject: too binary\r\n\r\n\0\n")
    notice = server.maildir(JOHN).wait("Subject: too binary").decode()
    assert "\nStatus: 5.6.3\n" in notice
    assert "\nAction: failed\n" in notice


def test_mail_with_requiretls_to_a_host_without_it_comes_back(
    login, server: Postroad, elsewhere: Postfix
) -> None:
    with login() as client:
        envelope(client, "lisa@mx.elsewhere.test", ["REQUIRETLS"])  # whose host nobody can forge
        client.data(b"Subject: sealed\r\n\r\nhello\r\n")
    notice = server.maildir(JOHN).wait("Subject: sealed").decode()
    assert "\nStatus: 5.7.30\n" in notice
    assert elsewhere.maildir("lisa").find("Subject: sealed") == b""
    server.wait_log("Verified TLS connection established to mx.elsewhere.test")


def test_mail_with_requiretls_to_a_host_that_only_plain_dns_names_comes_back(
    login, server: Postroad, elsewhere: Postfix
) -> None:
    with login() as client:
        envelope(client, LISA, ["REQUIRETLS"])
        client.data(b"Subject: unproved\r\n\r\nhello\r\n")
    notice = server.maildir(JOHN).wait("Subject: unproved").decode()
    assert "\nStatus: 5.7.10\n" in notice
    assert elsewhere.maildir("lisa").find("Subject: unproved") == b""
