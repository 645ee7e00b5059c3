"""`postroad queue count`: for which domains mail waits, and since when, as qshape(1) shows it.

A site that does not take mail shows as a row that is heavy on the right, a burst as one that is
heavy on the left. Each message or recipient is looked at once; what is kept is a row for each
domain.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.queue_choice import Words, choosing, inventory
from postroad.cli.queue_entry import clean
from postroad.cli.refusal import usage

__all__ = ["count_queue"]

MINUTES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
"""The upper ends of the columns; behind the last one there is one more."""

SHOWN = 20
NULL = "MAILER-DAEMON"

Row = list[int]


@choosing
def count_queue(
    context: typer.Context,
    *,
    words: Words,
    senders: Annotated[
        bool, typer.Option("--senders", help="By the senders' domains; counts messages.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="Show so many domains; 0: all.")
    ] = SHOWN,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, of all domains.")] = False,
) -> None:
    """Count waiting recipients by domain and age in minutes, as qshape does."""
    if limit < 0:
        raise usage("--limit takes a number from 0 on")
    stock, choice = inventory(state_of_server(context)), words.choice
    rows = _tallied(stock.senders(choice) if senders else stock.recipients(choice), time.time())
    order = sorted(rows.items(), key=lambda item: (-sum(item[1]), item[0]))
    if json:
        print_json(_as_json(order, senders=senders))
        return
    _print(order, limit)


def _tallied(found: Iterable[tuple[str, float]], now: float) -> dict[str, Row]:
    rows: dict[str, Row] = defaultdict(lambda: [0] * (len(MINUTES) + 1))
    for address, arrived in found:
        domain = address.rpartition("@")[2].lower() or NULL
        rows[domain][bisect_left(MINUTES, (now - arrived) / 60)] += 1
    return rows


def _total(order: Sequence[tuple[str, Row]]) -> Row:
    columns = zip(*(row for _, row in order), strict=True)
    return [sum(column) for column in columns] or [0] * (len(MINUTES) + 1)


def _as_json(order: Sequence[tuple[str, Row]], *, senders: bool) -> dict[str, object]:
    return {
        "counted": "messages" if senders else "recipients",
        "minutes": [*MINUTES, None],
        "total": sum(_total(order)),
        "ages": _total(order),
        "domains": [{"domain": domain, "total": sum(row), "ages": row} for domain, row in order],
    }


def _print(order: Sequence[tuple[str, Row]], limit: int) -> None:
    shown = order[:limit] if limit else order
    header = ["", "T", *map(str, MINUTES), f"{MINUTES[-1]}+"]
    lines = [header, _line("TOTAL", _total(order)), *(_line(*each) for each in shown)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print(" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    if len(shown) < len(order):
        print(f"and {len(order) - len(shown)} domains more: --limit 0 shows them all")


def _line(name: str, row: Row) -> list[str]:
    return [clean(name), str(sum(row)), *map(str, row)]
