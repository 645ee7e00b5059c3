"""A real Dovecot moves mail between folders, and the built-in filter learns from it."""

from __future__ import annotations

import imaplib
import json
import re
import smtplib
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from peers.dovecot_reader import DovecotReader
from peers.maildir import Maildir
from peers.postroad import Postroad
from peers.waiting import until
from postroad.filters.builtin.bayes.learning import lesson_of
from postroad.filters.builtin.bayes.stores import Stores

pytestmark = pytest.mark.peer

JOHN, ANNA = "john@example.org", "anna@example.org"
LISA = "lisa@elsewhere.test"
CASINO, HAM = "casino jackpot lottery", "meeting garden soup"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postroad]:
    server = Postroad(
        {
            "workers": 2,
            "authentication": {"verify": False},
            "relay": {"trusted_networks": []},
            "dns": {"reverse": False},
            "filters": {
                "builtin": {"kind": "builtin", "learn_every": 1.0, "junk": 3.0, "mail": ["outside"]}
            },
        },
        listeners=("mx",),
        accounts={JOHN: "summersun", ANNA: "summersun"},
    )
    lessons = [_letter("ham", HAM, at).encode() for at in range(200)]
    stores = Stores(server.state / "spam", pytest.fail)
    stores.learn([lesson_of(each, is_spam=False) for each in lessons])
    mailbox = tmp_path_factory.mktemp("lessons") / "spam"
    mailbox.write_text("".join(_letter("spam", CASINO, at) for at in range(200)))
    server.run("spam", "learn", "--spam", str(mailbox))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def dovecot(server: Postroad) -> Iterator[DovecotReader]:
    peer = DovecotReader(server.state / "mail", {JOHN: "*:messages=1000000", ANNA: ""})
    for path in (server.state, server.folder):
        path.chmod(0o755)
    yield peer
    peer.stop()


def _letter(kind: str, words: str, number: int) -> str:
    return (
        f"From {kind} Mon Nov  2 10:00:00 2026\nMessage-ID: <{kind}{number}@test>\n"
        f"From: {kind}{number}@sender.test\nSubject: about number{number}\n\n{words} a{number}b\n\n"
    )


def send(server: Postroad, name: str, text: str, to: str = JOHN) -> None:
    letter = (
        f"From: Lisa <{LISA}>\r\nTo: {to}\r\nDate: {formatdate()}\r\n"
        f"Message-ID: <{name}@elsewhere.test>\r\nSubject: {name}\r\n\r\n{text}\r\n"
    )
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=60) as client:
        client.sendmail(LISA, [to], letter)


def folder_of(server: Postroad, name: str, to: str = JOHN) -> str:
    """The folder that a message came to."""
    top = server.maildir(to).new.parent
    found = {each: Maildir(top / each, server.log) for each in ("", ".Junk")}
    mark = f"Subject: {name}\n"
    until(lambda: any(each.find(mark) for each in found.values()), within=30, what=name)
    return next(each for each, maildir in found.items() if maildir.find(mark))


class Mover:
    """A mail program of John's."""

    def __init__(self, dovecot: DovecotReader, imap: imaplib.IMAP4) -> None:
        self._dovecot = dovecot
        self.imap = imap

    def find(self, name: str, folder: str) -> str:
        """Select a folder; the number of a message in it."""
        self._dovecot.give()
        self.imap.select(folder)
        _, (found,) = self.imap.uid("SEARCH", "HEADER", "Message-ID", f"<{name}@elsewhere.test>")
        return str(found.decode())

    def move(self, name: str, source: str, target: str, how: str = "MOVE") -> None:
        """Move a message as one or the other program does."""
        uid = self.find(name, source)
        if how == "APPEND":
            _, parts = self.imap.uid("FETCH", uid, "(BODY.PEEK[])")
            assert isinstance(parts[0], tuple)
            assert self.imap.append(target, "", "", parts[0][1])[0] == "OK"
        else:
            assert self.imap.uid(how, uid, target)[0] == "OK"
        if how != "MOVE":
            self.remove(uid)
        self.imap.close()

    def remove(self, uid: str) -> None:
        """Remove a message of the selected folder."""
        self.imap.uid("STORE", uid, "+FLAGS", r"(\Seen \Deleted)")
        self.imap.expunge()


def wait_learned(server: Postroad, name: str, what: str) -> None:
    server.wait_log(f"{JOHN}: learned as {what} Junk: message-id=<{name}@elsewhere.test>")


SPAM, GOOD = "spam, as it was moved to", "good, as it was moved from"
WATCHES = (
    "Wonderful watches, replica quality, discount timepieces delivered overnight, genuine leather"
    " straps, sapphire glass, customers everywhere recommend our craftsmen"
)


@pytest.fixture(scope="module")
def session(dovecot: DovecotReader, server: Postroad) -> Iterator[Mover]:
    send(server, "hello", HAM)
    folder_of(server, "hello")
    imap = dovecot.imap(JOHN)
    for each in ("Junk", "Trash", "Lists"):
        imap.create(each)
    yield Mover(dovecot, imap)
    imap.logout()


def test_what_is_moved_to_junk_counts_for_the_next(
    server: Postroad, session: Mover, tmp_path: Path
) -> None:
    send(server, "first", WATCHES)
    assert folder_of(server, "first") == ""
    session.move("first", "INBOX", "Junk")
    wait_learned(server, "first", SPAM)
    send(server, "second", WATCHES)
    assert folder_of(server, "second") == ".Junk"
    # For whoever moved it, and for nobody else.
    send(server, "third", WATCHES, to=ANNA)
    assert folder_of(server, "third", ANNA) == ""
    stats = json.loads(server.run("spam", "stats", "--json"))
    known = [(each["user"], each["spam"], each["ham"]) for each in stats]
    assert known == [(None, 200, 200), (JOHN, 1, 0)]
    file = tmp_path / "message"
    file.write_text(f"From: {LISA}\nTo: {JOHN}\nSubject: fourth\n\n{WATCHES}\n")
    told = server.run("spam", "explain", "--user", JOHN, str(file))
    assert f"by what this site and {JOHN} has learned" in told


def test_both_ways_as_mail_programs_do_it(server: Postroad, session: Mover) -> None:
    junk = {f"by{how.lower()}": how for how in ("MOVE", "COPY", "APPEND")}
    mail = {f"{name}2": how for name, how in junk.items()}
    for name in (*junk, *mail):
        send(server, name, f"{CASINO if name in junk else HAM} {name}")
    for name in (*junk, *mail):
        assert folder_of(server, name) == (".Junk" if name in junk else "")
    for name, how in mail.items():
        session.move(name, "INBOX", "Junk", how)
    for name in mail:
        wait_learned(server, name, SPAM)
    # What lay in Junk was seen there by now.
    for name, how in mail.items():
        session.move(name, "Junk", "INBOX", how)
    for name, how in junk.items():
        session.move(name, "Junk", "Lists", how)
    for name in (*mail, *junk):
        wait_learned(server, name, GOOD)
    for name, how in junk.items():
        session.move(name, "Lists", "Junk", how)
    for name in junk:
        wait_learned(server, name, SPAM)


def test_flags_trash_and_removal_teach_nothing(server: Postroad, session: Mover) -> None:
    for name in ("thrown", "gone", "witness"):
        send(server, name, CASINO)
        assert folder_of(server, name) == ".Junk"
    # Nothing is said of a look that finds nothing; what is learned now tells that they were seen.
    send(server, "seen", HAM)
    assert folder_of(server, "seen") == ""
    session.move("seen", "INBOX", "Junk")
    wait_learned(server, "seen", SPAM)
    session.find("gone", "Junk")
    session.imap.store("1:*", "+FLAGS", r"(\Seen \Flagged)")
    session.move("thrown", "Junk", "Trash")
    session.remove(session.find("gone", "Junk"))
    session.imap.close()
    session.move("witness", "Junk", "INBOX")
    wait_learned(server, "witness", GOOD)
    assert not re.search(r"learned as .*message-id=<(thrown|gone)@", server.log())


def test_it_goes_on_after_a_kill(server: Postroad, session: Mover) -> None:
    send(server, "killed", f"{HAM} again")
    assert folder_of(server, "killed") == ""
    server.kill_all()
    session.move("killed", "INBOX", "Junk")
    server.start()
    wait_learned(server, "killed", SPAM)
    assert not re.search(r"nothing is learned|Traceback", server.log())
