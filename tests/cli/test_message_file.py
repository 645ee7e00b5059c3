"""Tests of reading a message that a command is given."""

import io
import os
import sys
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.cli import message_file
from postroad.cli.message_file import read_message
from postroad.cli.refusal import Refusal

OCTETS = b"Subject: \xff\r\n\r\nhello\0\n"


class GivenInput:
    """Standard input, with octets to read."""

    def __init__(self, octets: bytes) -> None:
        self.buffer = io.BytesIO(octets)


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "message.eml"
    file.write_bytes(OCTETS)
    assert read_message(str(file)) == OCTETS


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", GivenInput(OCTETS))
    assert read_message("-") == OCTETS


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "no such file or directory"), (".", "is a directory")]
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_message(str(tmp_path / name))
    assert caught.value.message == f"{tmp_path / name}: cannot be read: {words}"
    assert caught.value.status == os.EX_NOINPUT


@pytest.mark.parametrize("is_input", [False, True])
def test_it_has_a_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_input: bool) -> None:
    monkeypatch.setattr(message_file, "MOST_OCTETS", len(OCTETS))
    monkeypatch.setattr(sys, "stdin", GivenInput(OCTETS + b"x" if is_input else b""))
    fits = tmp_path / "fits"
    fits.write_bytes(OCTETS)
    assert read_message(str(fits)) == OCTETS
    larger = "-" if is_input else str(tmp_path / "larger")
    if not is_input:
        Path(larger).write_bytes(OCTETS + b"x")
    with pytest.raises(Refusal, match=f"is larger than {len(OCTETS)} octets") as caught:
        read_message(larger)
    assert caught.value.status == os.EX_DATAERR


MESSAGE = "From: Ann <ann@example.com>\nSubject: x\n\nHello\n"
FILTER = "async def on_data(session):\n    return None\n"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("dmarc check {}", "Subject: nobody's\n\nHello\n"),
        ("filter try filter.py {}", MESSAGE),
        ("spam explain --no-dns {}", MESSAGE),
        ("spam unlearn {}", MESSAGE),
        ("directory import --dry-run --format csv {}", "kind,name\n"),
    ],
)
def test_a_file_may_be_named_as_standard_input_is(
    command_line: CommandLine, words: str, text: str
) -> None:
    """`./-` is a file, as it is for every program; there is no message on standard input."""
    Path("filter.py").write_text(FILTER)
    for name in ("-", "other"):
        Path(name).write_text(text)
    shown = [command_line(*words.format(name).split()) for name in ("./-", "./other")]
    assert shown[0] == shown[1]
    assert shown[0].err == ""
