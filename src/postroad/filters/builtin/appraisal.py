"""What the built-in filter finds in a message, added up; without files, DNS or threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from postroad.filters.builtin.bands import MOST_READ, READ_CAP, band_of
from postroad.filters.builtin.bayes.classifier import Verdict
from postroad.filters.builtin.case import Case
from postroad.filters.builtin.manner_rules import MANNER_RULES
from postroad.filters.builtin.markup_rules import MARKUP_RULES
from postroad.filters.builtin.rule import Hit, shown
from postroad.filters.builtin.rules import POINTS, RULES
from postroad.filters.builtin.text_rules import TEXT_RULES
from postroad.filters.builtin.topic_rules import MOST_TALK, TALK_CAP, TOPIC_RULES

__all__ = ["Appraisal", "appraised", "hits_of", "remembered"]


class Appraisal(NamedTuple):
    """What was found.

    Attributes:
        hits: what counts for or against the message, the weightiest first.
        verdict: of the classifier.
    """

    hits: tuple[Hit, ...]
    verdict: Verdict

    @property
    def points(self) -> float:
        """All together."""
        return round(sum(each.points for each in self.hits), 3)


def appraised(hits: Iterable[Hit], verdict: Verdict) -> Appraisal:
    """Put what was found in order."""
    return Appraisal(tuple(sorted(hits, key=lambda each: -abs(each.points))), verdict)


def hits_of(case: Case, points: Mapping[str, float]) -> list[Hit]:
    """The rules that apply to a message.

    Args:
        case: the message.
        points: of rules that an operator gave others; a rule of 0 is not asked.
    """
    found: list[Hit] = []
    for rule in RULES:
        worth = points.get(rule.name, rule.points)
        said = rule.test(case) if worth else ""
        if said:
            what = f"{rule.words}: {shown(said)}" if isinstance(said, str) else rule.words
            found.append(Hit(rule.name, worth, what))
    return [*found, *_too_much(found, points)]


def _too_much(hits: Iterable[Hit], points: Mapping[str, float]) -> list[Hit]:
    """What topics have together above the cap is taken away again: words alone make no spam."""
    most = points.get(TALK_CAP, MOST_TALK)
    talk = sum(each.points for each in hits if each.name in _TOPICS and each.name not in points)
    if not most or talk <= most:
        return []
    return [Hit(TALK_CAP, round(most - talk, 3), "what it talks of counts no more than this")]


_TOPICS = frozenset(each.name for each in TOPIC_RULES)


_READ = (
    TALK_CAP,
    *(each.name for each in (*TOPIC_RULES, *TEXT_RULES, *MANNER_RULES, *MARKUP_RULES)),
)


def remembered(
    verdict: Verdict, points: Mapping[str, float], hits: Iterable[Hit] = ()
) -> list[Hit]:
    """What the classifier says, in points; nothing where it has learned too little.

    It has read what the rules about text have read, and tells it in its own points. Where it speaks
    for spam, theirs count no more than `MOST_READ` beside it: one evidence does not count twice.

    Args:
        verdict: the classifier's.
        points: of rules that an operator gave others.
        hits: the rules that apply.
    """
    if verdict.probability is None:
        return []
    band = band_of(verdict.probability)
    worth = points.get(band.name, POINTS[band.name])
    if not worth:
        return []
    words = f"spam to {verdict.probability:.3f} by what {verdict.learners} has learned"
    said = Hit(band.name, worth, words)
    most = points.get(READ_CAP, MOST_READ)
    rest = sum(each.points for each in hits if each.name in _READ and each.name not in points)
    if worth < 0 or not most or rest <= most:
        return [said]
    # No more than it adds is taken away: what it is surer of is never less spam.
    twice = min(worth, rest - most)
    return [said, Hit(READ_CAP, round(-twice, 3), "the classifier has read the same")]
