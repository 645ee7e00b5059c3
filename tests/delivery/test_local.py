from __future__ import annotations

import errno

import pytest

from fake_directory import FakeDirectory
from postroad.delivery.local import LocalTransport
from postroad.delivery.transport import Delivery
from postroad.mailbox import MaildirLocation, MaildirWriter
from postroad.model import Status
from postroad.spool import SpoolError
from stored_messages import stored_message, stored_recipients


class FailingStore:
    """Raises for the accounts it is told of, and remembers the others."""

    def __init__(self, errors):
        self.errors = errors
        self.stored = []

    async def store(self, maildir, message, recipients):
        if error := self.errors.get(recipients[0].address.local):
            raise error
        self.stored.append(maildir.parent.name)
        return True


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
