"""Rules about what a text is about, by phrases that unwanted mail says over and over.

Mail about pills or loans is wanted by some, so a topic applies only where several of its phrases
stand together, counts once, and all topics together count `MOST_TALK` at most: by words alone no
message is spam. Something about who sent it, or how it is made, must speak against it too.
"""

from __future__ import annotations

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.rule import Rule, Test

__all__ = ["MOST_TALK", "TALK_CAP", "TOPIC_RULES"]

MOST_TALK = 4.5
"""Points that topics give together at most; those with an operator's points are not counted in."""

TALK_CAP = "TALK_CAP"
"""What takes away the rest: told by a name, so that the points of a message can be added up."""

MOST_NAMED = 3  # phrases that are told


def _talks(topic: str, least: int) -> Test:
    """Whether so many different phrases of a topic stand in the subject and the text."""

    def test(case: Case) -> str:
        found = case.said.get(topic, ())
        return ", ".join(found[:MOST_NAMED]) if len(found) >= least else ""

    return test


def _excuses(least: int) -> Test:
    """The same of excuses, where no list is declared: whose is, says how to leave it (RFC 2369)."""
    says = _talks("excuses", least)

    def test(case: Case) -> bool | str:
        return "" if case.came.first("list-unsubscribe") is not None else says(case)

    return test


_WARES = (
    *("remedies", "loans", "earnings", "winnings", "funds", "adult", "accounts", "coins", "copies"),
    *("crowds", "games"),
)
"""Topics that nobody speaks of in such words for long, but who sells something by them."""

AT_LENGTH = 5
"""Different phrases of one topic: of 2,625 good messages of the public corpus none had so many."""


def _talks_at_length(case: Case) -> str:
    return next((each for each in _WARES if len(case.said.get(each, ())) >= AT_LENGTH), "")


TOPIC_RULES = (
    Rule("TALK_REMEDIES", 2.0, "it talks of pills and cures", _talks("remedies", 2)),
    Rule("TALK_LOANS", 1.5, "it talks of loans and insurance", _talks("loans", 2)),
    Rule("TALK_EARNINGS", 1.6, "it talks of easy earnings", _talks("earnings", 3)),
    Rule("TALK_WINNINGS", 1.6, "it talks of prizes won", _talks("winnings", 3)),
    Rule("TALK_FUNDS", 2.0, "it talks of funds to be moved", _talks("funds", 5)),
    Rule("TALK_ADULT", 1.8, "it talks of sex", _talks("adult", 3)),
    Rule("TALK_EXCUSES", 1.2, "it says why it is no spam", _excuses(2)),
    Rule("TALK_EXCUSES_MANY", 0.8, "it says so at length", _excuses(4)),
    Rule("TALK_ACCOUNTS", 1.4, "it presses to save an account", _talks("accounts", 3)),
    Rule("TALK_COINS", 1.4, "it talks of sure investments", _talks("coins", 3)),
    Rule("TALK_STOCKS", 1.5, "it talks up a share", _talks("stocks", 5)),
    Rule("TALK_COPIES", 1.2, "it talks of copies and degrees", _talks("copies", 3)),
    Rule("TALK_CROWDS", 1.2, "it sells addresses or visitors", _talks("crowds", 3)),
    Rule("TALK_GAMES", 1.5, "it talks of casinos", _talks("games", 3)),
    Rule("TALK_AT_LENGTH", 1.0, "it talks of one thing at length", _talks_at_length),
    Rule("TALK_URGING", 0.6, "it urges", _talks("urging", 3)),
    Rule("TALK_URGING_MUCH", 0.8, "it urges much", _talks("urging", 5)),
    Rule("TALK_GREETING", 0.8, "it greets nobody it knows", _talks("greetings", 1)),
)
"""What it is about."""
