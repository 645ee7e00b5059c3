"""The lines that we add to messages."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime

import pytest

from postroad.intake.trace import Source, date_field, message_id_field, received_field
from postroad.model import Address, Client, ClientCertificate, Login, TlsSession

NOW = 1_790_000_000.5
JOHN = Address("john", "example.org")
LISA = Address("lisa", "example.com")
CLIENT = Client("192.0.2.7", 4711, "mua.example.net")


def test_received_names_everything_that_is_known() -> None:
    source = Source(
        "submission/smtpd",
        CLIENT,
        "laptop",
        "ESMTPSA",
        TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256),
        Login("john@example.org", "PLAIN"),
        submission=True,
    )

    field = received_field(source, "mail.example.org", "1ABC", LISA, NOW).decode()

    assert field.startswith(
        "Received: from laptop (mua.example.net [192.0.2.7])\r\n"
        "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n"
        "\tby mail.example.org (Postroad) with ESMTPSA id 1ABC\r\n"
        "\tfor <lisa@example.com>; "
    )
    assert "john" not in field
    assert email.utils.parsedate_to_datetime(field.rpartition("; ")[2].partition(" (")[0]) == (
        datetime.fromtimestamp(int(NOW), UTC)
    )


@pytest.mark.parametrize(
    ("submission", "shown"),
    [
        (False, '\t(Client CN "mx.example.net", Issuer "Some ?authority?" (verified OK))\r\n'),
        (True, ""),  # a user's certificate is the user's business
    ],
)
def test_received_names_what_tls_knows_of_both_sides(submission: bool, shown: str) -> None:
    certificate = ClientCertificate("mx.example.net", "Some (authority)")
    tls = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "mail.example.org", certificate)
    source = Source("smtpd", CLIENT, "x", "ESMTPS", tls, submission=submission)

    field = received_field(source, "h", "1", LISA, NOW).decode()

    assert field.startswith(
        "Received: from x (mua.example.net [192.0.2.7])\r\n"
        "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n"
        "\tserver-name mail.example.org)\r\n"
        f"{shown}"
        "\tby h (Postroad) with ESMTPS id 1\r\n"
    )


def test_received_does_not_show_recipients_each_other() -> None:
    field = received_field(Source("smtpd", CLIENT, "x"), "h", "1", None, NOW)

    assert b"for <" not in field


def test_received_of_mail_made_here() -> None:
    field = received_field(Source("bounce"), "mail.example.org", "1ABC", LISA, NOW)

    assert field.startswith(b"Received: by mail.example.org (Postroad) id 1ABC\r\n\tfor <lisa@")


def test_received_writes_ipv6_as_a_literal() -> None:
    source = Source("smtpd", Client("2001:db8::7", 1), "[IPv6:2001:db8::7]", "ESMTP")

    field = received_field(source, "h", "1", LISA, NOW)

    assert field.startswith(b"Received: from [IPv6:2001:db8::7] (unknown [IPv6:2001:db8::7])\r\n")


@pytest.mark.parametrize("hello", ["evil) (x", "a\r\nX-Injected: yes", "two words", "", "a\x00b"])
def test_a_hello_cannot_break_the_field(hello: str) -> None:
    field = received_field(Source("smtpd", CLIENT, hello), "h", "1", LISA, NOW)

    first = field.split(b"\r\n")[0]
    assert first.endswith(b" (mua.example.net [192.0.2.7])")
    assert first.count(b"(") == 1
    assert field.count(b"\r\n") == 3


def test_date_is_rfc_5322() -> None:
    field = date_field(NOW).decode().strip()

    parsed = email.utils.parsedate_to_datetime(field.removeprefix("Date: ").partition(" (")[0])
    assert parsed.timestamp() == int(NOW)


def test_message_id_is_unique_by_queue_id_and_host() -> None:
    identifier, field = message_id_field("1ABC", "mail.example.org", NOW)

    assert identifier.endswith(".1ABC@mail.example.org>")
    assert field == f"Message-ID: {identifier}\r\n".encode()
