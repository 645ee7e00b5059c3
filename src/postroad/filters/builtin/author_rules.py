"""Rules about who says to write, what about, and who is to get the answer."""

from __future__ import annotations

import re

from postroad.filters.builtin.alphabets import mixed_word
from postroad.filters.builtin.case import Case, organization
from postroad.filters.builtin.rule import Rule, shown

__all__ = ["AUTHOR_RULES"]

_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})")
_LETTER = "[A-Za-z\u00c0-\u024f\u0370-\u052f]"
_GAPPED = re.compile(rf"(?<!\w)(?:{_LETTER}[ ._*-]){{4,}}{_LETTER}(?!\w)")
"""Letters only: numbers of versions have dots, and headings in Chinese or Korean have blanks."""

_REPLY = re.compile(r"(?:re|aw|sv|antw)(?:\[\d\])?:", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]{2,}")

FREE = frozenset(
    re.findall(
        r"\S+",
        "gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.fr hotmail.com hotmail.fr outlook.com"
        " live.com msn.com aol.com gmx.com gmx.de gmx.net web.de mail.com mail.ru yandex.com"
        " yandex.ru bk.ru inbox.ru list.ru rambler.ru 163.com 126.com qq.com sina.com proton.me"
        " protonmail.com tutanota.com zoho.com icloud.com me.com rediffmail.com libero.it",
    )
)
"""Where anybody gets an address: those that swindlers have answers sent to."""


def _is_unreadable(case: Case) -> bool:
    return case.came.first("from") is not None and not case.author


def _names_another(case: Case) -> str:
    """A name that is an address of somebody else.

    Lists write such names for good, as do services for somebody to whom answers go.
    """
    if case.is_list or not case.author:
        return ""
    ours = organization(case.author_domain)
    for found in _ADDRESS.finditer(case.author_name):
        if organization(found[1]) != ours and found[0].lower() != case.reply_to:
            return shown(found[0])
    return ""


def _answers_elsewhere(case: Case) -> str:
    if case.is_list or not case.author or not case.reply_to:
        return ""
    to = case.reply_to.rpartition("@")[2]
    is_other = organization(to) != organization(case.author_domain)
    return to if is_other and to not in FREE else ""


def _answers_to_anybody(case: Case) -> str:
    if case.is_list or not case.author or not case.reply_to:
        return ""
    to = case.reply_to.rpartition("@")[2]
    return to if to in FREE and to != case.author_domain else ""


def _shouts(case: Case) -> bool:
    """Words of letters that have a small form, and none is small."""
    words = _LETTERS.findall(case.subject)
    text = "".join(words)
    return len(words) >= 3 and len(text) >= 10 and text == text.upper() != text.lower()


def _is_gapped(case: Case) -> str:
    found = _GAPPED.search(case.subject[:500])
    return shown(found[0]) if found and not case.is_list else ""


def _answers_nothing(case: Case) -> bool:
    """An answer that names no message that it answers."""
    if case.is_list or not _REPLY.match(case.subject):
        return False
    return all(case.came.first(name) is None for name in ("in-reply-to", "references"))


def _has_empty_subject(case: Case) -> bool:
    return case.came.first("subject") is not None and not case.subject


def _mixes_alphabets(case: Case) -> str:
    return shown(mixed_word(f"{case.author_name} {case.subject}"))


AUTHOR_RULES = (
    Rule("FROM_UNREADABLE", 1.0, "it has not one author who can be read", _is_unreadable),
    Rule("FROM_NAME_ADDRESS", 1.5, "its author's name is another's address", _names_another),
    Rule("REPLY_TO_OTHER", 0.4, "answers go to another domain", _answers_elsewhere),
    Rule("REPLY_TO_FREEMAIL", 0.8, "answers go where anybody gets an address", _answers_to_anybody),
    Rule("SUBJECT_CAPITALS", 0.6, "its subject is all in capitals", _shouts),
    Rule("SUBJECT_GAPS", 1.0, "its subject has words with gaps", _is_gapped),
    Rule("SUBJECT_EMPTY", 0.4, "its subject is empty", _has_empty_subject),
    Rule("SUBJECT_NO_REPLY", 0.3, "it looks like an answer and is none", _answers_nothing),
    Rule("ALPHABETS_MIXED", 2.0, "a word has letters of two alphabets", _mixes_alphabets),
)
"""Who writes, and what about."""
