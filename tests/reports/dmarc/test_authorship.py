"""Whose word a mail is: only what our border wrote above our Received field counts."""

from __future__ import annotations

import pytest

from postroad.reports.dmarc.authorship import proved_author

OURS = "mail.example.org"
PASS = "Authentication-Results: mail.example.org; dmarc=pass header.from=receiver.example\r\n"
RECEIVED = "Received: from x by mail.example.org; Wed, 15 Nov 2023 00:00:00 +0000\r\n"


def author(header: str, size: int = 10_000) -> str:
    octets = header.encode() + b"\r\nbody\r\n"
    return proved_author((octets[at : at + size] for at in range(0, len(octets), size)), OURS)


@pytest.mark.parametrize("size", [1, 50, 10_000])
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (PASS + RECEIVED, "receiver.example"),
        (
            "Authentication-Results: MAIL.example.org;\r\n\tspf=fail smtp.mailfrom=a@b.example;\r\n"
            "\tdkim=pass header.d=receiver.example;\r\n"
            "\tdmarc=pass (p=reject) header.from=Receiver.Example\r\n"
            "Received-SPF: fail\r\n" + RECEIVED,
            "receiver.example",
        ),
        # Another program of the operator's may have put a field of its own above.
        ("Authentication-Results: other.example; none\r\n" + PASS + RECEIVED, "receiver.example"),
        (PASS.replace("pass", "fail") + RECEIVED, ""),
        (PASS.replace("dmarc=pass", "dkim=pass") + RECEIVED, ""),
        (PASS.replace("\r\n", "; dmarc=fail header.from=other.example\r\n") + RECEIVED, ""),
        (PASS.replace("mail.example.org", "mail.example.net") + RECEIVED, ""),
        # What a stranger wrote is below.
        (RECEIVED + PASS, ""),
        (PASS.replace("pass", "fail") + PASS + RECEIVED, ""),
        ("Authentication-Results: mail.example.org; dmarc=\r\n" + RECEIVED, ""),
        ("Subject: x\r\n" * 8_000 + PASS + RECEIVED, ""),
        ("", ""),
    ],
)
def test_authors(header: str, expected: str, size: int) -> None:
    if len(header) > 10_000 and size == 1:
        size = 1_000
    assert author(header, size) == expected


def test_a_header_without_an_end() -> None:
    assert proved_author([PASS.encode()], OURS) == "receiver.example"
    assert proved_author([b"x" * 100_000], OURS) == ""
    assert proved_author([], OURS) == ""
