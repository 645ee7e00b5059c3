"""What an operator does to a running server: reload, rotate, restart, stop; on two real workers."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers import dialogue
from peers.certificates import Authority
from peers.ports import free_port
from peers.postroad import Postroad
from peers.waiting import listening, until

STRANGER = {"relay": {"trusted_networks": []}}


@pytest.fixture
def server() -> Iterator[Postroad]:
    running = Postroad(STRANGER, accounts={"john@example.org": "summersun"})
    yield running
    running.stop()


def change(server: Postroad, pattern: str, replacement: str) -> None:
    """Edit the configuration file as an operator would."""
    text = server.configuration.read_text()
    changed = re.sub(pattern, replacement, text, count=1)
    assert changed != text, f"{pattern} is not in {text}"
    server.configuration.write_text(changed)


def reload(server: Postroad, expected: str) -> None:
    os.kill(server.supervisor, signal.SIGHUP)
    server.wait_log(expected)


def replaced(server: Postroad) -> None:
    """Kill the worker that is there for the longest time, until another one is in its place."""
    killed = server.kill_worker()
    until(
        lambda: killed not in server.workers() and len(server.workers()) == 2,
        within=30,
        what="a new worker",
    )


def relay(server: Postroad) -> str:
    """What a stranger is told who wants to reach another domain."""
    with dialogue.plain(server.port("mx")) as talk:
        talk.hear()
        talk.say("EHLO stranger.test")
        talk.say("MAIL FROM:<a@stranger.test>")
        return talk.say("RCPT TO:<lisa@elsewhere.test>")


DENIED = "554 5.7.1 <lisa@elsewhere.test>: Relay access denied"


def test_a_start_names_what_is_listened_on(server: Postroad) -> None:
    doors = ", ".join(
        f"{name} on 127.0.0.1:{server.port(name)}" for name in ("mx", "submission", "submissions")
    )

    line = server.wait_log("postroad/master")

    assert re.search(rf"Postroad \d[\d.]* serves: {re.escape(doors)}$", line)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"(?m)^\[listeners\.mx\]$", '[listeners.mx.policy]\nrelay = ["permit"]\n[listeners.mx]'),
        (r"trusted_networks = \[\]", 'trusted_networks = ["0.0.0.0/1", "128.0.0.0/1"]'),
    ],
)
def test_a_reload_cannot_open_the_relay(server: Postroad, pattern: str, replacement: str) -> None:
    change(server, pattern, replacement)

    reload(server, "not reloaded: ")

    assert relay(server) == DENIED
    server.kill_worker()
    until(lambda: "restarted at once" in server.log(), within=30, what="a new worker")
    assert relay(server) == DENIED


def test_a_reload_takes_what_it_can_and_names_the_rest(server: Postroad) -> None:
    change(server, r"workers = 2", "workers = 1\n")
    change(server, r"domains = \[[^\]]*\]", 'domains = ["example.org", "example.net"]')
    change(server, r"(?m)^\[listeners\.submissions\]\n.*\n", "")
    with server.configuration.open("a") as file:
        file.write("\n[limits]\nmessage_size = 65537\n")

    reload(
        server,
        "reloaded its configuration; changed, but only a restart takes it: "
        "domains, workers, listeners.submissions",
    )

    with dialogue.plain(server.port("mx")) as talk:
        talk.hear()
        until(lambda: "SIZE 65537" in smtp_ehlo(server.port("mx")), within=30, what="the new limit")
    for _ in range(2):  # a worker that starts now is no different from those that run
        replaced(server)
    assert "SIZE 65537" in smtp_ehlo(server.port("mx"))
    with dialogue.tls(server.port("submissions")) as talk:
        assert talk.hear().startswith("220 ")


def smtp_ehlo(port: int) -> str:
    with dialogue.plain(port) as talk:
        talk.hear()
        return talk.say("EHLO x")


def test_a_mistake_in_the_file_changes_nothing(server: Postroad) -> None:
    change(server, r"workers = 2", "wrokers = 2")

    reload(server, "wrokers: unknown key; did you mean workers?")

    assert relay(server) == DENIED


def test_a_new_certificate_is_served_to_new_clients(server: Postroad, tmp_path: Path) -> None:
    fresh = Authority(tmp_path)
    issued = fresh.issue("mail.example.org", "localhost", "127.0.0.1")
    change(server, r'certificate = "[^"]*"', f'certificate = "{issued.chain}"')
    change(server, r'key = "[^"]*"', f'key = "{issued.key}"')
    trust = ssl.create_default_context(cafile=fresh.certificate)

    reload(server, "worker 1 reloaded its configuration")
    server.wait_log("worker 0 reloaded its configuration")

    with smtplib.SMTP("localhost", server.port("submission"), timeout=30) as client:
        client.starttls(context=trust)
        client.login("john@example.org", "summersun")


def test_a_worker_is_replaced_while_a_renewal_is_half_done(server: Postroad) -> None:
    found = re.search(r'certificate = "([^"]*)"', server.configuration.read_text())
    assert found
    Path(found[1]).write_text("half a certificate")

    reload(server, "not reloaded: ")
    replaced(server)

    for _ in range(12):  # whichever worker the kernel gives it to
        with smtplib.SMTP("localhost", server.port("submission"), timeout=30) as client:
            client.starttls(context=ssl._create_unverified_context())
            client.login("john@example.org", "summersun")


def test_a_log_that_cannot_be_opened_again_stays_open() -> None:
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    log = folder / f"postroad-test-{free_port()}.log"
    server = Postroad(STRANGER | {"log": {"file": str(log)}})
    try:
        kept = log.with_suffix(".1")
        log.rename(kept)
        log.mkdir()
        os.kill(server.supervisor, signal.SIGHUP)
        until(lambda: "the log stays as it is" in kept.read_text(), within=30, what="a word")

        assert relay(server) == DENIED
        until(lambda: "reject: RCPT" in kept.read_text(), within=30, what="the refusal")
        log.rmdir()
        os.kill(server.supervisor, signal.SIGHUP)
        until(log.exists, within=30, what="the new file")
    finally:
        server.stop()
        for path in (log, log.with_suffix(".1")):
            path.unlink(missing_ok=True)


def test_stopping_refuses_new_clients_at_once_and_lets_a_transaction_end(
    server: Postroad,
) -> None:
    with dialogue.plain(server.port("mx")) as talk:
        talk.hear()
        talk.say("EHLO slow.test")
        talk.say("MAIL FROM:<a@slow.test>")
        talk.say("RCPT TO:<john@example.org>")
        talk.say("DATA")
        os.kill(server.supervisor, signal.SIGTERM)
        until(lambda: not listening(server.port("mx")), within=30, what="a refused connection")

        talk.type("Subject: late", "", "x")
        assert talk.say(".").startswith("250 2.0.0 Ok: queued as ")
        assert talk.hear() == "421 4.3.2 mail.example.org Service shutting down"
    assert server.end() == 0


def test_shards_without_a_worker_are_adopted(started: Callable[[Postroad], Postroad]) -> None:
    dead = free_port()
    server = started(
        Postroad(
            {
                "workers": 4,
                "relay": {"smarthost": f"[127.0.0.1]:{dead}", "trusted_networks": ["127.0.0.1"]},
            }
        )
    )
    for _ in range(24):  # the kernel deals connections out to four workers
        with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
            client.sendmail("a@example.org", ["lisa@elsewhere.test"], "Subject: x\r\n\r\nx\r\n")
    assert server.end() == 0
    shards = [each.name for each in (server.state / "spool").iterdir() if each.is_dir()]
    assert sorted(shards) == ["0", "1", "2", "3"]
    change(server, r"workers = 4", "workers = 1")
    change(server, r'smarthost = "[^"]*"', 'smarthost = ""')
    change(server, r"\[relay\]", f'[delivery]\ncapture = "{server.folder}/caught"\n[relay]')

    server.start()
    server.run("queue", "flush")

    caught = server.folder / "caught" / "new"
    until(lambda: caught.is_dir() and len(list(caught.iterdir())) == 24, within=30, what="24")
    assert "Mail queue is empty" in server.run("queue", "list")
