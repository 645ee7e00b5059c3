from __future__ import annotations

import os
import time

import pytest

from postroad.mailbox import Whereabouts
from postroad.mailbox.folder import FolderName
from postroad.mailbox.rights import PRIVATE
from postroad.mailbox.subscriptions import FILE, STALE, subscribe

NAME = FolderName.parse("Lists.zwölf")


@pytest.fixture
def where(tmp_path):
    return Whereabouts.at(tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "Lists.zw&APY-lf\n"),
        ("", "Lists.zw&APY-lf\n"),
        ("Sent\n", "Sent\nLists.zw&APY-lf\n"),
        ("Sent", "Sent\nLists.zw&APY-lf\n"),
        ("Lists.zw&APY-lf\nSent\n", "Lists.zw&APY-lf\nSent\n"),
        ("V\t2\n\nSent\n", "V\t2\n\nSent\nLists\tzw&APY-lf\n"),
        ("V\t2\n\nLists\tzw&APY-lf\n", "V\t2\n\nLists\tzw&APY-lf\n"),
    ],
)
def test_both_forms_of_the_file(where, before, after):
    if before is not None:
        (where.control / FILE).write_text(before)
    assert subscribe(where, NAME, PRIVATE)
    assert (where.control / FILE).read_text() == after
    assert [each.name for each in where.control.iterdir()] == [FILE]


def test_a_lock_is_respected_until_it_is_stale(where):
    lock = where.control / f"{FILE}.lock"
    lock.write_text("")
    assert not subscribe(where, NAME, PRIVATE)
    assert lock.exists()
    old = time.time() - STALE - 5
    os.utime(lock, (old, old))
    assert subscribe(where, NAME, PRIVATE)
    assert not lock.exists()


def test_a_link_is_not_followed(where, tmp_path_factory):
    victim = tmp_path_factory.mktemp("else") / "victim"
    victim.write_text("precious\n")
    (where.control / FILE).symlink_to(victim)
    assert not subscribe(where, NAME, PRIVATE)
    assert victim.read_text() == "precious\n"
    assert [each.name for each in where.control.iterdir()] == [FILE]


def test_a_pipe_holds_up_nobody(where):
    os.mkfifo(where.control / FILE)
    assert not subscribe(where, NAME, PRIVATE)
    assert [each.name for each in where.control.iterdir()] == [FILE]
