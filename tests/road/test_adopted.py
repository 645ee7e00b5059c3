"""The small-server guide's files are adopted; the result is started beside its Dovecot and used.

The files stand in a folder as the guide leaves them, but for ports and for a client that may speak
for others, so that strangers can be played. Mail passes spamc, comes back by `sendmail`, and lies
where Dovecot has it. Nothing of the old installation is changed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from adopt.guide_trees import install_guide, sums
from guide_lines import KEY, SMALL_SERVER
from peers import dialogue, needs
from peers.dns import NameServer
from peers.maildir import Maildir
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder
from peers.waiting import answering, greeting

pytestmark = pytest.mark.peer

STRANGER = "XCLIENT ADDR=192.0.2.7 NAME=mx.mail.test"
LISTED = "XCLIENT ADDR=192.0.2.66 NAME=[UNAVAILABLE]"
_DOVECOT = """\
base_dir = {root}/run/dovecot
state_dir = {root}/run/dovecot-state
log_path = {folder}/dovecot.log
default_login_user = dovenull
default_internal_user = dovecot
first_valid_uid = 500
!include conf.d/*.conf
protocols = lmtp
ssl = no
service auth {{
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
service lmtp {{
  unix_listener {root}/var/spool/postfix/private/dovecot-lmtp {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What the tests use.

    Attributes:
        root: the old file system.
        mx: the port for strangers.
        submission: the port for users.
        server: the new server.
        report: what `postroad adopt --json` said.
    """

    root: Path
    mx: int
    submission: int
    server: Process
    report: dict[str, object]

    def mailbox(self, user: str) -> Maildir:
        return Maildir(self.root / "var/dovemail" / user / "Maildir", self.server.output)


@pytest.fixture(scope="module")
def adopted() -> Iterator[Adopted]:
    needs.root("Dovecot")
    needs.program("spamc")
    folder = peer_folder("adopted")
    with ExitStack() as ends:
        ends.callback(remove_folder, folder)
        folder.chmod(0o755)
        root = install_guide("small-server", folder)
        mx, submission = free_port(), free_port()
        _use_ports(root / "etc/postfix/master.cf", mx, submission)
        (root / "var/dovemail").mkdir()
        os.chown(root / "var/dovemail", 1000, 1000)
        names = NameServer(SMALL_SERVER.records, zones=["."])
        ends.callback(names.stop)
        ends.callback(_dovecot(root, folder).stop)
        before = sums(root / "etc")
        report = _adopt(root, folder)
        assert sums(root / "etc") == before
        server = _serve(folder / "new/postroad.toml", names.port, (mx, submission))
        ends.callback(server.stop)
        yield Adopted(root, mx, submission, server, report)


def _use_ports(master: Path, mx: int, submission: int) -> None:
    text = master.read_text()
    text = text.replace(
        "smtp      inet  n       -       y       -       5       smtpd\n",
        f"127.0.0.1:{mx} inet n - y - 5 smtpd\n  -o smtpd_authorized_xclient_hosts=127.0.0.0/8\n",
    )
    text = text.replace("submission inet ", f"127.0.0.1:{submission} inet ")
    master.write_text(text)


def _dovecot(root: Path, folder: Path) -> Process:
    """The guide's Dovecot, with its paths below the folder and without ports."""
    command = needs.program("dovecot")
    needs.program("/usr/lib/dovecot/lmtp")
    there = folder / "dovecot"
    shutil.copytree(root / "etc/dovecot", there)
    for file in there.rglob("*.*"):
        if file.is_file():
            text = file.read_text()
            for path in (
                "/var/spool/postfix",
                "/var/dovemail",
                "/etc/letsencrypt",
                "/etc/dovecot/",
            ):
                text = text.replace(path, f"{root}{path}")
            file.write_text(text)
    (there / "dovecot.conf").write_text(_DOVECOT.format(root=root, folder=folder))
    process = Process([command, "-F", "-c", str(there / "dovecot.conf")], log=folder / "start.log")
    socket = root / "var/spool/postfix/private/dovecot-lmtp"
    process.wait_ready(lambda: answering(socket))
    return process


def _adopt(root: Path, folder: Path) -> dict[str, object]:
    command = [
        *(sys.executable, "-m", "postroad", "adopt", "--json", "--root", str(root)),
        *("--postfix", "/etc/postfix", "--dovecot", "/etc/dovecot"),
        *("--to", str(folder / "new"), "--state", str(folder / "state")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said


def _serve(file: Path, dns: int, ports: tuple[int, int]) -> Process:
    text = file.read_text().replace(
        "state_directory", 'user = "root"\nworkers = 1\nstate_directory', 1
    )
    # A server that runs as root gives mail to programs as somebody else, who reads its file.
    text = text.replace('kind = "pipe"', 'kind = "pipe"\nuser = "nobody"')
    file.parent.chmod(0o755)
    file.chmod(0o644)
    file.write_text(f'{text}\n[dns]\nservers = ["127.0.0.1:{dns}"]\nvalidating = false\n')
    argv = [sys.executable, "-m", "postroad", "--config", str(file), "serve"]
    process = Process(argv, log=file.parent / "output")
    process.wait_ready(lambda: all(greeting(port) for port in ports))
    return process


def _said(port: int, *lines: str) -> str:
    with dialogue.plain(port) as talk:
        talk.hear()
        return [talk.say(line) for line in lines][-1]


def _mail(adopted: Adopted, to: str, mark: str, sender: str = "x@mail.test") -> str:
    content = f"From: {sender}\r\nTo: {to}\r\nSubject: {mark}\r\nMessage-ID: <{mark}@mail.test>"
    with dialogue.plain(adopted.mx) as talk:
        talk.hear()
        for line in (STRANGER, "EHLO mx.mail.test", f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"):
            said = talk.say(line)
        assert said.startswith("250"), said
        talk.say("DATA")
        return talk.say(f"{content}\r\n\r\n{mark}\r\n.")


def test_nothing_that_matters_is_lost(adopted: Adopted) -> None:
    findings = adopted.report["findings"]
    assert isinstance(findings, list)
    assert [each for each in findings if each["matters"]] == []


def test_mail_comes_in_passes_the_filter_and_lies_where_dovecot_has_it(adopted: Adopted) -> None:
    assert _mail(adopted, "john@example.org", "for-john").startswith("250 2.0.0")
    message = adopted.mailbox("john").wait("for-john")
    assert message.startswith(b"Return-Path: <x@mail.test>")


def test_an_alias_reaches_everybody_it_names(adopted: Adopted) -> None:
    assert _mail(adopted, "info@example.org", "for-both").startswith("250 2.0.0")
    for user in ("john", "lisa"):
        adopted.mailbox(user).wait("for-both")


def test_an_address_of_the_machine_leads_to_its_alias(adopted: Adopted) -> None:
    assert _mail(adopted, "postmaster@mail.example.org", "for-root").startswith("250 2.0.0")
    adopted.mailbox("john").wait("for-root")


@pytest.mark.parametrize(
    ("client", "lines", "reply"),
    [
        (
            STRANGER,
            ["MAIL FROM:<x@mail.test>", "RCPT TO:<someone@example.net>"],
            "554 5.7.1 <someone@example.net>: Relay access denied",
        ),
        (
            STRANGER,
            ["MAIL FROM:<x@mail.test>", "RCPT TO:<nobody@example.org>"],
            "550 5.1.1 <nobody@example.org>: Recipient address rejected: ",
        ),
        (
            STRANGER,
            ["MAIL FROM:<badguy@mail.test>", "RCPT TO:<john@example.org>"],
            '554 5.7.1 <badguy@mail.test>: Sender address rejected: "Spam"',
        ),
        (
            LISTED,
            ["MAIL FROM:<x@mail.test>", "RCPT TO:<john@example.org>"],
            "554 5.7.1 Client host 192.0.2.66 blocked using ZEN - see https://www.spamhaus.org/",
        ),
        (
            "XCLIENT ADDR=192.0.2.99 NAME=[UNAVAILABLE]",
            ["MAIL FROM:<x@mail.test>", "RCPT TO:<john@example.org>"],
            "550 5.7.23 <john@example.org>: Recipient address rejected: Message rejected due",
        ),
    ],
)
def test_strangers_hear_what_the_guide_says(
    adopted: Adopted, client: str, lines: list[str], reply: str
) -> None:
    assert KEY == "yourdqskey"
    said = _said(adopted.mx, client, "EHLO mx.mail.test", *lines)
    assert said.startswith(reply), said


def test_submission_wants_tls_and_a_login(adopted: Adopted) -> None:
    said = _said(adopted.submission, "EHLO laptop", "MAIL FROM:<john@example.org>")
    assert said.startswith("530 5.7.0 Must issue a STARTTLS command first")


@pytest.mark.parametrize(
    ("name", "password", "reply"),
    [
        ("john", "summersun", "235 2.7.0 Authentication successful"),
        ("lisa", "winterrain", "235 2.7.0 Authentication successful"),
        ("john", "wrong", "535 5.7.8 "),
    ],
)
def test_users_log_in_by_their_names_as_dovecot_has_them(
    adopted: Adopted, name: str, password: str, reply: str
) -> None:
    plain = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    with dialogue.starttls(adopted.submission) as talk:
        talk.say("EHLO laptop")
        said = talk.say(f"AUTH PLAIN {plain}")
        assert said.startswith(reply), said
        if reply.startswith("235"):
            talk.say(f"MAIL FROM:<{name}@example.org>")
            assert talk.say("RCPT TO:<someone@example.net>").startswith("250 2.1.5")
