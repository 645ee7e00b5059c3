"""Replies as octets."""

from __future__ import annotations

import pytest

from postroad.model import Reply


@pytest.mark.parametrize(
    ("reply", "octets"),
    [
        (Reply.of(250, "2.1.0", "Ok"), b"250 2.1.0 Ok\r\n"),
        (Reply.of(354, None, "End data"), b"354 End data\r\n"),
        (
            Reply(250, None, ("host", "SIZE 1", "8BITMIME")),
            b"250-host\r\n250-SIZE 1\r\n250 8BITMIME\r\n",
        ),
        (Reply(554, "5.7.1", ("a", "b")), b"554-5.7.1 a\r\n554 5.7.1 b\r\n"),
    ],
)
def test_encode(reply: Reply, octets: bytes) -> None:
    assert reply.encode() == octets


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (220, (True, False)),
        (354, (True, False)),
        (421, (False, False)),
        (554, (False, True)),
    ],
)
def test_classes(code: int, kinds: tuple[bool, bool]) -> None:
    reply = Reply.of(code, None, "x")

    assert (reply.is_positive, reply.is_permanent) == kinds


def test_text_for_logs() -> None:
    assert str(Reply(550, "5.1.1", ("no such", "user"))) == "550 5.1.1 no such user"
