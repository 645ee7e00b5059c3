"""Rules about how HTML is made: what mail programs do not write, and what is there to be seen.

The source is looked at, as the reader of HTML keeps none of this. Each pattern looks at one tag, of
bounded length, so that time is in proportion to the source.
"""

from __future__ import annotations

import re
from itertools import islice

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.rule import Rule, shown

__all__ = ["MARKUP_RULES"]

MOST_SOURCE = 64 * 1024
"""Characters of the source of one part that are looked at."""

_LARGE = re.compile(r"<font\b[^<>]{0,150}?\bsize\s?=\s?[\"']?\+?[4-7]\b", re.IGNORECASE)
_RED = re.compile(r"<font\b[^<>]{0,150}?\bcolor\s?=\s?[\"']?(?:red|#ff0000)\b", re.IGNORECASE)
_WHITE = re.compile(r"<font\b[^<>]{0,150}?\bcolor\s?=\s?[\"']?(?:white|#ffffff)\b", re.IGNORECASE)
_SPLIT = re.compile(
    r"<(?<=[^\W\d_]<)(!--(?!\[)[^<>]{0,60}--|/?[a-z]{4,12})>(?=[^\W\d_])", re.IGNORECASE
)
_KNOWN = re.compile(
    r"/?(?:abbr|acronym|address|article|aside|bdi|bdo|blockquote|body|button|cite|code|data|details"
    r"|dfn|figure|font|footer|form|head|header|html|kbd|label|main|mark|meta|meter|nobr|output|pre"
    r"|ruby|samp|section|small|span|strike|strong|summary|svg|table|tbody|tfoot|thead|time|title)"
    r"\Z",
    re.IGNORECASE,
)
_PORT = re.compile(
    r"https?://([^/?#\s]{1,253}):(?!80\b|443\b|8080\b|8443\b)\d{2,5}(?=[/?#]|\Z)", re.IGNORECASE
)
_WRITTEN = re.compile(r"%(?:[46][1-9a-f]|[57][0-9a])", re.IGNORECASE)
_SHORT = frozenset(
    re.findall(
        r"\S+",
        "bit.ly tinyurl.com t.ly is.gd cutt.ly rebrand.ly rb.gy ow.ly shorturl.at tiny.cc v.gd"
        " goo.su clck.ru s.id qrco.de",
    )
)
"""Where a link leads behind these nobody sees; lists of bad domains do not see it either."""


def _sources(case: Case) -> list[str]:
    return [each.text[:MOST_SOURCE] for each in case.reading.parts if each.type == "text/html"]


def _count(pattern: re.Pattern[str], case: Case, most: int) -> int:
    return sum(1 for source in _sources(case) for _ in islice(pattern.finditer(source), most))


def _is_large(case: Case) -> bool:
    return _count(_LARGE, case, 1) > 0


def _is_red(case: Case) -> bool:
    return _count(_RED, case, 2) >= 2


def _is_white(case: Case) -> bool:
    return _count(_WHITE, case, 1) > 0


def _splits_words(case: Case) -> bool:
    """Comments, but not Outlook's conditions, or tags that are none, in words: three and more."""
    found = 0
    for source in _sources(case):
        for each in islice(_SPLIT.finditer(source), 200):
            found += each[1].startswith("!--") or not _KNOWN.match(each[1])
    return found >= 3


def _has_no_charset(case: Case) -> bool:
    """Neither the part nor the document says how it is written; mail programs say it."""
    return any(
        each.type == "text/html"
        and not each.charset
        and not each.is_attached
        and bool(each.text)
        and "charset" not in each.text[:4096].lower()
        for each in case.reading.parts
    )


def _hides_html(case: Case) -> bool:
    """Base64 for HTML that needs none and that nobody has signed."""
    return not case.is_signed and any(
        each.encoding == "base64"
        and each.type == "text/html"
        and len(each.text) > 20
        and each.text.isascii()
        for each in case.reading.parts
    )


def _sends_form_by_mail(case: Case) -> bool:
    return any(
        each.tag == "form" and each.target.lower().startswith("mailto:")
        for each in case.reading.links
    )


def _has_port(case: Case) -> str:
    for link in case.reading.links:
        found = None if link.tag == "img" else _PORT.match(link.target)
        if found and not found[1].replace(".", "").isdigit():  # an address has its own rule
            return shown(found[0])
    return ""


def _hides_letters(case: Case) -> str:
    """Letters of a host or path that are written as numbers without need."""
    for link in case.reading.links:
        place = link.target.partition("?")[0].partition("#")[0]
        if sum(1 for _ in islice(_WRITTEN.finditer(place), 4)) == 4:
            return shown(link.target)
    return ""


def _is_shortened(case: Case) -> str:
    for link in case.reading.links:
        host = link.target[:80].lower().partition("//")[2].partition("/")[0]
        if host.removeprefix("www.") in _SHORT and not case.is_signed:
            return host
    return ""


def _removes_by_subject(case: Case) -> bool:
    """Who has a list has `unsubscribe`; `remove` is what bulk mailers of old ask for."""
    return any(
        each.target[:7].lower() == "mailto:" and "subject=remove" in each.target[:500].lower()
        for each in case.reading.links
    )


def _is_undeclared_bulk(case: Case) -> bool:
    """It speaks of its list, and has no field for that (RFC 2369 §3.2, RFC 8058)."""
    if case.is_list or case.is_signed:
        return False
    text = (case.reading.seen or case.reading.plain)[:MOST_SOURCE].lower()
    return any(each in text for each in ("unsubscribe", "opt out", "opt-out", "be removed"))


MARKUP_RULES = (
    Rule("HTML_LARGE", 0.5, "it has large letters", _is_large),
    Rule("HTML_RED", 0.5, "it has red letters", _is_red),
    Rule("HTML_WHITE", 0.2, "it has white letters", _is_white),
    Rule("HTML_SPLIT", 2.0, "words have tags in them that nobody sees", _splits_words),
    Rule("HTML_NO_CHARSET", 0.4, "its HTML does not say how it is written", _has_no_charset),
    Rule("HTML_BASE64", 0.6, "plain HTML is encoded without need", _hides_html),
    Rule("FORM_MAILED", 1.2, "a form in it is answered by mail", _sends_form_by_mail),
    Rule("LINK_PORT", 0.5, "a link leads to an odd port", _has_port),
    Rule("LINK_WRITTEN", 1.2, "a link has letters written as numbers", _hides_letters),
    Rule("LINK_SHORT", 0.4, "a link does not show where it leads", _is_shortened),
    Rule("LINK_REMOVE", 0.6, "it takes you off its list by a subject", _removes_by_subject),
    Rule("BULK_UNDECLARED", 0.4, "it speaks of a list without its fields", _is_undeclared_bulk),
)
"""How HTML and links are made."""
