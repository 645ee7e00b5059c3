"""Mailboxes of a running server: quotas at RCPT and the letter about them, a store for a domain."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator

import pytest

from peers.dovecot_store import DovecotStore
from peers.maildir import Maildir
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

LISA = "lisa@elsewhere.test"
JOHN, ANN, ADA = "john@example.org", "ann@example.org", "ada@example.org"
KEPT, FULL, GONE = "kept@store.test", "full@store.test", "gone@store.test"
HERE = "here@maildir.test"
QUEUE = {"minimal_backoff": "1s", "maximal_backoff": "2s"}


@pytest.fixture(scope="module")
def store() -> Iterator[DovecotStore]:
    peer = DovecotStore({KEPT: 1_000_000, FULL: 100, HERE: 1_000_000})
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def server(store: DovecotStore) -> Iterator[Postroad]:
    server = Postroad(
        {
            "workers": 1,
            "domains": ["example.org", "store.test", "maildir.test"],
            "queue": QUEUE,
            "dns": {"reverse": False},
            "relay": {"trusted_networks": []},
            "mailbox": {"quota": "10k", "quota_grace": "0", "detail_folders": "create"},
            "domain": {
                "store.test": {"transport": f"lmtp:unix:{store.socket}"},
                "maildir.test": {"transport": "maildir"},
            },
        },
        listeners=("mx",),
        accounts=dict.fromkeys((JOHN, ANN, ADA, KEPT, FULL, GONE, HERE), "summersun"),
    )
    yield server
    server.stop()


def send(server: Postroad, to: list[str], subject: str, size: int = 500) -> dict[str, object]:
    """Send as a stranger would; what was refused of the recipients."""
    body = "x" * 70 + "\r\n"
    text = f"Subject: {subject}\r\n\r\n{body * (size // len(body))}"
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        try:
            return dict(client.sendmail(LISA, to, text))
        except smtplib.SMTPRecipientsRefused as error:
            return dict(error.recipients)


def test_one_message_goes_three_ways(server: Postroad, store: DovecotStore) -> None:
    """Into a Maildir here, into two mailboxes of a store, and back from a third one."""
    assert (
        send(server, [JOHN, f"{ANN.replace('@', '+lists@')}", KEPT, FULL, GONE, HERE], "six") == {}
    )
    for address, folder in ((JOHN, ""), (ANN, ".lists"), (HERE, "")):
        maildir = server.maildir(address).new.parent
        Maildir(maildir / folder, server.log).wait("Subject: six")
    store.maildir("kept").wait("Subject: six")
    assert "status=sent" in server.wait_log(f"to=<{KEPT}>, ")
    assert re.search(r"dsn=5\.1\.1, status=bounced", server.wait_log(f"to=<{GONE}>, "))
    full = server.wait_log(f"to=<{FULL}>, ")
    assert re.search(r"dsn=[45]\.2\.2, status=(deferred|bounced)", full)


def test_a_full_mailbox_is_said_at_rcpt(server: Postroad) -> None:
    words = f"4.2.2 <{ADA}>: Recipient address rejected: mailbox is full".encode()
    assert send(server, [ADA], "too large", 20_000) == {ADA: (452, words)}
    assert send(server, [ADA], "first", 9000) == {}
    letter = server.maildir(ADA).wait("Subject: The mailbox is")
    assert b"Auto-Submitted: auto-generated" in letter
    assert b"Return-Path: <>" in letter
    server.wait_log(f"the mailbox of {ADA} is 80 % full")
    percent = server.run("quota", "list", ADA).splitlines()[1].split()[-1]
    assert int(percent.removesuffix("%")) >= 90
    assert send(server, [ADA, JOHN], "second", 5000) == {ADA: (452, words)}
