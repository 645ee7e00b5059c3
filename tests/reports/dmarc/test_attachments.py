"""Reports in mail: types, names and encodings as senders choose them."""

from __future__ import annotations

import base64
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmarc_feedback import mail, record, report_mail, xml, zipped
from postroad.reports.arrival import Malformed
from postroad.reports.dmarc import attachments
from postroad.reports.dmarc.attachments import in_file, in_mail
from postroad.reports.dmarc.reading import Allowance

XML = xml().encode()
PACKED = gzip.compress(XML)


def named(value: object) -> str:
    """A file is different each time it is packed, and a name of a test must not be."""
    return value if isinstance(value, str) else "octets"


def only(octets: bytes) -> str:
    (report,) = in_mail([octets[:70], octets[70:]])
    return report.id


def bare(body: bytes, *fields: str) -> bytes:
    """A mail that is nothing but the file."""
    return "".join(f"{each}\r\n" for each in fields).encode() + b"\r\n" + body


@pytest.mark.parametrize(
    "octets",
    [
        mail(PACKED),
        mail(PACKED, kind="application/octet-stream", name="report"),
        mail(PACKED, kind="application/zip"),
        mail(PACKED, kind="text/xml"),
        mail(PACKED, kind="application/x-gzip"),
        mail(zipped(XML), kind="application/zip", name="r.zip"),
        mail(zipped(XML), kind="application/x-zip-compressed"),
        mail(zipped(XML), kind="application/gzip"),
        mail(XML, kind="text/xml", name="r.xml", encoding="8bit"),
        mail(XML, kind="application/xml", name="r.xml", encoding="7bit"),
        mail(XML, kind="text/plain", encoding="base64"),
        mail(XML, kind="nonsense"),
        bare(
            base64.encodebytes(PACKED),
            "Content-Type: application/gzip",
            "Content-Transfer-Encoding: BASE64",
        ),
        bare(base64.encodebytes(PACKED), "Subject: x", "content-transfer-encoding: base64"),
        bare(XML, "Subject: x"),
        # One that was forwarded, and one that a list put a footer on.
        mail(report_mail(), kind="message/rfc822", encoding="8bit"),
        report_mail().replace(b"--=_b--", b"--=_b\r\n\r\na footer\r\n--=_b--"),
        # A page beside it that looks like XML.
        mail(PACKED).replace(b"This is a report.", b"<?xml version='1.0'?><html></html>"),
    ],
    ids=named,
)
def test_a_report_is_found(octets: bytes) -> None:
    assert only(octets) == "id-1"


def test_several_files() -> None:
    one = mail(gzip.compress(xml(report_id="a").encode()))
    more = b"".join(
        b"--=_b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(gzip.compress(xml(report_id=f"m{n}").encode()))
        for n in range(9)
    )
    found = in_mail([one.replace(b"--=_b--", more + b"--=_b--")])
    assert [each.id for each in found] == ["a", "m0", "m1", "m2", "m3"]


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "no part"),
        (b"Subject: hi\r\n\r\nHello\r\n", "no part"),
        (mail(b"%PDF", kind="application/pdf"), "no part"),
        (mail(PACKED[:40] + b"\xff\xff\xff" + PACKED[43:]), "damaged"),
        (mail(PACKED).replace(b"H4sI", b"H4s", 1), "base64 is damaged"),
        (mail(gzip.compress(b"<?xml version='1.0'?><tlsrpt/>")), "no report on DMARC"),
        (mail(b"x" * 9_000_000, encoding="base64"), "longer than 10485760"),
    ],
    ids=named,
)
def test_none_is_found(octets: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        in_mail([octets])


def test_a_good_one_beside_a_bad_one() -> None:
    bad = (
        b"--=_b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(gzip.compress(b"<feedback/>"))
    )
    begin = b"--=_b\r\nContent-Type: application"
    assert only(mail(PACKED).replace(begin, bad + begin)) == "id-1"


def test_all_files_of_a_mail_share_one_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "Allowance", lambda: Allowance(elements=50))
    more = (
        b"--=_b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(gzip.compress(xml(report_id="b").encode()))
    )
    assert only(report_mail().replace(b"--=_b--", more + b"--=_b--")) == "id-1"


def test_files() -> None:
    for octets in (XML, PACKED, zipped(XML), report_mail(), zipped(PACKED)):
        assert [each.id for each in in_file(octets)] == ["id-1"]
    with pytest.raises(Malformed):
        in_file(b"\0" * 1_000)


def test_8bit_lines_keep_their_text() -> None:
    text = xml(record(), organization="Müller")
    (report,) = in_mail([mail(text.encode(), kind="text/xml", encoding="8bit")])
    assert report.organization == "Müller"


@given(st.binary(max_size=600))
def test_whatever_comes(octets: bytes) -> None:
    try:
        in_mail([octets])
        in_file(octets)
    except Malformed:
        return
