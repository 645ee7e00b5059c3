"""From a message to its lesson and its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.filters.builtin.bayes.learning import Classifier, lesson_of
from postroad.filters.builtin.bayes.mark import mark_of
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.builtin.reading import Reading, message_of, read

ANN = "ann@example.org"
SPAM = b"Message-ID: <%d@x.example>\nSubject: Cheap pills\n\nBuy cheap pills today, number %d\n"
HAM = b"Message-ID: <%d@y.example>\nSubject: Tomorrow\n\nShall we meet for lunch? Number %d\n"


def reading(octets: bytes) -> Reading:
    return read(*message_of(octets))


def taught(folder: Path, spam: int, ham: int, whose: str = "") -> Stores:
    stores = Stores(folder, pytest.fail)
    stores.learn([lesson_of(SPAM % (at, at), is_spam=True) for at in range(spam)], whose)
    stores.learn([lesson_of(HAM % (at, at), is_spam=False) for at in range(ham)], whose)
    return stores


def test_what_was_learned_is_judged_by(tmp_path: Path) -> None:
    classifier = Classifier(taught(tmp_path, 12, 12), minimum=10)
    spam = classifier.judge(reading(b"Subject: pills\n\nbuy cheap pills today\n")).probability
    ham = classifier.judge(reading(b"Subject: lunch\n\nshall we meet\n")).probability
    unknown = classifier.judge(reading(b"Xylophone: zzz\n\nquite another matter\n")).probability
    assert spam is not None
    assert ham is not None
    assert spam > 0.8
    assert ham < 0.2
    assert unknown == 0.5


def test_an_account_has_its_own_memory_once_that_knows_enough(tmp_path: Path) -> None:
    stores = taught(tmp_path, 12, 12)
    # What the site takes for spam is what Ann writes about.
    stores.learn([lesson_of(SPAM % (at, at), is_spam=False) for at in range(12)], ANN)
    classifier = Classifier(stores, minimum=10)
    message = reading(b"Subject: pills\n\nbuy cheap pills today\n")
    young = classifier.judge(message, ANN)
    assert (young.learners, young.spam, young.ham) == (f"this site and {ANN}", 12, 24)
    stores.learn([lesson_of(HAM % (at, at), is_spam=True) for at in range(12)], ANN)
    own = classifier.judge(message, ANN)
    assert own.learners == ANN
    assert own.probability is not None
    assert own.probability < 0.2
    assert classifier.judge(message, "bob@example.org").learners == "this site"


def test_a_memory_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "site.db").mkdir()
    found = Classifier(Stores(tmp_path, pytest.fail)).judge(reading(b"Subject: x\n\ny"), ANN)
    assert found.probability is None
    assert "unable to open database file" in found.trouble
    assert found.words.startswith("not asked: ")


@pytest.mark.parametrize(
    "other",
    [
        b"Message-ID: <1@x.example>\r\nSubject: a\r\n\r\nbody\r\n",
        b"Return-Path: <>\nReceived: x\nMessage-ID: <1@x.example>\nX-Spam-Flag: YES\n\nbody\n",
        b"Message-ID:\n <1@x.example>\n\nbody\n\n",
        b"From ann@example.org Tue Nov 14 22:13:20 2023\nMessage-ID: <1@x.example>\n\nbody",
    ],
)
def test_the_same_message_has_the_same_mark(other: bytes) -> None:
    message = b"Message-ID: <1@x.example>\nSubject: a\n\nbody\n"
    assert lesson_of(other, is_spam=True).mark == lesson_of(message, is_spam=True).mark


@pytest.mark.parametrize(
    "other",
    [
        b"Message-ID: <2@x.example>\n\nbody\n",
        b"Message-ID: <1@x.example>\n\nanother\n",
        b"\nbody\n",
        b"Message-ID: <1@x.example>body\n\n",
    ],
)
def test_another_message_has_another_mark(other: bytes) -> None:
    assert mark_of(*message_of(other)) != mark_of(*message_of(b"Message-ID: <1@x.example>\n\nbody"))
