"""What senders are told, and when mail goes: DSN, FUTURERELEASE and DELIVERBY with real peers."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path

import pytest

from peers import postfix
from peers.certificates import Authority, Certificate
from peers.clients import Submission, msmtp
from peers.dns import NameServer
from peers.postfix import Postfix
from peers.postroad import Postroad, Table
from peers.waiting import until

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
ANNA = "anna@example.org"
LISA = "lisa@elsewhere.test"
PASSWORD = "summersun"


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    records = ["elsewhere.test. MX 10 mx.elsewhere.test.", "mx.elsewhere.test. A 127.0.0.1"]
    server = NameServer(records)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(certificate: Certificate, names: NameServer, elsewhere: Postfix) -> Iterator[Postroad]:
    settings = {**_common(certificate, names), "delivery": {"mx_port": elsewhere.port}}
    server = Postroad(settings, accounts={JOHN: PASSWORD, ANNA: PASSWORD})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def behind_a_relay(certificate: Certificate, names: NameServer) -> Iterator[Postroad]:
    """A server whose smarthost takes everything, forgets it, and knows no DSN."""
    parameters = {
        "smtpd_discard_ehlo_keywords": "dsn",
        "default_transport": "discard:",
    }
    smarthost = Postfix(parameters)
    relay = {"smarthost": f"[127.0.0.1]:{smarthost.port}", "tls": "none"}
    server = Postroad({**_common(certificate, names), "relay": relay}, accounts={JOHN: PASSWORD})
    yield server
    server.stop()
    smarthost.stop()


def _common(certificate: Certificate, names: NameServer) -> Table:
    return {
        "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
        "dns": {"servers": [names.address]},
        "queue": {"minimal_backoff": "1s", "maximal_backoff": "2s"},
        "workers": 1,
    }


def _send(
    server: Postroad,
    authority: Authority,
    recipient: str,
    subject: str,
    *,
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
) -> None:
    """Submit a message as john, with these parameters of MAIL and RCPT."""
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    content = f"Subject: {subject}\r\n\r\nhello\r\n".encode()
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as client:
        client.starttls(context=trust)
        client.login(JOHN, PASSWORD)
        client.sendmail(JOHN, [recipient], content, mail, rcpt)


def _fields(report: EmailMessage) -> str:
    """The part that programs read."""
    assert report.get_content_type() == "multipart/report"
    assert report["Return-Path"] == "<>"
    return str(list(report.iter_parts())[1])


def _action(name: str, subject: str) -> Callable[[bytes], bool]:
    return lambda message: f"Action: {name}".encode() in message and subject.encode() in message


def _report(server: Postroad, action: str, subject: str) -> EmailMessage:
    """The report about john's message of this subject, as soon as he has it."""
    maildir, wanted = server.maildir(JOHN), _action(action, subject)

    def find() -> bytes:
        return next(filter(wanted, maildir.messages()), b"")

    found = until(find, within=30, what=f"a report that {subject!r} was {action}")
    return maildir.wait_parsed(re.search(rb"Message-ID: (<.*>)", found)[1].decode())  # type: ignore[index]


class TestSuccess:
    def test_msmtp_asks_and_is_told_of_the_delivery(
        self, server: Postroad, authority: Authority, tmp_path: Path
    ) -> None:
        account = Submission(server.port("submission"), JOHN, PASSWORD, authority.certificate)
        text = b"Subject: by msmtp\n\nHello\n"
        msmtp(account, tmp_path, [ANNA], text, "--dsn-notify=success", "--dsn-return=headers")
        server.maildir(ANNA).wait("by msmtp")
        report = _report(server, "delivered", "by msmtp")
        assert report["Subject"] == "Successful Mail Delivery Report"
        fields = _fields(report)
        assert f"Final-Recipient: rfc822; {ANNA}" in fields
        assert "Status: 2.0.0" in fields
        assert "Hello" not in report.as_string()
        server.wait_log("sender delivery status notification: ")

    def test_a_stranger_s_postfix_asks_for_lisa(
        self, server: Postroad, elsewhere: Postfix, started: Callable[[Postfix], Postfix]
    ) -> None:
        """Its sendmail sets RET, ENVID and NOTIFY; its smtp client passes them on to us."""
        stranger = started(postfix.sender({"example.org": server.port("mx")}))
        text = b"From: lisa@elsewhere.test\nSubject: from Postfix\n\nHello John\n"
        options = ("-N", "success", "-R", "hdrs", "-V", "QQ314159")
        stranger.sendmail(LISA, [JOHN], text, *options)
        report = elsewhere.maildir("lisa").wait_parsed("Action: delivered")
        fields = _fields(report)
        assert "Original-Envelope-Id: QQ314159" in fields
        assert f"Original-Recipient: rfc822; {JOHN}" in fields
        assert f"Final-Recipient: rfc822; {JOHN}" in fields
        assert "Subject: from Postfix" in report.as_string()

    def test_postfix_takes_the_wish_over(
        self, server: Postroad, elsewhere: Postfix, authority: Authority
    ) -> None:
        """It does DSN, so the report is its business and none of ours."""
        _send(server, authority, LISA, "with a wish", rcpt=["NOTIFY=SUCCESS"])
        elsewhere.maildir("lisa").wait("with a wish")
        elsewhere.wait_log("sender delivery status notification: ")
        assert not list(filter(_action("relayed", "with a wish"), _of_john(server)))

    def test_a_next_hop_without_dsn(self, behind_a_relay: Postroad, authority: Authority) -> None:
        _send(
            behind_a_relay,
            authority,
            LISA,
            "to a relay",
            mail=["ENVID=X+3D1"],
            rcpt=["NOTIFY=SUCCESS"],
        )
        fields = _fields(_report(behind_a_relay, "relayed", "to a relay"))
        assert "Original-Envelope-Id: X=1" in fields
        assert "Remote-MTA: dns; 127.0.0.1" in fields

    def test_a_list(self, server: Postroad, authority: Authority) -> None:
        server.run("alias", "add", "team@example.org", ANNA, LISA)
        _send(server, authority, "team@example.org", "to the team", rcpt=["NOTIFY=SUCCESS,FAILURE"])
        server.maildir(ANNA).wait("to the team")
        fields = _fields(_report(server, "expanded", "to the team"))
        assert "Final-Recipient: rfc822; team@example.org" in fields
        assert not list(filter(_action("delivered", "to the team"), _of_john(server)))


class TestFailure:
    NOBODY = "nobody@elsewhere.test"

    def test_never(self, server: Postroad, authority: Authority) -> None:
        _send(server, authority, self.NOBODY, "in silence", rcpt=["NOTIFY=NEVER"])
        line = server.wait_log(f"to=<{self.NOBODY}>, ")
        assert "status=bounced" in line
        queue_id = line.split("]: ")[1].split(":")[0]
        server.wait_log(f"{queue_id}: removed")
        assert f"{queue_id}: sender non-delivery notification" not in server.log()

    def test_the_whole_message_returns(self, server: Postroad, authority: Authority) -> None:
        rcpt = ["NOTIFY=FAILURE", "ORCPT=rfc822;No+2Bbody@elsewhere.test"]
        _send(server, authority, self.NOBODY, "all of it", mail=["RET=FULL"], rcpt=rcpt)
        report = _report(server, "failed", "all of it")
        assert "Original-Recipient: rfc822; No+body@elsewhere.test" in _fields(report)
        original = list(report.iter_parts())[2]
        assert original.get_content_type() == "message/rfc822"
        assert original.get_content().get_content() == "hello\n"


class TestTime:
    def test_held_mail_waits_also_for_a_flush_and_a_restart(
        self,
        certificate: Certificate,
        names: NameServer,
        authority: Authority,
        started: Callable[[Postroad], Postroad],
    ) -> None:
        server = started(Postroad(_common(certificate, names), accounts={JOHN: PASSWORD}))
        _send(server, authority, JOHN, "soon", mail=["HOLDFOR=15"])
        _send(server, authority, JOHN, "much later", mail=["HOLDFOR=3600"])
        server.wait_log(", as its sender asked")
        assert "as its sender asked)" in server.run("queue", "list")
        assert re.search("[12] recipients? held", server.run("queue", "flush"))
        server.kill_all()
        server.start()
        assert "(held until " in server.run("queue", "list")
        server.maildir(JOHN).wait("soon")
        assert "status=sent" in server.wait_log(f"to=<{JOHN}>")
        assert not server.maildir(JOHN).find("much later")
        assert "as its sender asked)" in server.run("queue", "list")

    def test_late_mail_returns(
        self,
        certificate: Certificate,
        names: NameServer,
        authority: Authority,
        started: Callable[[Postroad], Postroad],
    ) -> None:
        """Its destination does not answer, and the next attempt would come after the deadline."""
        settings: Table = {
            **_common(certificate, names),
            "delivery": {"mx_port": 1},
            "queue": {"minimal_backoff": "1h"},
        }
        server = started(Postroad(settings, accounts={JOHN: PASSWORD}))
        _send(server, authority, LISA, "in time", mail=["BY=2;R"])
        fields = _fields(_report(server, "failed", "in time"))
        assert "Status: 5.4.7" in fields
        assert "Deliver-By-Date: " in fields
        server.wait_log("dsn=5.4.7, status=bounced (554 5.4.7 the sender's deadline is over")


def _of_john(server: Postroad) -> list[bytes]:
    return server.maildir(JOHN).messages()
