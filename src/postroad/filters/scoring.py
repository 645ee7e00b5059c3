"""What is done about a message that was given a score: fields that tell it, and the refusal.

All filters that score do the same here, so that mail is sorted the same way whoever scored it. Who
gave the score is not known. Nothing is thrown away: a message is taken with its score in its
header, or its sender is told that it was not.

Whether a message is junk is decided for each account when it is delivered (`delivery.filing`), by
these fields. What a sender is told is decided once, for all recipients: it is refused if all of
them would refuse it.

Several filters may score one message. The points in the header are of the one that found most over
its threshold; a mark of any of them stays. A mark that was not made for points (a domain's policy,
a service's own rules) is told as `marked=` in the status, as no threshold of points may undo it.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from postroad.filters.scoring_settings import ScoringSettings
from postroad.model import Address, Reply
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter, Opinion

__all__ = [
    "MOST_POINTS",
    "NO_WISHES",
    "SCORED",
    "SPAM_FIELDS",
    "Score",
    "Scoring",
    "Wish",
    "Wishes",
    "read_points",
]

SPAM_FIELDS = ("X-Spam-Flag", "X-Spam-Score", "X-Spam-Level", "X-Spam-Status")
"""What is written, from the top."""

MOST_POINTS = 1_000_000.0
"""What is more is told as so many: no threshold is there, and fields stay short."""

SCORED = 0.9
"""Of a filter's time, what is for the service and the thresholds of accounts: a look-up that takes
longer must not cost the score that is known."""

MOST_STARS = 50
"""Of X-Spam-Level: more than any threshold."""

MOST_TESTS = 100
"""Names that are told; SpamAssassin has some thousand, of which few apply to one message."""

_TEST = re.compile(r"[A-Za-z0-9_.:/-]{1,64}\Z")
_AWAY = Reply.of(451, "4.3.0", "Temporary lookup failure")
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
        reasons: for an operator to read, in place of the names; empty: the names say it.
    """

    points: float
    required: float
    tests: tuple[str, ...] = ()
    is_spam: bool = False
    is_refused: bool = False
    reasons: tuple[str, ...] = ()


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

    async def wish(self, address: Address) -> Wish | None:
        """Those of the account that has an address; none where nobody has it alone.

        Returns:
            `None`: it is not known now, because whoever knows whose the address is is away.
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
        self,
        letter: Letter,
        score: Score,
        *,
        fields: Fields | None = None,
        refusal: str = "",
        until: float | None = None,
    ) -> Opinion:
        """What is to be done about a message.

        Args:
            letter: the message.
            score: what the filter gave it.
            fields: its header section where the filter wants more changed in it.
            refusal: what its sender is told if it is refused; empty: the score.
            until: when accounts' thresholds must be known, in the loop's time. What is not known by
                then does not get the message refused: it is taken, with its score. `None`: no
                matter when.
        """
        score = replace(score, points=_bounded(score.points), required=_bounded(score.required))
        found = self._finding(score)
        words = refusal or f"Message rejected as spam (score {_number(score.points)})"
        reply = await self._reply(letter, score, words, until)
        if reply is not None:
            return Opinion(reply=reply, findings=(found,))
        before = letter.fields if fields is None else fields
        after = self._told(before, letter, score)
        return Opinion(fields=None if after is letter.fields else after, findings=(found,))

    async def _reply(
        self, letter: Letter, score: Score, words: str, until: float | None
    ) -> Reply | None:
        """What the sender is told; `None`: it is taken."""
        try:
            async with asyncio.timeout_at(until):
                return await self._agreed(letter, score, words)
        except TimeoutError:
            return None

    async def _agreed(self, letter: Letter, score: Score, words: str) -> Reply | None:
        """The refusal if all want it; whose wish is not known now is taken to want it as usual."""
        recipients: Sequence[Address] = [each.address for each in letter.recipients]
        if not recipients and not self._wants(Wish(), score):
            return None
        is_known = True
        for address in recipients:
            wish = await self._wishes.wish(address)
            if not self._wants(Wish() if wish is None else wish, score):
                return None
            is_known = is_known and wish is not None
        # Somebody whose wish is not known may want the mail: the sender comes again.
        return Reply.of(550, "5.7.1", words) if is_known else _AWAY

    def _wants(self, wish: Wish, score: Score) -> bool:
        """Whether somebody with such thresholds wants the message refused."""
        if wish.reject is not None:
            return 0 < wish.reject <= score.points
        return score.is_refused or 0 < self._settings.reject <= score.points

    def _told(self, fields: Fields, letter: Letter, score: Score) -> Fields:
        """The header section with the worst score in it, and with no other score.

        Args:
            fields: as it is.
            letter: the message; filters before this one may have scored it.
            score: this one's.
        """
        before = [each for each in map(_scored, letter.findings) if each is not None]
        worst = max(before, key=_over, default=score)
        mark = _mark(letter, (*before, score))
        if _over(worst) > _over(score) and mark == _mark(letter, before):
            return fields  # they tell all of it
        worst = score if _over(score) >= _over(worst) else worst
        for name in SPAM_FIELDS:
            if fields.first(name) is not None:
                fields = fields.without(name)
        tag, is_spam = self._settings.tag, bool(mark) or _is_spam(worst)
        if tag is not None and worst.points < tag and not is_spam:
            return fields
        return fields.above(*_lines(worst, is_spam=is_spam, mark=mark))

    def _finding(self, score: Score) -> Finding:
        points, required = _number(score.points), _number(score.required)
        tests = " ".join(_tests(score))
        details = {"score": points, "threshold": required}
        details["flag"] = "yes" if _is_spam(score) else "no"
        if score.reasons:
            details["tests"] = tests
        words = ", ".join(score.reasons) or tests
        return Finding(self._name, f"{points}/{required}", words, details)


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


def _scored(finding: Finding) -> Score | None:
    """What a filter before this one gave, as `Scoring` told it; `None`: it gave no such score."""
    points = read_points(finding.details.get("score", ""))
    required = read_points(finding.details.get("threshold", ""))
    if points is None or required is None:
        return None
    is_spam = finding.details.get("flag") == "yes"
    tests = finding.details.get("tests", finding.words)
    return Score(points, required, tuple(tests.split()), is_spam=is_spam)


def _mark(letter: Letter, scores: Sequence[Score]) -> str:
    """Who says that it is spam whatever the points are; empty: nobody."""
    if _is_quarantined(letter):
        return "dmarc"
    return "rules" if any(_is_spam(each) and _over(each) < 0 for each in scores) else ""


def _is_spam(score: Score) -> bool:
    return score.is_spam or score.is_refused or score.points >= score.required


def _over(score: Score) -> float:
    return score.points - score.required


def _bounded(points: float) -> float:
    return max(-MOST_POINTS, min(points, MOST_POINTS))


def _number(points: float) -> str:
    """One digit is what thresholds are written with; nothing is rounded up to one."""
    text = f"{math.floor(round(points * 1000) / 100) / 10:.1f}"
    return "0.0" if text == "-0.0" else text


def _lines(score: Score, *, is_spam: bool, mark: str) -> tuple[bytes, ...]:
    points, required = _number(score.points), _number(score.required)
    stars = "*" * max(0, min(int(score.points), MOST_STARS))
    answer = "Yes" if is_spam else "No"
    status = f"{answer}, score={points} required={required}" + (f" marked={mark}" if mark else "")
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
