"""What is done about scores: fields, the refusal, and whose thresholds hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.delivery.junk import is_junk
from postroad.filters.scoring import SPAM_FIELDS, Score, Scoring, Wish
from postroad.filters.scoring_settings import ScoringSettings
from postroad.intake.header import are_fields
from postroad.model import Address, Envelope, Recipient
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter, Origin

JOHN, ANNA = Address("john", "example.org"), Address("anna", "example.org")
CAME = b"Received: from x\r\nX-Spam-Flag: YES\r\nx-spam-score: -100\r\nSubject: x\r\n"
LETTER = Letter(
    queue_id="4FooBar",
    envelope=Envelope(Address("ann", "example.com")),
    recipients=(Recipient(JOHN), Recipient(ANNA)),
    origin=Origin.OUTSIDE,
    fields=Fields.of(CAME),
    body=Octets(b"body\r\n"),
)
QUARANTINED = replace(
    LETTER,
    fields=Fields.of(b"X-Spam-Flag: YES\r\nSubject: x\r\n"),
    findings=(Finding("dmarc", "fail", "", {"disposition": "quarantine"}),),
)


class Wishing:
    """Implements `Wishes`."""

    def __init__(self, **wishes: Wish | None) -> None:
        self._wishes = wishes

    async def wish(self, address: Address) -> Wish | None:
        return self._wishes.get(address.local, Wish())


async def told(score: Score, letter: Letter = LETTER, **settings: float) -> bytes:
    opinion = await Scoring("spam", ScoringSettings(**settings)).opinion(letter, score)
    assert opinion.reply is None
    return (opinion.fields or letter.fields).octets


REST = b"Received: from x\r\nSubject: x\r\n"


@pytest.mark.parametrize(
    ("score", "fields"),
    [
        (
            Score(7.25, 5.0, ("A", "B")),
            (
                b"X-Spam-Flag: YES\r\nX-Spam-Score: 7.2\r\nX-Spam-Level: *******\r\n"
                b"X-Spam-Status: Yes, score=7.2 required=5.0\r\n\ttests=A,B\r\n"
            ),
        ),
        (
            Score(4.99, 5.0),
            (
                b"X-Spam-Score: 4.9\r\nX-Spam-Level: ****\r\n"
                b"X-Spam-Status: No, score=4.9 required=5.0\r\n\ttests=none\r\n"
            ),
        ),
        (
            Score(-1.0, 5.0, ("A\r\nB: c", "é", "OK")),
            b"X-Spam-Score: -1.0\r\nX-Spam-Status: No, score=-1.0 required=5.0\r\n\ttests=OK\r\n",
        ),
        (
            Score(2.0, 5.0, is_spam=True),
            (
                b"X-Spam-Flag: YES\r\nX-Spam-Score: 2.0\r\nX-Spam-Level: **\r\n"
                b"X-Spam-Status: Yes, score=2.0 required=5.0 marked=rules\r\n\ttests=none\r\n"
            ),
        ),
        (
            Score(1e306, -1e308),
            (
                b"X-Spam-Flag: YES\r\nX-Spam-Score: 1000000.0\r\nX-Spam-Level: "
                + b"*" * 50
                + b"\r\nX-Spam-Status: Yes, score=1000000.0 required=-1000000.0\r\n"
                b"\ttests=none\r\n"
            ),
        ),
    ],
)
async def test_the_fields_replace_those_that_came(score: Score, fields: bytes) -> None:
    assert await told(score, reject=0) == fields + REST


async def test_below_tag_nothing_is_said_and_what_came_goes() -> None:
    assert await told(Score(1.9, 5.0), tag=2.0) == REST
    assert b"X-Spam-Score: 2.0" in await told(Score(2.0, 5.0), tag=2.0)


async def test_a_mark_of_dmarc_stays() -> None:
    octets = await told(Score(0.0, 5.0), QUARANTINED)
    assert octets.startswith(b"X-Spam-Flag: YES\r\n")
    assert b"Yes, score=0.0 required=5.0 marked=dmarc\r\n" in octets


async def test_no_threshold_of_points_takes_away_the_mark_of_dmarc() -> None:
    octets = await told(Score(6.0, 5.0), QUARANTINED)
    assert is_junk(Fields.of(octets), 8.0)


async def scored(*scores: Score) -> Fields:
    """The header section after some filters, each with its score."""
    letter = LETTER
    for number, score in enumerate(scores):
        opinion = await Scoring(f"filter{number}", ScoringSettings()).opinion(letter, score)
        letter = letter.after(opinion)
    return letter.fields


HAM, RULED = Score(4.0, 5.0, ("A",)), Score(2.0, 5.0, ("FORCED",), is_spam=True)


@pytest.mark.parametrize(
    ("scores", "status", "junk"),
    [
        # The mark stays, the points are those of the one who found most.
        (
            (RULED, Score(3.0, 5.0, ("B",))),
            "Yes, score=3.0 required=5.0 marked=rules tests=B",
            True,
        ),
        ((HAM, RULED), "Yes, score=4.0 required=5.0 marked=rules tests=A", True),
        ((RULED, HAM, Score(1.0, 5.0)), "Yes, score=4.0 required=5.0 marked=rules tests=A", True),
        # Points over the threshold explain no mark that somebody else's rules made.
        ((RULED, Score(6.0, 5.0)), "Yes, score=6.0 required=5.0 marked=rules tests=none", True),
        ((Score(6.0, 5.0), RULED), "Yes, score=6.0 required=5.0 marked=rules tests=none", True),
        # Nor does a lower threshold elsewhere.
        ((Score(6.0, 5.0), HAM), "Yes, score=6.0 required=5.0 tests=none", False),
        ((HAM, Score(3.0, 5.0)), "No, score=4.0 required=5.0 tests=A", False),
    ],
)
async def test_a_mark_of_one_filter_stays_when_another_scores(
    scores: tuple[Score, ...], status: str, *, junk: bool
) -> None:
    fields = await scored(*scores)
    (field,) = fields.named("X-Spam-Status")
    assert " ".join(field.text.split()) == status
    assert (fields.first("X-Spam-Flag") is not None) is status.startswith("Yes")
    assert is_junk(fields, 8.0) is junk


@pytest.mark.parametrize(
    ("before", "is_replaced"), [("4.0", True), ("9.0", False), ("nonsense", True)]
)
async def test_of_two_filters_the_worse_score_is_told(before: str, *, is_replaced: bool) -> None:
    found = Finding("other", "", "", {"score": before, "threshold": "5.0"})
    octets = await told(Score(6.0, 5.0), replace(LETTER, findings=(found,)))
    assert (b"score=6.0" in octets) is is_replaced


NEVER, EARLY = Wish(reject=0.0), Wish(reject=6.0)


@pytest.mark.parametrize(
    ("points", "wishes", "is_refused"),
    [
        (14.9, {}, False),
        (15.0, {}, True),
        (100.0, {"john": NEVER}, False),
        (100.0, {"john": NEVER, "anna": NEVER}, False),
        (7.0, {"john": EARLY}, False),
        (7.0, {"john": EARLY, "anna": EARLY}, True),
        (16.0, {"john": EARLY}, True),
        (7.0, {"john": Wish(junk=1.0)}, False),
    ],
)
async def test_it_is_refused_if_all_would(
    points: float, wishes: dict[str, Wish], *, is_refused: bool
) -> None:
    scoring = Scoring("spam", ScoringSettings(), Wishing(**wishes))
    opinion = await scoring.opinion(LETTER, Score(points, 5.0))
    assert (opinion.reply is not None) is is_refused
    if opinion.reply is not None:
        assert str(opinion.reply) == f"550 5.7.1 Message rejected as spam (score {points})"
    assert opinion.findings[0].details["score"] == str(points)
    assert not opinion.discard


async def test_what_the_service_refuses_an_account_may_still_want() -> None:
    score = Score(7.0, 5.0, is_refused=True)
    refused = await Scoring("spam", ScoringSettings(reject=0)).opinion(
        LETTER, score, refusal="Gtube pattern"
    )
    assert str(refused.reply) == "550 5.7.1 Gtube pattern"
    wishes = Wishing(john=NEVER)
    taken = await Scoring("spam", ScoringSettings(), wishes).opinion(LETTER, score)
    assert taken.reply is None


@pytest.mark.parametrize(
    ("points", "wishes", "said"),
    [
        # It would be refused, and whether anna wants that is not known now.
        (16.0, {"anna": None}, "451 4.3.0 Temporary lookup failure"),
        (16.0, {"anna": None, "john": None}, "451 4.3.0 Temporary lookup failure"),
        (16.0, {"anna": None, "john": NEVER}, ""),
        # Nobody is refused more than usual because it is not known.
        (7.0, {"anna": None, "john": EARLY}, ""),
    ],
)
async def test_a_wish_that_is_not_known_now(
    points: float, wishes: dict[str, Wish | None], said: str
) -> None:
    scoring = Scoring("spam", ScoringSettings(), Wishing(**wishes))
    opinion = await scoring.opinion(LETTER, Score(points, 5.0))
    assert ("" if opinion.reply is None else str(opinion.reply)) == said
    if not said:
        assert opinion.fields is not None
        assert opinion.fields.first("X-Spam-Flag") is not None


class Slow:
    """Implements `Wishes`; never answers."""

    async def wish(self, address: Address) -> Wish | None:
        await asyncio.Event().wait()
        return None


async def test_when_time_is_short_the_score_that_is_known_is_told() -> None:
    scoring = Scoring("spam", ScoringSettings(), Slow())
    until = asyncio.get_running_loop().time()
    opinion = await scoring.opinion(LETTER, Score(20.0, 5.0), until=until)
    assert opinion.reply is None
    assert opinion.fields is not None
    assert b"X-Spam-Score: 20.0" in opinion.fields.octets


@given(
    points=st.floats(allow_nan=False, allow_infinity=False),
    tests=st.lists(st.text(max_size=80), max_size=150),
)
async def test_whatever_a_service_says_it_is_whole_fields(points: float, tests: list[str]) -> None:
    scoring = Scoring("spam", ScoringSettings(reject=0))
    opinion = await scoring.opinion(LETTER, Score(points, 5.0, tuple(tests)))
    assert opinion.fields is not None
    ours = opinion.fields.octets.removesuffix(REST)
    assert are_fields(ours)
    assert all(len(line) <= 998 for line in ours.split(b"\r\n"))
    for name in SPAM_FIELDS:
        assert len(opinion.fields.named(name)) <= 1
