"""Rules about how the text is made: parts, charsets, what is hidden, and a few old frauds.

What a text is about is for `topic_rules`, and for the classifier, which learns what each reader
wants. The two frauds here are told by words that stand together nowhere else.
"""

from __future__ import annotations

import re

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.phrases import MOST_SAID
from postroad.filters.builtin.rule import Rule

__all__ = ["TEXT_RULES"]

_INVISIBLE = re.compile(
    r"[^\W\d_](?:[\u00ad\u200b-\u200d\u2060\ufeff]{0,4}[\u200b-\u200d\u2060\ufeff]|"
    r"\u00ad[^\W\d_]{0,1}\u00ad)(?=[^\W\d_])"
)
"""Soft hyphens stand between syllables for good; where no syllable is, they part letters."""
_PARTED = re.compile(r"[^\W\d_]\u00ad(?=[^\W\d_])")
"""In a subject nothing needs them: it is not hyphenated."""

_JOINED = re.compile(r"[\u0600-\u08ff\u0900-\u0fff\u1780-\u17ff]")
"""Scripts in which such characters have a meaning between letters."""

_BITCOIN = re.compile(r"(?<![A-Za-z0-9])(?:bc1[a-z0-9]{25,87}|[13][1-9A-HJ-NP-Za-km-z]{25,34})\b")
_DEMAND = re.compile(r"\b(?:bitcoins?|btc)\b", re.IGNORECASE)
_THREAT = re.compile(
    r"\b(?:webcam|camera|malware|trojan|spyware|porn\w*|masturbat\w*|your contacts|recorded you)\b",
    re.IGNORECASE,
)
"""That an account was hacked is none: those who sell Bitcoin warn of it."""

_MILLIONS = re.compile(
    r"\bmillion (?:united states |us |u\.s\. )?(?:dollars|pounds|euros)\b|"
    r"\$ ?\d{1,3}(?:[.,]\d{1,3})? ?million\b",
    re.IGNORECASE,
)
_LEFT = re.compile(
    r"\b(?:next of kin|barrister|late (?:husband|client|father)|deceased|inheritance|consignment|"
    r"modalities|god bless)\b",
    re.IGNORECASE,
)
_ESTATE = re.compile(
    r"\b(?:next of kin|beneficiary|barrister|late (?:husband|client|father)|deceased|inheritance|"
    r"consignment|transfer of funds?|foreign (?:account|partner)|"
    r"business proposal|utmost confiden\w*|strictly confidential|bank of \w+|"
    r"(?:central|diplomatic|security) (?:bank|courier|company)|modalities|god bless)\b",
    re.IGNORECASE,
)


def _is_html_only(case: Case) -> bool:
    kinds = {each.type for each in case.reading.parts if not each.is_attached}
    return "text/html" in kinds and "text/plain" not in kinds


def _is_picture_only(case: Case) -> bool:
    """Pictures, and hardly a word: what it says is not to be read by filters.

    A code to log in by, with a logo above it, has more letters.
    """
    if "img" not in case.reading.tags or case.reading.plain.strip():
        return False
    words = sum(map(str.isalnum, case.reading.seen[:MOST_SAID]))
    return words < 50


def _is_empty(case: Case) -> bool:
    reading = case.reading
    if reading.is_cut or reading.plain.strip() or reading.seen.strip() or reading.links:
        return False
    return all(not each.name and each.type.startswith("text/") for each in reading.parts)


def _hides_plain_text(case: Case) -> bool:
    """Base64 for text that needs none, in a plain part."""
    return any(
        each.encoding == "base64"
        and each.type == "text/plain"
        and len(each.text) > 20
        and each.text.isascii()
        for each in case.reading.parts
    )


def _is_scattered(case: Case) -> bool:
    """Words with characters in them that nobody sees."""
    text = f"{case.subject} {case.text}"
    if text.isascii() or _JOINED.search(text):
        return False
    found = 0
    for found, _ in enumerate(_INVISIBLE.finditer(text), 1):
        if found >= 10:
            return True
    return len(_INVISIBLE.findall(case.subject)) + len(_PARTED.findall(case.subject)) >= 2


def _is_beyond_bounds(case: Case) -> bool:
    """More parts, deeper ones or more delimiters than mail programs write."""
    return case.reading.is_beyond


def _has_no_parts(case: Case) -> bool:
    """A multipart without any: its delimiters are not there."""
    reading = case.reading
    is_multipart = any(each.startswith("multipart/") for each in reading.containers)
    return is_multipart and not reading.parts and not reading.is_cut


def _asks_for_data(case: Case) -> bool:
    return "form" in case.reading.tags


def _runs(case: Case) -> str:
    return next((each for each in ("script", "iframe", "object") if each in case.reading.tags), "")


def _extorts(case: Case) -> bool:
    text = case.text
    return bool(_BITCOIN.search(text) and _DEMAND.search(text) and _THREAT.search(text))


def _promises_millions(case: Case) -> str:
    """Millions, somebody who left them, and more of the tale: solicitors write of less."""
    text = case.text
    if not _MILLIONS.search(text) or not _LEFT.search(text):
        return ""
    found = {each.lower() for each in _ESTATE.findall(text)}
    return ", ".join(sorted(found)[:3]) if len(found) >= 3 else ""


TEXT_RULES = (
    Rule("HTML_ONLY", 0.4, "there is HTML and no plain text", _is_html_only),
    Rule("HTML_PICTURES", 1.0, "there are pictures and hardly a word", _is_picture_only),
    Rule("HTML_FORM", 0.6, "it asks for something by a form", _asks_for_data),
    Rule("HTML_ACTIVE", 0.4, "it has what would run in a browser", _runs),
    Rule("BODY_EMPTY", 0.5, "there is nothing in it", _is_empty),
    Rule("TEXT_BASE64", 0.8, "plain text is encoded without need", _hides_plain_text),
    Rule("TEXT_SCATTERED", 1.8, "words have invisible characters in them", _is_scattered),
    Rule("MIME_EXCESS", 2.0, "it has more parts than mail has", _is_beyond_bounds),
    Rule("MIME_NO_PARTS", 1.0, "it has none of the parts it speaks of", _has_no_parts),
    Rule("FRAUD_RANSOM", 2.5, "it threatens, and wants Bitcoin", _extorts),
    Rule("FRAUD_MILLIONS", 2.5, "it promises somebody's millions", _promises_millions),
)
"""How the text is made."""
