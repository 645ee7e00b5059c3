"""What is done about a message that was given a score: fields that tell it, and the refusal.

All filters that score do the same here, so that mail is sorted the same way whoever scored it. Who
gave the score is not known. Nothing is thrown away: a message is taken with its score in its
header, or its sender is told that it was not.

Whether a message is junk is decided for each account when it is delivered (`delivery.filing`), by
these fields. What a sender is told is decided once, for all recipients: it is refused if all of
them would refuse it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from postroad.filters.scoring_settings import ScoringSettings
from postroad.model import Address, Reply
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter, Opinion

__all__ = ["NO_WISHES", "SPAM_FIELDS", "Score", "Scoring", "Wish", "Wishes", "read_points"]

SPAM_FIELDS = ("X-Spam-Flag", "X-Spam-Score", "X-Spam-Level", "X-Spam-Status")
"""What is written, from the top."""

MOST_STARS = 50
"""Of X-Spam-Level: more than any threshold."""

MOST_TESTS = 100
"""Names that are told; SpamAssassin has some thousand, of which few apply to one message."""

_TEST = re.compile(r"[A-Za-z0-9_.:/-]{1,64}\Z")
_LINE = 76  # octets of a line of a folded field


@dataclass(frozen=True, slots=True)
class Score:
    """What a filter thinks of a message.

    Attributes:
        points: the more, the more it is like spam.
        required: from how many on the filter's operator takes it for spam.
        tests: the names of what was found.
        is_spam: the filter takes it for spam by rules of its own, whatever the points are.
        is_refused: likewise, so much that it wants it refused.
    """

    points: float
    required: float
    tests: tuple[str, ...] = ()
    is_spam: bool = False
    is_refused: bool = False


class Wish(NamedTuple):
    """The thresholds of one account; `None`: as everybody's.

    Attributes:
        junk: points from which on mail is junk.
        reject: points from which on it is refused; 0: never.
    """

    junk: float | None = None
    reject: float | None = None


class Wishes(Protocol):
    """Who knows the thresholds of accounts."""

    async def wish(self, address: Address) -> Wish:
        """Those of the account that has an address; none where nobody has it alone.

        It never raises: where they cannot be read, the usual thresholds hold.
        """
        ...


class _NoWishes:
    async def wish(self, address: Address) -> Wish:  # noqa: ARG002 - nobody's
        return Wish()


NO_WISHES: Wishes = _NoWishes()
"""All accounts have the usual thresholds."""


class Scoring:
    """Makes an opinion of a score."""

    __slots__ = ("_name", "_settings", "_wishes")

    def __init__(self, name: str, settings: ScoringSettings, wishes: Wishes = NO_WISHES) -> None:
        """For one filter.

        Args:
            name: the filter's.
            settings: its thresholds.
            wishes: those of accounts.
        """
        self._name = name
        self._settings = settings
        self._wishes = wishes

    async def opinion(
        self, letter: Letter, score: Score, *, fields: Fields | None = None, refusal: str = ""
    ) -> Opinion:
        """What is to be done about a message.

        Args:
            letter: the message.
            score: what the filter gave it.
            fields: its header section where the filter wants more changed in it.
            refusal: what its sender is told if it is refused; empty: the score.
        """
        found = self._finding(score)
        if await self._is_refused(letter, score):
            words = refusal or f"Message rejected as spam (score {_number(score.points)})"
            return Opinion(reply=Reply.of(550, "5.7.1", words), findings=(found,))
        before = letter.fields if fields is None else fields
        after = before
        if not self._is_outdone(letter, score):
            after = self._told(before, score, is_marked=_is_quarantined(letter))
        return Opinion(fields=None if after is letter.fields else after, findings=(found,))

    async def _is_refused(self, letter: Letter, score: Score) -> bool:
        recipients: Sequence[Address] = [each.address for each in letter.recipients]
        if not recipients:
            return self._wants(Wish(), score)
        for address in recipients:
            if not self._wants(await self._wishes.wish(address), score):
                return False
        return True

    def _wants(self, wish: Wish, score: Score) -> bool:
        """Whether somebody with such thresholds wants the message refused."""
        if wish.reject is not None:
            return 0 < wish.reject <= score.points
        return score.is_refused or 0 < self._settings.reject <= score.points

    def _is_outdone(self, letter: Letter, score: Score) -> bool:
        """Whether a filter before this one found worse; then the fields stay as they are."""
        before = [each.details for each in letter.findings if "score" in each.details]
        return any(
            _excess(each["score"], each.get("threshold", "")) > _over(score) for each in before
        )

    def _told(self, fields: Fields, score: Score, *, is_marked: bool) -> Fields:
        """The header section with the score in it, and with no other score.

        Args:
            fields: as it is.
            score: what to tell.
            is_marked: whether it is to be junk whatever the score is.
        """
        for name in SPAM_FIELDS:
            if fields.first(name) is not None:
                fields = fields.without(name)
        tag, is_spam = self._settings.tag, is_marked or self._is_spam(score)
        if tag is not None and score.points < tag and not is_spam:
            return fields
        return fields.above(*_lines(score, is_spam=is_spam))

    def _is_spam(self, score: Score) -> bool:
        return score.is_spam or score.is_refused or score.points >= score.required

    def _finding(self, score: Score) -> Finding:
        points, required = _number(score.points), _number(score.required)
        is_spam = self._is_spam(score)
        return Finding(
            self._name,
            f"{points}/{required}",
            " ".join(_tests(score)),
            {"score": points, "threshold": required, "flag": "yes" if is_spam else "no"},
        )


def read_points(text: str) -> float | None:
    """A number of points as services and fields write it; `None`: it is none."""
    try:
        points = float(text)
    except ValueError:
        return None
    return points if math.isfinite(points) else None


def _is_quarantined(letter: Letter) -> bool:
    """Whether a domain's policy wants it filed as junk; DMARC has marked it so."""
    return any(
        each.by == "dmarc" and each.details.get("disposition") == "quarantine"
        for each in letter.findings
    )


def _over(score: Score) -> float:
    return score.points - score.required


def _excess(points: str, required: str) -> float:
    found, threshold = read_points(points), read_points(required)
    return -math.inf if found is None or threshold is None else found - threshold


def _number(points: float) -> str:
    """One digit is what thresholds are written with; nothing is rounded up to one."""
    text = f"{math.floor(round(points * 1000) / 100) / 10:.1f}"
    return "0.0" if text == "-0.0" else text


def _lines(score: Score, *, is_spam: bool) -> tuple[bytes, ...]:
    points, required = _number(score.points), _number(score.required)
    stars = "*" * max(0, min(int(score.points), MOST_STARS))
    answer = "Yes" if is_spam else "No"
    status = f"{answer}, score={points} required={required}"
    return (
        *((b"X-Spam-Flag: YES\r\n",) if is_spam else ()),
        f"X-Spam-Score: {points}\r\n".encode(),
        *((f"X-Spam-Level: {stars}\r\n".encode(),) if stars else ()),
        f"X-Spam-Status: {status}\r\n{_folded(_tests(score))}".encode(),
    )


def _folded(tests: Sequence[str]) -> str:
    """The tests in lines of bounded length, as a continuation of a field."""
    line, lines = "\ttests=", []
    for at, test in enumerate(tests or ("none",)):
        word = test if at == len(tests) - 1 or not tests else f"{test},"
        if len(line) + len(word) > _LINE and line.strip():
            lines.append(line)
            line = "\t"
        line += word
    return "".join(f"{each}\r\n" for each in (*lines, line))


def _tests(score: Score) -> list[str]:
    """Names that can stand in a field, whatever the service called them."""
    return [each for each in score.tests if _TEST.match(each)][:MOST_TESTS]
