from __future__ import annotations

import errno
import os
import stat
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.mailbox import UnsafeName
from postroad.mailbox.maildir import (
    create_maildir,
    lf_lines,
    mark_as_folder,
    store,
    trace_lines,
    unique_name,
)
from postroad.mailbox.rights import PRIVATE
from stored_messages import Octets, stored_message, stored_recipients

HEAD = b"Return-Path: <ann@elsewhere.test>\nDelivered-To: john@example.org\n"
NAME = "1700000000.QZx1R7.mail.example.org"
FILE = f"{NAME},S={len(HEAD) + 21},W={len(HEAD) + 26}"
CONTENT = Octets(b"Subject: hello\r\n\r\n", b"text\r\n")


@pytest.fixture
def maildir(tmp_path):
    return tmp_path / "mail" / "example.org" / "john" / "Maildir"


def put(maildir, *, queued=2e9, content=CONTENT):
    return store(maildir, NAME, HEAD, content, queued).written


def tree(maildir):
    return {
        folder: sorted(path.name for path in (maildir / folder).iterdir())
        for folder in ("tmp", "new", "cur")
    }


def test_a_message_is_in_new_with_nothing_changed_but_line_ends(maildir):
    assert put(maildir) is True
    assert tree(maildir) == {"tmp": [], "new": [FILE], "cur": []}
    text = (maildir / "new" / FILE).read_bytes()
    assert text == HEAD + b"Subject: hello\n\ntext\n"
    lines = text.count(b"\n")
    assert f"{NAME},S={len(text)},W={len(text) + lines}" == FILE


def test_binary_content_is_kept_octet_by_octet(maildir):
    octets = b"Subject: x\r\n\r\n\0\r\n.\r\n\r\n\n\r" + bytes(range(256))
    content = Octets(octets[:20], octets[20:])
    assert store(maildir, NAME, HEAD, content, 2e9, binary=True).written
    (file,) = (maildir / "new").iterdir()
    assert file.read_bytes() == HEAD + octets
    assert file.name == f"{NAME},S={len(HEAD) + len(octets)}"


def test_folders_and_files_are_their_owners_alone(maildir, tmp_path):
    old = os.umask(0)
    try:
        put(maildir)
    finally:
        os.umask(old)
    for path in (tmp_path / "mail").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("left", [b"", b"half a mess", b"more than the whole message" * 10])
def test_what_a_crash_left_in_tmp_is_written_over(maildir, left):
    put(maildir)
    (maildir / "new" / FILE).unlink()
    (maildir / "tmp" / NAME).write_bytes(left)
    assert put(maildir) is True
    assert tree(maildir) == {"tmp": [], "new": [FILE], "cur": []}
    assert (maildir / "new" / FILE).read_bytes() == HEAD + b"Subject: hello\n\ntext\n"


def test_a_repeat_does_not_appear_twice_in_new(maildir):
    put(maildir)
    put(maildir)
    assert tree(maildir) == {"tmp": [], "new": [FILE], "cur": []}


@pytest.mark.parametrize("moved", [f"{FILE}:2,S", f"{FILE}:2,", FILE, f"{NAME}:2,S"])
def test_a_repeat_of_what_a_reader_has_seen_is_not_written(maildir, moved):
    put(maildir)
    (maildir / "new" / FILE).rename(maildir / "cur" / moved)
    queued = (maildir / "cur").stat().st_mtime - 0.5
    assert put(maildir, queued=queued) is False
    assert tree(maildir) == {"tmp": [], "new": [], "cur": [moved]}


@pytest.mark.parametrize(
    "other",
    [
        "1700000000.QZx1R7.mail.example.orgs,S=1:2,S",
        "1700000000.QZx1R71.mail.example.org,S=1:2,S",
        "1700000001.QZx1R7.mail.example.org,S=1:2,S",
    ],
)
def test_another_message_in_cur_is_no_repeat(maildir, other):
    put(maildir)
    (maildir / "new" / FILE).rename(maildir / "cur" / other)
    assert put(maildir, queued=0.0) is True


def test_a_cur_older_than_the_message_is_not_read(maildir, monkeypatch):
    put(maildir)
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail("read"))
    assert put(maildir, queued=(maildir / "cur").stat().st_mtime + 10) is True


def test_a_folder_that_went_missing_is_made_again(maildir):
    put(maildir)
    for folder in ("tmp", "cur"):
        (maildir / folder).rmdir()
    assert put(maildir) is True
    (maildir / "new" / FILE).unlink()
    (maildir / "new").rmdir()
    assert put(maildir) is True
    assert tree(maildir) == {"tmp": [], "new": [FILE], "cur": []}


def test_a_link_in_tmp_is_not_followed(maildir, tmp_path):
    put(maildir)
    (tmp_path / "victim").write_bytes(b"precious")
    (maildir / "tmp" / NAME).symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        put(maildir)
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_failed_write_leaves_no_file(maildir):
    class Broken(Octets):
        def chunks(self):
            yield b"Subject: hello\r\n"
            raise OSError(errno.EIO, "disk")

    put(maildir)
    (maildir / "new" / FILE).unlink()
    with pytest.raises(OSError, match="disk"):
        put(maildir, content=Broken())
    assert tree(maildir) == {"tmp": [], "new": [], "cur": []}


class Crash(BaseException):
    """The machine stops."""


class Disk:
    """Notes the steps that change the disk, and stops the machine before one of them."""

    def __init__(self, monkeypatch, stop_at=None):
        self.tried = 0
        self.steps = []
        self.stop_at = stop_at
        self.names = {}
        self.real_open = os.open
        monkeypatch.setattr(os, "open", self.open)
        for name in ("fsync", "rename", "mkdir"):
            monkeypatch.setattr(os, name, self.watch(name, getattr(os, name)))

    def open(self, path, *arguments, **keywords):
        descriptor = self.real_open(path, *arguments, **keywords)
        self.names[descriptor] = Path(path).name
        return descriptor

    def watch(self, name, real):
        def call(*arguments):
            if self.tried == self.stop_at:
                raise Crash
            self.tried += 1
            real(*arguments)
            place = arguments[1 if name == "rename" else 0]
            self.steps.append((name, self.names[place] if name == "fsync" else Path(place).name))

        return call


def test_the_order_of_syncs_in_a_maildir_that_is_there(maildir, monkeypatch):
    put(maildir)
    disk = Disk(monkeypatch)
    put(maildir)
    assert disk.steps == [("fsync", NAME), ("rename", FILE), ("fsync", "new")]


def test_a_new_maildir_is_on_disk_before_anything_can_be_delivered(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    put(tmp_path / "john" / "Maildir")
    before, after = disk.steps[: disk.steps.index(("mkdir", "tmp"))], disk.steps[-4:]
    assert before[:7] == [
        ("mkdir", "john"),
        ("mkdir", "Maildir"),
        ("mkdir", "cur"),
        ("mkdir", "new"),
        ("fsync", "Maildir"),
        ("fsync", "john"),
        ("fsync", tmp_path.name),
    ]
    assert after == [("mkdir", "tmp"), ("fsync", NAME), ("rename", FILE), ("fsync", "new")]


def steps_of_a_first_delivery(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        put(tmp_path / "measure" / "Maildir")
    return disk.tried


def test_after_a_stop_at_any_step_a_repeat_leaves_exactly_one_message(tmp_path):
    steps = steps_of_a_first_delivery(tmp_path)
    assert steps >= 10
    for stop_at in range(steps):
        maildir = tmp_path / str(stop_at) / "Maildir"
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, stop_at)
            with pytest.raises(Crash):
                put(maildir)
        put(maildir)
        assert tree(maildir) == {"tmp": [], "new": [FILE], "cur": []}
        assert (maildir / "new" / FILE).read_bytes() == HEAD + b"Subject: hello\n\ntext\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_step_that_fails_is_an_error_and_can_be_repeated(maildir, monkeypatch, call, number):
    put(maildir)
    (maildir / "new" / FILE).unlink()

    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match=os.strerror(number)):
            put(maildir)
    assert tree(maildir) == {"tmp": [], "new": [], "cur": []}
    assert put(maildir) is True


def cut(text, places):
    edges = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a", b"\r\r\n", b"\x00\xff"])).map(b"".join),
    st.lists(st.integers(0, 40)),
)
def test_line_ends_do_not_depend_on_how_content_is_cut(text, places):
    assert b"".join(lf_lines(cut(text, places))) == text.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(
    ("host", "part"),
    [
        ("mail.example.org", "mail.example.org"),
        ("a/b:c,d", "a\\057b\\072c\\054d"),
    ],
)
def test_a_unique_name_is_the_same_each_time(host, part):
    message = stored_message(queue_id="Zx1")
    assert unique_name(message, 7, host) == f"1700000000.QZx1R7.{part}"


@pytest.mark.parametrize(
    ("sender", "recipients", "lines"),
    [
        (
            "ann@elsewhere.test",
            ["john@example.org"],
            "Return-Path: <ann@elsewhere.test>\nDelivered-To: john@example.org\n",
        ),
        ("", ["john@example.org"], "Return-Path: <>\nDelivered-To: john@example.org\n"),
        (
            '"two words"@elsewhere.test',
            [("john+x@example.org", "sales@example.org"), "jörg@example.org"],
            """\
Return-Path: <"two words"@elsewhere.test>
X-Original-To: sales@example.org
Delivered-To: john+x@example.org
Delivered-To: jörg@example.org
""",
        ),
    ],
)
def test_trace_lines(sender, recipients, lines):
    message = stored_message(sender=sender)
    assert trace_lines(message.envelope, stored_recipients(*recipients)) == lines.encode()


@pytest.mark.parametrize("reader", [False, True])
def test_a_pipe_in_place_of_a_file_holds_up_nobody(maildir, reader):
    create_maildir(maildir)
    os.mkfifo(maildir / "tmp" / NAME)
    os.mkfifo(maildir / "maildirfolder")
    held = [os.open(path, os.O_RDWR) for path in maildir.rglob("*") if reader and path.is_fifo()]
    with pytest.raises(OSError, match="no regular file"):
        put(maildir)
    assert tree(maildir) == {"tmp": [], "new": [], "cur": []}
    assert put(maildir)
    with pytest.raises(OSError, match="no regular file"):
        mark_as_folder(maildir, PRIVATE)
    for each in held:
        os.close(each)


@pytest.mark.parametrize("part", ["cur", "new", "tmp"])
@pytest.mark.parametrize("is_there", [False, True])
def test_no_part_of_a_maildir_is_a_link(maildir, tmp_path, part, is_there):
    create_maildir(maildir)
    elsewhere = tmp_path / "elsewhere"
    if is_there:
        elsewhere.mkdir()
    (maildir / part).rmdir()
    (maildir / part).symlink_to(elsewhere)
    with pytest.raises(UnsafeName, match=f"`{part}` of its Maildir is a link"):
        put(maildir)
    assert not is_there or list(elsewhere.iterdir()) == []
    assert [path for path in maildir.rglob("*") if path.is_file()] == []
