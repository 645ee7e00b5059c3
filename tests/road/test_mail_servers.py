"""Mail to and from real servers: another domain's MX, the world on port 25, a smarthost."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers import postfix
from peers.certificates import Authority, Certificate
from peers.clients import Submission, msmtp, s_nail
from peers.dns import NameServer
from peers.dovecot import Dovecot
from peers.postfix import Postfix
from peers.postroad import Postroad, Table

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
LISA = "lisa@elsewhere.test"
PASSWORD = "summersun"


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    server = NameServer(
        [
            "elsewhere.test. MX 10 mx.elsewhere.test.",
            "mx.elsewhere.test. A 127.0.0.1",
            "smarthost.test. A 127.0.0.1",
        ]
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def smarthost(authority: Authority) -> Iterator[Postfix]:
    accounts = Dovecot({"relay@smarthost.test": "clandestine"})
    certificate = authority.issue("smarthost.test")
    server = postfix.smarthost("elsewhere.test", ["lisa"], certificate, accounts)
    yield server
    server.stop()
    accounts.stop()


@pytest.fixture(scope="module")
def server(certificate: Certificate, names: NameServer, elsewhere: Postfix) -> Iterator[Postroad]:
    server = Postroad(
        {
            **_common(certificate, names),
            "delivery": {"mx_port": elsewhere.port},
        },
        accounts={JOHN: PASSWORD},
    )
    yield server
    server.stop()


@pytest.fixture
def account(server: Postroad, authority: Authority) -> Submission:
    return Submission(server.port("submission"), JOHN, PASSWORD, authority.certificate)


def _common(certificate: Certificate, names: NameServer) -> Table:
    return {
        "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
        "dns": {"servers": [names.address]},
        "queue": {"minimal_backoff": "1s", "maximal_backoff": "2s"},
    }


def _send(server: Postroad, authority: Authority, recipient: str, subject: str) -> None:
    """Submit a message as john, with the certificate verified."""
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as client:
        client.starttls(context=trust)
        client.login(JOHN, PASSWORD)
        client.sendmail(JOHN, [recipient], f"Subject: {subject}\r\n\r\nhello\r\n".encode())


def test_msmtp_to_another_domain(
    server: Postroad, elsewhere: Postfix, account: Submission, tmp_path: Path
) -> None:
    msmtp(account, tmp_path, [LISA], b"Subject: by msmtp\n\nHello Lisa,\n.\nJohn\n")
    message = elsewhere.maildir("lisa").wait_parsed("by msmtp")
    assert message["Return-Path"] == f"<{JOHN}>"
    assert message.get_content() == "Hello Lisa,\n.\nJohn\n"
    theirs, ours = message.get_all("Received", [])
    assert "by mail.example.org" in ours
    assert "with ESMTPSA id" in ours
    assert "with ESMTPS id" in theirs
    line = server.wait_log(f"to=<{LISA}>, relay=mx.elsewhere.test[127.0.0.1]:{elsewhere.port}")
    assert re.search(r"dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok: .*queued as ", line)


def test_s_nail_to_another_domain(elsewhere: Postfix, account: Submission, tmp_path: Path) -> None:
    s_nail(account, tmp_path, LISA, "by s-nail", "Hello Lisa\n")
    message = elsewhere.maildir("lisa").wait_parsed("by s-nail")
    assert message["From"] == JOHN
    assert message.get_content() == "Hello Lisa\n"


def test_the_log_tells_the_story_of_a_message(
    server: Postroad, elsewhere: Postfix, authority: Authority
) -> None:
    _send(server, authority, LISA, "a story")
    elsewhere.maildir("lisa").wait("a story")
    accepted = server.wait_log("sasl_method=PLAIN, sasl_username=john@example.org")
    queue_id = re.search(r"\]: (\S+): client=localhost\[127\.0\.0\.1\], ", accepted)
    assert queue_id, accepted
    server.wait_log(f"{queue_id[1]}: message-id=<")
    server.wait_log(f"{queue_id[1]}: from=<{JOHN}>, size=")
    server.wait_log(f"{queue_id[1]}: to=<{LISA}>, relay=mx.elsewhere.test[127.0.0.1]")
    server.wait_log(f"{queue_id[1]}: removed")
    assert PASSWORD not in server.log()


def test_a_stranger_s_postfix_delivers_to_john(
    server: Postroad, started: Callable[[Postfix], Postfix]
) -> None:
    stranger = started(postfix.sender({"example.org": server.port("mx")}))
    text = b"From: Lisa <lisa@elsewhere.test>\nSubject: from Postfix\n\nHello John\n"
    stranger.sendmail(LISA, [JOHN], text)
    message = server.maildir(JOHN).wait_parsed("from Postfix")
    assert message["Return-Path"] == f"<{LISA}>"
    assert message["Delivered-To"] == JOHN
    assert message.get_content() == "Hello John\n"
    assert "with ESMTPS id" in message.get_all("Received", [])[0]
    line = stranger.wait_log(f"to=<{JOHN}>, relay=127.0.0.1[127.0.0.1]:{server.port('mx')}")
    assert re.search(r"status=sent \(250 2\.0\.0 Ok: .*queued as ", line)


def test_a_refused_recipient_comes_back_as_a_bounce(server: Postroad, authority: Authority) -> None:
    _send(server, authority, "nobody@elsewhere.test", "to nobody")
    bounce = server.maildir(JOHN).wait_parsed("nobody@elsewhere.test")
    assert bounce["Return-Path"] == "<>"
    assert bounce.get_content_type() == "multipart/report"
    assert bounce.get_param("report-type") == "delivery-status"
    report = next(part for part in bounce.walk() if part.get_content_type() == _STATUS)
    fields = report.as_string()
    assert "Final-Recipient: rfc822; nobody@elsewhere.test" in fields
    assert "Action: failed" in fields
    assert re.search(r"^Status: 5\.", fields, re.MULTILINE)
    assert "Subject: to nobody" in bounce.as_string()


class TestSmarthost:
    """Everything for other domains through Postfix, which wants TLS and a login."""

    @pytest.fixture
    def through(
        self,
        smarthost: Postfix,
        certificate: Certificate,
        names: NameServer,
        tmp_path: Path,
        started: Callable[[Postroad], Postroad],
    ) -> Callable[[str, str], Postroad]:
        """Start a Postroad that relays with this password, trusting this authority."""

        def start(password: str, ca_file: str) -> Postroad:
            secret = tmp_path / "password"
            secret.touch(0o600)
            secret.write_text(f"{password}\n")
            relay = {
                "smarthost": f"[smarthost.test]:{smarthost.port}",
                "username": "relay@smarthost.test",
                "password_file": str(secret),
                "ca_file": ca_file,
            }
            settings = {**_common(certificate, names), "relay": relay}
            return started(Postroad(settings, accounts={JOHN: PASSWORD}))

        return start

    def test_with_tls_and_login(
        self,
        through: Callable[[str, str], Postroad],
        smarthost: Postfix,
        authority: Authority,
    ) -> None:
        server = through("clandestine", str(authority.certificate))
        _send(server, authority, LISA, "by smarthost")
        message = smarthost.maildir("lisa").wait_parsed("by smarthost")
        assert "(Authenticated sender: relay@smarthost.test)" in message["Received"]
        assert "with ESMTPSA id" in message["Received"]
        server.wait_log("relay=smarthost.test[127.0.0.1]")
        assert "clandestine" not in server.log()

    def test_a_wrong_password_keeps_the_message(
        self, through: Callable[[str, str], Postroad], authority: Authority
    ) -> None:
        server = through("wrong", str(authority.certificate))
        _send(server, authority, LISA, "with the wrong password")
        assert "status=deferred" in server.wait_log(f"to=<{LISA}>")

    def test_an_unknown_authority_keeps_the_message_and_the_password(
        self,
        through: Callable[[str, str], Postroad],
        authority: Authority,
        smarthost: Postfix,
        tmp_path: Path,
    ) -> None:
        stranger = Authority(tmp_path)
        logins = smarthost.log().count("sasl_username=")
        server = through("clandestine", str(stranger.certificate))
        _send(server, authority, LISA, "to an impostor")
        assert "status=deferred" in server.wait_log(f"to=<{LISA}>")
        assert logins == smarthost.log().count("sasl_username=")


_STATUS = "message/delivery-status"
