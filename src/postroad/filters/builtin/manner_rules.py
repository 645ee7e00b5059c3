"""Rules about the manner of a text: how a subject is built, shouting, and words in disguise.

Words are disguised from filters by digits and signs for letters (`v1agra`), by blanks between
letters, and by letters of other alphabets. Only words that are disguised for nothing else are
looked for, so that part numbers and headings in spaced letters are left alone.
"""

from __future__ import annotations

import re
from itertools import islice

from postroad.filters.builtin.author_rules import FREE
from postroad.filters.builtin.case import Case, line_of
from postroad.filters.builtin.rule import Rule, shown

__all__ = ["MANNER_RULES"]

MOST_HEARD = 4_096
"""Characters of a text of which capitals are counted."""

MOST_WORDS = 4_000
"""Words that look disguised, of which each is tried."""

MOST_WORD = 16
"""Characters before and behind a sign that are looked at; the words have fewer."""

_TAIL = re.compile(rb"[^\s] {5,}[^\s]{1,20}\s*\Z")
_GIBBERISH = re.compile(r"(?<![^\W_])[bcdfghjklmnpqrstvwxz]{6,}\W{0,5}\Z", re.IGNORECASE)
_ADVERT = re.compile(
    r"\W{0,3}(?:adv?\s?[:\-]|\[adv?\]|advertisement\b|\u672a\u627f\u8afe)", re.IGNORECASE
)
_MONEY = re.compile(r"\$\s?\d|\d\s?\$|\$\$|[€£]\s?\d{3}")
_LOUD = re.compile(r"!\s?!|[!?][?!]")
_FREE = re.compile(r"\bFREE\b|\b(?:100\s?%|absolutely) free\b")
_DIGITS = re.compile(r"[a-z][a-z._-]*\d{3,}\Z|.*[a-z]\d+[a-z]+\d", re.IGNORECASE)
_TOLL_FREE = re.compile(r"8(?:00|88|77|66|55)(?<!\d...)\)?[-. ]\d{3}[-. ]\w{4}\b")
_SUMS = re.compile(r"[$€£]\s?\d")

_HIDDEN = frozenset(
    re.findall(
        r"[a-z]+",
        "viagra cialis levitra xanax valium vicodin phentermine pharmacy prescription penis porn"
        " porno pussy fuck sluts orgasm erection enlargement casino mortgage refinance rolex"
        " replica lottery winner bitcoin invoice paypal password diploma cheapest medication",
    )
)
_STARRED = frozenset(
    f"{each[:at]}*{each[at + 1 :]}" for each in _HIDDEN for at in range(1, len(each))
)
_LIKE = str.maketrans("013457@$!|", "oieastasil")
# Patterns begin with what is rare in a text: so a text is searched quickly.
_SIGN = re.compile(r"[013457@$!|*](?=[A-Za-z])")
_BEFORE = re.compile(r"(?<![\w@./=&?-])[a-z0-9@$!|*]*\Z", re.IGNORECASE)
_BEHIND = re.compile(r"[a-z0-9@$!|*]+(?![\w@/=])", re.IGNORECASE)
_SPACED = re.compile(r"(?:[ ._*\-]{1,2}[^\W_]){4,14}(?![^\W_])")
_GAPS = re.compile(r"[ ._*\-]")
_MIXED = re.compile(
    r"[A-Za-z][\u0400-\u052f]{1,8}[A-Za-z]|[\u0400-\u052f][A-HJ-Za-hj-z]{1,8}[\u0400-\u052f]"
)
"""Greek letters stand in names of substances, and a Latin `i` in what many write in Ukrainian."""


def _has_tail(case: Case) -> bool:
    """Blanks, and a word behind them that is another one in each copy."""
    field = case.came.first("subject")
    return field is not None and _TAIL.search(field.octets[:500].strip()) is not None


def _ends_in_gibberish(case: Case) -> str:
    found = None if case.is_list else _GIBBERISH.search(case.subject[-60:])
    return shown(found[0]) if found else ""


def _is_advert(case: Case) -> bool:
    return _ADVERT.match(case.subject) is not None


def _offers_money(case: Case) -> bool:
    return not case.is_list and _MONEY.search(case.subject) is not None


def _is_loud(case: Case) -> bool:
    return not case.is_list and _LOUD.search(case.subject) is not None


def _is_free(case: Case) -> bool:
    return not case.is_list and _FREE.search(case.subject) is not None


def _greets_by_mailbox(case: Case) -> str:
    """`john, look at this`: whoever knows but an address calls its owner by it."""
    field = case.came.first("to")
    to = "" if field is None else line_of(field)[:500]
    name = to.partition("@")[0].rpartition("<")[2].strip(' "')
    begins, rest = case.subject[: len(name)], case.subject[len(name) :]
    is_it = len(name) >= 4 and begins.lower() == name.lower() and begins[:1].islower()
    return shown(name) if is_it and rest.lstrip()[:1] in {",", ":", "!", "-"} else ""


def _has_digits(case: Case) -> str:
    """An address as it is had where all good names are gone."""
    name, _, domain = case.author.partition("@")
    return shown(name) if domain in FREE and _DIGITS.match(name[:64]) else ""


def _calls_itself_loudly(case: Case) -> bool:
    name = case.author_name
    letters = sum(map(str.isalpha, name))
    return (
        not case.is_list and letters >= 10 and " " in name and name == name.upper() != name.lower()
    )


def _shouts(case: Case) -> bool:
    """Capitals at the beginning of a text: three letters of ten, of two hundred and more.

    Calendars and visiting cards are texts that nobody reads aloud.
    """
    plain = "\n".join([each.text for each in case.reading.parts if each.type == "text/plain"])
    text = (plain.strip() or case.reading.seen)[:MOST_HEARD]
    large, small = sum(map(str.isupper, text)), sum(map(str.islower, text))
    return large + small > 200 and large * 10 > 3 * (large + small)


def _exclaims(case: Case) -> bool:
    text = case.text
    marks = text.count("!")
    return marks >= 5 and marks * 200 > len(text)


def _has_toll_free_number(case: Case) -> bool:
    return _TOLL_FREE.search(case.text) is not None


def _counts_money(case: Case) -> bool:
    """Sums, and excitement about them: a receipt thanks you once, a long letter here and there."""
    text = case.text
    marks = text.count("!")
    if marks < 2 or marks * 600 <= len(text):
        return False
    return sum(1 for _ in islice(_SUMS.finditer(text), 3)) == 3


def _disguises(case: Case) -> str:
    text = f"{case.subject} {case.text}"
    for found in islice(_SIGN.finditer(text), MOST_WORDS):
        word = _word_around(text, found.start())
        if _stands_for(word.lower().strip("!*")):
            return shown(word)
    for found in islice(_SPACED.finditer(text), MOST_WORDS):
        word = _GAPS.sub("", found[0]).lower()
        if (
            word in _HIDDEN
            or text[max(0, found.start() - 1) : found.start()].lower() + word in _HIDDEN
        ):
            return shown(found[0])
    return ""


def _word_around(text: str, at: int) -> str:
    """The word of letters and signs that a sign is in; empty: it is of an address, or too long."""
    before = _BEFORE.search(text[max(0, at - MOST_WORD) : at])
    behind = _BEHIND.match(text[at : at + MOST_WORD])
    return f"{before[0]}{behind[0]}" if before and behind else ""


def _stands_for(word: str) -> bool:
    return not word.isalpha() and (word.translate(_LIKE) in _HIDDEN or word in _STARRED)


def _mixes_alphabets(case: Case) -> str:
    """Words of two alphabets, three and more: one may be a slip."""
    text = case.text
    if text.isascii():
        return ""
    found = [each[0] for each in islice(_MIXED.finditer(text), 3)]
    return shown(", ".join(found)) if len(found) == 3 else ""


MANNER_RULES = (
    Rule("SUBJECT_TAIL", 2.0, "its subject has something far behind it", _has_tail),
    Rule("SUBJECT_GIBBERISH", 1.0, "its subject ends in letters without sense", _ends_in_gibberish),
    Rule("SUBJECT_ADVERT", 2.0, "it calls itself an advertisement", _is_advert),
    Rule("SUBJECT_MONEY", 0.7, "its subject names sums of money", _offers_money),
    Rule("SUBJECT_LOUD", 0.5, "its subject is loud", _is_loud),
    Rule("SUBJECT_FREE", 0.5, "its subject offers something for nothing", _is_free),
    Rule("SUBJECT_MAILBOX", 1.0, "its subject calls the reader by a mailbox", _greets_by_mailbox),
    Rule("FROM_DIGITS", 0.5, "its author has an address of letters and digits", _has_digits),
    Rule("FROM_CAPITALS", 0.5, "its author's name is in capitals", _calls_itself_loudly),
    Rule("TEXT_SHOUTS", 0.8, "much of the text is in capitals", _shouts),
    Rule("TEXT_EXCLAIMS", 0.6, "it is full of exclamation marks", _exclaims),
    Rule(
        "TEXT_TOLL_FREE", 0.6, "it has a number that is called for nothing", _has_toll_free_number
    ),
    Rule("TEXT_SUMS", 0.5, "it is excited about sums of money", _counts_money),
    Rule("TEXT_DISGUISED", 2.0, "a word is disguised", _disguises),
    Rule("TEXT_ALPHABETS", 2.0, "words have letters of two alphabets", _mixes_alphabets),
)
"""How it is written."""
