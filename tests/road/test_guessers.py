"""Guessers and crowds at a server of two workers, as clients, operators and fail2ban see them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from peers import dialogue
from peers.clients import swaks
from peers.needs import program
from peers.postroad import Postroad
from peers.waiting import until

FILTER = "/etc/fail2ban/filter.d/postfix.conf"

SETTINGS = {
    "relay": {"trusted_networks": []},
    "guessing": {"delay": 0, "failures_per_address": 6},
    "log": {"name": "postfix"},
}
FEW_PLACES = SETTINGS | {"limits": {"sessions_per_address": 4}}
BANNED = "421 4.7.0 mail.example.org Error: no service for 127.0.0.1 at this time"
CROWDED = "421 4.7.0 mail.example.org Error: too many connections from 127.0.0.1"


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Postroad]:
    settings = getattr(request, "param", SETTINGS)
    running = Postroad(settings, accounts={"john@example.org": "summersun"})
    yield running
    running.stop()


def log_in(server: Postroad, user: str, password: str, mechanism: str = "PLAIN") -> str:
    """The conversation of swaks that logs in and does nothing else."""
    return swaks(
        *("--server", f"127.0.0.1:{server.port('submission')}", "--tls", "--helo", "mua.test"),
        *("--auth", mechanism, "--auth-user", user, "--auth-password", password),
        *("--quit-after", "AUTH"),
    ).stdout


def first_words(server: Postroad, listener: str = "mx") -> str:
    with dialogue.plain(server.port(listener)) as talk:
        return talk.hear()


def bans(server: Postroad) -> list[str]:
    return [each["subject"] for each in json.loads(server.run("ban", "list", "--json"))]


@pytest.mark.peer
def test_a_guesser_is_banned_by_all_workers_until_the_operator_says_otherwise(
    server: Postroad,
) -> None:
    for number in range(6):
        said = log_in(server, f"user{number}@example.org", "wrong")
        assert "535 5.7.8 Error: authentication failed: wrong name or password" in said
    assert bans(server) == ["127.0.0.1"]
    for listener in ("mx", "submission"):
        assert {first_words(server, listener) for _ in range(10)} == {BANNED}
    with dialogue.plain(server.port("submissions")) as talk:
        assert talk.closed()
    server.wait_log("connection from unknown[127.0.0.1] refused: 127.0.0.1 is")
    log = server.log()
    assert len(re.findall(r"anvil\[\d+\]: banned 127\.0\.0\.1 until", log)) == 1
    refused = re.findall(r"connection from unknown\[127\.0\.0\.1\] refused: 127\.0\.0\.1 is", log)
    assert 1 <= len(refused) <= 6  # one for each worker and listener, not for each connection

    server.run("ban", "remove", "127.0.0.1")
    assert all(first_words(server).startswith("220 ") for _ in range(10))
    assert "235 2.7.0 Authentication successful" in log_in(server, "john@example.org", "summersun")
    server.run("ban", "add", "127.0.0.0/8", "--for", "1h")
    assert {first_words(server) for _ in range(10)} == {BANNED}


@pytest.mark.peer
def test_a_banned_user_is_told_what_a_guesser_is_told_also_after_a_restart(
    server: Postroad,
) -> None:
    server.end()
    server.run("ban", "add", "John@Example.org", "--reason", "left us")
    server.start()
    said = log_in(server, "john@example.org", "summersun")
    assert "535 5.7.8 Error: authentication failed: wrong name or password" in said
    server.run("ban", "remove", "john@example.org")
    assert "235 2.7.0 Authentication successful" in log_in(server, "john@example.org", "summersun")


def take_places(server: Postroad, stack: ExitStack, count: int) -> None:
    """Hold sessions. A session that has just ended may still have its place for a moment."""

    def take() -> bool:
        with ExitStack() as attempt:
            talk = attempt.enter_context(dialogue.plain(server.port("mx")))
            if not talk.hear().startswith("220 "):
                return False
            stack.push(attempt.pop_all())
            return True

    for _ in range(count):
        until(take, within=30, what="a place")


@pytest.mark.parametrize("server", [FEW_PLACES], indirect=True)
def test_places_are_counted_over_workers_and_a_killed_worker_gives_its_places_back(
    server: Postroad,
) -> None:
    with ExitStack() as stack:
        take_places(server, stack, 4)
        assert {first_words(server) for _ in range(10)} == {CROWDED}

        before = set(server.workers())
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(server.workers()) - before) == 2, within=30, what="new workers")

        take_places(server, stack, 4)
        assert {first_words(server) for _ in range(10)} == {CROWDED}


# fail2ban ----------------------------------------------------------------------------------------


def matched(log: Path, mode: str) -> list[str]:
    """The lines that fail2ban's own filter for Postfix takes for an offence."""
    done = subprocess.run(
        [program("fail2ban-regex"), "--print-all-matched", str(log), f"{FILTER}[mode={mode}]"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = done.stdout.partition("Matched line(s):")[2].partition("Missed line(s):")[0]
    return [line.removeprefix("|  ") for line in found.splitlines() if line.startswith("|  ")]


@pytest.fixture(scope="module")
def offences() -> Iterator[Path]:
    """The log of a server at which everything was tried that fail2ban looks for."""
    open_guessing = SETTINGS | {
        "guessing": {"delay": 0, "ban": 0},
        "limits": {"errors": 5, "error_pause": 0},
        "login": {"mechanisms": ["PLAIN", "LOGIN", "CRAM-MD5"]},
    }
    server = Postroad(open_guessing, accounts={"john@example.org": "summersun"})
    try:
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            log_in(server, "john@example.org", "wrong", mechanism)
            log_in(server, "nobody@example.org", "wrong", mechanism)
        log_in(server, "john@example.org", "summersun")
        with dialogue.plain(server.port("mx")) as talk:
            talk.hear()
            talk.say("EHLO stranger.test")
            talk.say("MAIL FROM:<a@stranger.test>")
            talk.say("RCPT TO:<lisa@elsewhere.test>")
            talk.say("RCPT TO:<nobody@example.org>")
            talk.say("RCPT TO:<john@example.org>")
            talk.say("QUIT")
        with dialogue.plain(server.port("mx")) as talk:
            talk.hear()
            for _ in range(5):
                talk.say("GARBAGE")
        with dialogue.plain(server.port("mx")) as talk:
            talk.hear()
            talk.say("EHLO lost.test")
        server.wait_log("lost connection after EHLO")
        server.end()
        yield server.folder / "output"
    finally:
        server.stop()


GUESSES = [
    f"SASL {name} authentication failed: authentication failure"
    for name in ("PLAIN", "LOGIN", "CRAM-MD5")
]
REJECTED = ["Relay access denied", "Recipient address rejected: User unknown", "too many errors"]
IN_ALL = [*GUESSES, "auth=0/1", *REJECTED, "lost connection after"]


@pytest.mark.peer
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("auth", dict.fromkeys(GUESSES, 2)),
        ("normal", dict.fromkeys(REJECTED, 1)),
        ("more", dict.fromkeys(REJECTED, 1)),
        ("errors", {"too many errors": 1}),
        ("aggressive", dict.fromkeys(GUESSES, 2) | {"auth=0/1": 6} | dict.fromkeys(REJECTED, 1)),
    ],
)
def test_fail2ban_understands_the_log(offences: Path, mode: str, expected: dict[str, int]) -> None:
    lines = matched(offences, mode)
    found = Counter(next((words for words in IN_ALL if words in line), line) for line in lines)
    lost = found.pop("lost connection after", 0)
    assert found == expected
    assert bool(lost) is (mode == "aggressive")
