"""What a program must not answer (RFC 3834 §2)."""

from __future__ import annotations

import pytest

from postroad.model import Address
from postroad.model.automatic import AUTO_GENERATED, AUTO_REPLIED, Unanswerable, unanswerable

ANN = Address("ann", "example.com")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("Subject: Auto-Submitted: auto-replied\r\n", None),
        ("Auto-Submitted: no\r\n", None),
        ("Auto-Submitted: No; type=x\r\n", None),
        (f"{AUTO_GENERATED}\r\n", Unanswerable.AUTOMATIC),
        (f"{AUTO_REPLIED}; owner-email=x\r\n", Unanswerable.AUTOMATIC),
        ("X: y\r\nAUTO-SUBMITTED :\r\n\tauto-notified\r\n", Unanswerable.AUTOMATIC),
        ("Auto-Submitted:\r\n", Unanswerable.AUTOMATIC),
        ("Precedence: Bulk\r\n", Unanswerable.BULK),
        ("Precedence: list\r\n", Unanswerable.BULK),
        ("Precedence: first-class\r\n", None),
        ("List-Id: <news.example.com>\r\n", Unanswerable.LIST),
        ("list-unsubscribe: <https://x.test>\r\n", Unanswerable.LIST),
        ("List-Price: 3\r\n", None),
        ("X-Auto-Response-Suppress: All\r\n", Unanswerable.UNWANTED),
        ("X-Auto-Response-Suppress: None\r\n", None),
        ("X-Autoreply: yes\r\n", Unanswerable.UNWANTED),
        ("", None),
    ],
)
def test_what_its_header_says(fields: str, expected: Unanswerable | None) -> None:
    assert unanswerable(ANN, f"From: x\r\n{fields}To: y\r\n".encode()) is expected
    assert unanswerable(ANN, fields.encode()) is expected


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("ann", None),
        ("owner", None),
        ("owner-list", Unanswerable.DAEMON),
        ("list-request", Unanswerable.DAEMON),
        ("List-Bounces", Unanswerable.DAEMON),
        ("MAILER-DAEMON", Unanswerable.DAEMON),
        ("no-reply", Unanswerable.DAEMON),
        ("bounces+1234-x=y.test", Unanswerable.DAEMON),
        ("SRS0=ABCDEFGH=XY=example.com=ann", None),
    ],
)
def test_who_its_sender_is(local: str, expected: Unanswerable | None) -> None:
    assert unanswerable(Address(local, "example.com"), b"") is expected


def test_no_sender() -> None:
    assert unanswerable(None, b"") is Unanswerable.NO_SENDER
