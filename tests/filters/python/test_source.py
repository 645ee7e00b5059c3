"""What is said of programs before any of them runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postroad.filters.python.source import MOST, read_sources

OURS = {0, os.geteuid()}
FINE = "async def on_data(session): return None\n"


def said(path: Path) -> list[str]:
    folder = path if path.is_dir() else None
    _, faults = read_sources(folder, None if folder else path, OURS)
    return [str(each).replace(str(path.parent) + "/", "") for each in faults]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "def on_rcptt(session, recipient): ...",
            "a.py:1: on_rcptt is no hook; did you mean on_rcpt?",
        ),
        ("\nasync def on_hello(s, n): ...", "a.py:2: on_hello is no hook; did you mean on_helo?"),
        (f"{FINE}def on_fire(x): ...", "on_fire is no hook: there are on_connect, on_helo"),
        (f"{FINE}def init(settings): ...", "init is no hook; did you mean setup?"),
        ("def onmessage(m): ...", "a.py: has none of the hooks on_connect, "),
        ("def onmessage(m): ...", "onmessage is no hook; did you mean on_message?"),
        ("x = 1", "a.py: has none of the hooks"),
        ("def on_data(:", "a.py:1: not Python: "),
        ("return 1", "a.py:1: not Python: 'return' outside function"),
        ("x = '\0'", "not Python: "),
        (
            "def on_rcpt(session): ...",
            "a.py:1: its arguments do not fit: expected on_rcpt(session, recipient)",
        ),
        ("def on_data(session, more): ...", "expected on_data(session)"),
        ("def on_data(session, *, more): ...", "expected on_data(session)"),
        (
            "def on_data(session): ...\ndef on_data(session): ...",
            "on_data is here twice, first in line 1",
        ),
        (
            f"{FINE}async def setup(settings): ...",
            "a.py:2: expected def setup(settings), not async def",
        ),
        (f"{FINE}def start(): ...", "a.py:2: expected async def start()"),
        (
            "from postroad.filter import reject as no\ndef on_data(s):\n  if s.login:\n    no('x')",
            "a.py:4: no(…) does nothing by itself: expected return no(…)",
        ),
        (f"{FINE}async def stop(x): ...", "a.py:2: its arguments do not fit: expected stop()"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_right_name(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "a.py"
    file.write_text(text)

    assert any(words in each for each in said(file)), said(file)


@pytest.mark.parametrize(
    "text",
    [
        FINE,
        "def on_message(message, limit=5): ...",
        "def on_rcpt(*arguments): ...",
        "async def on_helo(session, name, /): ...",
        "on_mail = lambda session, sender: None",
        "from somewhere import check as on_message",
        "def on_connect(s): ...\ndef setup(a): ...\nasync def start(): ...\nasync def stop(): ...",
        "from postroad.filter import reject\ndef on_data(s): return reject('x')",
        "def hold(): ...\ndef on_data(s): hold()",
        "def on_data(s): ...\nclass C:\n  def on_fire(self): ...",
    ],
)
def test_what_can_be_run(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.py"
    file.write_text(text)

    assert said(file) == []


def test_a_folder_is_taken_in_the_order_of_the_names(tmp_path: Path) -> None:
    for name in ("20-b.py", "10-a.py", "_ours.py", ".x.py", "notes.txt"):
        (tmp_path / name).write_text(FINE)

    sources, faults = read_sources(tmp_path, None, OURS)

    assert [each.path.name for each in sources] == ["10-a.py", "20-b.py"]
    assert faults == ()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_to_is_not_run(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "a.py"
    file.write_text(FINE)
    file.chmod(mode)

    assert said(file) == ["a.py: others may write to it: chmod go-w"]


def test_nor_one_in_a_folder_that_they_may_write_to_nor_one_of_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "filters"
    folder.mkdir()
    (folder / "a.py").write_text(FINE)
    folder.chmod(0o777)

    assert said(folder) == ["filters: others may write to it: chmod go-w"]

    _, faults = read_sources(None, folder / "a.py", {os.geteuid() + 1})
    assert [each.message for each in faults] == ["it belongs to somebody else: chown root"]


def test_what_is_not_there_or_no_program(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "large.py").write_bytes(b"#" * (MOST + 1))
    (tmp_path / "text").write_text("x")
    os.mkfifo(tmp_path / "pipe.py")

    assert said(tmp_path / "absent") == ["absent: cannot be read: no such file or directory"]
    assert said(tmp_path / "empty") == ["empty: has no program in it: no *.py"]
    assert said(tmp_path / "large.py") == [f"large.py: is larger than {MOST} octets"]
    _, faults = read_sources(tmp_path / "text", None, OURS)
    assert [each.message for each in faults] == ["is no folder: a single file is named with file"]
    assert said(tmp_path / "pipe.py") == ["pipe.py: is no file"]
