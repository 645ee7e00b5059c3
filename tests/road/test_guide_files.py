"""The small-server guide's accounts: a passwd-file with SHA512 and `/etc/postfix/virtual`.

The files are as the guide has them, and Postroad reads them where Dovecot and Postfix did: login by
the bare name on the submission port, mail at the alias, at any other name by the catch-all, and a
sender of the blocklist refused.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.dovecot_store import DovecotStore
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder
from peers.waiting import until

pytestmark = pytest.mark.peer

PASSWORD = "summersun"
HASH = hashlib.sha512(PASSWORD.encode()).hexdigest()
USERS = f"""\
# SHA512 passwords created via "sha512sum<enter>password<ctrl-d><ctrl-d>" then copy-and-paste
me:{{SHA512}}{HASH}:1000:1000
ann:{{SHA512}}{HASH}:1000:1000
"""
VIRTUAL = """\
me@example.org      me
ann@example.org     ann
info@example.org    me, ann
postmaster          me
@example.org        me
"""
ALIASES = """\
mailer-daemon: postmaster
root: me
hook: me, "|cat > FOLDER/hooked; echo $SENDER >> FOLDER/hooked"
"""


@pytest.fixture(scope="module")
def files() -> Iterator[Path]:
    folder = peer_folder("files")
    folder.chmod(0o777)  # for the command, which runs as nobody
    for name, text in (
        ("users", USERS),
        ("virtual", VIRTUAL),
        ("aliases", ALIASES.replace("FOLDER", str(folder))),
        ("sender_blocklist", 'annoying@example.net REJECT "Spam"\nspam.example REJECT "Spam"\n'),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o640)
    yield folder
    remove_folder(folder)


@pytest.fixture(scope="module")
def store() -> Iterator[DovecotStore]:
    started = DovecotStore({"me@example.org": 10_000_000, "ann@example.org": 10_000_000})
    yield started
    started.stop()


@pytest.fixture(scope="module")
def server(files: Path, store: DovecotStore) -> Iterator[Postroad]:
    started = Postroad(
        {
            "workers": 1,
            "mailbox": {"transport": f"lmtp:unix:{store.socket}"},
            "directories": {
                "guide": {
                    "kind": "files",
                    "passwd": str(files / "users"),
                    "username_format": "%Ln",
                    "virtual": [f"hash:{files}/virtual"],
                    "aliases": [str(files / "aliases")],
                    "local_domains": ["mail.example.org", "localhost"],
                    "allow_commands": True,
                    "command_user": "nobody",
                }
            },
            "listeners": {
                "mx": {
                    "policy": {
                        "sender": [f"check_sender_access hash:{files}/sender_blocklist"],
                        "relay": ["reject_unauth_destination"],
                    }
                }
            },
        },
        listeners=("mx", "submission"),
    )
    yield started
    started.stop()


def submission(server: Postroad) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30)
    client.starttls(context=ssl._create_unverified_context())
    return client


def send(server: Postroad, recipient: str, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        text = f"Subject: {subject}\r\n\r\nhello\r\n"
        client.sendmail("someone@example.net", recipient, text)


@pytest.mark.parametrize("name", ["me", "Me", "me@example.org", "me@mail.example.org"])
def test_the_bare_name_logs_in_on_the_submission_port(server: Postroad, name: str) -> None:
    with submission(server) as client:
        code, _ = client.login(name, PASSWORD)
        assert code == 235


@pytest.mark.parametrize(("name", "password"), [("me", "wrong"), ("nobody", PASSWORD)])
def test_nobody_else_does(server: Postroad, name: str, password: str) -> None:
    with submission(server) as client, pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        client.login(name, password)
    assert caught.value.smtp_code == 535


@pytest.mark.parametrize(
    ("recipient", "users"),
    [
        ("me@example.org", ["me"]),
        ("me+lists@example.org", ["me"]),
        ("info@example.org", ["me", "ann"]),
        ("anybody@example.org", ["me"]),
        ("root@mail.example.org", ["me"]),
        ("me@localhost", ["me"]),
    ],
)
def test_mail_is_received(
    server: Postroad, store: DovecotStore, recipient: str, users: list[str]
) -> None:
    subject = f"to {recipient}"
    send(server, recipient, subject)
    for user in users:
        assert store.maildir(user).wait(f"Subject: {subject}")


def test_a_command_of_an_alias_is_run(server: Postroad, store: DovecotStore, files: Path) -> None:
    send(server, "hook@localhost", "to the hook")
    assert store.maildir("me").wait("Subject: to the hook")
    hooked = files / "hooked"
    until(
        lambda: hooked.exists() and hooked.read_text().endswith("\nsomeone@example.net\n"),
        within=30,
        what="the command",
    )
    text = hooked.read_text()
    assert "Subject: to the hook\n" in text
    assert "Delivered-To: hook@localhost\n" in text
    assert hooked.stat().st_uid == pwd.getpwnam("nobody").pw_uid
    server.wait_log("relay=alias-programs")


def test_nobody_has_other_names_of_the_host(server: Postroad) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        send(server, "nosuchuser@mail.example.org", "x")
    (code, words) = caught.value.recipients["nosuchuser@mail.example.org"]
    assert code == 550
    assert words.startswith(b"5.1.1 <nosuchuser@mail.example.org>")


def test_another_domain_is_not_relayed_to(server: Postroad) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        send(server, "someone@example.com", "x")
    assert caught.value.recipients["someone@example.com"][0] == 554


def test_a_sender_of_the_blocklist_is_refused(server: Postroad) -> None:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.ehlo("client.example.net")
        client.mail("annoying@example.net")
        reply = client.rcpt("me@example.org")
    assert reply == (
        554,
        b'5.7.1 <annoying@example.net>: Sender address rejected: "Spam"',
    )


def test_a_new_user_is_there_when_the_file_has_changed(server: Postroad, files: Path) -> None:
    users = files / "users"
    text = users.read_text()
    fresh = files / "users.new"
    fresh.write_text(f"{text}lisa:{{SHA512}}{HASH}:1000:1000\n")
    # As if it had been written a while ago: a file that was written just now may not be complete.
    os.utime(fresh, (1_700_000_000, 1_700_000_000))
    fresh.replace(users)

    def logs_in() -> bool:
        with submission(server) as client:
            try:
                return client.login("lisa", PASSWORD)[0] == 235
            except smtplib.SMTPAuthenticationError:
                return False

    until(logs_in, within=30, what="the new user")
    broken = files / "users.new"
    # A line that is wrong makes its own account wait, and nobody else's.
    broken.write_text(f"{text}lisa:{{SHA512}}{HASH}\nbroken:{{SHA512}}{HASH}:nosuchuser\n")
    os.utime(broken, (1_700_000_001, 1_700_000_001))
    broken.replace(users)

    def told() -> bool:
        assert logs_in()
        return "no user or group" in server.log()

    until(told, within=30, what="a word about the mistake")
    line = server.wait_log("no user or group")
    assert f"{users}:5: uid: " in line
    assert HASH not in server.log()
    assert PASSWORD not in server.log()
