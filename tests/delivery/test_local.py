from __future__ import annotations

import contextlib
import errno
from dataclasses import replace

import pytest

from fake_directory import FakeDirectory
from postroad.delivery.filing import DetailFiling, Filed
from postroad.delivery.local import QUOTA_LETTER, LocalTransport, Storing
from postroad.delivery.transport import Delivery
from postroad.directory import Place
from postroad.mailbox import MaildirLocation, MaildirWriter
from postroad.mailbox.folder import FolderName
from postroad.mailbox.maildir import Stored
from postroad.mailbox.settings import MailboxSettings
from postroad.model import Address, Envelope, Status, Waybill
from postroad.spool import SpoolError
from stored_messages import stored_message, stored_recipients


class FailingStore:
    """Raises for the accounts it is told of, and remembers the others."""

    def __init__(self, errors):
        self.errors = errors
        self.stored = []

    async def deliver(self, target, message, recipient):
        if error := self.errors.get(recipient.address.local):
            raise error
        self.stored.append(target.where.inbox.parent.name)
        return Stored(written=True)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.25
        return self.now


@pytest.fixture
def directory():
    names = ("john", "ann", "full", "quota", "broken", "odd", "unread")
    return FakeDirectory(
        users={f"{name}@example.org": "pw" for name in names},
        aliases={"sales@example.org": ["john@example.org"]},
    )


def delivery(*addresses):
    return Delivery(stored_message(), tuple(stored_recipients(*addresses)), "example.org")


def outcomes(report):
    return [(one.recipient_id, one.status, str(one.reply)) for one in report.outcomes]


async def test_each_recipient_gets_a_copy_with_its_own_lines(directory, tmp_path):
    writer = MaildirWriter("mail.example.org", threads=2)
    transport = LocalTransport(directory, MaildirLocation("", tmp_path), writer, Clock())
    report = await transport.deliver(
        delivery("john+lists@example.org", ("ann@example.org", "all@example.org"))
    )
    writer.close()
    sent = "250 2.0.0 delivered to maildir"
    assert outcomes(report) == [(1, Status.SENT, sent), (2, Status.SENT, sent)]
    assert (report.relay, report.setup, report.transfer) == ("local", 0.0, 0.25)
    assert not report.unreachable
    assert not any(one.from_peer for one in report.outcomes)
    (john,) = (tmp_path / "mail/example.org/john/Maildir/new").iterdir()
    (ann,) = (tmp_path / "mail/example.org/ann/Maildir/new").iterdir()
    text = b"Subject: hello\n\ntext\n"
    top = b"Return-Path: <ann@elsewhere.test>\n"
    assert john.read_bytes() == top + b"Delivered-To: john+lists@example.org\n" + text
    assert ann.read_bytes() == (
        top + b"X-Original-To: all@example.org\nDelivered-To: ann@example.org\n" + text
    )


async def test_a_repeated_delivery_appears_once(directory, tmp_path):
    writer = MaildirWriter("mail.example.org", threads=2)
    transport = LocalTransport(directory, MaildirLocation("", tmp_path), writer, Clock())
    reports = [await transport.deliver(delivery("john@example.org")) for _ in range(2)]
    writer.close()
    assert outcomes(reports[0]) == outcomes(reports[1])
    assert len(list((tmp_path / "mail/example.org/john/Maildir/new").iterdir())) == 1


FAILURES = [
    ("gone", Status.BOUNCED, "550 5.1.1 <gone@example.org>: no such account any more"),
    ("sales", Status.BOUNCED, "550 5.1.1 <sales@example.org>: no such account any more"),
    ("full", Status.DEFERRED, "452 4.3.1 the disk of the mailbox is full"),
    ("quota", Status.DEFERRED, "452 4.2.2 the mailbox is over its disk quota"),
    ("broken", Status.DEFERRED, "451 4.3.0 cannot write to the mailbox: Input/output error"),
    ("odd", Status.DEFERRED, "451 4.3.0 cannot write to the mailbox: input or output error"),
    (
        "unread",
        Status.DEFERRED,
        "451 4.3.0 the message cannot be read from the queue at present",
    ),
]


@pytest.mark.parametrize(("local", "status", "reply"), FAILURES)
@pytest.mark.parametrize("others", [(), ("ann@example.org", "john@example.org")])
async def test_a_failure_is_the_outcome_of_its_recipient_alone(
    tmp_path, *, directory, local, status, reply, others
):
    store = FailingStore(
        {
            "full": OSError(errno.ENOSPC, "secret", "/secret/path"),
            "quota": OSError(errno.EDQUOT, "secret", "/secret/path"),
            "broken": OSError(errno.EIO, "secret", "/secret/path"),
            "odd": OSError("secret"),
            "unread": SpoolError("/secret/path: gone"),
        }
    )
    transport = LocalTransport(directory, MaildirLocation("", tmp_path), store, Clock())
    report = await transport.deliver(delivery(*others, f"{local}@example.org"))
    assert outcomes(report)[-1] == (len(others) + 1, status, reply)
    assert [one.status for one in report.outcomes[:-1]] == [Status.SENT] * len(others)
    assert sorted(store.stored) == (["ann", "john"] if others else [])


async def test_the_path_is_told_to_the_operator_alone(directory, tmp_path):
    error = OSError(errno.EPERM, "secret", "/var/vmail/example.org")
    told = []
    storing = Storing(report=told.append)
    location, store = MaildirLocation("", tmp_path), FailingStore({"broken": error})
    transport = LocalTransport(directory, location, store, Clock(), storing=storing)
    report = await transport.deliver(delivery("broken@example.org"))
    assert (
        outcomes(report)[0][2] == "451 4.3.0 cannot write to the mailbox: Operation not permitted"
    )
    words = "mail for broken@example.org: /var/vmail/example.org: Operation not permitted"
    assert told == [words]


async def test_a_directory_that_is_away_defers(directory, tmp_path):
    directory.unavailable = True
    transport = LocalTransport(directory, MaildirLocation("", tmp_path), FailingStore({}), Clock())
    report = await transport.deliver(delivery("john@example.org", "gone@example.org"))
    reply = "451 4.3.0 the account directory is unavailable"
    assert outcomes(report) == [(1, Status.DEFERRED, reply), (2, Status.DEFERRED, reply)]


async def test_a_name_that_is_no_folder_defers(tmp_path):
    directory = FakeDirectory(users={'"../up"@example.org': "pw"})
    store = FailingStore({})
    transport = LocalTransport(directory, MaildirLocation("", tmp_path), store, Clock())
    report = await transport.deliver(delivery('"../up"@example.org'))
    reply = "451 4.3.5 the account's name cannot be the name of a mail folder"
    assert outcomes(report) == [(1, Status.DEFERRED, reply)]
    assert store.stored == []


class Saying:
    """Places of accounts, as a directory says them."""

    def __init__(self, **said):
        self.said = said

    async def place(self, user):
        return Place(**self.said)


class Twice:
    """Files everything twice: into the inbox and into a folder."""

    async def file(self, user, recipient, message):
        return (Filed(), Filed(FolderName.parse("Copies"), create=True))


@contextlib.contextmanager
def storing(directory, tmp_path, *, places=None, filing=None, warn=None, **settings):
    settings = MailboxSettings(**settings)
    delimiters = DetailFiling("+", create=settings.detail_folders == "create")
    writer = MaildirWriter("mail.example.org", threads=2)
    yield LocalTransport(
        directory,
        MaildirLocation("", tmp_path, roots=(str(tmp_path),)),
        writer,
        Clock(),
        places=places,
        storing=Storing(settings=settings, filing=filing or delimiters, warn=warn),
    )
    writer.close()


def files(tmp_path, name):
    maildir = tmp_path / "mail/example.org" / name / "Maildir"
    return sorted(str(each.parent.parent.relative_to(maildir)) for each in maildir.rglob("new/*"))


@pytest.mark.parametrize(
    ("address", "how", "there", "folder"),
    [
        ("john+lists@example.org", "create", "", ".lists"),
        ("john+lists.python@example.org", "create", "", ".lists.python"),
        ("john+Lists@example.org", "existing", "lists", ".lists"),
        ("john+lists@example.org", "existing", "", "."),
        ('"john+../../x"@example.org', "create", "", "."),
        ("john+inbox@example.org", "create", "", "."),
        ("john@example.org", "create", "", "."),
    ],
)
async def test_an_extension_names_a_folder(tmp_path, *, directory, address, how, there, folder):
    if there:
        for part in ("cur", "new", "tmp"):
            path = tmp_path / "mail/example.org/john/Maildir" / f".{there}" / part
            path.mkdir(parents=True)
    with storing(directory, tmp_path, detail_folders=how) as transport:
        report = await transport.deliver(delivery(address))
    assert report.outcomes[0].status is Status.SENT
    assert files(tmp_path, "john") == [folder]
    marked = tmp_path / "mail/example.org/john/Maildir" / folder / "maildirfolder"
    assert marked.exists() == (how == "create" and folder != ".")


async def test_the_log_is_told_why_mail_is_in_another_folder(tmp_path, directory):
    class Junk:
        async def file(self, user, recipient, message):
            folder = FolderName.parse("Junk")
            return (
                (Filed(folder, create=True, why="7 points, of 5"),) if "ann" in user else (Filed(),)
            )

    with storing(directory, tmp_path, filing=Junk()) as transport:
        report = await transport.deliver(delivery("john@example.org", "ann@example.org"))
    assert [each.aside for each in report.outcomes] == ["", "Junk: 7 points, of 5"]
    assert {str(each.reply) for each in report.outcomes} == {"250 2.0.0 delivered to maildir"}
    assert (files(tmp_path, "john"), files(tmp_path, "ann")) == (["."], [".Junk"])


async def test_several_copies_are_each_stored_once(directory, tmp_path):
    with storing(directory, tmp_path, filing=Twice()) as transport:
        for _ in range(2):
            report = await transport.deliver(delivery("john@example.org"))
            assert report.outcomes[0].status is Status.SENT
    assert files(tmp_path, "john") == [".", ".Copies"]


@pytest.mark.parametrize(
    ("how", "status", "reply"),
    [
        ("defer", Status.DEFERRED, "452 4.2.2 the mailbox is full"),
        ("bounce", Status.BOUNCED, "552 5.2.2 the mailbox is full"),
    ],
)
async def test_a_full_mailbox(tmp_path, *, directory, how, status, reply):
    with storing(directory, tmp_path, quota="20", quota_full=how) as transport:
        report = await transport.deliver(delivery("john@example.org"))
    assert outcomes(report) == [(1, status, reply)]
    assert files(tmp_path, "john") == []


@pytest.mark.parametrize(
    ("envelope", "waybill", "status"),
    [
        (Envelope(None, envid=QUOTA_LETTER), Waybill(), Status.SENT),
        (Envelope(None), Waybill(), Status.DEFERRED),
        (Envelope(Address("x", "example.net"), envid=QUOTA_LETTER), Waybill(), Status.DEFERRED),
        (Envelope(None, envid=QUOTA_LETTER), Waybill(listener="mx"), Status.DEFERRED),
        (Envelope(None, envid=QUOTA_LETTER), Waybill(client="192.0.2.1"), Status.DEFERRED),
        (Envelope(None, envid=QUOTA_LETTER), Waybill(login="uid=1000"), Status.DEFERRED),
    ],
)
async def test_a_letter_about_the_quota_finds_room(
    tmp_path, *, directory, envelope, waybill, status
):
    message = replace(stored_message(), envelope=envelope, waybill=waybill)
    with storing(directory, tmp_path, quota="20") as transport:
        report = await transport.deliver(
            Delivery(message, stored_recipients("john@example.org"), "")
        )
    assert report.outcomes[0].status is status


async def test_the_quota_of_an_account_goes_before_the_usual_one(directory, tmp_path):
    places = Saying(quota_bytes=1_000_000)
    with storing(directory, tmp_path, quota="20", places=places) as transport:
        report = await transport.deliver(delivery("john@example.org"))
    assert report.outcomes[0].status is Status.SENT


async def test_a_threshold_is_told_of_once(directory, tmp_path):
    seen = []
    more = {"quota": "", "quota_messages": 4, "quota_warnings": (50, 75), "warn": seen.append}
    with storing(directory, tmp_path, **more) as transport:
        for number in range(4):
            message = stored_message(queue_id=f"Q{number}")
            recipients = tuple(stored_recipients("john@example.org"))
            await transport.deliver(Delivery(message, recipients, ""))
            await transport.deliver(Delivery(message, recipients, ""))  # a repeat
    assert [(each.user, each.percent) for each in seen] == [
        ("john@example.org", 50),
        ("john@example.org", 75),
    ]


PLACES = [
    ({"mail": "{root}/there/Maildir"}, Status.SENT, ""),
    ({"home": "{root}/h", "mail": "maildir:~/Maildir"}, Status.SENT, ""),
    ({"mail": "/etc/x"}, Status.DEFERRED, "451 4.3.5 the directory names a place that"),
    ({"mail": "mbox:~/mail"}, Status.DEFERRED, "451 4.3.5 its mail is in another form"),
    ({"uid": 424242}, Status.DEFERRED, "451 4.3.5 the mailbox cannot be written as it has to be"),
]


@pytest.mark.parametrize(("said", "status", "words"), PLACES)
async def test_what_a_directory_says_of_a_place(tmp_path, *, directory, said, status, words):
    filled = {
        key: value.format(root=tmp_path) if isinstance(value, str) else value
        for key, value in said.items()
    }
    with storing(directory, tmp_path, places=Saying(**filled)) as transport:
        report = await transport.deliver(delivery("john@example.org"))
    [outcome] = report.outcomes
    assert outcome.status is status
    assert words in str(outcome.reply)
    assert len(list(tmp_path.rglob("new/*"))) == (status is Status.SENT)


class Uncounted:
    """Stores, and cannot count."""

    async def deliver(self, target, message, recipient):
        return Stored(written=True, fault=OSError(errno.ENOSPC, "x", "/v/maildirsize"))


async def test_what_is_stored_and_not_counted_is_delivered_and_told(directory, tmp_path):
    said = []
    location = MaildirLocation("", tmp_path)
    storing = Storing(settings=MailboxSettings(quota="1000"), report=said.append)
    transport = LocalTransport(directory, location, Uncounted(), Clock(), storing=storing)
    report = await transport.deliver(delivery("john@example.org"))
    assert [one.status for one in report.outcomes] == [Status.SENT]
    (line,) = said
    assert line.startswith("mail for john@example.org is delivered, and not counted: /v/mail")
    assert line.endswith("/maildirsize: No space left on device")
