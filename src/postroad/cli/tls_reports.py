"""`postroad tls-reports`: what others report of TLS with this server, and what they are told.

The commands read the file that the workers use, whether the server runs or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json_stream
from postroad.cli.options import Json
from postroad.cli.reports_missing import say_none
from postroad.cli.reports_sent import asked, date, show_sent
from postroad.model.printable import printable

if TYPE_CHECKING:
    import sqlite3

    from postroad.reports.outgoing import Tried
    from postroad.reports.tls.received import Day, Failed
    from postroad.reports.tls.sums import Counted

__all__ = ["tls_reports_app"]

tls_reports_app = typer.Typer(
    help="Reports about TLS: what others tell, and what they are told.",
    invoke_without_command=True,
)

_Answer = TypeVar("_Answer")


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
    from postroad.reports.missed import missed
    from postroad.reports.outgoing import tried
    from postroad.reports.tls.sums import counted

    def question(connection: sqlite3.Connection) -> tuple[list[Tried], list[Counted], int]:
        return list(tried(connection)), list(counted(connection)), missed(connection)

    found = _asked(context, question)
    reports, counts, lost = found or ([], [], 0)
    words = ("sessions", "succeeded", "failed")
    show_sent(reports, counts, lost, words=words, json=json)


def show(context: typer.Context, *, json: bool = False) -> None:
    """List what was received."""
    from postroad.reports.tls.received import days

    found = _asked(context, lambda connection: list(days(connection))) or []
    if not found:
        say_none("tls_reports", state_of_server(context).tls_reports.receive)
    if json:
        print_json_stream(map(_day_json, found))
        return
    for line in _lines(found):
        print(line)


def _lines(found: list[Day]) -> Iterator[str]:
    from postroad.reports.tls.advice import advice_on

    for day in found:
        sessions = f"{day.ok} sessions succeeded, {day.failed} failed"
        yield f"{date(day.day)}  {printable(day.organization)}  {printable(day.domain)}: {sessions}"
        for each in day.failures:
            yield f"    {_failed(each)}"
            advice = advice_on(each.result)
            yield f"        {advice.meaning}: {advice.action}"


def _failed(each: Failed) -> str:
    at = f" at {printable(each.host)}" if each.host else ""
    reason = f" ({printable(each.reason)})" if each.reason else ""
    senders = f", seen from {', '.join(map(printable, each.senders))}" if each.senders else ""
    return f"{each.count} {printable(each.result) or 'unknown'}{at}{reason}{senders}"


def _day_json(day: Day) -> Mapping[str, object]:
    from postroad.reports.tls.advice import advice_on

    return {
        "day": date(day.day),
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


def _asked(
    context: typer.Context, question: Callable[[sqlite3.Connection], _Answer]
) -> _Answer | None:
    """The answer of the configured server's file; `None`, and no file is made, without one."""
    from postroad.reports.tls.file import TLS_REPORTS

    return asked(state_of_server(context).tls_reports_file, TLS_REPORTS, question)
