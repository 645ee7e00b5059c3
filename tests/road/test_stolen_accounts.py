"""Thieves with a right password at a server of two workers, and who must not be taken for one."""

from __future__ import annotations

import json
import smtplib
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from peers.clients import swaks
from peers.postfix import Postfix
from peers.postroad import Postroad
from peers.waiting import until

JOHN, ANNA, POSTMASTER = "john@example.org", "anna@example.org", "postmaster@example.org"
ACCOUNTS = {POSTMASTER: "winter", JOHN: "summersun", ANNA: "moonlight"}
NOWHERE = "[127.0.0.1]:9"  # nobody listens there: mail waits in the queue
MESSAGE = "Subject: buy\r\n\r\nnow\r\n"
SUSPENDED = f"4.7.13 Error: sending from {JOHN} is suspended; ask {POSTMASTER}"
CLOSING = f"421 4.7.0 mail.example.org Error: sending from {JOHN} is suspended"

Start = Callable[..., Postroad]
Connect = Callable[..., "Session"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server that takes this machine for strangers, with the settings of one table."""
    running: list[Postroad] = []

    def begin(containment: dict[str, object] | None = None, smarthost: str = NOWHERE) -> Postroad:
        server = Postroad(
            {
                "listeners": {"submission": {"xclient": ["127.0.0.1/32"]}},
                "relay": {"trusted_networks": [], "smarthost": smarthost},
                "containment": containment or {},
                "guessing": {"window": 0, "delay": 0},
            },
            accounts=ACCOUNTS,
        )
        running.append(server)
        return server

    yield begin
    for server in running:
        server.stop()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Logs in, as often as it is asked to."""
    sessions: list[Session] = []

    def begin(server: Postroad, user: str = JOHN) -> Session:
        session = Session(server, user)
        sessions.append(session)
        return session

    yield begin
    for session in sessions:
        session.close()


class Session(smtplib.SMTP):
    """A logged-in client at the submission port."""

    def __init__(self, server: Postroad, user: str = JOHN) -> None:
        super().__init__("127.0.0.1", server.port("submission"), timeout=30)
        self.starttls(context=ssl._create_unverified_context())
        self.login(user, ACCOUNTS[user])

    def send_to(self, count: int, *, sender: str = JOHN, mark: str = "a") -> None:
        recipients = [f"{mark}{number}@elsewhere.test" for number in range(count)]
        self.sendmail(sender, recipients, MESSAGE)


def thieve(connect: Connect, server: Postroad, recipients: int) -> int:
    """Send as fast as it goes until the server has had enough; how many messages it took."""
    taken = 0
    with suppress(smtplib.SMTPException, OSError):
        thief = connect(server)
        while True:
            thief.send_to(recipients, mark=f"x{taken}-")
            taken += 1
    return taken


def frozen(server: Postroad, user: str = JOHN) -> dict[str, object] | None:
    shown = json.loads(server.run("user", "show", user, "--json"))
    found: dict[str, object] | None = shown["frozen"]
    return found


def finished(server: Postroad) -> bool:
    with closing(sqlite3.connect(server.state / "directory.db", timeout=30)) as file:
        return file.execute("SELECT finished FROM freezes").fetchone() == (1,)


def queue(server: Postroad) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.run("queue", "list", "--json").splitlines()]


def letters(server: Postroad, subject: str) -> list[bytes]:
    wanted = f"Subject: {subject}\r\n".encode()
    messages = server.maildir(POSTMASTER).messages()
    return [
        each for each in messages if wanted in each.replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
    ]


def refused(talk: Session) -> str:
    code, words = talk.mail(JOHN)
    assert code == 450
    return words.decode()


def test_a_thief_at_full_speed_on_all_workers_is_contained(start: Start, connect: Connect) -> None:
    server = start({"burst": 300})
    idle = [connect(server) for _ in range(6)]
    other = connect(server, ANNA)
    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(lambda _: thieve(connect, server, 20), range(8)))
    assert 10 <= taken <= 15 + 8  # 300 recipients, and what was being made durable at that moment
    freeze = frozen(server)
    assert freeze is not None
    assert freeze["by"] == "automatic"
    assert "recipients in 10 minutes, more than 300 (burst)" in str(freeze["reason"])
    until(lambda: finished(server), within=30, what="the end of the freeze")

    for each in idle:  # on whichever worker
        said = each.docmd("NOOP")
        assert f"{said[0]} {said[1].decode()}" == CLOSING
    mail = queue(server)
    assert len(mail) == taken
    assert {each["held"] for each in mail} == {f"the account {JOHN} is frozen"}
    server.maildir(POSTMASTER).wait(f"The account {JOHN} is frozen")
    assert len(letters(server, f"The account {JOHN} is frozen")) == 1
    assert server.log().count(f"warning: froze {JOHN}") == 1
    other.send_to(1, sender=ANNA)  # everybody else goes on

    back = connect(server)  # the login is right, and the owner is told
    assert refused(back) == SUSPENDED
    server.run("user", "unfreeze", JOHN)
    back.send_to(1)  # in a session that was open all the time
    until(lambda: not any(each["held"] for each in queue(server)), within=30, what="the release")


def test_a_freeze_survives_a_power_cut_and_the_next_start_does_the_rest(
    start: Start, connect: Connect
) -> None:
    server = start()
    connect(server).send_to(3)
    connect(server).send_to(3, mark="b")
    server.kill_all()
    said = server.run("user", "freeze", JOHN, "--reason", "lost telephone")
    assert "2 messages held, 0 sessions ended" in said
    assert not letters(server, f"The account {JOHN} is frozen")
    server.start()
    letter = server.maildir(POSTMASTER).wait(f"The account {JOHN} is frozen").decode()
    assert "An operator has frozen the account" in letter
    assert "Reason:    lost telephone" in letter
    assert refused(connect(server)) == SUSPENDED
    until(lambda: finished(server), within=30, what="the end of the freeze")

    server.kill_all()
    server.start()
    assert refused(connect(server)) == SUSPENDED
    assert server.run("user", "unfreeze", JOHN, "--delete-held").count("deleted 2 messages") == 1
    assert connect(server).mail(JOHN)[0] == 250
    assert queue(server) == []
    assert len(letters(server, f"The account {JOHN} is frozen")) == 1


def test_a_crash_in_the_middle_of_a_freeze_loses_nothing_of_it(
    start: Start, connect: Connect
) -> None:
    server = start({"burst": 100})
    thief = connect(server)
    for number in range(5):
        thief.send_to(20, mark=f"x{number}-")
    thief.mail(JOHN)
    for number in range(20):
        thief.rcpt(f"y{number}@elsewhere.test")
    thief.putcmd("data")  # one too many: from here on the freeze is under way
    server.wait_log(f"warning: froze {JOHN}")
    server.kill_all()
    server.start()
    server.maildir(POSTMASTER).wait(f"The account {JOHN} is frozen")
    until(lambda: finished(server), within=30, what="the end of the freeze")
    mail = [each for each in queue(server) if each["sender"] == JOHN]
    assert len(mail) == 5
    assert all(each["held"] for each in mail)
    assert refused(connect(server)) == SUSPENDED


@pytest.mark.peer
def test_who_sends_to_addresses_that_do_not_exist_is_found_by_its_bounces(
    start: Start, connect: Connect, elsewhere: Postfix
) -> None:
    server = start({"bounces": 30}, f"[127.0.0.1]:{elsewhere.port}")
    session = connect(server)
    for number in range(2):
        session.send_to(25, mark=f"dead{number}-")
    until(lambda: frozen(server), within=60, what="the freeze")
    assert "recipients in a day refused by their servers" in str(frozen(server))


@pytest.mark.peer
def test_who_has_few_bounces_among_many_recipients_is_not(
    start: Start, connect: Connect, elsewhere: Postfix
) -> None:
    server = start({"bounces": 5}, f"[127.0.0.1]:{elsewhere.port}")
    session = connect(server, ANNA)
    for number in range(60):
        session.sendmail(ANNA, ["lisa@elsewhere.test"], MESSAGE)
        if number % 6 == 0:
            session.send_to(1, sender=ANNA, mark=f"dead{number}-")
    until(lambda: not queue(server), within=60, what="an empty queue")
    assert frozen(server, ANNA) is None


@pytest.mark.peer
def test_swaks_shows_the_owner_why(start: Start) -> None:
    server = start()
    server.run("user", "freeze", JOHN)
    said = swaks(
        *("--server", f"127.0.0.1:{server.port('submission')}", "--tls", "--helo", "mua.test"),
        *("--auth", "PLAIN", "--auth-user", JOHN, "--auth-password", ACCOUNTS[JOHN]),
        *("--from", JOHN, "--to", "lisa@elsewhere.test"),
    ).stdout
    assert "235 2.7.0 Authentication successful" in said
    assert f"450 {SUSPENDED}" in said


def test_a_frozen_account_still_gets_its_mail(start: Start) -> None:
    server = start()
    server.run("user", "freeze", JOHN)
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as stranger:
        stranger.sendmail("lisa@elsewhere.test", [JOHN], "Subject: hello\r\n\r\nhow are you\r\n")
    server.maildir(JOHN).wait("how are you")


def test_one_warning_where_only_that_is_wanted(start: Start, connect: Connect) -> None:
    server = start({"burst": 50, "action": "warn"})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: connect(server).send_to(40), range(4)))
    server.maildir(POSTMASTER).wait(f"The account {JOHN} behaves strangely")
    assert frozen(server) is None
    connect(server).send_to(40)
    assert len(letters(server, f"The account {JOHN} behaves strangely")) == 1


def come_from(server: Postroad, address: str, *, sends: int = 0) -> None:
    """A session of John's from anywhere, as a proxy that may speak for others brings it."""
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo()
        assert client.docmd(f"XCLIENT ADDR={address}")[0] == 220
        client.ehlo()
        client.login(JOHN, ACCOUNTS[JOHN])
        if sends:
            recipients = [f"x{number}@elsewhere.test" for number in range(sends)]
            client.sendmail(JOHN, recipients, MESSAGE)


def test_bots_in_many_networks_are_found_and_travellers_and_telephones_are_not(
    start: Start,
) -> None:
    server = start({"networks": 5})
    for network in ("192.0.2", "198.51.100", "203.0.113", "100.64.0"):  # home, train, work, hotel
        for host in (1, 2):
            come_from(server, f"{network}.{host}")
    for minute in range(20):  # a telephone, whose address changes all the time
        come_from(server, f"100.64.{minute}.{minute}")
    assert frozen(server) is None
    for number in range(2):
        come_from(server, f"10.{number}.0.1")
    until(lambda: frozen(server), within=30, what="the freeze")
    assert "logins from 6 networks in an hour, more than 5 (networks)" in str(frozen(server))


def test_a_burst_from_a_strange_network_is_measured_by_the_account(start: Start) -> None:
    server = start({"unusual_burst": 50})
    come_from(server, "192.0.2.7")
    server.end()
    month_ago = time.time() - 30 * 86_400
    with closing(sqlite3.connect(server.state / "habits.db")) as file, file:
        assert file.execute("UPDATE regions SET first = ?", (month_ago,)).rowcount == 1
    server.start()
    come_from(server, "192.0.2.8", sends=60)  # from home
    come_from(server, "198.51.100.1", sends=1)  # from a hotel: now more than ever, with the others
    until(lambda: frozen(server), within=30, what="the freeze")
    assert "from a network that is new to the account" in str(frozen(server))


# Who must not be taken for a thief ---------------------------------------------------------------

TIGHT = {
    "burst": 30,
    "networks": 3,
    "unknown_recipients": 3,
    "foreign_senders": 3,
    "limited": 3,
    "bounces": 3,
    "bounce_share": 0,
}
"""Rules that the least sign would break."""


def test_strangers_cannot_bring_an_account_under_suspicion(start: Start, connect: Connect) -> None:
    """By wrong passwords, forged senders, forged bounces, or dead addresses in its name."""
    server = start(TIGHT)
    for _ in range(10):
        with (
            smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as guesser,
            suppress(smtplib.SMTPException),
        ):
            guesser.starttls(context=ssl._create_unverified_context())
            guesser.login(JOHN, "wrong")
    for number in range(20):
        with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as forger:
            forger.ehlo("mail.example.org")
            forger.mail(JOHN)
            forger.rcpt(f"nobody{number}@example.org")
            forger.rcpt(f"lisa{number}@elsewhere.test")
            forger.rset()
            bounce = (
                f"From: MAILER-DAEMON@mail.example.org\r\nTo: {JOHN}\r\nSubject: Undelivered\r\n"
                "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
                "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
                f"Final-Recipient: rfc822; a{number}@x.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                "\r\n--x--\r\n"
            )
            with suppress(smtplib.SMTPException):
                forger.sendmail("", [JOHN], bounce)
    connect(server).send_to(5)
    assert frozen(server) is None


def test_a_program_with_twenty_drafts_that_nobody_takes_is_no_thief(
    start: Start, connect: Connect
) -> None:
    """Its sender is an old one of the user's: all of them are refused, again and again."""
    server = start()
    for _ in range(3):
        for first in range(0, 20, 5):  # few in each session, for after ten errors answers are late
            program = connect(server)
            for draft in range(first, first + 5):
                assert program.mail("old@elsewhere.test")[0] == 250
                assert program.rcpt(f"friend{draft}@elsewhere.test")[0] == 553
                program.rset()
            program.quit()
    assert frozen(server) is None


def test_a_newsletter_as_fast_as_it_goes_is_no_theft(start: Start, connect: Connect) -> None:
    """A message for each of 600 subscribers, over four connections."""
    server = start()

    def part(first: int) -> None:
        session = connect(server, ANNA)
        for number in range(first, first + 150):
            session.send_to(1, sender=ANNA, mark=f"subscriber{number}-")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(part, range(0, 600, 150)))
    assert frozen(server, ANNA) is None
    assert len(queue(server)) == 600


def test_an_exempt_account_may_do_what_it_likes(start: Start, connect: Connect) -> None:
    server = start(TIGHT | {"exempt": [JOHN]})
    session = connect(server)
    for number in range(4):
        session.send_to(40, mark=f"x{number}-")
    assert frozen(server) is None
