"""Mail that access tables hold, filter, redirect, copy, mark and discard, on a real server.

The content filter is a Postfix that gives what it gets back to a second listener, which filters
nothing: the arrangement of Postfix's FILTER_README.
"""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peers.ports import free_port
from peers.postfix import Postfix
from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

JOHN, JANE = "john@example.org", "jane@example.org"


class Road:
    """A server whose access table says what becomes of mail by its sender, and a filter."""

    def __init__(self, content_filter: Postfix, back: int) -> None:
        self.filter = content_filter
        table = {
            "filter": f"FILTER smtp:[127.0.0.1]:{content_filter.port}",
            "nowhere": "FILTER smtp:[127.0.0.1]:1",
            "hold": "HOLD look at it",
            "discard": "DISCARD not wanted",
            "redirect": f"REDIRECT {JANE}",
            "bcc": f"BCC {JANE}",
            "prepend": "PREPEND X-Policy: seen",
        }
        entries = ", ".join(f"{{{name}@elsewhere.test = {value}}}" for name, value in table.items())
        access = f"check_sender_access inline:{{{entries}}}"
        self.server = Postroad(
            {
                "listeners": {
                    "mx": {"policy": {"sender": [access]}},
                    "filtered": {"preset": "mx", "bind": [f"127.0.0.1:{back}"]},
                }
            },
            listeners=["mx"],
            accounts={JOHN: "summersun", JANE: "wintermoon"},
        )

    def send(self, action: str, subject: str, *recipients: str) -> str:
        """Mail from the sender that an action stands for; its queue ID."""
        with smtplib.SMTP("127.0.0.1", self.server.port("mx"), timeout=30) as client:
            client.ehlo("peer.elsewhere.test")
            client.mail(f"{action}@elsewhere.test")
            for recipient in recipients or (JOHN,):
                assert client.rcpt(recipient)[0] == 250
            text = f"Subject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\ntext\r\n"
            code, said = client.data(text)
        assert code == 250, said
        return said.decode().rpartition(" ")[2]

    def queue(self, *words: str) -> list[dict[str, object]]:
        listed = self.server.run("queue", "list", "--json", *words)
        return [json.loads(line) for line in listed.splitlines()]


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    back = free_port()
    with ExitStack() as stack:
        content_filter = Postfix({"relayhost": f"[127.0.0.1]:{back}", "myhostname": "filter.test"})
        stack.callback(content_filter.stop)
        road = Road(content_filter, back)
        stack.callback(road.server.stop)
        yield road


def test_a_filter_gets_all_recipients_at_once_and_gives_the_mail_back(road: Road) -> None:
    name = road.send("filter", "filtered", JOHN, JANE)
    for address in (JOHN, JANE):
        text = road.server.maildir(address).wait("Subject: filtered").decode()
        assert "by filter.test (Postfix)" in text
        assert text.count("by mail.example.org (Postroad)") == 2
    road.server.wait_log(f"{name}: removed")
    assert "filter/smtp[" in road.server.wait_log(f"{name}: to=<{JOHN}>")
    assert "nrcpt=2 (queue active)" in road.filter.wait_log("from=<filter@elsewhere.test>")


def test_a_filter_that_is_away_delays_local_mail_too(road: Road) -> None:
    name = road.send("nowhere", "waiting", JOHN)
    line = road.server.wait_log(f"{name}: to=<{JOHN}>")
    assert "status=deferred" in line
    assert "connect to 127.0.0.1[127.0.0.1]:1: Connection refused" in line
    (entry,) = [each for each in road.queue() if each["queue_id"] == name]
    assert entry["filter"] == "smtp:[127.0.0.1]:1"
    sender = ["--sender", "nowhere@elsewhere.test"]
    assert road.server.run("queue", "hold", *sender) == "held 1 message\n"
    assert f"{name}! " in road.server.run("queue", "list", "--held")
    road.server.wait_log("messages from <nowhere@elsewhere.test> put on hold (by an operator): 1")
    assert road.server.run("queue", "delete", *sender) == "deleted 1 message\n"


def test_held_mail_waits_for_its_release_over_a_crash(road: Road) -> None:
    name = road.send("hold", "held", JOHN)
    road.server.wait_log(f"{name}: hold: ")
    road.server.kill_all()
    road.server.start()
    (entry,) = road.queue("--held")
    assert entry["queue_id"] == name
    road.server.run("queue", "flush")
    assert road.queue("--held")
    assert road.server.run("queue", "release", name) == "released 1 message\n"
    road.server.maildir(JOHN).wait("Subject: held")
    until(lambda: not road.queue("--held"), within=30, what="an empty queue")


def test_discarded_mail_is_nowhere(road: Road) -> None:
    name = road.send("discard", "discarded", JOHN)
    assert "not wanted" in road.server.wait_log(f"{name}: discard: ")
    assert all(each["queue_id"] != name for each in road.queue())
    assert b"discarded" not in b"".join(road.server.maildir(JOHN).messages())


def test_redirected_mail(road: Road) -> None:
    road.send("redirect", "redirected", JOHN)
    text = road.server.maildir(JANE).wait("Subject: redirected").decode()
    assert f"for <{JOHN}>" in text
    assert b"Subject: redirected" not in b"".join(road.server.maildir(JOHN).messages())


def test_copied_and_marked_mail(road: Road) -> None:
    road.send("bcc", "copied", JOHN)
    road.send("prepend", "marked", JOHN)
    for address in (JOHN, JANE):
        road.server.maildir(address).wait("Subject: copied")
    text = road.server.maildir(JOHN).wait("Subject: marked").decode()
    before = text.partition("Received: ")[0]
    assert "X-Policy: seen\n" in before


def test_what_an_operator_does_beside_the_running_server(road: Road) -> None:
    """Suspended, requeued, counted, and at last returned to a sender who lives here."""
    server = road.server

    def entry(name: str) -> dict[str, object]:
        return next(each for each in road.queue() if each["queue_id"] == name)

    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.ehlo("peer.elsewhere.test")
        client.mail("nowhere@elsewhere.test")
        client.rcpt(JOHN)
        client.rcpt(JANE)
        name = client.data(b"Subject: stuck\r\n\r\ntext\r\n")[1].decode().rpartition(" ")[2]
    server.wait_log(f"{name}: to=<{JANE}>")
    until(lambda: "refused" in str(entry(name)), within=30, what="both deferred")
    some = ["--sender", "nowhere@*", "--reason", "connection refused", "--status", "deferred"]
    until(lambda: len(road.queue(*some)) == 1, within=30, what="it to be deferred")
    counted = json.loads(server.run("queue", "count", *some, "--json"))
    assert (counted["total"], counted["domains"][0]["domain"]) == (2, "example.org")
    assert server.run("queue", "suspend", "filter/smtp") == "filter/smtp: its mail waits\n"
    assert server.run("queue", "requeue", name) == "requeued 1 message\n"
    until(lambda: "4.3.2 deferred transport" in str(entry(name)), within=30, what="it put off")
    assert server.run("queue", "resume", "--all").startswith("no mail waits")
    words = ["--recipient", JANE, "--why", "5.2.1 she is on leave"]
    assert server.run("queue", "bounce", *words) == "returned 1 recipient of 1 message\n"
    server.wait_log("status=bounced (550 5.2.1 she is on leave)")
    server.wait_log(f"{name}: sender non-delivery notification: ")
    until(lambda: "she is on leave" not in str(entry(name)), within=30, what="her to be gone")
    (left,) = [each for each in road.queue() if each["queue_id"] == name]
    assert JANE not in str(left)
    assert server.run("queue", "delete", "--all", "--yes").startswith("deleted ")
    until(lambda: road.queue() == [], within=30, what="an empty queue")
