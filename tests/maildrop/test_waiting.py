"""What `mailq` sees of the drop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postroad.cli.sendmail_queue import list_queue
from postroad.maildrop.collection import Collection
from postroad.maildrop.drop import Writing
from postroad.maildrop.folder import Facts, lay
from postroad.maildrop.slip import Slip
from postroad.maildrop.waiting import MOST_SHOWN, waiting


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drop = tmp_path / "maildrop"
    lay(str(drop), Facts("mail.x.example", state=str(tmp_path)))
    (tmp_path / "spool").mkdir()
    return drop


def leave(folder: Path, slip: Slip) -> None:
    writing = Writing(str(folder), slip)
    writing.write(b"Subject: x\n\nx\n")
    writing.finish()


def test_what_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(folder, Slip("ann@x.example", ["b@x.example", "c@x.example"]))
    assert list_queue(str(folder.parent), str(folder)) == os.EX_OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("-Queue ID-")
    (file,) = (folder / "new").iterdir()
    assert lines[1].startswith(f"{file.name}        14 ")
    assert lines[1].endswith(" ann@x.example")
    assert lines[2] == "(not taken by the server yet)"
    assert [line.strip() for line in lines[3:6]] == ["b@x.example", "c@x.example", ""]
    assert lines[6] == "-- 1 Kbytes in 1 Request."


def test_the_sender_whom_nobody_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(folder, Slip(None, ["b@x.example"]))
    leave(folder, Slip("", ["b@x.example"]))
    list_queue(str(folder.parent), str(folder))
    shown = capsys.readouterr().out
    assert " root\n" in shown or os.getuid()
    assert " MAILER-DAEMON\n" in shown


def test_what_the_server_has_begun(folder: Path) -> None:
    leave(folder, Slip("a", ["b"]))
    collection = Collection(str(folder))
    (found,) = collection.take(0.0, [])
    assert [(each.name, each.queue_id) for each in waiting(str(folder))] == [(found.name, "")]
    collection.name(found, "QUEUED1")
    assert [(each.name, each.queue_id) for each in waiting(str(folder))] == [
        (found.name, "QUEUED1")
    ]


def test_what_is_no_message_is_not_shown(folder: Path, tmp_path: Path) -> None:
    new = folder / "new"
    leave(folder, Slip("a", ["b"]))
    (good,) = new.iterdir()
    (new / ("0" * 32)).write_bytes(good.read_bytes())  # its slip names another file
    (new / ("1" * 32)).symlink_to(good)
    (new / ("2" * 32)).write_bytes(b"")
    os.mkfifo(new / ("3" * 32))
    (new / "other").write_bytes(good.read_bytes())
    (new / ".hidden").write_bytes(good.read_bytes())
    assert [each.name for each in waiting(str(folder))] == [good.name]
    os.link(good, tmp_path / "second")
    assert list(waiting(str(folder))) == []


def test_without_a_drop_there_is_nothing(tmp_path: Path) -> None:
    assert list(waiting(str(tmp_path))) == []


def test_the_recipients_shown_are_bounded(folder: Path) -> None:
    leave(folder, Slip("a", [f"b{number}" for number in range(MOST_SHOWN + 5)]))
    (found,) = waiting(str(folder))
    assert len(found.recipients) == MOST_SHOWN
