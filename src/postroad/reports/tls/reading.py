"""A report from JSON that a stranger wrote (RFC 8460 §4.4). Pure.

What is needed has to be there and of its type; the rest is taken where it is what it should be, and
left out where it is not. Texts are cut and made of printable characters, counts and lists bounded,
so that what is kept of a report is at most some hundred KB whatever came.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import NoReturn, TypeGuard

from postroad.model.printable import printable
from postroad.reports.arrival import Malformed
from postroad.reports.tls.report import Failure, PolicyResult, Report
from postroad.reports.tls.session import Policy

__all__ = ["parse"]

MOST_TEXT = 300
"""Characters of a text; host names have 253."""

MOST_POLICIES = 200
"""Policies of one report; a receiver with DANE has one for each of its hosts."""

MOST_FAILURES = 1_000
"""Kinds of failures of one report that are kept in detail; all of them are counted."""

MOST_STRINGS = 100
"""Lines of one policy."""

MOST_COUNT = 10**12
"""Sessions; a larger number is nobody's."""

_LATEST = 32_503_680_000  # the year 3000, seconds since the epoch


def parse(octets: bytes) -> Report:
    """The report.

    Args:
        octets: JSON, of bounded length.

    Raises:
        Malformed: it is none.
    """
    value = _decoded(octets)
    if not _is_object(value):
        raise Malformed("a report is a JSON object")
    dates = value.get("date-range")
    if not _is_object(dates):
        raise Malformed("it has no date-range")
    policies = value.get("policies")
    if not _is_list(policies):
        raise Malformed("it has no policies")
    if len(policies) > MOST_POLICIES:
        raise Malformed(f"it has more than {MOST_POLICIES} policies")
    begins, ends = _moment(dates, "start-datetime"), _moment(dates, "end-datetime")
    if ends < begins:
        raise Malformed("its time ends before it begins")
    return Report(
        _needed(value, "organization-name"),
        begins,
        ends,
        _text(value.get("contact-info")),
        _needed(value, "report-id"),
        _policies(policies),
    )


def _decoded(octets: bytes) -> object:
    try:
        found: object = json.loads(octets.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8") from None
    except RecursionError:
        raise Malformed("it is nested too deep") from None
    except Malformed:
        raise
    except ValueError:  # also of a number with thousands of digits
        raise Malformed("it is no JSON") from None
    return found


def _no_number(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON")


def _policies(policies: list[object]) -> tuple[PolicyResult, ...]:
    found, room = [], MOST_FAILURES
    for each in policies:
        if not _is_object(each):
            raise Malformed("a policy is no object")
        result = _policy(each, room)
        room -= len(result.failures)
        found.append(result)
    return tuple(found)


def _policy(value: dict[str, object], room: int) -> PolicyResult:
    described, summary = value.get("policy"), value.get("summary")
    if not _is_object(described) or not _is_object(summary):
        raise Malformed("a policy has no description or no summary")
    details = value.get("failure-details")
    failures = [each for each in details if _is_object(each)] if _is_list(details) else []
    policy = Policy(
        _text(described.get("policy-type")),
        _text(described.get("policy-domain")),
        _texts(described.get("policy-string")),
        _texts(described.get("mx-host")),
    )
    return PolicyResult(
        policy,
        _count(summary.get("total-successful-session-count")),
        _count(summary.get("total-failure-session-count")),
        tuple(_failure(each) for each in failures[:room]),
    )


def _failure(value: dict[str, object]) -> Failure:
    return Failure(
        _text(value.get("result-type")),
        _count(value.get("failed-session-count")),
        host=_text(value.get("receiving-mx-hostname")),
        helo=_text(value.get("receiving-mx-helo")),
        receiving=_text(value.get("receiving-ip")),
        sending=_text(value.get("sending-mta-ip")),
        reason=_text(value.get("failure-reason-code")),
        information=_text(value.get("additional-information")),
    )


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _needed(value: dict[str, object], key: str) -> str:
    found = _text(value.get(key))
    if not found:
        raise Malformed(f"it has no {key}")
    return found


def _text(value: object) -> str:
    """A text, of printable characters; empty where there is none."""
    if not isinstance(value, str):
        return ""
    return printable(value[:MOST_TEXT].strip())


def _texts(value: object) -> tuple[str, ...]:
    """Several texts; where the RFC's own example has one, that."""
    given = value if _is_list(value) else [value]
    return tuple(filter(None, map(_text, given[:MOST_STRINGS])))


def _count(value: object) -> int:
    """A number of sessions. None is none."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNT:
        raise Malformed("a number of sessions is none")
    return value


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,20}(?:[Zz]|[+-][0-9:]{4,6})?\Z")


def _moment(dates: dict[str, object], key: str) -> int:
    """Whole seconds since the epoch, of a time with a zone or in UTC."""
    value = dates.get(key)
    if not isinstance(value, str) or not _DATE.match(value):
        raise Malformed(f"{key} is no time")
    try:
        found = datetime.fromisoformat(value.upper())
        aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        seconds = int(aware.timestamp())
    except (ValueError, OverflowError):
        raise Malformed(f"{key} is no time") from None
    if not 0 <= seconds <= _LATEST:
        raise Malformed(f"{key} is no time of ours")
    return seconds
