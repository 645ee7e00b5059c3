"""Mail that belongs to other users than the server's: written by agents, read by a real Dovecot."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers import needs
from peers.agents import agents_of, parent_of
from peers.dovecot_reader import DovecotReader
from peers.maildir import Maildir
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder
from peers.waiting import until

pytestmark = pytest.mark.peer

ONE, TWO = (2201, 2201), (2202, 2202)
ANN, BEN, LOW, FULL = "ann@one.test", "ben@two.test", "low@one.test", "full@one.test"
RULE = "*:bytes=1000000:messages=1000"
USERS = f"""\
{ANN}:{{PLAIN}}x:{ONE[0]}:{ONE[1]}::::
{LOW}:{{PLAIN}}x:8:8::::
{FULL}:{{PLAIN}}x:{ONE[0]}:{ONE[1]}::::userdb_quota_rule=*:messages=1
"""


@pytest.fixture(scope="module")
def mail() -> Iterator[Path]:
    needs.root("a server that writes as other users")
    folder = peer_folder("owned-mail")
    (folder / "users").write_text(USERS)
    for name, owner in (("", (0, 0)), ("one.test", ONE), ("two.test", TWO)):
        path = folder / "mail" / name
        path.mkdir()
        os.chown(path, *owner)
        path.chmod(0o755)
    for path in (folder, folder / "users"):
        path.chmod(0o755)
    yield folder / "mail"
    remove_folder(folder)


def server_of(mail: Path, workers: int) -> Postroad:
    return Postroad(
        {
            "user": "nobody",
            "workers": workers,
            "domains": [],
            "queue": {"minimal_backoff": "1s", "maximal_backoff": "1s"},
            "dns": {"reverse": False},
            "relay": {"trusted_networks": []},
            "mailbox": {"path": f"{mail}/%d/%n/Maildir"},
            "directories": {
                "old": {
                    "kind": "files",
                    "passwd": str(mail.parent / "users"),
                    "domains": ["one.test"],
                }
            },
            "domain": {
                "one.test": {},
                "two.test": {"mail_user": str(TWO[0]), "mail_group": str(TWO[1])},
            },
            "listeners": {"mx": {"tls": "none"}},
        },
        listeners=("mx",),
        accounts={BEN: "summersun"},
    )


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def server(request: pytest.FixtureRequest, mail: Path) -> Iterator[Postroad]:
    server = server_of(mail, request.param)
    yield server
    server.stop()


def send(server: Postroad, subject: str, *to: str) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        text = f"Subject: {subject}\r\n\r\nhello\r\n"
        try:
            return client.sendmail("lisa@elsewhere.test", to, text)
        except smtplib.SMTPRecipientsRefused as error:
            return dict(error.recipients)


def inbox(mail: Path, address: str, server: Postroad) -> Maildir:
    user, _, domain = address.partition("@")
    return Maildir(mail / domain / user / "Maildir", server.log)


def test_two_domains_with_a_user_each(server: Postroad, mail: Path) -> None:
    subject = f"number {server.supervisor}"
    assert send(server, subject, ANN, BEN, LOW) == {}
    for address, owner in ((ANN, ONE), (BEN, TWO)):
        inbox(mail, address, server).wait(subject)
        folder = mail / address.partition("@")[2]
        for path in folder.rglob("*"):
            assert (path.stat().st_uid, path.stat().st_gid) == owner
    line = server.wait_log(f"to=<{LOW}>, ")
    assert "status=deferred" in line
    assert "its owner is user 8, whom [mailbox] uids does not allow" in line
    reader = DovecotReader(mail, {ANN: RULE, BEN: RULE}, {ANN: ONE, BEN: TWO})
    try:
        for address in (ANN, BEN):
            session = reader.imap(address)
            session.select("INBOX")
            _, found = session.search(None, "SUBJECT", f'"{subject}"')
            assert len(found[0].split()) == 1
            session.logout()
        assert "Error" not in reader.log(), reader.log()
    finally:
        reader.stop()


def test_a_full_mailbox_of_another_owner_is_said_at_rcpt(mail: Path) -> None:
    server = server_of(mail, 1)
    try:
        assert send(server, "first", FULL) == {}
        inbox(mail, FULL, server).wait("first")
        until(lambda: send(server, "second", FULL), within=30, what="a refusal")
        code, words = send(server, "second", FULL)[FULL]
        assert (code, words.split()[0]) == (452, b"4.2.2")
        percent = server.run("quota", "list", FULL).splitlines()[1]
        assert FULL in percent
        assert int(percent.split()[-1].removesuffix("%")) >= 100  # the letter about it counts
    finally:
        server.stop()


@pytest.mark.parametrize("victims", ["workers", "agents", "helpers"])
def test_killed_in_a_run_of_deliveries_each_message_is_there_once(
    mail: Path, victims: str, started: Callable[[Postroad], Postroad]
) -> None:
    server = started(server_of(mail, 2))
    subjects = [f"{victims} {number} of the run." for number in range(24)]
    for number, subject in enumerate(subjects):
        assert send(server, subject, ANN, BEN) == {}
        if number % 8 == 4:
            kill(server, victims)
    for address in (ANN, BEN):
        found = inbox(mail, address, server)
        for subject in subjects:
            found.wait(subject)
    until(lambda: "is empty" in server.run("queue", "list"), within=60, what="an empty queue")
    for address in (ANN, BEN):
        texts = inbox(mail, address, server).messages()
        for subject in subjects:
            assert sum(subject.encode() in text for text in texts) == 1


def kill(server: Postroad, victims: str) -> None:
    at_work = until(lambda: agents_of(ONE[0]), within=30, what="an agent") + agents_of(TWO[0])
    helpers = {parent_of(each) for each in at_work} - {0, 1}
    for pid in helpers if victims == "helpers" else ():
        with contextlib.suppress(ProcessLookupError):  # it ends with the last who may ask it
            os.kill(pid, signal.SIGKILL)
    # An agent whose helper is gone goes on; with that gone as well, another helper is needed.
    takes_agents = victims == "agents" or (victims == "helpers" and not helpers)
    for pid in at_work if takes_agents else ():
        with contextlib.suppress(ProcessLookupError):  # it may end by itself
            os.kill(pid, signal.SIGKILL)
    if victims == "workers":
        server.kill_worker()
        until(lambda: len(server.workers()) == 2, within=30, what="another worker")
