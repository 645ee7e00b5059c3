"""What owners of their own mail move in a real Dovecot is learned, by way of agents."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import smtplib
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from peers import needs
from peers.agents import agents_of
from peers.dovecot_reader import DovecotReader
from peers.maildir import Maildir
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder

pytestmark = pytest.mark.peer

ONE, TWO = (2301, 2301), (2302, 2302)
ANN, BEN = "ann@one.test", "ben@two.test"
LISA = "lisa@elsewhere.test"
SPAM, GOOD = "spam, as it was moved to", "good, as it was moved from"


@pytest.fixture(scope="module")
def mail() -> Iterator[Path]:
    needs.root("a server that writes as other users")
    folder = peer_folder("moved-mail")
    for name, owner in (("", (0, 0)), ("one.test", ONE), ("two.test", TWO)):
        path = folder / "mail" / name
        path.mkdir()
        os.chown(path, *owner)
        path.chmod(0o700 if name else 0o755)
    folder.chmod(0o755)
    yield folder / "mail"
    remove_folder(folder)


@pytest.fixture(scope="module")
def server(mail: Path) -> Iterator[Postroad]:
    server = Postroad(
        {
            "user": "nobody",
            "workers": 2,
            "domains": [],
            "authentication": {"verify": False},
            "dns": {"reverse": False},
            "relay": {"trusted_networks": []},
            "mailbox": {"path": f"{mail}/%d/%n/Maildir"},
            "filters": {"builtin": {"kind": "builtin", "learn_every": 1.0, "mail": ["outside"]}},
            "domain": {
                "one.test": {"mail_user": str(ONE[0]), "mail_group": str(ONE[1])},
                "two.test": {"mail_user": str(TWO[0]), "mail_group": str(TWO[1])},
            },
            "listeners": {"mx": {"tls": "none"}},
        },
        listeners=("mx",),
        accounts={ANN: "summersun", BEN: "summersun"},
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def dovecot(mail: Path) -> Iterator[DovecotReader]:
    rule = "*:messages=1000000"
    peer = DovecotReader(mail, {ANN: rule, BEN: rule}, {ANN: ONE, BEN: TWO})
    yield peer
    peer.stop()


def send(server: Postroad, mail: Path, name: str, to: str) -> None:
    letter = (
        f"From: Lisa <{LISA}>\r\nTo: {to}\r\nDate: {formatdate()}\r\n"
        f"Message-ID: <{name}@elsewhere.test>\r\nSubject: {name}\r\n\r\nsoup of {name}\r\n"
    )
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=60) as client:
        client.sendmail(LISA, [to], letter)
    user, _, domain = to.partition("@")
    Maildir(mail / domain / user / "Maildir", server.log).wait(f"Subject: {name}\n")


def move(dovecot: DovecotReader, user: str, name: str, source: str, target: str) -> None:
    session = dovecot.imap(user)
    session.create(target)
    session.select(source)
    _, (found,) = session.uid("SEARCH", "HEADER", "Message-ID", f"<{name}@elsewhere.test>")
    assert session.uid("MOVE", found.decode(), target)[0] == "OK"
    session.logout()


def wait_learned(server: Postroad, user: str, name: str, what: str) -> None:
    line = f"{user}: learned as {what} Junk: message-id=<{name}@elsewhere.test>"
    server.wait_log(line, within=60)


def test_both_ways(server: Postroad, mail: Path, dovecot: DovecotReader) -> None:
    for user in (ANN, BEN):
        send(server, mail, "offer", user)
        move(dovecot, user, "offer", "INBOX", "Junk")
        wait_learned(server, user, "offer", SPAM)
        move(dovecot, user, "offer", "Junk", "INBOX")
        wait_learned(server, user, "offer", GOOD)
    kept = mail / "one.test" / "ann" / "Maildir" / "postroad-moves"
    assert (kept.stat().st_uid, kept.stat().st_mode & 0o777) == (ONE[0], 0o600)


def test_it_goes_on_after_kills(server: Postroad, mail: Path, dovecot: DovecotReader) -> None:
    send(server, mail, "killed", ANN)
    for pid in agents_of(ONE[0]):
        with contextlib.suppress(ProcessLookupError):  # it may end by itself
            os.kill(pid, signal.SIGKILL)
    server.kill_worker()
    move(dovecot, ANN, "killed", "INBOX", "Junk")
    wait_learned(server, ANN, "killed", SPAM)
    server.kill_all()
    move(dovecot, ANN, "killed", "Junk", "INBOX")
    server.start()
    wait_learned(server, ANN, "killed", GOOD)


def test_links_to_mail_of_another_owner_teach_nothing(
    server: Postroad, mail: Path, dovecot: DovecotReader
) -> None:
    send(server, mail, "secret", ANN)
    send(server, mail, "witness", BEN)
    [secret] = [
        each
        for each in (mail / "one.test/ann/Maildir/new").iterdir()
        if b"Subject: secret\n" in each.read_bytes()
    ]
    junk = mail / "two.test/ben/Maildir/.Junk/cur"
    (junk / "4000000000.link.host:2,").symlink_to(secret)
    os.link(secret, junk / "4000000001.hard.host:2,")  # which the system refuses them, as a rule
    move(dovecot, BEN, "witness", "INBOX", "Junk")
    wait_learned(server, BEN, "witness", SPAM)
    assert not re.search(r"learned as .*message-id=<secret@", server.log())
    assert not re.search(r"nothing is learned|Traceback", server.log())
