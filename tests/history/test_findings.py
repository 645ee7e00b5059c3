"""What is kept of findings."""

from __future__ import annotations

import json

import pytest

from postroad.history.findings import MOST_FINDINGS, MOST_WORDS, findings_text
from postroad.model.letter import Finding

RULES = ", ".join(f"RULE_NUMBER_{number} +0.{number % 10} (why)" for number in range(60))


def kept(words: str) -> list[dict[str, object]]:
    finding = Finding("spam", "spam", words, {"tests": words})
    found: list[dict[str, object]] = json.loads(findings_text([finding]))
    return found


def test_all_rules_of_a_spam_filter_are_kept() -> None:
    assert kept(RULES) == [
        {"by": "spam", "result": "spam", "words": RULES, "details": {"tests": RULES}}
    ]


@pytest.mark.parametrize("size", [MOST_WORDS, MOST_WORDS + 1, 100_000])
def test_what_is_cut_shows_it(size: int) -> None:
    (found,) = kept("x" * size)
    words = str(found["words"])
    assert len(words) == MOST_WORDS
    assert words.endswith("…") == (size > MOST_WORDS)


def test_of_very_many_the_first_are_kept() -> None:
    many = [Finding("dkim", "pass", str(number)) for number in range(MOST_FINDINGS + 5)]
    assert len(json.loads(findings_text(many))) == MOST_FINDINGS
