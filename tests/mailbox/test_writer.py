from __future__ import annotations

import asyncio
import stat
import threading
from dataclasses import replace

import pytest

from postroad.mailbox import MaildirWriter, Target, Whereabouts
from postroad.mailbox.folder import FolderName
from postroad.mailbox.maildir import create_maildir
from postroad.mailbox.quota import Quota
from postroad.mailbox.rights import Rights
from postroad.model import BodyType
from stored_messages import Octets, stored_message, stored_recipients


@pytest.fixture
async def writer():
    writer = MaildirWriter("mail.example.org", threads=4)
    yield writer
    writer.close()


async def test_a_message_is_stored_under_the_identity_of_its_first_recipient(writer, tmp_path):
    recipients = stored_recipients("a@example.org", "b@example.org")
    assert await writer.store(tmp_path, stored_message(), recipients) is True
    (file,) = (tmp_path / "new").iterdir()
    assert file.name.startswith("1700000000.QZx1R1.mail.example.org,S=")
    assert file.read_bytes() == (
        b"Return-Path: <ann@elsewhere.test>\nDelivered-To: a@example.org\n"
        b"Delivered-To: b@example.org\nSubject: hello\n\ntext\n"
    )


async def test_many_at_once_into_one_new_maildir(writer, tmp_path):
    recipients = stored_recipients(*(f"a{number}@example.org" for number in range(40)))
    maildir = tmp_path / "deep" / "Maildir"
    await asyncio.gather(
        *(writer.store(maildir, stored_message(), (recipient,)) for recipient in recipients)
    )
    assert len(list((maildir / "new").iterdir())) == 40
    assert list((maildir / "tmp").iterdir()) == []


async def test_nothing_is_read_or_written_in_the_event_loops_thread(writer, tmp_path):
    threads = set()

    class Watched(Octets):
        def chunks(self):
            threads.add(threading.current_thread())
            return super().chunks()

    message = stored_message()
    object.__setattr__(message, "content", Watched(b"x\r\n"))
    await writer.store(tmp_path, message, stored_recipients("a@example.org"))
    assert threading.main_thread() not in threads
    assert len(threads) == 1


async def test_close_waits_for_what_is_being_written(tmp_path):
    writer = MaildirWriter("mail.example.org", threads=1)
    stores = [
        asyncio.ensure_future(writer.store(tmp_path, stored_message(), (recipient,)))
        for recipient in stored_recipients("a@example.org", "b@example.org")
    ]
    await asyncio.sleep(0)
    writer.close()
    assert await asyncio.gather(*stores) == [True, True]


async def test_a_failure_is_raised_to_the_caller(writer, tmp_path):
    (tmp_path / "Maildir").write_text("a file where the folder should be")
    with pytest.raises(NotADirectoryError):
        await writer.store(tmp_path / "Maildir", stored_message(), stored_recipients("a@b.test"))


async def test_a_binary_message_is_kept_as_it_is(tmp_path):
    writer = MaildirWriter("mail.example.org", threads=1)
    message = stored_message(b"Subject: x\r\n\r\n\r\n\0")
    binary = replace(message, envelope=replace(message.envelope, body=BodyType.BINARY_MIME))
    await writer.store(tmp_path, binary, stored_recipients("a@example.org"))
    writer.close()
    (file,) = (tmp_path / "new").iterdir()
    assert file.read_bytes().endswith(b"Subject: x\r\n\r\n\r\n\0")


@pytest.mark.parametrize(
    ("link", "to", "lands"),
    [
        (".lists", "../other/Maildir", "john/Maildir/new"),  # somebody else's
        (".Lists", "../other/Maildir", "john/Maildir/new"),
        (".lists", "../nowhere/Maildir", "john/Maildir/new"),
        (".lists", ".other", "john/Maildir/.other/new"),  # a second name within the account
    ],
)
async def test_a_folder_that_is_a_link(writer, tmp_path, link, to, lands):
    where = Whereabouts.at(tmp_path / "john" / "Maildir")
    for maildir in (where.root, where.root / ".other", tmp_path / "other" / "Maildir"):
        create_maildir(maildir)
    (where.root / link).symlink_to(to if to == ".other" else f"../{to}")
    target = Target(where, FolderName.parse("lists"), create=True)
    (recipient,) = stored_recipients("john@example.org")
    await writer.deliver(target, stored_message(), recipient)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert str(file.parent.relative_to(tmp_path)) == lands


@pytest.mark.parametrize("mode", [0o700, 0o2770])
async def test_control_files_have_a_folder_of_their_own(writer, tmp_path, mode):
    mail = tmp_path / "mail" / "john"
    where = Whereabouts(mail, mail, tmp_path / "control" / "john")
    folder, rights = FolderName.parse("Lists"), Rights(folder_mode=mode)
    target = Target(where, folder, create=True, quota=Quota(10_000), rights=rights)
    (recipient,) = stored_recipients("john@example.org")
    stored = await writer.deliver(target, stored_message(), recipient)
    assert (stored.written, stored.fault, stored.after.messages) == (True, None, 1)
    assert sorted(each.name for each in where.control.iterdir()) == [
        "maildirsize",
        "subscriptions",
    ]
    for made in (where.control, where.control.parent):
        assert stat.S_IMODE(made.stat().st_mode) == mode


async def test_mail_comes_where_no_control_file_can_be(writer, tmp_path):
    mail = tmp_path / "mail" / "john"
    (tmp_path / "control").write_text("no folder")
    where = Whereabouts(mail, mail, tmp_path / "control" / "john")
    target = Target(where, quota=Quota(10_000))
    (recipient,) = stored_recipients("john@example.org")
    stored = await writer.deliver(target, stored_message(), recipient)
    assert stored.written
    assert stored.fault is not None
    assert len(list((mail / "new").iterdir())) == 1


async def test_strangers_make_so_many_folders_and_no_more(writer, tmp_path, monkeypatch):
    monkeypatch.setattr("postroad.mailbox.errand.MOST_FOLDERS", 3)
    where = Whereabouts.at(tmp_path / "john" / "Maildir")
    for number, recipient in enumerate(stored_recipients(*["john@example.org"] * 5)):
        target = Target(where, FolderName.parse(f"f{number}"), create=True)
        await writer.deliver(target, stored_message(), recipient)
    folders = [each.name for each in where.root.iterdir() if each.name.startswith(".")]
    assert sorted(folders) == [".f0", ".f1"]  # and the inbox
    assert len(list((where.root / "new").iterdir())) == 3


async def test_strangers_make_no_folder_where_a_file_is_or_will_be(writer, tmp_path):
    mail = tmp_path / "john" / "Maildir"
    where = Whereabouts(mail, mail, mail, nested=True)
    names = ["maildirsize", "subscriptions", "postroad-moves"]
    for name, recipient in zip(names, stored_recipients(*["john@example.org"] * 3), strict=True):
        target = Target(where, FolderName.parse(name), create=True)
        await writer.deliver(target, stored_message(), recipient)
        (mail / "subscriptions").touch()
    assert sorted(each.name for each in mail.iterdir()) == ["cur", "new", "subscriptions", "tmp"]
    assert len(list((mail / "new").iterdir())) == 3
