"""Postfix's queue files: read record by record, and nothing read of what is not whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.adopt.postfix.queue_file import (
    OldRecipient,
    QueueFileMistake,
    contents,
    read_queue_file,
)

ENVELOPE = [
    ("C", "            120             500               2               0             120"),
    ("T", "1700000000 250000"),
    ("A", "rewrite_context=remote"),
    ("A", "encoding=8bit"),
    ("S", "john@example.org"),
    ("A", "sasl_username=john@example.org"),
    ("i", "id+2B1"),
    ("<", "2"),
    ("D", "gone@example.net"),
    ("O", "list@example.org"),
    ("n", "12"),
    ("o", "rfc822;list@example.org"),
    ("R", "lisa@example.net"),
    ("R", "carl@example.net"),
]
BODY = [("N", "Subject: hello"), ("N", ""), ("L", "a long "), ("N", "line"), ("w", "padding")]


def record(letter: str, text: str) -> bytes:
    data, length = text.encode(), b""
    rest = len(data)
    while True:
        rest, low = rest >> 7, rest & 0x7F
        length += bytes([low | (0x80 if rest else 0)])
        if not rest:
            return letter.encode() + length + data


def whole() -> bytes:
    records = [*ENVELOPE, ("M", ""), *BODY, ("X", ""), ("R", "late@example.net"), ("E", "")]
    return b"".join(record(letter, text) for letter, text in records)


def test_a_message_is_read(tmp_path: Path) -> None:
    path = tmp_path / "4ABC"
    path.write_bytes(whole())
    message = read_queue_file(path)
    assert message.sender == "john@example.org"
    assert message.arrived == 1_700_000_000.25
    assert message.attributes["encoding"] == "8bit"
    assert (message.envid, message.ret) == ("id+2B1", 2)
    assert message.recipients == [
        OldRecipient("lisa@example.net", "list@example.org", "rfc822;list@example.org", 12),
        OldRecipient("carl@example.net"),
        OldRecipient("late@example.net"),
    ]
    assert b"".join(contents(path, message)) == b"Subject: hello\r\n\r\na long line\r\n"


def test_a_pointer_leads_on(tmp_path: Path) -> None:
    path = tmp_path / "4ABC"
    before = record("T", "1 2") + record("S", "") + record("R", "lisa@example.net")
    body = record("N", "Subject: new") + record("X", "") + record("E", "")
    pointer = len(record("p", f"{0:15d}"))
    old = record("N", "Subject: old")
    start = len(before) + len(record("M", "")) + pointer + len(old)
    path.write_bytes(before + record("M", "") + record("p", f"{start:15d}") + old + body)
    message = read_queue_file(path)
    assert message.sender == ""
    assert b"".join(contents(path, message)) == b"Subject: new\r\n"


def test_pointers_in_a_circle_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.adopt.postfix.queue_file.MAX_RECORDS", 1000)
    path = tmp_path / "4ABC"
    first = record("T", "1 2")
    path.write_bytes(first + record("p", f"{len(first):15d}"))
    with pytest.raises(QueueFileMistake, match="circle"):
        read_queue_file(path)


@given(st.integers(0, len(whole()) - 3))
def test_what_is_cut_off_is_not_read(tmp_path_factory: pytest.TempPathFactory, at: int) -> None:
    path = tmp_path_factory.getbasetemp() / "cut"
    path.write_bytes(whole()[:at])
    with pytest.raises(QueueFileMistake):
        read_queue_file(path)


@given(st.binary(max_size=200))
def test_other_octets_are_a_mistake_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "odd"
    path.write_bytes(octets)
    with pytest.raises(QueueFileMistake):
        read_queue_file(path)


@pytest.mark.parametrize(
    "odd",
    [
        ("T", "9" * 400),
        ("T", "999999999999999 0"),
        ("T", "-5 0"),
        ("T", "٣٣٣ 0"),
        ("p", "9" * 30),
        ("p", "-5"),
        ("n", "9" * 400),
        ("<", ""),
    ],
)
def test_numbers_have_bounds(tmp_path: Path, odd: tuple[str, str]) -> None:
    path = tmp_path / "4ABC"
    path.write_bytes(record(*odd) + whole())
    with pytest.raises(QueueFileMistake):
        read_queue_file(path)


def test_an_address_that_is_no_text_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "4ABC"
    path.write_bytes(b"R\x0fj\xffhn@example.net" + whole())
    with pytest.raises(QueueFileMistake, match="UTF-8"):
        read_queue_file(path)


def test_a_content_without_its_end_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "4ABC"
    records = [*ENVELOPE, ("M", ""), *BODY, ("E", "")]
    path.write_bytes(b"".join(record(letter, text) for letter, text in records))
    with pytest.raises(QueueFileMistake, match="content"):
        read_queue_file(path)
