"""What other servers say when they refuse mail, as it stands in real logs, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.history.refusal import TABLE, meaning_of

GOOGLE = "gmail-smtp-in.l.google.com[142.250.102.27]:25"
HOST = "mx.example.net[192.0.2.1]:25"


def said() -> Iterator[tuple[str, str, str, str]]:
    """Host, cause, part of the words and reply, of each refusal in the file."""
    text = (Path(__file__).parent / "refusals.txt").read_text()
    for block in text.split("\n\n")[1:]:
        host, expected, reply = block.strip().split("\n")
        cause, _, words = expected.partition(": ")
        yield host, cause, words, reply


@pytest.mark.parametrize(("host", "cause", "words", "reply"), list(said()))
def test_what_it_means(host: str, cause: str, words: str, reply: str) -> None:
    meaning = meaning_of(reply, host)
    assert meaning is not None
    assert (meaning.cause.value, words in meaning.words) == (cause, True), meaning


@pytest.mark.parametrize(
    ("reply", "asks"),
    [
        ("421 4.7.28 unusual rate of unsolicited mail", True),
        ("450 4.7.1 Error: too much mail from 192.0.2.9", True),
        ("450 4.2.0 Greylisted", False),
        ("550 5.1.1 User unknown", False),
    ],
)
def test_who_is_to_get_less(reply: str, asks: bool) -> None:
    meaning = meaning_of(reply)
    assert meaning is not None
    assert meaning.asks_for_less is asks


@pytest.mark.parametrize(
    "reply",
    ["250 2.0.0 Ok: queued as 4XyZ", "550 5.0.0 No.", "", "no reply at all", "554 5.5.1 Error"],
)
def test_nothing_is_said_of_what_is_not_known(reply: str) -> None:
    assert meaning_of(reply, HOST) is None


@pytest.mark.parametrize(
    ("said", "host", "cause"),
    [
        ("550 5.1.1 <hm12@example.net>: Recipient address rejected: User unknown", HOST, "mailbox"),
        (
            "550 5.1.1 <hm12@example.net>: User unknown",
            "mx01.mail.icloud.com[17.57.8.1]",
            "mailbox",
        ),
        ("550 5.1.1 no such user ofr_506@spamcop.example here", HOST, "mailbox"),
        ("421 4.7.28 mail flood detected", HOST, "throttled"),
        ("451 4.7.1 permanently deferred, greylisted", HOST, "greylisted"),
        ("421 4.7.0 mx.google.com: Try again later, closing connection.", GOOGLE, "throttled"),
        ("421 4.7.0 mx.google.com: Try again later, closing connection.", "", "throttled"),
        ("550 SC-001 (SNT004-MC2F40) Unfortunately, messages from 192.0.2.9", "", "reputation"),
        ("550 5.7.1 <http://x.example/why?a=spam@example.org> SPF fail", HOST, "authentication"),
    ],
)
def test_whose_words_they_are(said: str, host: str, cause: str) -> None:
    meaning = meaning_of(said, host)
    assert meaning is not None
    assert meaning.cause.value == cause
    assert "Apple" not in meaning.words
    assert ("Google" in meaning.words) is ("google" in said)


@pytest.mark.parametrize(
    "reply", ["550 5.7.29 No.", "550 SC-001", "450 S3150", "550 DY-001", "550 HM08 closed"]
)
def test_a_code_of_a_provider_is_nobody_elses(reply: str) -> None:
    assert meaning_of(reply, HOST) is None


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.pattern[:30])
def test_every_entry_is_whole_sentences(entry) -> None:
    assert entry.words.endswith(".")
    assert entry.words.isascii()
    assert 40 < len(entry.words) < 320
    assert "  " not in entry.words
    assert not re.search(r"\\[A-Z]", entry.pattern)  # it is made into small letters


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=3000), st.text(max_size=300))
def test_any_text_will_do(text: str, host: str) -> None:
    meaning = meaning_of(f"450 {text}", host)
    assert meaning is None or meaning.words
