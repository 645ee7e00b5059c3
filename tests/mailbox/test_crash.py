"""The world ends, or the disk fails, at every step of a delivery: a whole message, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from disk_model import Crash, DiskModel, Fate
from postroad.mailbox.maildir import store
from postroad.model.durable import DISK, Durable, Operation
from postroad.spool import SpoolError
from stored_messages import Octets

T = TypeVar("T")

HEAD = b"Return-Path: <ann@elsewhere.test>\n"
CONTENT = Octets(b"Subject: hello\r\n\r\n", b"text\r\n" * 5000)
STORED = HEAD + b"Subject: hello\n\n" + b"text\n" * 5000
NAME = "1700000000.QZx1R1.mail.example.org"
LONG_AGO = 1_700_000_000.0


def deliver(root: Path, durable: Durable = DISK) -> bool:
    return store(root / "john" / "Maildir", NAME, HEAD, CONTENT, LONG_AGO, durable=durable).written


def delivered(root: Path) -> list[bytes]:
    """What a mail program finds; it looks into `new` and `cur` only."""
    folders = (root / "john" / "Maildir" / name for name in ("new", "cur"))
    return [path.read_bytes() for folder in folders if folder.is_dir() for path in folder.iterdir()]


@pytest.mark.parametrize("again", [False, True], ids=["the first", "a later"])
def test_every_step_of_a_delivery_can_be_the_last(tmp_path: Path, again: bool) -> None:
    def prepared(name: str, steps: int) -> DiskModel:
        root = tmp_path / name
        root.mkdir()
        if again:
            deliver(root)
            for path in (root / "john" / "Maildir" / "new").iterdir():
                path.unlink()
        return DiskModel(root, steps)

    whole = prepared("whole", 1000)
    assert deliver(whole.root, whole)
    assert len(whole.taken) == 5 if again else len(whole.taken) > 10
    for step in range(1, len(whole.taken) + 1):
        gate = prepared(str(step), step)
        with contextlib.suppress(Crash):
            deliver(gate.root, gate)
        for fate in Fate:
            left = gate.left(fate, tmp_path / f"{step} {fate.value}")
            # It was not reported, so the queue tries again. Until then there may be one, and where
            # it is not synced yet, its octets are: that is the order of the steps.
            assert delivered(left) in ([], [STORED]), (gate.taken[-1], fate)
            deliver(left)
            assert delivered(left) == [STORED], (gate.taken[-1], fate)
            assert list((left / "john" / "Maildir" / "tmp").iterdir()) == []
    assert delivered(whole.left(Fate.POWER_CUT, tmp_path / "reported")) == [STORED]


class OneFailure:
    def __init__(self, step: int, error: OSError) -> None:
        self.step = step
        self.error = error
        self.taken: list[Operation] = []

    def perform(self, operation: Operation, _: Path, action: Callable[[], T]) -> T:
        self.taken.append(operation)
        if len(self.taken) == self.step:
            raise self.error
        return action()


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.EROFS]
)
def test_a_step_that_fails_is_told_and_leaves_no_part(tmp_path: Path, number: int) -> None:
    whole = OneFailure(0, OSError())
    (tmp_path / "whole").mkdir()
    deliver(tmp_path / "whole", whole)
    for step, operation in enumerate(whole.taken, 1):
        root = tmp_path / str(step)
        root.mkdir()
        with pytest.raises(OSError, match=os.strerror(number)):
            deliver(root, OneFailure(step, OSError(number, os.strerror(number))))
        assert delivered(root) in ([], [STORED]), operation
        temporary = root / "john" / "Maildir" / "tmp"
        assert not temporary.is_dir() or list(temporary.iterdir()) == []
        deliver(root)
        assert delivered(root) == [STORED]


class Damaged(Octets):
    def chunks(self):  # type: ignore[no-untyped-def]
        yield self.pieces[0]
        raise SpoolError("damaged")


def test_a_content_that_is_damaged_leaves_nothing(tmp_path: Path) -> None:
    maildir = tmp_path / "john" / "Maildir"
    with pytest.raises(SpoolError, match="damaged"):
        store(maildir, NAME, HEAD, Damaged(*CONTENT.pieces), LONG_AGO)
    assert delivered(tmp_path) == []
    assert list((maildir / "tmp").iterdir()) == []
