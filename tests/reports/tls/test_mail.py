"""A report as mail, as the standard library reads it; and reports in mails that strangers wrote."""

from __future__ import annotations

import gzip
import time
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.reports.arrival import Malformed
from postroad.reports.letter import Head
from postroad.reports.tls.mail import filename, letter, packed
from postroad.reports.tls.reading import parse
from postroad.reports.unpacking import MOST_JSON, MOST_MAIL, report_in, unpacked
from report_world import EXAMPLE

REPORT = parse(EXAMPLE.read_bytes())
HEAD = Head(
    "example.net", "mail.example.org", "postmaster@example.org", "tls@example.net", REPORT.id
)
BOMB = gzip.compress(b" " * (MOST_JSON + 1))


def written() -> EmailMessage:
    message = message_from_bytes(letter(HEAD, REPORT, 1.8e9), policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def test_it_is_what_the_rfc_wants() -> None:
    message = written()
    assert not message.defects
    assert message.get_content_type() == "multipart/report"
    assert message["Content-Type"].params["report-type"] == "tlsrpt"
    assert message["From"] == "postmaster@example.org"
    assert message["To"] == "tls@example.net"
    assert message["TLS-Report-Domain"] == "example.net"
    assert message["TLS-Report-Submitter"] == "mail.example.org"
    assert message["TLS-Required"] == "No"
    assert message["Auto-Submitted"] == "auto-generated"
    assert " ".join(message["Subject"].split()) == (
        "Report Domain: example.net Submitter: mail.example.org"
        " Report-ID: <5065427c-23d3-47ca-b6e0-946ea0e8c4be>"
    )
    words, attached = message.iter_parts()
    assert "5326 succeeded, 303 failed" in words.get_content()
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    assert attached.get_filename() == (
        "mail.example.org!example.net!1459468800!1459555199"
        "!5065427c-23d3-47ca-b6e0-946ea0e8c4be.json.gz"
    )
    assert parse(gzip.decompress(attached.get_content())) == REPORT


def test_a_repeat_can_be_known_for_one() -> None:
    again = message_from_bytes(letter(HEAD, REPORT, 1.9e9))
    assert again["Message-ID"] == written()["Message-ID"]
    assert packed(REPORT) == packed(REPORT)
    assert filename("a.test", "b.test", REPORT).startswith("b.test!a.test!1459468800!")


def test_every_line_may_travel() -> None:
    octets = letter(HEAD, REPORT, 1.8e9)
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) < 200
    assert b"\n" not in octets.replace(b"\r\n", b"")


@pytest.mark.parametrize("piece", [1, 7, 65_536])
def test_what_is_sent_is_read(piece: int) -> None:
    octets = letter(HEAD, REPORT, 1.8e9)
    chunks = (octets[at : at + piece] for at in range(0, len(octets), piece))
    assert parse(report_in(chunks)) == REPORT


def foreign(kind: str, octets: bytes, *, name: str = "", encoding: str = "base64") -> bytes:
    """A mail as another program makes it."""
    message = EmailMessage()
    message["Subject"] = "Report Domain: example.org"
    message.set_content("A report.")
    main, _, sub = kind.partition("/")
    message.add_attachment(octets, maintype=main, subtype=sub, filename=name or None, cte=encoding)
    return message.as_bytes(policy=policy.SMTP)


def nested(depth: int, inner: bytes) -> bytes:
    for level in range(depth):
        mark = b"b%d" % level
        head = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n' % mark
        inner = head + b"--%b\r\n" % mark + inner + b"\r\n--%b--\r\n" % mark
    return inner


PLAIN = EXAMPLE.read_bytes()
ZIPPED = gzip.compress(PLAIN)


@pytest.mark.parametrize(
    "mail",
    [
        foreign("application/tlsrpt+gzip", ZIPPED),
        foreign("application/tlsrpt+json", PLAIN),
        foreign("application/tlsrpt+json", PLAIN, encoding="quoted-printable"),
        foreign("application/gzip", ZIPPED, name="a!b!1!2.json.gz"),
        foreign("application/octet-stream", ZIPPED, name="a!b!1!2.JSON.GZ"),
        nested(2, foreign("application/tlsrpt+gzip", ZIPPED)),
        b"Content-Type: application/tlsrpt+json\r\n\r\n" + PLAIN,
        b"Content-Type: application/tlsrpt+json\n\n" + PLAIN,
    ],
)
def test_other_programs_write_it_in_other_ways(mail: bytes) -> None:
    assert parse(report_in([mail])) == REPORT


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (b"", "no part that is a report"),
        (b"Subject: hi\r\n\r\nHello", "no part that is a report"),
        (foreign("application/gzip", ZIPPED, name="holiday.tgz"), "no part that is a report"),
        (foreign("application/tlsrpt+gzip", BOMB), "longer than 2097152 octets, unpacked"),
        (foreign("application/tlsrpt+gzip", ZIPPED[:200]), "the gzip file has no end"),
        (
            foreign("application/tlsrpt+gzip", ZIPPED[:10] + b"\xff" * 50),
            "the gzip file is damaged",
        ),
        (foreign("application/tlsrpt+json", b" " * (MOST_JSON + 1)), "longer than 2097152"),
        (b"x" * (MOST_MAIL + 1), "the mail is longer than 4194304 octets"),
        (nested(100, foreign("application/tlsrpt+gzip", ZIPPED)), "no part that is a report"),
        (b"Content-Type: multipart/report\r\n\r\n", "no part that is a report"),
        (b"Content-Type: multipart/x; boundary=b\r\n\r\n" + b"--b\r\n" * 600_000, "no part"),
        (b"Content-Type: multipart/x; boundary*=x''%FF\r\n\r\n--x\r\n", "no part"),
    ],
)
def test_what_is_none_is_refused(mail: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        report_in([mail])


def test_two_bombs_in_one_file_are_one_too_much() -> None:
    assert unpacked(gzip.compress(b"a") + gzip.compress(b"b")) == b"a"


@given(st.binary(max_size=300), st.integers(0, 2_000), st.integers(0, 2_000))
def test_no_octets_raise_anything_else(octets: bytes, start: int, end: int) -> None:
    mail = bytearray(foreign("application/tlsrpt+gzip", ZIPPED))
    mail[min(start, end) : max(start, end)] = octets
    with suppress(Malformed):
        assert parse(report_in([bytes(mail)])).id


def test_the_date_is_the_one_of_sending() -> None:
    sent = time.gmtime(1.8e9)
    assert written()["Date"].datetime.timetuple()[:6] == sent[:6]
