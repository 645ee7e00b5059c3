from __future__ import annotations

import pytest

from deliveries import Pieces
from postroad.delivery.utf8_header import MAX_LINE, has_utf8_header

PLAIN = "Subject: x\r\n\r\n"
PART = 'Subject: x\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("", False),
        ("Subject: x\r\n", False),
        ("Subject: Grüße\r\n", True),
        ("Subject: x\r\n\tGrüße", True),
        (PLAIN + "Grüße: x\r\n", False),
        (PLAIN + "Grüße\r\n\r\nSubject: Grüße", False),
        (PART + "Content-Type: text/plain\r\n\r\nGrüße\r\n--b--\r\n", False),
        (PART + "\r\nGrüße\r\n--b--\r\n", False),
        (PART + 'Content-Disposition: attachment; filename="Grüße"\r\n\r\n', True),
        (PART + 'Content-Disposition: attachment;\r\n filename="Grüße"\r\n\r\n', True),
        (PLAIN + "-- \r\nJürgen Müller\r\nTelefon 1\r\n", False),
        (PART + "Content-Type: message/rfc822\r\n\r\nSubject: Grüße\r\n\r\n", True),
        (PART + "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nGrüße\r\n", False),
        ("Content-Type: Message/RFC822\r\n\r\nSubject: x\r\nFrom: Jürgen\r\n", True),
        ("Subject: " + "x" * 2 * MAX_LINE + "\r\nFrom: Jürgen\r\n\r\n", True),
        ("Subject: " + "x" * 2 * MAX_LINE + "Jürgen\r\n\r\n", True),
        (PLAIN + "x" * 2 * MAX_LINE + "--b\r\nFrom: Jürgen\r\n", False),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000, 1_000_000])
def test_only_header_sections_count(text, needed, size):
    if len(text) > MAX_LINE and size < 100:
        size = 30_000
    octets = text.encode()
    pieces = tuple(octets[at : at + size] for at in range(0, len(octets), size))
    assert has_utf8_header(Pieces(pieces)) is needed
