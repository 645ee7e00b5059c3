"""Tables in a running server: asked by restrictions, followed when their files change."""

from __future__ import annotations

import os
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

RCPT = "RCPT TO:<john@example.org>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "senders").write_text("bad@elsewhere.test REJECT go away\n")
    (tmp_path / "clients").write_text("127.0.0.0/8 DUNNO\n")
    (tmp_path / "spam.cf").write_text("dbpath = /nowhere\nquery = SELECT 'OK' WHERE 'x' = '%s'\n")
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o755)
    return tmp_path


def _running(folder: Path, *, workers: int) -> Postroad:
    lists = {
        "client": [f"check_client_access cidr:{folder}/clients"],
        "sender": [
            f"check_sender_access hash:{folder}/senders",
            "check_sender_access inline:{{worse@elsewhere.test = 554 5.7.1 worse, and worse}}",
        ],
        "data": [
            f"check_sender_access pipemap:{{regexp:{{{{/^lost@/ lost}}}}, sqlite:{folder}/spam.cf}}"
        ],
    }
    return Postroad(
        {
            "dns": {"reverse": False},
            "relay": {"trusted_networks": []},
            "workers": workers,
            "listeners": {"mx": {"policy": lists}},
        },
        listeners=("mx",),
        accounts={"john@example.org": "summersun"},
    )


@pytest.fixture
def server(folder: Path) -> Iterator[Postroad]:
    running = _running(folder, workers=1)  # each looks at a file by itself, once a second
    yield running
    running.stop()


@pytest.fixture
def two_workers(folder: Path) -> Iterator[Postroad]:
    running = _running(folder, workers=2)
    yield running
    running.stop()


def _said(server: Postroad, sender: str, *, data: bool = False) -> tuple[int, bytes]:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.ehlo("client.test")
        client.docmd(f"MAIL FROM:<{sender}>")
        said = client.docmd(RCPT)
        if data:
            said = client.docmd("DATA")
            client.close()  # a QUIT would be content
        return said


def test_tables_answer_and_follow_their_files(server: Postroad, folder: Path) -> None:
    refused = b"5.7.1 <bad@elsewhere.test>: Sender address rejected: go away"
    assert _said(server, "bad@elsewhere.test") == (554, refused)
    assert _said(server, "worse@elsewhere.test")[1].endswith(b"worse, and worse")
    assert _said(server, "good@elsewhere.test")[0] == 250

    before = time.time() - 10  # a file that changed just now may still be being written
    (folder / "senders").write_text("good@elsewhere.test REJECT you too\n")
    os.utime(folder / "senders", (before, before))
    until(lambda: _said(server, "good@elsewhere.test")[0] == 554, within=30, what="the new refusal")
    assert _said(server, "bad@elsewhere.test")[0] == 250

    (folder / "senders").write_text("good@elsewhere.test\n")
    os.utime(folder / "senders", (before + 1, before + 1))
    until(
        lambda: _said(server, "good@elsewhere.test") and "has no value" in server.log(),
        within=30,
        what="the word about the broken file",
    )
    assert _said(server, "good@elsewhere.test")[0] == 554


def test_a_table_that_cannot_answer_defers(server: Postroad) -> None:
    code, words = _said(server, "lost@elsewhere.test", data=True)
    assert 400 <= code < 500
    assert b"nowhere" not in words
    server.wait_log("/nowhere")
    assert _said(server, "found@elsewhere.test", data=True)[0] == 354


def test_a_worker_starts_again_whatever_a_table_has_become(
    two_workers: Postroad, folder: Path
) -> None:
    (folder / "senders").write_text("good@elsewhere.test REJCT\n")
    dead = two_workers.kill_worker()
    until(
        lambda: len(set(two_workers.workers()) - {dead}) == 2,
        within=30,
        what="the worker in its place",
    )

    said = [_said(two_workers, "good@elsewhere.test") for _ in range(20)]
    assert {code for code, _ in said} <= {250, 451}, "of the old table, or for now"
    words = b"5 <good@elsewhere.test>: Sender address rejected: Server configuration error"
    assert {text for code, text in said if code == 451} <= {b"4.3." + words}
    two_workers.wait_log("did you mean reject?")
