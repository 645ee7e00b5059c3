"""What is put right in a message of a local program."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.maildrop.correction import Author, LineEnds, corrected, split

ROOT = Author("root@x.example", "root", "MAILER-DAEMON@x.example")
RESENT = (b"Resent-Date: now\n", b"Resent-Message-ID: <r@x>\n")


@pytest.mark.parametrize(
    ("octets", "fields", "rest"),
    [
        (b"", b"", b"\n"),
        (b"\n", b"", b"\n"),
        (b"Subject: x\n\nbody", b"Subject: x\n", b"\nbody"),
        (b"Subject: x\n", b"Subject: x\n", b"\n"),
        (b"Subject: x\n folded\n\nb\n", b"Subject: x\n folded\n", b"\nb\n"),
        (b"no field\nTo: a\n\nb\n", b"", b"\nno field\nTo: a\n\nb\n"),
        (b"To: a\nno field\n\nb\n", b"To: a\n", b"\nno field\n\nb\n"),
        (b"From root Mon\n>From x\nTo: a\n\nb", b"To: a\n", b"\nb"),
        (b"hello", b"", b"\nhello"),
    ],
)
def test_where_the_header_ends(octets: bytes, fields: bytes, rest: bytes) -> None:
    assert split(octets) == (fields, rest)


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        (b"", b"From: root <root@x.example>\n"),
        (b"from: a@b.example\n", b"from: a@b.example\n"),
        (b"From: root (Cron)\nTo: john\n",
         b"From: root@x.example (Cron)\nTo: john@x.example\n"),
        (b"From: a@b\nBcc: eve\nBCC : x\nReturn-Path: <y>\nContent-Length: 3\n", b"From: a@b\n"),
        (b"From: a@b\nTo:john\n", b"From: a@b\nTo: john@x.example\n"),
        (b"From: a@b\nTo: john,\n\tanna\n", b"From: a@b\nTo: john@x.example,\n\tanna@x.example\n"),
        (b"From: a@b\nSubject: a\rBcc: b\x00\n", b"From: a@b\nSubject: a Bcc: b \n"),
        (b"From: a@b\nResent-To: c@d\nResent-Bcc: e\n",
         b"From: a@b\nResent-To: c@d\nResent-From: root <root@x.example>\n" + b"".join(RESENT)),
        (b"From: a@b\nTo: j\xf6rg\n", b"From: a@b\nTo: j\xf6rg@x.example\n"),
    ],
)  # fmt: skip
def test_the_header(fields: bytes, right: bytes) -> None:
    assert corrected(fields, ROOT, "x.example", RESENT) == right


@pytest.mark.parametrize(
    ("author", "text"),
    [
        (Author("a@b", "", "m@x"), "a@b"),
        (Author("a@b", "Ann Lee", "m@x"), "Ann Lee <a@b>"),
        (Author("a@b", "Lee, Ann", "m@x"), '"Lee, Ann" <a@b>'),
        (Author("a@b", 'x" <evil@x>\n', "m@x"), r'"x\" <evil@x>" <a@b>'),
        (Author("", "Ann", "m@x"), "m@x"),
    ],
)
def test_the_author(author: Author, text: str) -> None:
    assert author.text == text


def fed(octets: bytes, step: int) -> bytes:
    ends = LineEnds()
    parts = [ends.feed(octets[at : at + step]) for at in range(0, len(octets), step)]
    return b"".join([*parts, ends.finish()])


@pytest.mark.parametrize("step", [1, 2, 100])
@pytest.mark.parametrize(
    ("octets", "right"),
    [
        (b"", b""),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\rb\n", b"a b\r\n"),
        (b"a\r\r\nb", b"a \r\nb\r\n"),
        (b"a\r", b"a \r\n"),
        (b"\n\n", b"\r\n\r\n"),
    ],
)
def test_the_ends_of_lines(octets: bytes, right: bytes, step: int) -> None:
    assert fed(octets, step) == right


ENDS = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"."]), max_size=40).map(b"".join)


@given(ENDS, st.integers(1, 5))
def test_no_bare_end_of_a_line_is_left(octets: bytes, step: int) -> None:
    right = fed(octets, step)
    rest = right.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert right == fed(octets, 1000)
    assert not right or right.endswith(b"\r\n")
