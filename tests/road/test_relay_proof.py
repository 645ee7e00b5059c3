"""No edit opens the relay of a running server: of its file, of a table, or before a start."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

STRANGER = "a@stranger.test"
DENIED = (554, b"5.7.1 <lisa@elsewhere.test>: Relay access denied")


@pytest.fixture
def senders(tmp_path: Path) -> Path:
    file = tmp_path / "senders"
    file.write_text(f"{STRANGER} DUNNO\n")
    for path in (tmp_path, file):
        path.chmod(0o755)
    return file


@pytest.fixture
def server(senders: Path) -> Iterator[Postroad]:
    relay = ["permit_mynetworks", f"check_sender_access hash:{senders}"]
    running = Postroad(
        {
            "dns": {"reverse": False},
            "relay": {"trusted_networks": []},
            "workers": 1,
            "policy": {"classes": {"open": ["permit"]}},
            "listeners": {"mx": {"policy": {"relay": [*relay, "reject_unauth_destination"]}}},
        },
        listeners=("mx",),
    )
    yield running
    running.stop()


def edit(table: Path, text: str, age: float) -> None:
    """Write a table; a file that changed just now may still be being written."""
    before = time.time() - age
    table.write_text(text)
    os.utime(table, (before, before))


def relay(
    server: Postroad, sender: str = STRANGER, recipient: str = "lisa@elsewhere.test"
) -> tuple[int, bytes]:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.ehlo("stranger.test")
        client.docmd(f"MAIL FROM:<{sender}>")
        return client.docmd(f"RCPT TO:<{recipient}>")


def test_a_table_cannot_be_edited_open(server: Postroad, senders: Path) -> None:
    for age, value in enumerate(("OK", "open", "permit_sasl_authenticated, permit"), 10):
        edit(senders, f"{STRANGER} {value}\n", 30 - age)

        def refused(times: int = age - 9) -> bool:
            assert relay(server) == DENIED
            return server.log().count("not taken anew: this would be an open relay") == times

        until(refused, within=30, what="the word about the table")
    edit(senders, f"{STRANGER} REJECT and this is taken\n", 5)
    until(lambda: b"this is taken" in relay(server)[1], within=30, what="the next edit")


def test_a_refused_edit_is_not_opened_later(server: Postroad, senders: Path) -> None:
    senders.write_text(f"{STRANGER} OK\n")
    assert server.end() == 0
    said = subprocess.run(
        [sys.executable, "-m", "postroad", "--config", str(server.configuration), "serve"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == os.EX_CONFIG
    assert "an open relay: anybody, without a login, can send to any domain" in said.stderr
    assert "can answer OK (entry values: OK), which permits" in said.stderr


def test_a_reload_looks_into_tables(server: Postroad, senders: Path) -> None:
    other = senders.with_name("other")
    other.write_text("b@stranger.test OK\n")
    text = server.configuration.read_text()
    server.configuration.write_text(text.replace(f"hash:{senders}", f"hash:{other}"))
    os.kill(server.supervisor, signal.SIGHUP)
    server.wait_log("not reloaded: ")
    server.wait_log("can answer OK (entry values: OK), which permits")
    assert relay(server, "b@stranger.test") == DENIED


def reload(server: Postroad, text: str, expected: str) -> None:
    server.configuration.write_text(text)
    os.kill(server.supervisor, signal.SIGHUP)
    server.wait_log(expected)


def test_what_is_in_memory_counts_at_a_reload(server: Postroad, senders: Path) -> None:
    """What a table held a moment ago is still asked when new lists come: it must fit them too."""
    table, refusal = f'"check_sender_access hash:{senders}"', '"reject_unauth_destination"'
    before = server.configuration.read_text()
    reload(server, before.replace(f"{table}, {refusal}", f"{refusal}, {table}"), "reloaded its")
    edit(senders, f"{STRANGER} OK\n", 20)

    def taken() -> bool:
        assert relay(server, recipient="nobody@example.org")[0] == 550
        return f"{senders} has changed" in server.log()

    until(taken, within=30, what="the table that is asked behind the refusal")
    senders.write_text(f"{STRANGER} DUNNO\n")  # just now, so that it is not looked at yet
    reload(server, before, "not reloaded: listener mx: anybody")
    assert relay(server) == DENIED
