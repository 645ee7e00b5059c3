from __future__ import annotations

import errno
import os
import stat
import threading

import pytest

from postroad.mailbox import Whereabouts
from postroad.mailbox.maildir import store
from postroad.mailbox.maildirsize import FILE, LONGEST, STALE, MaildirSize
from postroad.mailbox.quota import Grace, OverQuota, Quota, Usage, parse_grace
from postroad.mailbox.rights import PRIVATE, Rights, group_bit_objection, parse_mode
from postroad.mailbox.scan import all_folders, count
from postroad.model.durable import Operation
from postroad.model.size import parse_size
from stored_messages import Octets

QUOTA = Quota(10_000, 100)
HEAD = b"Return-Path: <>\n"
NOW = 2e9


@pytest.fixture
def where(tmp_path):
    return Whereabouts.at(tmp_path / "john" / "Maildir")


def size(where, quota=QUOTA, now=NOW, **more):
    return MaildirSize(where, quota, lambda: now, **more)


def put(where, number, octets=1000, quota=QUOTA, folder=""):
    content = Octets(b"x" * (octets - len(HEAD) - 2) + b"\r\n", b"")
    maildir = where.root / folder if folder else where.root
    return store(maildir, f"1.Q{number}R1.host", HEAD, content, 0.0, quota=size(where, quota))


def text(where):
    return (where.control / FILE).read_text()


@pytest.mark.parametrize(
    ("given", "octets"),
    [("2048", 2048), ("1k", 1024), ("500M", 500 << 20), ("1 GiB", 1 << 30), ("2tb", 2 << 40)],
)
def test_sizes(given, octets):
    assert parse_size(given) == octets


@pytest.mark.parametrize(
    ("given", "grace"), [("10%", Grace(percent=10)), ("0", Grace()), ("5M", Grace(5 << 20))]
)
def test_graces(given, grace):
    assert parse_grace(given) == grace


@pytest.mark.parametrize(
    ("quota", "usage", "octets", "fits"),
    [
        (Quota(100), Usage(50, 1), 50, True),
        (Quota(100), Usage(50, 1), 51, False),
        (Quota(100, grace=10), Usage(50, 1), 60, True),
        (Quota(100, grace=10), Usage(50, 1), 61, False),
        (Quota(100, grace=10), Usage(99, 1), 11, True),
        # Only the message that fills it has the grace: a full mailbox is full for all sizes.
        (Quota(100, grace=10), Usage(100, 1), 5, False),
        (Quota(100, grace=10), Usage(105, 1), 0, False),
        (Quota(100, grace=10), Usage(105, 1), 5, False),
        (Quota(100, grace=10), Usage(105, 1), 6, False),
        (Quota(100, 1, 10, is_enforced=False), Usage(500, 7), 10**9, True),
        (Quota(100), Usage(100, 1), 0, False),
        (Quota(0, 3), Usage(10**9, 2), 10**9, True),
        (Quota(0, 3), Usage(0, 3), 1, False),
        (Quota(), Usage(10**12, 10**9), 1, True),
    ],
)
def test_room(quota, usage, octets, fits):
    assert quota.has_room(usage, octets) is fits


@pytest.mark.parametrize(
    ("before", "after", "crossed"),
    [(70, 79, 0), (79, 80, 80), (80, 81, 0), (79, 96, 95), (94, 95, 95), (96, 90, 0)],
)
def test_a_threshold_is_crossed_once(before, after, crossed):
    quota = Quota(1000)
    assert quota.crossed(Usage(before * 10, 1), Usage(after * 10, 2), (80, 95)) == crossed


def test_each_message_adds_a_line(where):
    first = put(where, 1)
    assert (first.before, first.after) == (Usage(0, 0), Usage(999, 1))
    assert text(where) == "10000S,100C\n0 0\n999 1\n"
    second = put(where, 2, folder=".Lists")
    assert (second.before, second.after) == (Usage(999, 1), Usage(1998, 2))
    assert text(where) == "10000S,100C\n0 0\n999 1\n999 1\n"
    assert stat.S_IMODE((where.control / FILE).stat().st_mode) == 0o600


def test_a_full_mailbox_takes_nothing_and_keeps_what_it_has(where):
    for number in range(10):
        put(where, number)
    with pytest.raises(OverQuota) as raised:
        put(where, 11)
    assert raised.value.errno == errno.EDQUOT
    assert len(list((where.root / "new").iterdir())) == 10
    assert list((where.root / "tmp").iterdir()) == []
    # A repeat of what is there needs no room, and is not counted twice.
    assert not put(where, 3).written
    assert size(where).usage() == Usage(9990, 10)
    assert put(where, 12, octets=len(HEAD) + 3, quota=Quota(10_000, 100, grace=50)).written


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "10000S,100C",
        "10000S,100C\n",
        "10000S,100C\n5",
        "10000S,100C\n5 x\n",
        "10000S,100C\n-5 -1\n",
        "10000S,100C\n5 1\0\n",
        "10000S,100C\n5 1 9\n",
        "99S,100C\n5 1\n",
        "garbage\n5 1\n",
        "10000S,100C\n" + "1 0\n" * LONGEST,
        "10000S,100C\n99999 1\n1 1\n",  # over quota, and more than one line
    ],
)
def test_a_file_that_cannot_be_believed_is_made_anew(where, damage):
    put(where, 1)
    put(where, 2)
    (where.control / FILE).write_text(damage)
    assert size(where).peek() == Usage(1998, 2)
    assert text(where) == damage
    assert size(where).usage() == Usage(1998, 2)
    assert text(where) == "10000S,100C\n1998 2\n"


@pytest.mark.parametrize(("age", "usage"), [(STALE - 60, 99_999), (STALE + 60, 999)])
def test_nobody_is_refused_for_a_stale_sum(where, age, usage):
    put(where, 1)
    (where.control / FILE).write_text("10000S,100C\n99999 1\n")
    os.utime(where.control / FILE, (NOW - age, NOW - age))
    assert size(where).usage().octets == usage


def test_messages_whose_names_tell_no_size_are_looked_at(where):
    put(where, 1)
    (where.root / "cur" / "odd:2,S").write_bytes(b"y" * 77)
    (where.root / "cur" / "odd2,S=12x:2,S").write_bytes(b"y" * 5)
    assert count(all_folders(where))[0] == Usage(999 + 77 + 5, 3)


def test_many_at_once_are_each_counted_once(where):
    put(where, 0, quota=Quota(10**9))
    seen = []

    def many(start):
        numbers = range(start, start + 20)
        seen.extend(put(where, number, quota=Quota(10**9)) for number in numbers)

    threads = [threading.Thread(target=many, args=(1 + 20 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert size(where, Quota(10**9)).usage() == Usage(81 * 999, 81)
    assert sorted(each.after.messages for each in seen) == list(range(2, 82))


def test_a_link_in_place_of_the_file_is_not_followed(where, tmp_path):
    put(where, 1)
    victim = tmp_path / "victim"
    victim.write_text("10000S,100C\n5 1\n")
    (where.control / FILE).unlink()
    (where.control / FILE).symlink_to(victim)
    assert size(where).usage() == Usage(999, 1)  # counted, not read there
    assert (where.control / FILE).is_file()
    assert not (where.control / FILE).is_symlink()
    assert victim.read_text() == "10000S,100C\n5 1\n"


@pytest.mark.parametrize("reader", [False, True])
def test_a_pipe_in_place_of_the_file_holds_up_nobody(where, reader):
    put(where, 1)
    path = where.control / FILE
    path.unlink()
    os.mkfifo(path)
    held = os.open(path, os.O_RDWR) if reader else None
    assert size(where).peek() == Usage(999, 1)
    assert size(where).usage() == Usage(999, 1)
    assert stat.S_ISREG(path.lstat().st_mode)
    path.unlink()
    os.mkfifo(path)
    assert size(where).add(5)[1] == Usage(999, 1)  # counted anew
    assert stat.S_ISREG(path.lstat().st_mode)
    if held is not None:
        os.close(held)


def test_a_directory_in_place_of_the_file_is_told_of(where):
    put(where, 1)
    (where.control / FILE).unlink()
    (where.control / FILE).mkdir()
    counting = size(where)
    assert counting.usage() == Usage(999, 1)
    assert "directory" in str(counting.fault)
    assert sorted(each.name for each in where.control.iterdir()) == ["cur", FILE, "new", "tmp"]


class FullBeside:
    """A disk with no room for one file: each step of it but the removal fails."""

    def perform(self, operation, path, action):
        if path.name.startswith(FILE) and operation is not Operation.UNLINK:
            raise OSError(errno.ENOSPC, "no space", str(path))
        return action()


@pytest.mark.parametrize("file", ["there", "absent"])
@pytest.mark.parametrize("repeat", [False, True])
def test_what_is_in_new_is_delivered_whether_it_is_counted_or_not(where, file, repeat):
    put(where, 1)
    if repeat:
        put(where, 2)
    if file == "absent":
        (where.control / FILE).unlink()
    full = FullBeside()
    counting = size(where, durable=full)
    content = Octets(b"x" * 98 + b"\r\n")
    stored = store(where.root, "1.Q2R1.host", HEAD, content, 0.0, quota=counting, durable=full)
    assert isinstance(stored.fault, OSError)
    assert stored.fault.errno == errno.ENOSPC
    assert not (where.control / FILE).exists()  # or it would lack a message
    assert len(list((where.root / "new").glob("1.Q2R1.host*"))) == 1 + repeat
    assert size(where).usage().messages == 2 + repeat


def test_modes_and_groups(tmp_path):
    group = next((each for each in os.getgroups() if each != os.getegid()), os.getegid())
    rights = Rights(0o2770, 0o660, group)
    content = Octets(b"x\r\n")
    maildir = tmp_path / "a" / "Maildir"
    store(maildir, "1.Q1R1.host", HEAD, content, NOW, rights=rights)
    (file,) = (maildir / "new").iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_gid) == (0o660, group)
    for folder in (maildir.parent, maildir, maildir / "new", maildir / "tmp", maildir / "cur"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o2770
        assert folder.stat().st_gid == group


def refuse(path, mode):
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)


@pytest.mark.parametrize(
    ("mode", "chmod", "words"),
    [
        (0o2770, os.chmod, ""),
        (0o2770, refuse, "RestrictSUIDSGID"),
        (0o700, refuse, ""),
    ],
)
def test_a_system_that_forbids_the_set_group_id_bit(tmp_path, mode, chmod, words):
    objection = group_bit_objection(mode, tmp_path, chmod)
    assert words in objection
    assert bool(objection) == bool(words)
    assert list(tmp_path.iterdir()) == []
    assert group_bit_objection(mode, tmp_path / "nowhere", chmod) == ""


def test_a_folder_that_a_crash_left_without_its_mode_gets_it(tmp_path):
    maildir = tmp_path / "a" / "Maildir"
    maildir.parent.mkdir(mode=0o700)
    (tmp_path / "other").mkdir(mode=0o755)
    rights = Rights(0o2770, 0o660)
    store(maildir, "1.Q1R1.host", HEAD, Octets(b"x\r\n"), NOW, rights=rights)
    store(tmp_path / "other", "1.Q1R1.host", HEAD, Octets(b"x\r\n"), NOW, rights=rights)
    assert stat.S_IMODE(maildir.parent.stat().st_mode) == 0o2770
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o755


@pytest.mark.parametrize("mode", ["", "rwx", "0888", "0777", "0007", "1234567"])
def test_no_modes(mode):
    with pytest.raises(ValueError, match="mode"):
        parse_mode(mode)


def test_the_owner_that_a_directory_asks_for():
    own = os.geteuid()
    assert PRIVATE.of_account(None, None) is PRIVATE
    assert PRIVATE.of_account(own, os.getegid()) is PRIVATE
    words = PRIVATE.of_account(own + 4242, None)
    assert isinstance(words, str)
    assert "run it as that user" in words
    shared = Rights(0o2770, 0o660).of_account(own + 4242, os.getegid())
    assert isinstance(shared, Rights)
