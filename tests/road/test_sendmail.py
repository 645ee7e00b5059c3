"""The sendmail command as programs use it, beside the real Postfix's, and with real programs."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import smtplib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from peers import needs
from peers.maildir import Maildir
from peers.ports import free_port
from peers.postfix import Postfix
from peers.postroad import Postroad
from peers.spamd import GTUBE, Spamd
from peers.waiting import until

pytestmark = pytest.mark.peer

USERS = ("john", "anna", "eve", "root", "www")
ACCOUNTS = {f"{user}@example.org": "summersun" for user in USERS}
LIMIT = 100_000
QUEUE = {"minimal_backoff": "1s", "maximal_backoff": "2s"}

Mail = tuple[tuple[str, ...], bytes]
"""The header fields that matter, sorted, and the body."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postroad]:
    made = Postroad(
        {"workers": 2, "queue": QUEUE, "limits": {"message_size": LIMIT}},
        listeners=("mx",),
        accounts=ACCOUNTS,
    )
    made.folder.chmod(0o755)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def sendmail(server: Postroad) -> Path:
    """What an operator puts in the place of /usr/sbin/sendmail."""
    return _program(server, "sendmail")


def _program(server: Postroad, name: str) -> Path:
    path = server.folder / name
    command = [sys.executable, "-m", "postroad.cli.sendmail"]
    code = "from postroad.cli.sendmail import run; import os, sys; sys.argv[0] = sys.argv.pop(1)"
    code += "; os.umask(0o22); sys.exit(run(sys.argv[0], sys.argv[1:]))"
    command = [sys.executable, "-c", code, name, "-C", str(server.state / "maildrop")]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
    return path


def _run(
    argv: Sequence[str | Path], message: bytes = b"", user: str = ""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(word) for word in argv],
        input=message,
        capture_output=True,
        timeout=60,
        check=False,
        user=user or None,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
    )


# Beside the real Postfix -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    account = pwd.getpwnam("postfix")
    made = Postfix(
        {
            "virtual_mailbox_domains": "example.org",
            "virtual_mailbox_base": "%(folder)s/mail",
            "virtual_mailbox_maps": "texthash:%(folder)s/mailboxes",
            "virtual_uid_maps": f"static:{account.pw_uid}",
            "virtual_gid_maps": f"static:{account.pw_gid}",
            "virtual_minimum_uid": "1",
            "myhostname": "mail.example.org",
            "myorigin": "example.org",
            "message_size_limit": str(LIMIT),
        },
        files={"mailboxes": "".join(f"{user}@example.org {user}/Maildir/\n" for user in USERS)},
    )
    yield made
    made.stop()


BODY = b"Subject: %s\n\nb\n"

WITH_ALL = (
    b"Subject: %s\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nMessage-ID: <x@y>\n"
    b"Return-Path: <a@b>\nContent-Length: 3\n\nb\n"
)

TAKEN: list[tuple[list[str], bytes, str]] = [
    (["john"], b"Subject: %s\n\nhello\n", "john"),
    (["-t"], b"To: john\nCc: A <anna@example.org>\nBcc: eve\nSubject: %s\n\nb\n", "john anna eve"),
    (["-t", "eve"], b"To: john\nSubject: %s\n\nb\n", "john eve"),
    (["-t"], b"To: friends: john, anna;\nSubject: %s\n\nb\n", "john anna"),
    (["-t"], b"To: undisclosed-recipients:;\nBcc: john\nSubject: %s\n\nb\n", "john"),
    (["-t"], b'To: "J. S" <john@example.org> (c), anna @example.org\nSubject: %s\n\n', "john anna"),
    (["-t", "-i"], b"to: john\nCC : anna\nSubject: %s\n\nb\n", "john anna"),
    (["-f", "www", "-F", "Web Server", "john"], BODY, "john"),
    (["-fwww@example.org", "john"], BODY, "john"),
    (["-r", "A B <www@example.org>", "john"], BODY, "john"),
    (["john,anna"], BODY, "john anna"),
    (["john anna"], BODY, "john anna"),
    (["John Smith <john@example.org>"], BODY, "john"),
    (["--", "john"], BODY, "john"),
    (["-O", "Delivery=b", "-om", "-oe", "-odq", "-h3", "-Lx", "-m", "-U", "john"], BODY, "john"),
    (["-G", "john"], b"From: www\nTo: anna\nSubject: %s\n\nb\n", "john"),
    (["-B", "8BITMIME", "john"], "Subject: %s\n\nb\u00e9\n".encode(), "john"),
    (["john"], b"Subject: %s\n\na\n.\nb\n", "john"),
    (["-i", "john"], b"Subject: %s\n\na\n.\nb\n", "john"),
    (["-oi", "john"], b"Subject: %s\r\n\r\na\r\n.\r\nb\r\n", "john"),
    (["john"], b"Subject: %s\r\n\r\na\r\n.\r\nb\r\n", "john"),
    (["-i", "john"], b"Subject: %s\n\nno end", "john"),
    (["-i", "john"], b"Subject: %s\n\na\rb\0c\n", "john"),
    (["-i", "john"], b"Subject: %s\n\n" + b"y" * 5000 + b"\n", "john"),
    (["john"], b"From root Mon\nSubject: %s\n\nb\n", "john"),
    (["-i", "john"], b"Subject: %s\nno header line\nTo: x\n\nb\n", "john"),
    (["john"], WITH_ALL, "john"),
]  # fmt: skip


def test_it_does_what_postfix_does(server: Postroad, sendmail: Path, postfix: Postfix) -> None:
    """Recipients, envelope sender, header fields and body, over a table of command lines."""
    theirs = [needs.program("sendmail"), "-C", postfix.folder / "etc"]
    for number, (arguments, message, _) in enumerate(TAKEN):
        octets = message.replace(b"%s", b"case%d" % number)
        for program in ([sendmail], theirs):
            ran = _run([*program, *arguments], octets)
            assert (ran.returncode, ran.stderr) == (0, b""), arguments
    for number, (arguments, _, recipients) in enumerate(TAKEN):
        for user in recipients.split():
            ours = _found(server, f"{user}@example.org", number)
            assert ours == _found(postfix, user, number), (arguments, user)
    for user in USERS:
        expected = sum(user in recipients.split() for _, _, recipients in TAKEN)
        assert len(server.maildir(f"{user}@example.org").messages()) == expected
        assert len(postfix.maildir(user).messages()) == expected


def _found(place: Postroad | Postfix, user: str, number: int) -> Mail:
    subject = re.compile(rb"(?m)^Subject: case%d\r?$" % number)

    def found() -> list[bytes]:
        return [each for each in place.maildir(user).messages() if subject.search(each)]

    until(found, within=30, what=f"case {number} for {user}")
    (message,) = found()
    return _essence(message)


_PASSING = re.compile(r"(?i)(X-Original-To|Delivered-To|Received):")
_MADE = re.compile(r"(?i)(Message-ID|Date): (?!<x@y>|.*1970).*")


def _essence(message: bytes) -> Mail:
    """A message without what is each server's own: its trace, and what it made of its clock."""
    head, _, body = message.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = re.sub(r"\n[ \t]+", " ", head.decode("latin-1")).split("\n")
    kept = [_MADE.sub(lambda found: found[1].lower(), each) for each in fields]
    return tuple(sorted(each for each in kept if not _PASSING.match(each))), body


REFUSED: list[tuple[list[str], bytes, int]] = [
    ([], b"x\n", os.EX_USAGE),
    (["-t"], b"Subject: x\n\nb\n", os.EX_USAGE),
    (["-B", "x", "john"], b"", os.EX_USAGE),
    (["-n", "john"], b"", os.EX_USAGE),
    (["-Z", "john"], b"", os.EX_USAGE),
    (["-bx"], b"", os.EX_USAGE),
    (["-X", "/tmp/log", "john"], b"", os.EX_USAGE),
    (["-bp", "john"], b"", os.EX_USAGE),
    (["-t", "-bp"], b"", os.EX_USAGE),
    (["-qS"], b"", os.EX_USAGE),
    (["-qRx", "john"], b"", os.EX_USAGE),
    (["--help"], b"", os.EX_USAGE),
    (["john"], b"x" * (LIMIT + 10_000), os.EX_UNAVAILABLE),
]


def test_it_refuses_what_postfix_refuses(
    server: Postroad, sendmail: Path, postfix: Postfix
) -> None:
    """Postfix 3.7 ends with 75 whatever was wrong; ours with what sysexits(3) has for it."""
    theirs = [needs.program("sendmail"), "-C", postfix.folder / "etc"]
    for arguments, message, status in REFUSED:
        ran = _run([sendmail, *arguments], message)
        assert ran.returncode == status, arguments
        assert re.match(rb"(sendmail: fatal: .*\n)\Z", ran.stderr), arguments
        assert _run([*theirs, *arguments], message).returncode != 0, arguments
    for name in ("new", "taken", "aside"):
        assert list((server.state / "maildrop" / name).iterdir()) == []


@pytest.mark.parametrize("arguments", [["-q5m"], ["-bh"], ["-bi"], ["-I"]])
def test_what_does_nothing(sendmail: Path, arguments: list[str]) -> None:
    assert _run([sendmail, *arguments]).returncode == 0


# As programs of the machine use it ---------------------------------------------------------------


def _wait(server: Postroad, subject: str, who: str = "john@example.org") -> Mapping[str, str]:
    return server.maildir(who).wait_parsed(f"Subject: {subject}")


def test_cron_as_a_user_without_rights(server: Postroad, sendmail: Path) -> None:
    """The command line of Debian's cron."""
    message = b"From: root (Cron Daemon)\nTo: john\nSubject: Cron job\n\noutput\n"
    argv = [sendmail, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "john"]
    ran = _run(argv, message, user="nobody")
    assert (ran.returncode, ran.stderr) == (0, b"")
    found = _wait(server, "Cron job")
    assert found["From"] == "root@example.org"
    assert found["To"] == "john@example.org"
    uid = pwd.getpwnam("nobody").pw_uid
    assert f"(Postroad, from userid {uid})" in found["Received"]
    assert found["Return-Path"] == "<nobody@example.org>"
    server.wait_log(f"uid={uid} from=<nobody@example.org>")


def test_others_neither_flush_nor_see_the_drop(server: Postroad, sendmail: Path) -> None:
    for words in ("-q", "-qRexample.net"):
        ran = _run([sendmail, words], user="nobody")
        assert ran.returncode == os.EX_NOPERM
        assert ran.stderr.count(b"\n") == 1
    listing = _run(["/bin/ls", server.state / "maildrop" / "new"], user="nobody")
    assert listing.returncode != 0


def test_php(server: Postroad, sendmail: Path) -> None:
    php = needs.program("php")
    code = 'exit(mail("john@example.org", "From PHP", "one\\r\\ntwo", "X-A: b") ? 0 : 1);'
    ran = _run([php, "-d", f"sendmail_path={sendmail} -t -i", "-r", code], user="nobody")
    assert ran.returncode == 0, ran
    assert _wait(server, "From PHP")["X-A"] == "b"


def test_variable_return_paths(server: Postroad, sendmail: Path) -> None:
    command = [sendmail, "-XV", "-f", "www@example.org", "john", "anna@example.org"]
    assert _run(command, BODY % b"verp", user="nobody").returncode == 0
    for who in ("john", "anna"):
        message = server.maildir(f"{who}@example.org").wait_parsed("Subject: verp")
        assert message["Return-Path"] == f"<www+{who}=example.org@example.org>"


def test_git_send_email(server: Postroad, sendmail: Path) -> None:
    git = needs.program("git")
    patch = server.folder / "0001-From-git.patch"
    patch.write_text(
        "From 1234567890123456789012345678901234567890 Mon Sep 17 00:00:00 2001\n"
        "From: Eve <eve@example.org>\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n"
        "Subject: [PATCH] From git\n\nbody\n---\n"
    )
    options = [f"--smtp-server={sendmail}", "--from=eve@example.org", "--to=john@example.org"]
    quiet = ["--confirm=never", "--suppress-cc=all", "--envelope-sender=www@example.org"]
    env = ["env", "HOME=/nonexistent", "GIT_COMMITTER_NAME=Eve", "EMAIL=eve@example.org"]
    command = [*env, git, "send-email", *options, *quiet, patch]
    ran = _run(command)
    assert ran.returncode == 0, ran
    message = server.maildir("john@example.org").wait_parsed("From git")
    assert (message["From"], message["Return-Path"]) == ("eve@example.org", "<www@example.org>")


def test_mail(server: Postroad, sendmail: Path) -> None:
    """bsd-mailx, which is Debian's `mail`."""
    settings = server.folder / "mailrc"
    settings.write_text(f"set sendmail={sendmail}\n")
    command = ["env", f"MAILRC={settings}", needs.program("bsd-mailx"), "-n", "-s", "From mail"]
    ran = _run([*command, "john@example.org"], b"hello\n")
    assert ran.returncode == 0, ran
    _wait(server, "From mail")


def test_s_nail(server: Postroad, sendmail: Path) -> None:
    program = needs.program("s-nail")
    options = [
        *("-S", f"mta={sendmail}"),
        *("-S", "sendwait"),
        *("-:", "/"),
        *("-s", "From s-nail"),
    ]
    ran = _run([program, *options, "john@example.org"], b"hello\n")
    assert ran.returncode == 0, ran
    _wait(server, "From s-nail")


def test_mutt(server: Postroad, sendmail: Path) -> None:
    settings = ["-e", f'set sendmail="{sendmail} -oem -oi"', "-e", "set copy=no"]
    argv = [needs.program("mutt"), "-n", "-F", "/dev/null", *settings]
    ran = _run([*argv, "-s", "From mutt", "-b", "anna@example.org", "john@example.org"], b"hi\n")
    assert ran.returncode == 0, ran
    assert "Bcc" not in _wait(server, "From mutt")
    _wait(server, "From mutt", "anna@example.org")


def test_smtp_on_standard_input(server: Postroad, sendmail: Path) -> None:
    """`-bs`, as pine and some scripts speak it: two messages, one given up, one dot-stuffed."""
    script = (
        "EHLO here\r\nMAIL FROM:<www@example.org>\r\nRCPT TO:<john@example.org>\r\nRSET\r\n"
        "MAIL FROM:<www@example.org>\r\nRCPT TO:<john@example.org>\r\n"
        "RCPT TO:<anna@example.org>\r\n"
        "DATA\r\nSubject: from bs\r\n\r\n..dot\r\nend\r\n.\r\nBOGUS\r\nQUIT\r\n"
    )
    ran = _run([sendmail, "-bs"], script.encode(), user="nobody")
    assert ran.returncode == 0
    lines = ran.stdout.decode().splitlines()
    codes = [line[:3] for line in lines if line[3:4] == " "]
    assert codes == ["220", *["250"] * 7, "354", "250", "500", "221"]
    for who in ("john@example.org", "anna@example.org"):
        message = server.maildir(who).wait_parsed("Subject: from bs")
        assert message.get_payload() == ".dot\nend\n"
        assert message["Return-Path"] == "<www@example.org>"


def test_mailq_and_flush(server: Postroad, sendmail: Path) -> None:
    mailq = _program(server, "mailq")
    until(  # what was delivered is removed a moment later
        lambda: _run([mailq]).stdout == b"Mail queue is empty\n", within=30, what="an empty queue"
    )
    assert _run([sendmail, "x@[127.0.0.1]"], BODY % b"stuck").returncode == 0
    until(lambda: b"x@[127.0.0.1]" in _run([mailq]).stdout, within=30, what="the queue")

    def shown() -> str:
        """What both are shown, where no attempt came between them."""
        listed, others = _run([mailq]), _run([mailq], user="nobody")  # by the socket in the drop
        assert others.returncode == 0
        return listed.stdout.decode() if others.stdout == listed.stdout else ""

    listed = until(shown, within=30, what="the same queue for both")
    refused = _run([sendmail, "-q"], user="nobody")
    assert refused.returncode == os.EX_NOPERM
    assert listed.startswith("-Queue ID----  --Size--")
    queue_id = listed.splitlines()[1].split()[0].rstrip("*!")
    for words in ("-q", "-qR127.0.0.1", f"-qI{queue_id}"):
        assert _run([sendmail, words]).returncode == 0
    server.run("queue", "delete", queue_id)


def test_it_works_while_the_server_is_down(server: Postroad, sendmail: Path) -> None:
    server.end()
    away = _run([_program(server, "mailq")], user="nobody")
    assert away.returncode == os.EX_UNAVAILABLE
    assert b"Queue report unavailable - mail system is down" in away.stderr
    for number in range(3):
        ran = _run([sendmail, "john"], BODY % b"down%d" % number, user="nobody")
        assert ran.returncode == 0
    assert len(list((server.state / "maildrop" / "new").iterdir())) == 3
    server.start()
    for number in range(3):
        _wait(server, f"down{number}")


def test_a_server_that_is_killed_delivers_each_message_once(
    server: Postroad, sendmail: Path
) -> None:
    """Killed while it picks up: what was left is there, and nothing twice."""
    subjects = [f"killed{burst}-{number}" for burst in range(2) for number in range(8)]
    for at, subject in enumerate(subjects):
        assert _run([sendmail, "eve"], BODY % subject.encode(), user="nobody").returncode == 0
        if at % 8 == 7:
            server.kill_all()
            server.start()
    for subject in subjects:
        _wait(server, subject, "eve@example.org")
    found = b"".join(server.maildir("eve@example.org").messages())
    assert [found.count(f"Subject: {subject}\n".encode()) for subject in subjects] == [1] * 16


def test_it_starts_quickly(server: Postroad) -> None:
    """What cron starts for each message loads none of what only a server needs."""
    program = (
        "import sys; from postroad.cli.sendmail import run;"
        f"run('sendmail', ['-C', {str(server.state / 'maildrop')!r}, '-i', 'john']);"
        "heavy = {'typing', 'dataclasses', 'pydantic', 'typer', 'asyncio', 'json', 'tomllib',"
        " 'socket', 'logging', 'postroad.model', 'postroad.config'};"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    ran = _run([sys.executable, "-c", program], BODY % b"quick")
    assert ran.stdout.decode() == "LOADED []\n"


# The SpamAssassin pipe of the small-server guide -------------------------------------------------


@pytest.fixture(scope="module")
def filtered() -> Iterator[Postroad]:
    """`spamassassin unix - n n - - pipe user=… argv=spamc -f -e /usr/sbin/sendmail -oi -f …`."""
    spamd = Spamd()
    port = free_port()
    folder = Path("/tmp") / f"postroad-filter-{os.getpid()}-{port}"
    folder.mkdir(mode=0o755)
    command = [
        *(spamd.client, "-d", "127.0.0.1", "-p", str(spamd.port), "-f", "-e"),
        *(str(folder / "sendmail"), "-oi", "-f", "${sender}", "--", "${recipient}"),
    ]
    transport = {"kind": "pipe", "command": command, "user": "nobody", "null_sender": ""}
    server = Postroad(
        {
            "workers": 1,
            "queue": QUEUE,
            "listeners": {"mx": {"content_filter": "spamassassin:"}},
            "transports": {"spamassassin": transport},
        },
        listeners=("mx",),
        accounts=ACCOUNTS,
    )
    server.folder.chmod(0o755)
    _program(server, "sendmail").rename(folder / "sendmail")
    yield server
    server.stop()
    spamd.stop()
    (folder / "sendmail").unlink()
    folder.rmdir()


@pytest.mark.parametrize("body", [GTUBE, "Soup?"])
def test_the_filter_hands_its_mail_back(filtered: Postroad, body: str) -> None:
    subject = f"filtered {len(body)}"
    text = (
        f"From: lisa@elsewhere.test\r\nTo: john@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n"
    )
    with smtplib.SMTP("127.0.0.1", filtered.port("mx"), timeout=30) as client:
        client.sendmail("lisa@elsewhere.test", ["john@example.org"], text)
    mailbox = filtered.maildir("john@example.org")
    if body == GTUBE:
        mailbox = Maildir(mailbox.new.parent / ".Junk", filtered.log)
    message = mailbox.wait_parsed(subject)
    assert message["X-Spam-Status"].startswith("Yes" if body == GTUBE else "No")
    assert message["Return-Path"] == "<lisa@elsewhere.test>"
    wanted = filtered.log().count("uid=65534")
    assert wanted
    until(  # the mail comes back before the program that hands it back has ended
        lambda: len(re.findall(r"relay=spamassassin, .*status=sent", filtered.log())) == wanted,
        within=30,
        what="the end of the filter",
    )
