"""The text of events of messages: the shapes that the guides' logs and Postfix's readers show."""

from __future__ import annotations

import pytest

from postroad.model import Address, Client, Login, Reply, Status
from postroad.model.journal import Event
from postroad.model.message_events import Accepted, Bounced, Delivered, MessageId, Queued, Removed

CLIENT = Client("192.0.2.7", 4711, "mua.example.net")
LISA = Address("lisa", "example.com")
QUOTED = Address("a>, to=<b", "example.com")
HOSTILE = "a\u2028b\u202ec"
ADDRESS = Address(HOSTILE, "example.com")
REPLY = Reply.of(550, "5.1.1", f"<{ADDRESS}>: unknown")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            Accepted("submission/smtpd", "1ABC", CLIENT, Login("john@example.org", "PLAIN")),
            (
                "1ABC: client=mua.example.net[192.0.2.7], sasl_method=PLAIN, "
                "sasl_username=john@example.org"
            ),
        ),
        (
            Accepted("smtpd", "1ABC", CLIENT, None, {"NAME": None, "ADDR": "10.0.0.1"}),
            "1ABC: client=mua.example.net[192.0.2.7], orig_client=unknown[10.0.0.1]",
        ),
        (
            Accepted("smtpd", "1ABC", CLIENT, None, {"IDENT": "4XYZ", "HELO": "a\nb, x<c"}),
            "1ABC: client=mua.example.net[192.0.2.7], orig_queue_id=4XYZ, orig_helo=a?b??x?c",
        ),
        (MessageId("cleanup", "1ABC", "<x@y>"), "1ABC: message-id=<x@y>"),
        (Queued("qmgr", "1ABC", "", 661, 1), "1ABC: from=<>, size=661, nrcpt=1 (queue active)"),
        (
            Delivered(
                "smtp",
                "1ABC",
                LISA,
                Address("list", "example.org"),
                "mx.example.com[192.0.2.9]:25",
                (0.08, 0.012, 0.154, 4.32),
                Status.SENT,
                Reply.of(250, "2.0.0", "OK"),
            ),
            (
                "1ABC: to=<lisa@example.com>, orig_to=<list@example.org>, "
                "relay=mx.example.com[192.0.2.9]:25, delay=4.6, delays=0.08/0.01/0.15/4.3, "
                "dsn=2.0.0, status=sent (250 2.0.0 OK)"
            ),
        ),
        (Removed("qmgr", "1ABC"), "1ABC: removed"),
    ],
)
def test_text(event: Event, text: str) -> None:
    assert event.text == text


@pytest.mark.parametrize(
    ("event", "part"),
    [
        (Queued("qmgr", "1ABC", str(QUOTED), 1, 1), "1ABC: from=<{0}>, size=1"),
        (
            Delivered(
                "smtp", "1ABC", QUOTED, LISA, "mx", (0, 0, 0, 0), Status.SENT,
                Reply.of(250, "2.0.0", "OK"),
            ),
            "1ABC: to=<{0}>, orig_to=<lisa@example.com>, relay=mx",
        ),
        (
            Delivered(
                "smtp", "1ABC", LISA, QUOTED, "mx", (0, 0, 0, 0), Status.SENT,
                Reply.of(250, "2.0.0", "OK"),
            ),
            "1ABC: to=<lisa@example.com>, orig_to=<{0}>, relay=mx",
        ),
    ],
)  # fmt: skip
def test_no_peer_closes_a_field_and_begins_another(event: Event, part: str) -> None:
    shown = str(QUOTED).replace(">", "?").replace("<", "?")
    assert part.format(shown) in event.text


@pytest.mark.parametrize(
    "event",
    [
        Accepted("smtpd", "1ABC", CLIENT, Login(str(ADDRESS), "PLAIN")),
        Bounced("bounce", "1ABC", HOSTILE),
        Delivered("smtp", "1ABC", ADDRESS, LISA, "mx", (0, 0, 0, 0), Status.BOUNCED, REPLY),
        Delivered("smtp", "1ABC", LISA, ADDRESS, HOSTILE, (0, 0, 0, 0), Status.SENT, REPLY),
        Queued("qmgr", "1ABC", str(ADDRESS), 1, 1),
    ],
    ids=lambda event: type(event).__name__,
)
def test_no_peer_chooses_the_shape_of_a_line(event: Event) -> None:
    assert "a?b?c" in event.text
    assert event.text.isprintable()
