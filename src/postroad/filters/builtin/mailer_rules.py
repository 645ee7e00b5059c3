"""Rules about the program that made a message: what it says it is, and what it did not write.

Programs that send spam call themselves Outlook, and leave out what Outlook writes. Whoever signs
mail for its domain has a program that is its own business: there these rules do not ask.
"""

from __future__ import annotations

import re
from itertools import islice

from postroad.filters.builtin.author_rules import FREE
from postroad.filters.builtin.case import Case, line_of
from postroad.filters.builtin.rule import Rule, shown

__all__ = ["MAILER_RULES"]

_ZONE = re.compile(r"[+-](\d\d)(\d\d)(?!\d)")
_OUTLOOK = re.compile(r"\s*Microsoft Outlook(?! Express Macintosh)")
_HIGH = re.compile(r"\s*(?:[12]\b|high|urgent)", re.IGNORECASE)
_RECIPIENT = re.compile(r"([A-Za-z0-9][\w.+-]{2,63})@([A-Za-z0-9][A-Za-z0-9.-]{2,252})", re.ASCII)

MOST_RECIPIENTS = 100
"""Addresses in To and Cc that are looked at."""

MANY = 8
"""Recipients that are many for a letter to a stranger's server."""


def _text(case: Case, name: str) -> str:
    field = case.came.first(name)
    return "" if field is None else line_of(field)


def _has_odd_zone(case: Case) -> str:
    """Places have from twelve hours behind to fourteen before, in quarters of an hour."""
    found = _ZONE.search(_text(case, "date")[:200])
    if found is None:
        return ""
    hours, minutes = int(found[1]), int(found[2])
    behind = found[0][0] == "-"
    is_one = hours <= (12 if behind else 14) and minutes in (0, 15, 30, 45)
    return "" if is_one else found[0]


def _is_no_outlook(case: Case) -> str:
    """Outlook writes `X-MimeOLE` wherever it writes its own priority."""
    if case.came.first("x-mimeole") is not None or case.is_signed:
        return ""
    if _text(case, "x-mailer").startswith("SquirrelMail"):
        return ""  # which writes that priority for good
    return "X-MSMail-Priority" if case.came.first("x-msmail-priority") is not None else ""


def _is_outlook_without_text(case: Case) -> str:
    """Outlook sends plain text beside HTML."""
    if case.is_list or not _is_html_alone(case):
        return ""
    mailer = _text(case, "x-mailer")
    return shown(mailer) if _OUTLOOK.match(mailer) else ""


def _is_html_alone(case: Case) -> bool:
    return [each.type for each in case.reading.parts] == ["text/html"]


def _is_nobodys_html(case: Case) -> bool:
    """Nothing but HTML, of a program without a name, which nobody has signed."""
    if case.is_list or case.is_signed or not _is_html_alone(case):
        return False
    return all(case.came.first(each) is None for each in ("x-mailer", "user-agent"))


def _is_html_of_freemail(case: Case) -> bool:
    """Where anybody gets an address mail is signed, and has plain text as well."""
    return case.author_domain in FREE and not case.is_signed and _is_html_alone(case)


def _is_urgent(case: Case) -> bool:
    texts = (_text(case, each) for each in ("x-priority", "importance", "x-msmail-priority"))
    return not case.is_list and any(map(_HIGH.match, texts))


def _recipients(case: Case) -> list[tuple[str, str]]:
    fields = [*case.came.named("to"), *case.came.named("cc")]
    found = _RECIPIENT.finditer(",".join([line_of(each) for each in fields[:4]]))
    return [(each[1].lower(), each[2].lower()) for each in islice(found, MOST_RECIPIENTS)]


def _is_for_many(case: Case) -> bool:
    return not case.is_list and len(_recipients(case)) >= MANY


def _is_for_namesakes(case: Case) -> str:
    """Recipients at many domains whose names begin alike: a piece of a sorted list."""
    found = _recipients(case)
    if case.is_list or len(found) < 4 or len({domain for _, domain in found}) < 4:
        return ""
    begins = [name[:2] for name, _ in found]
    most = max(set(begins), key=begins.count)
    return f"{most}..." if begins.count(most) * 4 >= len(begins) * 3 else ""


MAILER_RULES = (
    Rule("DATE_ZONE_ODD", 1.8, "its date is of no time zone", _has_odd_zone),
    Rule("MAILER_NO_OUTLOOK", 1.2, "it has marks of Outlook and is not of it", _is_no_outlook),
    Rule("MAILER_HTML_ONLY", 1.4, "it is not what Outlook sends", _is_outlook_without_text),
    Rule("HTML_NOBODYS", 0.4, "HTML of a program without a name", _is_nobodys_html),
    Rule("FREEMAIL_HTML", 0.8, "it is not what freemail sends", _is_html_of_freemail),
    Rule("PRIORITY_HIGH", 0.5, "it says that it is urgent", _is_urgent),
    Rule("TO_MANY", 0.6, "it is for many at once", _is_for_many),
    Rule("TO_NAMESAKES", 1.2, "it is for people with names alike", _is_for_namesakes),
)
"""The program that made it."""
