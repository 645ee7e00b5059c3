"""Passwords that come from Dovecot and what becomes of them; app passwords; a running server."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers import needs, waiting
from peers.clients import swaks
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

USER = "john@example.org"
PASSWORD = "summersun"


@pytest.fixture
def server(started: Callable[[Postroad], Postroad]) -> Iterator[Postroad]:
    return started(Postroad({"workers": 2, "guessing": {"delay": 0}}, listeners=("submission",)))


def doveadm(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [needs.program("doveadm"), "pw", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def login(server: Postroad, password: str) -> str:
    """What a client sees that logs in and goes."""
    port = str(server.port("submission"))
    said = swaks(
        *("--server", "127.0.0.1", "--port", port, "--tls", "--quit-after", "AUTH"),
        *("--auth", "PLAIN", "--auth-user", USER, "--auth-password", password),
    )
    return said.stdout


def stored(server: Postroad) -> str:
    connection = sqlite3.connect(server.state / "directory.db")
    (row,) = connection.execute("SELECT password FROM users")
    connection.close()
    return str(row[0])


@pytest.mark.parametrize("scheme", ["SHA512-CRYPT", "SSHA256", "BLF-CRYPT"])
def test_an_account_moves_from_dovecot_and_gets_todays_hash(server: Postroad, scheme: str) -> None:
    hashed = doveadm("-s", scheme, "-p", PASSWORD).stdout
    server.run("user", "add", USER, "--hash", "-", text=hashed)
    assert "535 5.7.8" in login(server, "wintersun")
    first = login(server, PASSWORD)
    assert "235 2.7.0" in first
    assert "SCRAM" not in first
    renewed = waiting.until(
        lambda: stored(server) if "ARGON2ID" in stored(server) else "",
        within=30,
        what="the renewal of the hash",
    )
    again = login(server, PASSWORD)
    assert "235 2.7.0" in again
    assert "SCRAM-SHA-256" in again
    assert doveadm("-t", renewed, "-p", PASSWORD).returncode == 0
    assert doveadm("-t", renewed, "-p", "wintersun").returncode != 0


def test_an_app_password_comes_is_used_and_goes(server: Postroad) -> None:
    server.run("user", "add", USER, "--password-stdin", text=PASSWORD)
    words = ("app-password", "add", USER, "--label", "phone", "--scope")
    phone = server.run(*words, "send").split()[-1]
    reader = server.run(*(word.replace("phone", "reader") for word in words), "read").split()[-1]
    assert "535 5.7.8" in login(server, reader)
    seen = login(server, phone)
    assert "235 2.7.0" in seen
    assert "SCRAM" not in seen

    def used() -> object:
        listed = json.loads(server.run("app-password", "list", USER, "--json"))
        return listed[0]["used_from"] == "127.0.0.1" and listed[1]["used"] is None

    waiting.until(used, within=30, what="the writing of the last use")
    server.run("app-password", "remove", USER, "phone")
    for _ in range(4):  # whichever worker it is
        assert "535 5.7.8" in login(server, phone)
    assert "235 2.7.0" in login(server, PASSWORD)


def test_a_process_for_old_hashes_ends_with_its_worker(server: Postroad) -> None:
    hashed = doveadm("-s", "SHA512-CRYPT", "-p", PASSWORD).stdout
    server.run("user", "add", USER, "--hash", "-", text=hashed)
    assert not _checkers(server)
    assert "535 5.7.8" in login(server, "wintersun")
    ((worker, checker),) = _checkers(server)
    ended = os.pidfd_open(checker)
    os.kill(worker, signal.SIGKILL)
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)


def _checkers(server: Postroad) -> list[tuple[int, int]]:
    """Workers and the processes below them."""
    return [
        (worker, int(child))
        for worker in server.workers()
        for task in Path(f"/proc/{worker}/task").iterdir()
        for child in _children(task)
    ]


def _children(task: Path) -> list[str]:
    """The processes that a thread has started; none once it has ended."""
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
