"""`postroad tls-reports`: what others report of TLS with this server, and what they are told.

The commands read the file that the workers use, whether the server runs or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_json_stream, print_table

if TYPE_CHECKING:
    import sqlite3

    from postroad.reports.outgoing import Tried
    from postroad.reports.received import Day, Failed
    from postroad.reports.sums import Counted

__all__ = ["tls_reports_app"]

tls_reports_app = typer.Typer(
    help="Reports about TLS: what others tell, and what they are told.",
    invoke_without_command=True,
)

_Answer = TypeVar("_Answer")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@tls_reports_app.callback()
def reports(context: typer.Context, *, json: Json = False) -> None:
    """Show what others report, unless another word follows."""
    if context.invoked_subcommand is None:
        show(context, json=json)


@tls_reports_app.command("received")
def received(context: typer.Context, *, json: Json = False) -> None:
    """Show what others report of TLS with our mail exchangers, and what to do."""
    show(context, json=json)


@tls_reports_app.command("sent")
def sent(context: typer.Context, *, json: Json = False) -> None:
    """Show which reports went out, which wait, and what is counted now."""
    from postroad.reports.outgoing import tried
    from postroad.reports.sums import counted, missed

    def question(connection: sqlite3.Connection) -> tuple[list[Tried], list[Counted], int]:
        return list(tried(connection)), list(counted(connection)), missed(connection)

    found = _asked(context, question)
    reports, counts, lost = found or ([], [], 0)
    if json:
        print_json(
            {
                "reports": [_sent_json(each) for each in reports],
                "counting": [_counted_json(each) for each in counts],
                "not_counted": lost,
            }
        )
        return
    rows = [row for each in reports for row in _sent_rows(each)]
    print_table(("DAY", "DOMAIN", "OK", "FAILED", "STATE", "WORDS"), rows)
    if counts:
        print(("\n" if rows else "") + "Counted, and not reported yet:")
        header = ("DAY", "DOMAIN", "OK", "FAILED")
        shown = [
            (_date(each.day), _clean(each.domain), str(each.ok), str(each.failed))
            for each in counts
        ]
        print_table(header, shown)
    if lost:
        print(f"{lost} sessions were not counted: there were too many different ones")


def show(context: typer.Context, *, json: bool = False) -> None:
    """List what was received."""
    from postroad.reports.received import days

    found = _asked(context, lambda connection: list(days(connection))) or []
    if json:
        print_json_stream(map(_day_json, found))
        return
    for line in _lines(found):
        print(line)


def _lines(found: list[Day]) -> Iterator[str]:
    from postroad.reports.advice import advice_on

    for day in found:
        sessions = f"{day.ok} sessions succeeded, {day.failed} failed"
        yield f"{_date(day.day)}  {_clean(day.organization)}  {_clean(day.domain)}: {sessions}"
        for each in day.failures:
            yield f"    {_failed(each)}"
            advice = advice_on(each.result)
            yield f"        {advice.meaning}: {advice.action}"


def _failed(each: Failed) -> str:
    at = f" at {_clean(each.host)}" if each.host else ""
    reason = f" ({_clean(each.reason)})" if each.reason else ""
    senders = f", seen from {', '.join(map(_clean, each.senders))}" if each.senders else ""
    return f"{each.count} {_clean(each.result) or 'unknown'}{at}{reason}{senders}"


def _day_json(day: Day) -> Mapping[str, object]:
    from postroad.reports.advice import advice_on

    return {
        "day": _date(day.day),
        "organization": day.organization,
        "contact": day.contact,
        "domain": day.domain,
        "succeeded": day.ok,
        "failed": day.failed,
        "failures": [
            {
                "type": each.result,
                "host": each.host or None,
                "reason": each.reason or None,
                "count": each.count,
                "senders": list(each.senders),
                "meaning": advice_on(each.result).meaning,
                "action": advice_on(each.result).action,
            }
            for each in day.failures
        ],
    }


def _sent_rows(each: Tried) -> Iterator[tuple[str, ...]]:
    head = (_date(each.day), _clean(each.domain), str(each.ok), str(each.failed))
    yield *head, each.state, _clean(each.words) or "-"
    for endpoint, when, words in each.endpoints:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(when)) if when else "not yet"
        yield "", "", "", "", "", f"{_clean(endpoint)}: {at}, {_clean(words)}"


def _sent_json(each: Tried) -> Mapping[str, object]:
    return {
        "day": _date(each.day),
        "domain": each.domain,
        "report_id": each.report_id,
        "state": each.state,
        "attempts": each.tries,
        "next": each.next if each.state == "waiting" else None,
        "succeeded": each.ok,
        "failed": each.failed,
        "words": each.words or None,
        "endpoints": [
            {"endpoint": endpoint, "sent": when, "words": words or None}
            for endpoint, when, words in each.endpoints
        ],
    }


def _counted_json(each: Counted) -> Mapping[str, object]:
    return {
        "day": _date(each.day),
        "domain": each.domain,
        "succeeded": each.ok,
        "failed": each.failed,
    }


def _asked(
    context: typer.Context, question: Callable[[sqlite3.Connection], _Answer]
) -> _Answer | None:
    """The answer of the configured server's file; `None`, and no file is made, without one."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.limits.state_file import open_file
    from postroad.reports.file import TLS_REPORTS

    file = state_of_server(context).tls_reports_file
    if not file.exists():
        return None
    with acting_as(owner_of(file.parent)), closing(open_file(file, TLS_REPORTS)) as connection:
        return question(connection)


def _date(day: int) -> str:
    from postroad.reports.session import DAY

    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY))


def _clean(text: str) -> str:
    """Strangers chose these words: nothing in them may command the operator's terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
