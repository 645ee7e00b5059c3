"""Rules about the manner of a text, and what looks like it."""

from __future__ import annotations

import pytest

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.manner_rules import MANNER_RULES
from spam_world import case, names, octets

LIST = {"List-Id": "<talk.lists.example.net>"}


def about(subject: str, **header: str) -> Case:
    return case(octets({"Subject": subject, **header}))


def text(body: str) -> Case:
    return case(octets(body=body))


APPLIES: list[tuple[str, Case]] = [
    ("SUBJECT_TAIL", about("Lower your rates        x7Kq")),
    ("SUBJECT_GIBBERISH", about("Lower your rates xvbqkrt")),
    ("SUBJECT_ADVERT", about("ADV: Lower your rates")),
    ("SUBJECT_ADVERT", about("=?utf-8?B?5pyq5om/6Ku+5bqD5ZGK4oC7?=")),
    ("SUBJECT_MONEY", about("Save $1,000 today")),
    ("SUBJECT_LOUD", about("Look!! Now")),
    ("SUBJECT_FREE", about("A FREE gift")),
    ("SUBJECT_MAILBOX", about("john, look at this")),
    ("FROM_DIGITS", about("Hi", From="jane4711@hotmail.com")),
    ("FROM_DIGITS", about("Hi", From="q7x9z2@yahoo.com")),
    ("FROM_CAPITALS", about("Hi", From='"BEST OFFERS TODAY" <a@example.com>')),
    ("TEXT_SHOUTS", text("THIS IS WHAT WE HAVE FOR YOU, and you want it. " * 8)),
    ("TEXT_EXCLAIMS", text("Wow! Look! Now! Buy! Act! It is here.")),
    ("TEXT_TOLL_FREE", text("Call 1-800-555-0199 now")),
    ("TEXT_SUMS", text("Send $5, get $50, earn $500! Today!")),
    ("TEXT_DISGUISED", text("Buy v1agra here")),
    ("TEXT_DISGUISED", text("Buy V!agra! here")),
    ("TEXT_DISGUISED", text("Buy vi*gra here")),
    ("TEXT_DISGUISED", text("Buy v i a g r a here")),
    ("TEXT_DISGUISED", about("C-A-S-I-N-O for you")),
    ("TEXT_ALPHABETS", text("p\u0430ssword, \u0430cc\u043eunt, s\u0435curity, b\u0430nk")),
]

APPLIES_NOT: list[tuple[str, Case]] = [
    ("SUBJECT_TAIL", about("A long subject that\n     is folded")),
    ("SUBJECT_GIBBERISH", about("[talk] about rhythms")),
    ("SUBJECT_GIBBERISH", case(octets(LIST | {"Subject": "fix xvbqkrt"}))),
    ("SUBJECT_ADVERT", about("Advice: buy bread")),
    ("SUBJECT_MONEY", about("Your invoice over 1,000 euros")),
    ("SUBJECT_LOUD", about("Happy birthday!")),
    ("SUBJECT_FREE", about("Are you free on Friday?")),
    ("SUBJECT_MAILBOX", about("John, look at this")),
    ("SUBJECT_MAILBOX", about("johnny, look at this")),
    ("FROM_DIGITS", about("Hi", From="jane4711@example.com")),
    ("FROM_DIGITS", about("Hi", From="jane.miller@gmail.com")),
    ("FROM_CAPITALS", about("Hi", From='"IBM" <a@example.com>')),
    (
        "FROM_CAPITALS",
        about("Hi", From="=?utf-8?B?5bGx55Sw5aSq6YOOIOWxseeUsOWkqumDjg==?= <a@x.example>"),
    ),
    ("TEXT_SHOUTS", text("IMPORTANT: see you at noon. " + "It is about lunch. " * 20)),
    ("TEXT_EXCLAIMS", text("Great! See you! " + "It will be fun. " * 100)),
    ("TEXT_TOLL_FREE", text("Call +49 30 800 1234")),
    ("TEXT_SUMS", text("The rent is $5, $6 and $7.")),
    ("TEXT_SUMS", text("Coffee $5, cake $6, tip $1. Thank you!")),
    ("TEXT_SUMS", text("It was $5, $6 and $7! Great! " + "We talked of it for long. " * 60)),
    (
        "TEXT_SHOUTS",
        case(octets({"Content-Type": "text/calendar"}, "BEGIN:VEVENT\nSUMMARY:LUNCH\n" * 20)),
    ),
    (
        "TEXT_DISGUISED",
        text("Part 1800-A4, room B12, rev. p0rt and i*j*k, http://x.example/v1agra"),
    ),
    ("TEXT_DISGUISED", text("viagra, N E W S of the day")),
    ("TEXT_ALPHABETS", text("\u0441\u0432i\u0442 \u0432i\u043d \u043di\u0447 \u043di\u0436")),
    ("TEXT_ALPHABETS", text("NF\u03baB, IFN\u03b3R, TNF\u03b1R and 5 k\u03a9m")),
    (
        "TEXT_ALPHABETS",
        text("SMS\u043a\u0430, \u0394t, \u03b1-helix: \u043f\u0440\u0438\u0432\u0435\u0442 Ann"),
    ),
]


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES)
def test_a_rule_applies(rule: str, looked_at: Case) -> None:
    assert rule in names(looked_at)


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES_NOT)
def test_a_rule_does_not_apply(rule: str, looked_at: Case) -> None:
    assert rule not in names(looked_at)


def test_every_rule_is_tried() -> None:
    assert {each.name for each in MANNER_RULES} == {name for name, _ in APPLIES}
