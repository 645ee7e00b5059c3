"""Every restriction has words, and they are those of the place that it stands in."""

from __future__ import annotations

import pytest

from postroad.policy import RESTRICTIONS, Argument, SharedPolicySettings, Stage, Surroundings
from postroad.policy.meanings import MEANINGS, meaning_of
from postroad.policy.rule import CLOSING_RULE
from postroad.policy.rules import read_list


def test_each_restriction_has_words_and_nothing_else_has() -> None:
    assert sorted(MEANINGS) == sorted(RESTRICTIONS)


@pytest.mark.parametrize("name", MEANINGS)
def test_the_words_name_the_argument_and_say_if_it_permits(name: str) -> None:
    words, restriction = MEANINGS[name], RESTRICTIONS[name]
    assert ("{argument}" in words) is (restriction.argument is not Argument.NONE)
    assert not words.startswith("permits") or restriction.permits
    assert not words.startswith("refuses") or not restriction.permits
    assert words == words.strip().rstrip(".")


def test_rules_in_their_places() -> None:
    classes = {"careful": ("reject_non_fqdn_sender",)}
    surroundings = Surroundings(settings=SharedPolicySettings(classes=classes))
    texts = ["warn_if_reject reject_rbl_client zen.example", "careful"]
    (warned, named), wrong = read_list(Stage.RECIPIENT, texts, surroundings)
    assert wrong == []
    assert "on the DNS list zen.example; only the log is told" in meaning_of(warned)
    assert "a list of yours" in meaning_of(named)
    assert "every domain that is not ours" in meaning_of(CLOSING_RULE)
