"""An account's memory that is too small to be asked alone is asked together with the site's."""

from __future__ import annotations

from pathlib import Path

from postroad.filters.builtin.bayes.classifier import Counts, joined
from postroad.filters.builtin.bayes.learning import Classifier, lesson_of
from postroad.filters.builtin.bayes.mark import mark_of
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.builtin.reading import message_of, read

JOHN, ANNA = "john@example.org", "anna@example.org"


def letter(words: str) -> bytes:
    return f"Message-ID: <{words.replace(' ', '.')}@test>\nSubject: hello\n\n{words}\n".encode()


def test_two_memories_as_one() -> None:
    first = Counts(3, 5, {"a": (1, 2), "b": (0, 1)})
    second = Counts(1, 0, {"b": (1, 0), "c": (1, 0)})
    both = joined(first, second)
    assert (both.spam, both.ham) == (4, 5)
    assert both.tokens == {"a": (1, 2), "b": (1, 1), "c": (1, 0)}


def test_what_one_account_has_learned_counts_for_it_at_once(tmp_path: Path) -> None:
    stores = Stores(tmp_path, print)
    stores.learn([lesson_of(letter(f"casino number{n}"), is_spam=True) for n in range(9)])
    stores.learn([lesson_of(letter(f"garden number{n}"), is_spam=False) for n in range(9)])
    stores.learn([lesson_of(letter("watches straps leather"), is_spam=True)], JOHN)
    judge = Classifier(stores, minimum=5).judge
    reading = read(*message_of(letter("watches leather straps")))

    johns, annas = judge(reading, JOHN), judge(reading, ANNA)
    assert johns.probability is not None
    assert annas.probability is not None
    assert johns.probability > 0.8
    assert annas.probability < 0.6
    assert (johns.learners, johns.spam, johns.ham) == (f"this site and {JOHN}", 10, 9)
    assert (annas.learners, annas.spam, annas.ham) == ("this site", 9, 9)


def test_a_message_that_both_have_learned_is_one_message(tmp_path: Path) -> None:
    stores = Stores(tmp_path, print)
    lessons = [lesson_of(letter(f"casino number{n}"), is_spam=True) for n in range(9)]
    lessons += [lesson_of(letter(f"garden number{n}"), is_spam=False) for n in range(9)]
    stores.learn(lessons)
    stores.learn([*lessons[3:12], lesson_of(letter("garden number8"), is_spam=True)], JOHN)
    assert stores.shared(JOHN) == (6, 3)  # the last is spam to John only
    assert stores.shared(ANNA) == (0, 0)
    reading = read(*message_of(letter("casino again")))
    verdict = Classifier(stores, minimum=11).judge(reading, JOHN)
    assert (verdict.probability, verdict.spam, verdict.ham) == (None, 10, 9)
    assert Classifier(stores, minimum=9).judge(reading, JOHN).probability is not None


def test_as_what_a_message_is_known(tmp_path: Path) -> None:
    stores = Stores(tmp_path, print)
    message = letter("soup")
    mark = mark_of(*message_of(message))
    assert stores.known(mark) is None
    stores.learn([lesson_of(message, is_spam=True)], JOHN)
    assert (stores.known(mark, JOHN), stores.known(mark)) == (True, None)
    stores.learn([lesson_of(message, is_spam=False)], JOHN)
    assert stores.known(mark, JOHN) is False
    stores.learn([lesson_of(message, is_spam=None)], JOHN)
    assert stores.known(mark, JOHN) is None
