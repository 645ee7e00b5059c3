"""Phrases are found whatever stands between their words, in time that is bounded by the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.phrases import MOST_SAID, said_in, words_of
from postroad.filters.builtin.vocabulary import PHRASES


@pytest.mark.parametrize(
    ("text", "topic", "phrases"),
    [
        ("Work from HOME today", "earnings", ("work from home",)),
        ("work\n  from-home", "earnings", ("work from home",)),
        ("earn $5,000.00 a week", "earnings", ("earn $#",)),
        ("save 70% now", "urging", ("save #%",)),
        ("Don't wait! Don\u2019t wait", "urging", ("dont wait",)),
        ("no pre\u00adscrip\u200btion", "remedies", ("no prescription",)),
        ("\U0001d5fb\U0001d5fc \uff50rescription", "remedies", ("no prescription",)),
        ("to be removed from", "excuses", ("to be removed",)),
        ("E-Mail marketing", "crowds", ("email marketing",)),
        ("Sie haben gewonnen", "winnings", ("sie haben gewonnen",)),
        ("VOUS AVEZ GAGN\u00c9", "winnings", ("vous avez gagn\u00e9",)),
        ("ganar   dinero", "earnings", ("ganar dinero",)),
        ("\u0412\u044b \u0432\u044b\u0438\u0433\u0440\u0430\u043b\u0438", "winnings", None),
    ],
)
def test_a_phrase_is_found(text: str, topic: str, phrases: tuple[str, ...] | None) -> None:
    found = said_in([text]).get(topic, ())
    assert found == phrases if phrases is not None else len(found) == 1


@pytest.mark.parametrize(
    "text", ["workshop from home", "homework", "casinoless", "see you at noon", "", "\U0001f4b0"]
)
def test_pieces_of_words_are_no_phrases(text: str) -> None:
    assert said_in([text]) == {}


def test_a_phrase_counts_once_and_shared_words_once() -> None:
    assert said_in(["money back guarantee", "money back; money back"])["urging"] == (
        "money back guarantee",
        "money back",
    )


def test_what_is_behind_the_bound_is_not_searched() -> None:
    assert said_in(["x " * MOST_SAID + "viagra"]) == {}
    assert said_in(["a" + "\u0301\u0316" * MOST_SAID + " viagra"]) == {}


def test_every_phrase_of_the_vocabulary_is_found_as_it_stands() -> None:
    for topic, phrases in PHRASES.items():
        rows = [" ".join(each.split()) for each in phrases.split(";") if each.strip()]
        assert len(rows) == len(set(rows))
        for row in rows:
            assert said_in([row.replace("#", "7")]).get(topic) == (row,)


@given(st.text(max_size=300))
def test_any_text_can_be_searched(text: str) -> None:
    words = words_of(text)
    assert all(words)
    assert said_in([text]).keys() <= PHRASES.keys()
