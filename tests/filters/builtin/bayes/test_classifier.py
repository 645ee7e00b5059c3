"""What tokens add up to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.bayes.classifier import (
    MINIMUM,
    MOST_ALIKE,
    Counts,
    combined,
    joined,
    judged,
)

MANY = 5_000


def counts(
    *tokens: tuple[int, int],
    spam: int = MANY,
    ham: int = MANY,
    weights: tuple[int, int] | None = None,
) -> Counts:
    return Counts(spam, ham, {f"t{at}": each for at, each in enumerate(tokens)}, weights)


@pytest.mark.parametrize(
    ("probabilities", "least", "most"),
    [
        ((), 0.5, 0.5),
        ((0.99,) * 10, 0.999, 1.0),
        ((0.01,) * 10, 0.0, 0.001),
        ((0.99,) * 10 + (0.01,) * 10, 0.49, 0.51),  # both are strong: nobody knows
        ((0.5,) * 100, 0.49, 0.51),
        ((1.0,) * 150, 0.999, 1.0),
        ((0.0, 1.0) * 75, 0.49, 0.51),
        ((0.9,), 0.6, 0.95),
    ],
)
def test_combined(probabilities: tuple[float, ...], least: float, most: float) -> None:
    assert least <= combined(probabilities) <= most


@given(st.lists(st.floats(0, 1), max_size=150))
def test_what_is_combined_is_a_probability(probabilities: list[float]) -> None:
    found = combined(probabilities)
    assert 0.0 <= found <= 1.0
    mirrored = combined([1.0 - each for each in probabilities])
    assert math.isclose(found + mirrored, 1.0, abs_tol=1e-6)


@given(st.lists(st.floats(0.01, 0.99), max_size=50), st.floats(0.6, 0.99))
def test_more_that_speaks_for_spam_never_makes_it_less_likely_than_less(
    probabilities: list[float], one: float
) -> None:
    assert combined([*probabilities, one]) >= combined([*probabilities, 1.0 - one]) - 1e-9


@pytest.mark.parametrize(
    ("spam", "ham", "says"),
    [
        (MINIMUM, MINIMUM, True),
        (MINIMUM - 1, MANY, False),
        (MANY, MINIMUM - 1, False),
        (0, 0, False),
    ],
)
def test_nothing_is_said_before_enough_is_learned(spam: int, ham: int, *, says: bool) -> None:
    found = judged(counts((50, 0), spam=spam, ham=ham))
    assert (found.probability is not None) is says
    assert (found.spam, found.ham) == (spam, ham)


def test_the_less_was_learned_the_less_sure_is_the_answer() -> None:
    strong = [(150, 0)] * 30
    young = judged(counts(*strong, spam=200, ham=200)).probability
    old = judged(counts(*strong)).probability
    assert young == pytest.approx(1 - 1.5 / 200)
    assert old == pytest.approx(1 - 1.5 / 5000)
    assert judged(counts(*[(0, 150)] * 30, spam=200, ham=200)).probability == pytest.approx(
        1.5 / 200
    )


@pytest.mark.parametrize(
    ("asked", "probability"),
    [
        (0, 0.99997),  # nobody said how many there are
        (30, 0.99997),
        (35, 0.99905),
        (36, 0.99889),  # 83 % are known: the classifier alone decides nothing
        (60, 0.99667),
        (3000, 0.9934),
    ],
)
def test_the_less_is_known_of_a_message_the_less_sure_is_the_answer(
    asked: int, probability: float
) -> None:
    found = judged(counts(*[(3000, 0)] * 30, spam=50_000, ham=50_000), asked=asked)
    assert found.probability == pytest.approx(probability, abs=1e-5)
    assert ("which knows" in found.words) is (asked > 35)


@pytest.mark.parametrize("mark", ["h:", "p:", "^", "s:^"])
def test_what_says_the_same_counts_a_few_times(mark: str) -> None:
    few, many = (
        judged(Counts(MANY, MANY, {f"{mark}{at}": (950, 50) for at in range(most)}))
        for most in (MOST_ALIKE, 40)
    )
    assert few.probability == many.probability


def test_a_page_among_letters_is_no_spam_by_its_tags() -> None:
    tags = ("html", "head", "body", "table", "tr", "td", "img", "a", "font", "br", "p", "title")
    said = {f"word{at}": (40, 60) for at in range(40)}
    page, words = (
        judged(Counts(MANY, MANY, said | {f"{mark}{each}": (3000, 250) for each in tags}))
        for mark in ("h:", "")
    )
    assert page.probability is not None
    assert words.probability is not None
    assert page.probability < 0.999 < words.probability


def test_a_class_of_which_more_was_learned_has_no_advantage() -> None:
    found = judged(counts(*[(100, 1000)] * 10, spam=500, ham=5000))
    assert found.probability == 0.5


def test_old_mail_may_weigh_less() -> None:
    full = judged(counts((400, 10), (10, 200), spam=1000, ham=1000))
    halved = judged(counts((200, 5), (5, 100), spam=1000, ham=1000, weights=(500, 500)))
    assert halved.probability == pytest.approx(full.probability, abs=0.01)
    # Halves that fall below the minimum do not take a memory out of use.
    assert judged(counts((50, 0), spam=200, ham=200, weights=(100, 100))).probability


def test_the_strongest_are_told_first_and_words_say_it() -> None:
    found = judged(counts((4000, 0), (30, 1), (1, 1), (0, 9)), whose="ann@example.org")
    assert [each.token for each in found.clues] == ["t0", "t3", "t1"]
    assert found.words.startswith("spam to 0.")
    assert "the memory of ann@example.org (5000 spam, 5000 ham): t0 1.00" in found.words
    assert judged(counts(spam=3, ham=4)).words == (
        "too little is learned to say: the memory of this site (3 spam, 4 ham)"
    )


def test_two_memories_are_one() -> None:
    first = Counts(300, 200, {"a": (3, 0), "b": (1, 1)})
    second = Counts(4, 5, {"a": (1, 2), "c": (0, 1)}, (2, 3))
    assert joined(first, second) == Counts(
        304, 205, {"a": (4, 2), "b": (1, 1), "c": (0, 1)}, (302, 203)
    )
