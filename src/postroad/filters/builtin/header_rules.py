"""Rules about the header: what RFC 5322 asks for and mail programs write, and dates and traces."""

from __future__ import annotations

import re
from itertools import islice

from postroad.filters.builtin.case import Case, line_of, moment
from postroad.filters.builtin.rule import Rule, Test, shown

__all__ = ["HEADER_RULES"]

DAY = 86_400.0
HOUR = 3_600.0
LATE = 14 * DAY

MOST_TRACES = 50
"""Received fields that are looked at; more than so many hops are a loop."""

_MESSAGE_ID = re.compile(r"<[^\s<>@]+@[^\s<>@]+>\Z")
_ADDRESS = re.compile(r"\[(\d{1,10}(?:\.\d{1,10}){3})\]")
_ONCE = ("from", "sender", "reply-to", "to", "cc", "message-id", "date", "subject")
_RAW = ("subject", "from", "to", "reply-to")


def _has_no(name: str) -> Test:
    def test(case: Case) -> bool:
        return case.came.first(name) is None

    return test


def _has_bad_date(case: Case) -> str:
    field = case.came.first("date")
    text = "" if field is None else line_of(field)
    if field is None or moment(text) is not None:
        return ""
    return shown(text) or "it is empty"


def _drift(case: Case) -> float:
    """Seconds by which its date is in the future; 0 where one of the two is not known."""
    field = case.came.first("date")
    at = None if field is None else moment(line_of(field))
    return 0.0 if at is None or not case.letter.arrived else at - case.letter.arrived


def _is_from_future(case: Case) -> str:
    drift = _drift(case)
    return f"{drift / HOUR:.0f} hours" if 12 * HOUR < drift <= 4 * DAY else ""


def _is_from_far_future(case: Case) -> str:
    drift = _drift(case)
    return f"{drift / DAY:.0f} days" if drift > 4 * DAY else ""


def _is_old(case: Case) -> str:
    """Mail waits for five days in queues (RFC 5321 §4.5.4.1), and longer for a moderator.

    Then, or when it is sent again, somebody had it when it was new, and a trace says so.
    """
    drift = _drift(case)
    if drift >= -LATE:
        return ""
    written = case.letter.arrived + drift
    if any(abs(at - written) <= LATE for at in _trace_times(case)):
        return ""
    return f"{-drift / DAY:.0f} days"


def _has_bad_message_id(case: Case) -> str:
    field = case.came.first("message-id")
    if field is None or _MESSAGE_ID.match(line_of(field)):
        return ""
    return shown(line_of(field)) or "it is empty"


def _repeats(case: Case) -> str:
    """Fields of which there may be one (RFC 5322 §3.6)."""
    counts: dict[str, int] = {}
    for field in case.came:
        counts[field.key] = counts.get(field.key, 0) + 1
    return next((name for name in _ONCE if counts.get(name, 0) > 1), "")


def _has_raw_octets(case: Case) -> str:
    """Octets of eight bits belong into encoded words (RFC 2047), or need SMTPUTF8 (RFC 6532)."""
    if case.letter.envelope.smtputf8:
        return ""
    for name in _RAW:
        field = case.came.first(name)
        if field is not None and not field.octets.isascii():
            return name
    return ""


def _is_to_nobody(case: Case) -> bool:
    return all(case.came.first(name) is None for name in ("to", "cc", "bcc"))


def _is_to_undisclosed(case: Case) -> bool:
    field = case.came.first("to")
    return field is not None and "@" not in line_of(field)


def _has_no_version(case: Case) -> bool:
    """RFC 2045 §4 wants it wherever there is MIME."""
    if case.came.first("mime-version") is not None:
        return False
    return bool(case.reading.containers) or case.came.first("content-transfer-encoding") is not None


def _traces(case: Case) -> list[str]:
    return [line_of(field) for field in islice(case.came.named("received"), MOST_TRACES)]


def _trace_times(case: Case) -> list[float]:
    """When hosts say they had it, in seconds since the epoch."""
    times = [moment(each.rpartition(";")[2].strip()) for each in _traces(case)]
    return [each for each in times if each is not None]


def _was_at_no_address(case: Case) -> str:
    """An address with a number above 255 is none: somebody made this trace by hand."""
    for trace in _traces(case):
        for found in _ADDRESS.finditer(trace):
            if any(len(each) > 3 or int(each) > 255 for each in found[1].split(".")):
                return found[1]
    return ""


def _was_later(case: Case) -> str:
    """A trace that says it was written a day after us."""
    if not case.letter.arrived:
        return ""
    for at in _trace_times(case):
        if at - case.letter.arrived > DAY:
            return f"{(at - case.letter.arrived) / DAY:.0f} days"
    return ""


HEADER_RULES = (
    Rule("DATE_MISSING", 1.2, "it has no date", _has_no("date")),
    Rule("DATE_UNREADABLE", 0.8, "its date is none", _has_bad_date),
    Rule("DATE_FUTURE", 1.2, "its date is to come", _is_from_future),
    Rule("DATE_FAR_FUTURE", 2.5, "its date is days ahead", _is_from_far_future),
    Rule("DATE_PAST", 0.7, "its date is long ago", _is_old),
    Rule("MESSAGE_ID_MISSING", 1.0, "it has no Message-ID", _has_no("message-id")),
    Rule("MESSAGE_ID_ODD", 0.7, "its Message-ID is none", _has_bad_message_id),
    Rule("FROM_MISSING", 1.5, "it has no author", _has_no("from")),
    Rule("SUBJECT_MISSING", 0.8, "it has no subject", _has_no("subject")),
    Rule("HEADER_TWICE", 1.0, "a field stands twice that may once", _repeats),
    Rule("HEADER_RAW", 0.8, "a field has octets that are not encoded", _has_raw_octets),
    Rule("TO_MISSING", 0.3, "it says nothing of whom it is for", _is_to_nobody),
    Rule("TO_UNDISCLOSED", 0.6, "it hides whom it is for", _is_to_undisclosed),
    Rule("MIME_NO_VERSION", 0.6, "it is MIME without saying so", _has_no_version),
    Rule("RECEIVED_NO_ADDRESS", 1.8, "a trace names an address that is none", _was_at_no_address),
    Rule("RECEIVED_FUTURE", 1.0, "a trace is from the future", _was_later),
)
"""The header."""
