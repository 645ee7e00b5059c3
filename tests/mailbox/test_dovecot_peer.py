"""A real Dovecot reads what we write: folders, flags, subscriptions and the sums of quotas."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.dovecot_reader import DovecotReader
from peers.processes import peer_folder, remove_folder
from postroad.mailbox import MaildirWriter, Target, Whereabouts
from postroad.mailbox.folder import FolderName
from postroad.mailbox.maildirsize import FILE, MaildirSize
from postroad.mailbox.quota import Quota, Usage
from stored_messages import stored_message, stored_recipients

pytestmark = pytest.mark.peer

QUOTA = Quota(100_000, 50)
RULE = "*:bytes=100000:messages=50"
NAMES = ("john", "ann", "lea", "max")


@pytest.fixture(scope="module")
def mail() -> Iterator[Path]:
    folder = peer_folder("maildirs")
    folder.chmod(0o755)
    yield folder
    remove_folder(folder)


@pytest.fixture(scope="module")
def dovecot(mail: Path) -> Iterator[DovecotReader]:
    server = DovecotReader(mail, {f"{name}@example.org": RULE for name in NAMES})
    yield server
    server.stop()


@pytest.fixture
async def writer():
    writer = MaildirWriter("mail.example.org", threads=4)
    yield writer
    writer.close()


def place(mail: Path, name: str) -> Whereabouts:
    return Whereabouts.at(mail / "example.org" / name / "Maildir")


def message(number: int):
    return stored_message(queue_id=f"Q{number}", queued=0.0)


async def send(writer, where, *numbers, folder="INBOX", create=True):
    target = Target(where, FolderName.parse(folder), create, quota=QUOTA)
    (recipient,) = stored_recipients("john@example.org")
    for number in numbers:
        await writer.deliver(target, message(number), recipient)


async def test_folders_are_there_with_their_names_and_subscriptions(dovecot, mail, writer):
    where = place(mail, "john")
    await send(writer, where, 1)
    for number, name in enumerate(["Lists.python", "Entwürfe & mehr", "日本語"], 2):
        await send(writer, where, number, folder=name)
    session = dovecot.imap("john@example.org")
    listed = {line.decode().rpartition(" ")[2].strip('"') for line in session.list()[1]}
    rows = [line.decode() for line in session.lsub()[1]]
    assert {"INBOX", "Lists.python"} <= listed
    names = ["INBOX", "Lists.python", '"Entw&APw-rfe &- mehr"', "&ZeVnLIqe-"]
    for name in names:
        status, [count] = session.select(name, readonly=True)
        assert (status, count) == ("OK", b"1"), name
        if name != "INBOX":
            assert any(row.endswith((f" {name}", f' "{name}"')) for row in rows), (name, rows)
    session.select("Lists.python")
    session.store("1", "+FLAGS", r"(\Seen)")
    session.logout()
    [seen] = (where.root / ".Lists.python" / "cur").iterdir()
    assert seen.name.endswith(":2,S")
    assert seen.name.startswith("1700000000.QQ2R1.mail.example.org,S=")
    await send(writer, where, 2, folder="Lists.python")
    assert [each.name for each in (where.root / ".Lists.python" / "new").iterdir()] == []
    assert " Panic" not in dovecot.log()
    assert "Error" not in dovecot.log(), dovecot.log()


async def test_subscriptions_made_by_dovecot_are_kept(dovecot, mail, writer):
    where = place(mail, "lea")
    session = dovecot.imap("lea@example.org")
    session.create("Old.one")
    session.subscribe("Old.one")
    session.logout()
    await send(writer, where, 1, folder="New.zwölf")
    session = dovecot.imap("lea@example.org")
    rows = [line.decode().rpartition(" ")[2].strip('"') for line in session.lsub()[1]]
    session.logout()
    assert sorted(rows) == ["New.zw&APY-lf", "Old.one"]


async def test_both_keep_one_sum(dovecot, mail, writer):
    where = place(mail, "ann")
    size = MaildirSize(where, QUOTA, lambda: 0.0)
    await send(writer, where, 1, 2, 3)
    await send(writer, where, 4, folder="Lists")
    ours = size.usage()
    assert ours.messages == 4
    assert dovecot.quota("ann@example.org") == (-(-ours.octets // 1024), 4)
    text = (where.control / FILE).read_text()
    assert text.startswith("100000S,50C\n")
    assert sum(int(line.split()[0]) for line in text.splitlines()[1:]) == ours.octets
    # What Dovecot takes away and adds, we see; what we add, Dovecot sees.
    session = dovecot.imap("ann@example.org")
    session.select("INBOX")
    session.store("1:2", "+FLAGS", r"(\Deleted)")
    session.expunge()
    session.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"y" * 1000 + b"\r\n")
    session.logout()
    left = size.usage()
    assert left == MaildirSize(where, QUOTA, lambda: 0.0).recalculate()
    assert left.messages == 3
    await send(writer, where, 5, 6)
    assert dovecot.quota("ann@example.org")[1] == 5
    dovecot.doveadm("quota", "recalc", "-u", "ann@example.org")
    assert size.usage() == size.recalculate()
    assert size.usage().messages == 5


async def test_a_file_that_dovecot_has_counted_is_believed(dovecot, mail, writer):
    where = place(mail, "max")
    await send(writer, where, 1, 2)
    (where.control / FILE).unlink()
    dovecot.quota("max@example.org")
    dovecot.doveadm("quota", "recalc", "-u", "max@example.org")
    before = (where.control / FILE).read_text()
    assert before.count("\n") == 2
    usage = MaildirSize(where, QUOTA, lambda: 0.0).usage()
    assert usage == Usage(int(before.split()[1]), 2)
    assert (where.control / FILE).read_text() == before
    other = dataclasses.replace(QUOTA, octets=200_000)
    assert MaildirSize(where, other, lambda: 0.0).usage() == usage
    assert (where.control / FILE).read_text().startswith("200000S,50C\n")
