"""`mailq` of other users: what it says when the server is away, busy, or answers late."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from postroad.cli import sendmail_queue
from postroad.cli.sendmail_options import Failure
from postroad.cli.sendmail_queue import list_queue


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendmail_queue, "_has_access", lambda _: False)
    monkeypatch.setattr(sendmail_queue, "PAUSE", 0.0)


def serve(folder: Path, answers: Sequence[bytes]) -> threading.Thread:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.fspath(folder / "queue"))
    listening.listen(64)

    def answer() -> None:
        with listening:
            for each in answers:
                asker, _ = listening.accept()
                with asker:
                    asker.sendall(each)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


@pytest.mark.usefixtures("stranger")
def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    thread = serve(tmp_path, [b"busy\n", b"busy\n", b"ok\nA LIST\n\x000"])
    assert list_queue("", str(tmp_path)) == os.EX_OK
    thread.join()


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("answers", "status", "words"),
    [
        ([b"busy\n"] * sendmail_queue.TRIES, os.EX_TEMPFAIL, "too many are asking"),
        ([b"no you may not\n"], os.EX_NOPERM, "you may not"),
        ([b"ok\nhalf"], os.EX_TEMPFAIL, "broke off"),
    ],
)
def test_what_is_said(tmp_path: Path, answers: list[bytes], status: int, words: str) -> None:
    thread = serve(tmp_path, answers)
    with pytest.raises(Failure, match=words) as raised:
        list_queue("", str(tmp_path))
    assert raised.value.status == status
    thread.join()


@pytest.mark.usefixtures("stranger")
def test_a_server_that_lets_nobody_in_is_not_called_down(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
        listening.bind(os.fspath(tmp_path / "queue"))
        listening.listen(0)
        first.connect(os.fspath(tmp_path / "queue"))
        with pytest.raises(Failure, match="too many are asking"):
            list_queue("", str(tmp_path))
    with pytest.raises(Failure, match="mail system is down"):
        list_queue("", str(tmp_path))
