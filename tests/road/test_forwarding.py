"""Forwarding to a Postfix that checks senders as SPF would, bounces on their way back, groups.

The Postfix is the mail exchanger of elsewhere.test and of example.com. It refuses mail from
example.com, as that domain's SPF record would have it do: only its own hosts may send it.
"""

from __future__ import annotations

import json
import pwd
import re
import smtplib
from collections.abc import Iterator
from contextlib import suppress

import pytest

from peers.ports import free_port
from peers.postfix import Listener, Postfix
from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

ANN, JOHN, BOSS = "ann@example.com", "john@example.org", "boss@example.org"
PASSWORD = "summersun"
SIGNED = (
    "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=example.com;\r\n\tb=abc  def=\r\n"
    "List-Id:  <news.example.com>\r\nfrom:Ann <ann@example.com>\r\nMessage-ID: <1@example.com>\r\n"
    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nSubject:   {}  \r\n\r\n. body \t\r\n\r\n"
)
SRS = re.compile(r"SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=example\.com=ann@example\.org")


@pytest.fixture(scope="module")
def elsewhere_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(elsewhere_port: int) -> Iterator[Postroad]:
    server = Postroad(
        {
            "workers": 1,
            "relay": {
                "smarthost": f"[127.0.0.1]:{elsewhere_port}",
                "tls": "none",
                "trusted_networks": ["203.0.113.0/24"],  # everybody here is a stranger
            },
        },
        listeners=["mx"],
        accounts={JOHN: PASSWORD, BOSS: PASSWORD},
    )
    for source, target in (("away", "lisa"), ("gone", "lost"), ("refused", "nobody")):
        server.run("alias", "add", f"{source}@example.org", f"{target}@elsewhere.test")
    members = (JOHN, "lisa@elsewhere.test", "nobody@elsewhere.test")
    server.run("group", "add", "team@example.org", *members, "--owner", BOSS)
    server.run("group", "add", "board@example.org", JOHN, "--senders", "members")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def elsewhere(server: Postroad, elsewhere_port: int) -> Iterator[Postfix]:
    account = pwd.getpwnam("postfix")
    postfix = Postfix(
        {
            "virtual_mailbox_domains": "elsewhere.test, example.com",
            "virtual_mailbox_base": "%(folder)s/mail",
            "virtual_mailbox_maps": "texthash:%(folder)s/mailboxes",
            "virtual_alias_maps": "texthash:%(folder)s/aliases",
            "virtual_uid_maps": f"static:{account.pw_uid}",
            "virtual_gid_maps": f"static:{account.pw_gid}",
            "virtual_minimum_uid": "1",
            "transport_maps": "texthash:%(folder)s/transports",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_sender_restrictions": "check_sender_access texthash:%(folder)s/spf",
        },
        [Listener(elsewhere_port, {})],
        {
            "mailboxes": "lisa@elsewhere.test lisa/Maildir/\n"
            "lost@elsewhere.test lost/Maildir/\nann@example.com ann/Maildir/\n",
            "aliases": "lost@elsewhere.test nobody@nowhere.test\n",
            "transports": f"example.org smtp:[127.0.0.1]:{server.port('mx')}\n"
            "nowhere.test error:5.1.2 nobody lives here\n",
            "spf": "example.com 550 5.7.23 SPF validation failed\n",
        },
    )
    yield postfix
    postfix.stop()


def send(server: Postroad, to: str, subject: str, sender: str = ANN) -> None:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.sendmail(sender, [to], SIGNED.format(subject).encode())


def test_the_peer_checks_senders(elsewhere: Postfix) -> None:
    with (
        smtplib.SMTP("127.0.0.1", elsewhere.port, timeout=30) as client,
        pytest.raises(smtplib.SMTPRecipientsRefused, match=r"SPF validation failed"),
    ):
        client.sendmail(ANN, ["lisa@elsewhere.test"], b"x")


def test_forwarded_mail_passes_and_is_as_it_was(server: Postroad, elsewhere: Postfix) -> None:
    send(server, "away@example.org", "forwarded")

    copy = elsewhere.maildir("lisa").wait("forwarded").decode()

    assert SRS.search(copy.partition("\n")[0])
    assert copy.endswith(SIGNED.format("forwarded").replace("\r\n", "\n"))
    assert "for <away@example.org>" in copy


def test_a_bounce_of_the_next_hop_comes_back_to_who_wrote(
    server: Postroad, elsewhere: Postfix
) -> None:
    """The next hop takes the message, fails later, and tells the reverse-path."""
    send(server, "gone@example.org", "bounced later")

    notice = elsewhere.maildir("ann").wait("bounced later").decode()

    assert "Return-Path: <>" in notice
    assert "nobody lives here" in notice
    assert SRS.search(server.wait_log("orig_to=<SRS0="))


def test_a_refusal_of_the_next_hop_is_told_to_who_wrote(
    server: Postroad, elsewhere: Postfix
) -> None:
    send(server, "refused@example.org", "refused")

    notice = elsewhere.maildir("ann").wait("Subject:   refused").decode()

    assert "Return-Path: <>" in notice
    assert "Final-Recipient: rfc822; nobody@elsewhere.test" in notice
    assert "refused@example.org" in notice


def test_nobody_else_can_make_such_an_address(server: Postroad, elsewhere: Postfix) -> None:
    send(server, "away@example.org", "to be forged")
    line = elsewhere.maildir("lisa").wait("to be forged").decode().partition("\n")[0]
    found = SRS.search(line)
    assert found is not None
    good = found[0]
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.helo("mx.elsewhere.test")
        client.mail("")
        assert client.rcpt(good)[0] == 250
        assert client.rcpt(good.lower())[0] == 452  # a bounce has one recipient
        client.rset()
        client.mail("")
        assert client.rcpt(good.lower())[0] == 250
        client.rset()
        client.mail("eve@elsewhere.test")
        assert client.rcpt(good)[0] == 250  # who only asks is told that it is there
        assert client.docmd("DATA")[0] == 550
        client.rset()
        client.mail("")
        for forged in (good.replace("=ann", "=eve"), good.replace("example.com", "victim.test")):
            code, words = client.rcpt(forged)
            assert (code, words.startswith(b"5.1.1")) == (550, True)
        assert client.rcpt(good.replace("@example.org", "@elsewhere.test"))[0] == 554


def test_a_group_has_its_owners_name_and_he_gets_its_bounces(
    server: Postroad, elsewhere: Postfix
) -> None:
    send(server, "team@example.org", "to the team")

    here = server.maildir(JOHN).wait("to the team").decode()
    there = elsewhere.maildir("lisa").wait("to the team").decode()
    notice = server.maildir(BOSS).wait("to the team").decode()

    assert here.startswith(f"Return-Path: <{BOSS}>")
    assert there.startswith(f"Return-Path: <{BOSS}>")
    assert "Final-Recipient: rfc822; nobody@elsewhere.test" in notice
    assert not elsewhere.maildir("ann").find("to the team")


def test_a_closed_group(server: Postroad, elsewhere: Postfix) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused, match=r"only its members may send"):
        send(server, "board@example.org", "to the board")
    send(server, "board@example.org", "from a member", sender="john@example.org")

    assert server.maildir(JOHN).wait("from a member")


def test_it_can_be_explained_after(server: Postroad, elsewhere: Postfix) -> None:
    send(server, "away@example.org", "to be explained")
    elsewhere.maildir("lisa").wait("to be explained")
    queue_id = re.findall(r"(\w+): from=<SRS0=\S+> instead of <ann@example.com>", server.log())[-1]

    def told() -> str:
        with suppress(RuntimeError):  # the history is written a moment later
            said = server.run("why", queue_id)
            return said if "delivered" in said else ""
        return ""

    assert SRS.search(until(told, within=30, what="the delivery in the history"))


def test_it_can_be_explained_before(server: Postroad) -> None:
    said = json.loads(
        server.run(
            "explain", "--json", "--from", ANN, "--to", "away@example.org", "--client", "192.0.2.1"
        )
    )

    assert SRS.search(json.dumps(said))
