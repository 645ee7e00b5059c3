"""What the classifier says, beside rules that have read the same."""

from __future__ import annotations

import pytest

from postroad.filters.builtin.appraisal import remembered
from postroad.filters.builtin.bands import MOST_READ, READ_CAP, band_of
from postroad.filters.builtin.bayes.classifier import Verdict
from postroad.filters.builtin.rule import Hit
from postroad.filters.builtin.settings import BuiltinSettings

SPAM, SURE, GOOD = (Verdict(each, 2000, 2000) for each in (0.995, 0.9995, 0.001))
READ = (Hit("HTML_ONLY", 0.4, ""), Hit("TEXT_SCATTERED", 1.8, ""))


def sums(verdict: Verdict, *hits: Hit, **points: float) -> float:
    return sum(each.points for each in (*hits, *remembered(verdict, points, hits)))


def test_one_evidence_does_not_count_twice() -> None:
    assert sums(SPAM, *READ) == pytest.approx(3.5 + MOST_READ)
    assert sums(SPAM, *READ) < BuiltinSettings().junk <= sums(SURE)
    assert [each.name for each in remembered(SPAM, {}, READ)] == ["BAYES_99", READ_CAP]


def test_what_is_not_read_counts_as_ever() -> None:
    assert sums(SPAM, *READ, Hit("SPF_FAIL", 1.5, "")) == pytest.approx(5.0 + MOST_READ)


@pytest.mark.parametrize("verdict", [GOOD, Verdict(0.5, 300, 300), Verdict(None, 3, 3)])
def test_beside_one_that_speaks_for_nothing_rules_count_in_full(verdict: Verdict) -> None:
    own = 0.0 if verdict.probability is None else band_of(verdict.probability).points
    assert sums(verdict, *READ) == pytest.approx(own + 2.2)


@pytest.mark.parametrize("probability", [0.6, 0.8, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("read", [1.0, 2.2, 4.5, 7.0])
def test_who_is_surer_of_spam_never_gives_less(probability: float, read: float) -> None:
    hit = Hit("TALK_ADULT", read, "")
    assert sums(Verdict(probability, 2000, 2000), hit) >= sums(Verdict(None, 3, 3), hit)


def test_operators_points_are_theirs() -> None:
    assert sums(SPAM, *READ, TEXT_SCATTERED=1.8) == pytest.approx(3.5 + 2.2)
    assert sums(SPAM, *READ, READ_CAP=0) == pytest.approx(3.5 + 2.2)
    assert sums(SPAM, *READ, READ_CAP=2) == pytest.approx(3.5 + 2.0)
