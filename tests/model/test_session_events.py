"""The text of events of sessions: the shapes that the guides' logs and Postfix's readers show."""

from __future__ import annotations

import pytest

from postroad.model import Address, Client, Reply, TlsSession
from postroad.model.journal import Event
from postroad.model.session_events import (
    Connected,
    Disconnected,
    LoginFailed,
    Lost,
    Noted,
    Rejected,
    TlsEstablished,
    TlsFailed,
)

CLIENT = Client("192.0.2.7", 4711, "mua.example.net")
LISA = Address("lisa", "example.com")
IMITATION = "a>,session=<X"
QUOTED = Address("a>, to=<b", "example.com")
HOSTILE = "a\u2028b\u202ec"
ADDRESS = Address(HOSTILE, "example.com")
REPLY = Reply.of(550, "5.1.1", f"<{ADDRESS}>: unknown")


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
    ],
)
def test_text(event: Event, text: str) -> None:
    assert event.text == text


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
    ],
)  # fmt: skip
def test_no_peer_closes_a_field_and_begins_another(event: Event, part: str) -> None:
    shown = str(QUOTED).replace(">", "?").replace("<", "?")
    assert part.format(shown) in event.text


@pytest.mark.parametrize(
    "event",
    [
        Rejected("smtpd", "1ABC", "RCPT", CLIENT, REPLY, str(ADDRESS), ADDRESS, "SMTP", HOSTILE),
        Noted("smtpd", "1ABC", "hold", HOSTILE, "RCPT", CLIENT, None, ADDRESS, "SMTP", "x"),
        LoginFailed("smtpd", CLIENT, "PLAIN", "authentication failure", HOSTILE),
    ],
    ids=lambda event: type(event).__name__,
)
def test_no_peer_chooses_the_shape_of_a_line(event: Event) -> None:
    assert "a?b?c" in event.text
    assert event.text.isprintable()
