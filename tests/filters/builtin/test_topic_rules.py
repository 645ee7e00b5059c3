"""Rules about topics: some phrases together, in any language, and never enough by themselves."""

from __future__ import annotations

import pytest

from postroad.filters.builtin.appraisal import hits_of
from postroad.filters.builtin.rules import POINTS
from postroad.filters.builtin.settings import BuiltinSettings
from postroad.filters.builtin.topic_rules import MOST_TALK, TALK_CAP, TOPIC_RULES
from postroad.filters.builtin.vocabulary import PHRASES
from spam_world import case, octets

APPLIES = [
    ("TALK_REMEDIES", "Cheap viagra, no prescription"),
    ("TALK_REMEDIES", "Viagra und Cialis ohne Rezept"),
    ("TALK_LOANS", "Bad credit? Ask for a personal loan"),
    ("TALK_LOANS", "Sofortkredit ohne Schufa: ein Kreditangebot"),
    ("TALK_EARNINGS", "Work from home, be your own boss, earn $5,000 a week"),
    ("TALK_EARNINGS", "Geld verdienen in Heimarbeit: finanzielle Freiheit"),
    ("TALK_EARNINGS", "Заработок без вложений: дополнительный доход"),
    ("TALK_WINNINGS", "You have won the lottery. Claim your prize!"),
    ("TALK_WINNINGS", "Sie haben gewonnen: der Hauptgewinn der Lotterie. Ihr Gewinn wartet"),
    (
        "TALK_FUNDS",
        (
            "I am Mr. Smith, a barrister. The deceased left US $ 9 million without next of kin,"
            " this transaction is risk free and 30% of the total is your share. My late client, a"
            " foreigner, left million dollars in a dormant account."
        ),
    ),
    ("TALK_ADULT", "Hot girls, nude, xxx"),
    ("TALK_EXCUSES", "This is not spam. You opted in."),
    (
        "TALK_EXCUSES_MANY",
        (
            "This is not spam. You opted in, or our marketing partners did; to be removed write."
            " We apologize for this one time mailing."
        ),
    ),
    ("TALK_ACCOUNTS", "Unusual activity: verify your account within 24 hours"),
    ("TALK_ACCOUNTS", "Konto gesperrt: ungewöhnliche Aktivitäten, bestätigen Sie Ihre Daten"),
    ("TALK_COINS", "Our trading platform has guaranteed returns in bitcoin"),
    ("TALK_STOCKS", "A penny stock, strong buy: price target $3, undervalued. Forward looking."),
    ("TALK_COPIES", "Rolex, Louis Vuitton and other replica watches"),
    ("TALK_CROWDS", "We get you on the first page of Google by SEO services and backlinks"),
    ("TALK_GAMES", "Online casino: 50 free spins and a welcome bonus"),
    ("TALK_GAMES", "Казино: игровые автоматы и фриспины"),
    ("TALK_AT_LENGTH", "Viagra, Cialis, Levitra, Xenical: no prescription"),
    ("TALK_URGING", "Act now! Limited time offer, no obligation"),
    (
        "TALK_URGING_MUCH",
        (
            "Act now! Limited time offer, no obligation, money back guarantee, why pay more?"
            " Order today, absolutely free."
        ),
    ),
    ("TALK_GREETING", "Dear friend, how are you?"),
]

APPLIES_NOT = [
    ("TALK_REMEDIES", "My doctor says viagra has its dangers"),
    ("TALK_LOANS", "The mortgage is paid"),
    ("TALK_EARNINGS", "I work from home on Mondays, part time"),
    ("TALK_WINNINGS", "You have won our chess game"),
    ("TALK_FUNDS", "Dear Sir, the next of kin of the late Mr. Miller is the beneficiary."),
    ("TALK_ADULT", "A nude by Manet, and a film with explicit scenes"),
    ("TALK_EXCUSES", "Our filter says this is not spam"),
    ("TALK_ACCOUNTS", "Please verify your email"),
    ("TALK_COINS", "Have you still got that bitcoin?"),
    ("TALK_STOCKS", "The nasdaq is up; my pension fund is undervalued"),
    ("TALK_COPIES", "Her diploma is in the post with a toner"),
    ("TALK_CROWDS", "I do not know about SEO"),
    ("TALK_GAMES", "Poker on Friday?"),
    ("TALK_AT_LENGTH", "Viagra, Cialis, Levitra; a mortgage, a loan"),
    ("TALK_URGING", "Call now if you can, for free"),
    ("TALK_GREETING", "Dear Ann"),
]

EVERYTHING = "\n".join(text for _, text in APPLIES)


def names(text: str) -> set[str]:
    return {each.name for each in hits_of(case(octets(body=text)), {})}


@pytest.mark.parametrize(("rule", "text"), APPLIES)
def test_a_topic_is_told(rule: str, text: str) -> None:
    assert rule in names(text)


@pytest.mark.parametrize(("rule", "text"), APPLIES_NOT)
def test_a_phrase_of_a_letter_is_no_topic(rule: str, text: str) -> None:
    assert rule not in names(text)


def test_a_declared_list_may_say_how_to_leave_it() -> None:
    looked_at = case(
        octets(
            {"List-Unsubscribe": "<https://news.example/leave>"},
            "You opted in. If you no longer wish to get this, ask to be removed from our list.",
        )
    )
    assert looked_at.said["excuses"]
    assert not {each.name for each in hits_of(looked_at, {})} & {"TALK_EXCUSES"}


def test_every_rule_is_tried_and_every_topic_has_one() -> None:
    assert {each.name for each in TOPIC_RULES} == {name for name, _ in APPLIES}
    assert len(PHRASES) <= len(TOPIC_RULES)


def test_it_says_which_phrases() -> None:
    (hit,) = hits_of(case(octets(body="Nude, xxx, porn")), {})
    assert hit.sentence == "TALK_ADULT +1.8 (it talks of sex: nude, xxx, porn)"


def test_words_alone_make_no_spam() -> None:
    hits = hits_of(case(octets(body=EVERYTHING)), {})
    talk = [each for each in hits if each.name.startswith("TALK_")]
    assert len(talk) == len(TOPIC_RULES) + 1
    assert sum(each.points for each in talk) == pytest.approx(MOST_TALK)
    assert BuiltinSettings().junk > MOST_TALK


def test_an_operators_points_are_not_capped_and_the_cap_is_the_operators() -> None:
    looked_at = case(octets(body=EVERYTHING))
    raised = hits_of(looked_at, {"TALK_ADULT": 6.0})
    assert sum(each.points for each in raised if each.name.startswith("TALK_")) == pytest.approx(
        MOST_TALK + 6.0
    )
    assert TALK_CAP not in {each.name for each in hits_of(looked_at, {TALK_CAP: 0})}
    assert POINTS[TALK_CAP] == MOST_TALK


def test_a_subject_is_searched_as_well() -> None:
    looked_at = case(octets({"Subject": "=?utf-8?Q?Viagra,_no_prescription?="}))
    assert "TALK_REMEDIES" in {each.name for each in hits_of(looked_at, {})}
