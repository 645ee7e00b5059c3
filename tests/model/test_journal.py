"""The text of events: the shapes that the guides' logs and Postfix's readers show."""

from __future__ import annotations

import pytest

from postroad.model import Address, Client, Login, Reply, Status, TlsSession
from postroad.model.journal import (
    Accepted,
    Bounced,
    Connected,
    Delivered,
    Disconnected,
    Event,
    LoginFailed,
    Lost,
    MessageId,
    Notice,
    Queued,
    Rejected,
    Removed,
    TlsEstablished,
    TlsFailed,
)

CLIENT = Client("192.0.2.7", 4711, "mua.example.net")
LISA = Address("lisa", "example.com")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Connected("smtpd", CLIENT), "connect from mua.example.net[192.0.2.7]"),
        (
            Disconnected("smtpd", CLIENT, {"ehlo": (1, 1), "starttls": (0, 1)}),
            "disconnect from mua.example.net[192.0.2.7] ehlo=1 starttls=0/1 commands=1/2",
        ),
        (
            Lost("smtpd", "lost connection", "STARTTLS", CLIENT),
            "lost connection after STARTTLS from mua.example.net[192.0.2.7]",
        ),
        (
            TlsEstablished(
                "smtpd", str(CLIENT), TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
            ),
            (
                "Anonymous TLS connection established from mua.example.net[192.0.2.7]: "
                "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
            ),
        ),
        (
            TlsEstablished(
                "smtpd",
                str(CLIENT),
                TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "mail.example.org"),
                trust="Trusted",
            ),
            (
                "Trusted TLS connection established from mua.example.net[192.0.2.7] to "
                "mail.example.org: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
            ),
        ),
        (
            TlsFailed("smtpd", CLIENT, "bad certificate (the client asked for x\n.example)"),
            (
                "SSL_accept error from mua.example.net[192.0.2.7]: bad certificate (the client "
                "asked for x?.example)"
            ),
        ),
        (
            LoginFailed("smtpd", CLIENT, "PLAIN", "authentication failure", "john\r\nroot"),
            (
                "warning: mua.example.net[192.0.2.7]: SASL PLAIN authentication failed: "
                "authentication failure, sasl_username=john??root"
            ),
        ),
        (
            Rejected(
                "smtpd",
                "NOQUEUE",
                "RCPT",
                CLIENT,
                Reply.of(554, "5.7.1", "<lisa@example.com>: Relay access denied"),
                "spam@example.net",
                LISA,
                "ESMTP",
                "evil",
            ),
            (
                "NOQUEUE: reject: RCPT from mua.example.net[192.0.2.7]: 554 5.7.1 "
                "<lisa@example.com>: Relay access denied; from=<spam@example.net> "
                "to=<lisa@example.com> proto=ESMTP helo=<evil>"
            ),
        ),
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
        (Notice("master", "two\nlines"), "two?lines"),
    ],
)
def test_text(event: Event, text: str) -> None:
    assert event.text == text


IMITATION = "a>,session=<X"
QUOTED = Address("a>, to=<b", "example.com")


@pytest.mark.parametrize(
    ("event", "part"),
    [
        (
            Rejected(
                "smtpd", "1ABC", "RCPT", CLIENT, Reply.of(550, "5.1.1", "x"), str(QUOTED), QUOTED,
                "SMTP", IMITATION,
            ),
            "; from=<{0}> to=<{0}> proto=SMTP helo=<a??session=?X>",
        ),
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


HOSTILE = "a\u2028b\u202ec"
ADDRESS = Address(HOSTILE, "example.com")
REPLY = Reply.of(550, "5.1.1", f"<{ADDRESS}>: unknown")


@pytest.mark.parametrize(
    "event",
    [
        Accepted("smtpd", "1ABC", CLIENT, Login(str(ADDRESS), "PLAIN")),
        Bounced("bounce", "1ABC", HOSTILE),
        Delivered("smtp", "1ABC", ADDRESS, LISA, "mx", (0, 0, 0, 0), Status.BOUNCED, REPLY),
        Delivered("smtp", "1ABC", LISA, ADDRESS, HOSTILE, (0, 0, 0, 0), Status.SENT, REPLY),
        Queued("qmgr", "1ABC", str(ADDRESS), 1, 1),
        Rejected("smtpd", "1ABC", "RCPT", CLIENT, REPLY, str(ADDRESS), ADDRESS, "SMTP", HOSTILE),
    ],
    ids=lambda event: type(event).__name__,
)
def test_no_peer_chooses_the_shape_of_a_line(event: Event) -> None:
    assert "a?b?c" in event.text
    assert event.text.isprintable()
