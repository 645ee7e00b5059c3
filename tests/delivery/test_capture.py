from __future__ import annotations

import errno

import pytest

from postroad.delivery.capture import CaptureTransport
from postroad.delivery.transport import Delivery
from postroad.mailbox import MaildirWriter
from postroad.model import Status
from postroad.spool import SpoolError
from stored_messages import stored_message, stored_recipients


def delivery():
    recipients = stored_recipients("bob@a.test", ("carol@b.test", "friends@example.org"))
    return Delivery(stored_message(), tuple(recipients), "capture")


async def test_a_message_is_caught_once_with_all_its_recipients(tmp_path):
    writer = MaildirWriter("mail.example.org", threads=1)
    transport = CaptureTransport(tmp_path / "outbound", writer, lambda: 0.0)
    for _ in range(2):  # a repeat changes nothing
        report = await transport.deliver(delivery())
    writer.close()
    assert report.relay == "capture"
    assert [(one.recipient_id, one.status, str(one.reply)) for one in report.outcomes] == [
        (1, Status.SENT, "250 2.0.0 captured in maildir, not sent"),
        (2, Status.SENT, "250 2.0.0 captured in maildir, not sent"),
    ]
    (file,) = (tmp_path / "outbound" / "new").iterdir()
    assert file.read_bytes() == (
        b"Return-Path: <ann@elsewhere.test>\n"
        b"Delivered-To: bob@a.test\n"
        b"X-Original-To: friends@example.org\n"
        b"Delivered-To: carol@b.test\n"
        b"Subject: hello\n\ntext\n"
    )


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (OSError(errno.ENOSPC, "full"), "452 4.3.1 the disk of the mailbox is full"),
        (
            SpoolError("/secret/path: gone"),
            "451 4.3.0 the message cannot be read from the queue at present",
        ),
    ],
)
async def test_a_broken_disk_defers_all(tmp_path, error, reply):
    class Failing:
        async def store(self, maildir, message, recipients):
            raise error

    report = await CaptureTransport(tmp_path, Failing(), lambda: 0.0).deliver(delivery())
    assert {str(one.reply) for one in report.outcomes} == {reply}
    assert {one.status for one in report.outcomes} == {Status.DEFERRED}
    assert [one.recipient_id for one in report.outcomes] == [1, 2]
