"""Reports to senders beside those of Postfix and Exim; addresses that get no more mail."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest

from peers import postfix
from peers.dns import NameServer
from peers.exim_hop import EximHop
from peers.ports import free_port
from peers.postfix import Postfix
from peers.postroad import Postroad, Table
from peers.waiting import until

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
POSTMASTER = "postmaster@example.org"
NOBODY = "nobody@elsewhere.test"
LISA = "lisa@elsewhere.test"

Start = Callable[[Postfix], Postfix]


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    records = ["elsewhere.test. MX 10 mx.elsewhere.test.", "mx.elsewhere.test. A 127.0.0.1"]
    server = NameServer(records)
    yield server
    server.stop()


def _server(names: NameServer, port: int, **more: Table) -> Postroad:
    settings: Table = {
        "dns": {"servers": [names.address]},
        "delivery": {"mx_port": port},
        "queue": {
            "minimal_backoff": "1s",
            "maximal_backoff": "2s",
            "double_bounce_to": POSTMASTER,
        },
        "workers": 1,
        **more,
    }
    accounts = {JOHN: "summersun", POSTMASTER: "summersun"}
    return Postroad(settings, listeners=("mx",), accounts=accounts)


@pytest.fixture(scope="module")
def server(names: NameServer, elsewhere: Postfix) -> Iterator[Postroad]:
    suppression: Table = {"enabled": True, "bounces": 2}
    server = _server(names, elsewhere.port, suppression=suppression)
    yield server
    server.stop()


def _send(
    server: Postroad,
    to: str,
    subject: str,
    *,
    sender: str = JOHN,
    mail: tuple[str, ...] = (),
    rcpt: tuple[str, ...] = (),
) -> None:
    content = f"From: {JOHN}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nhello\r\n".encode()
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.sendmail(sender, [to], content, mail, rcpt)


def _fields(report: EmailMessage) -> tuple[EmailMessage, EmailMessage]:
    """Those about the message, and those about the first recipient."""
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    message, recipient = list(report.iter_parts())[1].get_payload()[:2]
    return message, recipient


# Postfix as the measure --------------------------------------------------------------------------

SAME = ("Final-Recipient", "Original-Recipient", "Action", "Status", "Remote-MTA")


def test_the_same_failure_as_postfix_tells_it(
    server: Postroad, elsewhere: Postfix, started: Start
) -> None:
    """One next hop refuses both; the reports agree field by field."""
    stranger = started(_sender_with_a_mailbox(elsewhere.port))
    text = f"From: anna@strangers.test\nTo: {NOBODY}\nSubject: the same\n\nhello\n".encode()
    options = ("-N", "failure", "-R", "hdrs", "-V", "QQ314")
    stranger.sendmail("anna@strangers.test", [NOBODY], text, *options)
    theirs = stranger.maildir("anna").wait_parsed("Action: failed")
    asked = (f"ORCPT=rfc822;{NOBODY}", "NOTIFY=FAILURE")
    _send(server, NOBODY, "the same", mail=("RET=HDRS", "ENVID=QQ314"), rcpt=asked)
    ours = server.maildir(JOHN).wait_parsed("Subject: the same")
    assert ours["Subject"] == theirs["Subject"]
    assert ours["Auto-Submitted"] == theirs["Auto-Submitted"]
    types = [part.get_content_type() for part in theirs.iter_parts()]
    assert [part.get_content_type() for part in ours.iter_parts()] == types
    our_message, our_recipient = _fields(ours)
    their_message, their_recipient = _fields(theirs)
    assert our_message["Original-Envelope-Id"] == their_message["Original-Envelope-Id"] == "QQ314"
    for name in ("Reporting-MTA", "Arrival-Date"):
        assert our_message[name]
        assert their_message[name]
    for name in SAME:
        assert _plain(our_recipient[name]) == _plain(their_recipient[name]), name
    diagnostic = _plain(their_recipient["Diagnostic-Code"])
    assert _plain(our_recipient["Diagnostic-Code"]) == diagnostic
    fields = {name for name in their_recipient if not name.startswith("X-")}
    assert fields <= set(our_recipient.keys())


def _sender_with_a_mailbox(port: int) -> Postfix:
    parameters = {
        **postfix._mailboxes("strangers.test"),
        "transport_maps": f"inline:{{elsewhere.test=smtp:[127.0.0.1]:{port}}}",
    }
    return Postfix(parameters, files=postfix._mailbox_table("strangers.test", ["anna"]))


def _plain(value: str | None) -> str:
    """The words of a field, without the spelling of white space, and of hosts by their address."""
    words = " ".join((value or "").split()).replace("; ", ";")
    return re.sub(r"^dns;.*", "dns;HOST", words)


# Exim as the next hop ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[True, False], ids=["with DSN", "without DSN"])
def beside_exim(
    request: pytest.FixtureRequest, names: NameServer
) -> Iterator[tuple[Postroad, EximHop]]:
    port = free_port()
    server = _server(names, port)
    hop = EximHop(port, "elsewhere.test", "lisa", server.port("mx"), dsn=request.param)
    yield server, hop
    hop.stop()
    server.stop()


def test_success_by_exim(beside_exim: tuple[Postroad, EximHop]) -> None:
    """With DSN Exim reports that it delivered; without, we report that we relayed."""
    server, hop = beside_exim
    _send(server, LISA, "with a wish", mail=("ENVID=QQ271",), rcpt=("NOTIFY=SUCCESS",))
    hop.maildir("lisa").wait("with a wish")
    report = server.maildir(JOHN).wait_parsed("Action: ")
    message, recipient = _fields(report)
    assert message["Original-Envelope-Id"] == "QQ271"
    reports = [each for each in server.maildir(JOHN).messages() if b"with a wish" in each]
    assert len(reports) == 1
    if hop.dsn:
        assert message["Reporting-MTA"] == "dns; exim.test"
        assert recipient["Action"] == "delivered"
    else:
        assert message["Reporting-MTA"] == "dns; mail.example.org"
        assert recipient["Action"] == "relayed"
        assert recipient["Status"].startswith("2.")


def test_failure_by_exim(beside_exim: tuple[Postroad, EximHop]) -> None:
    server, _ = beside_exim
    _send(server, NOBODY, "to nobody")
    _, recipient = _fields(server.maildir(JOHN).wait_parsed("Action: failed"))
    assert recipient["Status"] == "5.0.0"
    assert recipient["Diagnostic-Code"] == "smtp; 550 no such user here"


# Mail without a sender ---------------------------------------------------------------------------


def test_the_postmaster_hears_of_a_report_that_could_not_be_delivered(server: Postroad) -> None:
    _send(server, NOBODY, "a report", sender="")
    report = server.maildir(POSTMASTER).wait_parsed("Subject: a report")
    assert report["Subject"] == "Postmaster Copy: Undelivered Mail"
    assert report["Return-Path"] == "<double-bounce@mail.example.org>"
    assert _fields(report)[1]["Action"] == "failed"
    server.wait_log("postmaster non-delivery notification: ")


# Suppressed addresses ----------------------------------------------------------------------------


def test_who_refused_twice_gets_nothing_more(server: Postroad, elsewhere: Postfix) -> None:
    """The refusals of the tests before count as well."""
    to = "ghost@elsewhere.test"
    for number in (1, 2):
        _send(server, to, f"to a ghost {number}")
        server.maildir(JOHN).wait(f"Subject: to a ghost {number}")
    server.wait_log(f"<{to}> is suppressed from now on, after: 550 5.1.1 <{to}>")
    until(
        lambda: to in server.run("suppression", "list"),
        within=30,
        what="the address on the list",
    )
    before = elsewhere.log().count(to)
    _send(server, to, "to a ghost again")
    report = server.maildir(JOHN).wait_parsed("Subject: to a ghost again")
    _, recipient = _fields(report)
    assert recipient["Status"] == "5.1.1"
    words = " ".join(recipient["Diagnostic-Code"].split())
    assert re.match(
        r"X-Postroad; 550 5\.1\.1 mail to this address is suppressed since \d{4}-", words
    )
    assert elsewhere.log().count(to) == before
    server.run("suppression", "remove", to)
    _send(server, to, "to a ghost at last")
    server.maildir(JOHN).wait("Subject: to a ghost at last")
    until(lambda: elsewhere.log().count(to) > before, within=30, what="another attempt")
