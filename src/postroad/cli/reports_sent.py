"""Which reports went out, which wait, and what is counted now: shown alike for both kinds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, TypeVar

from postroad.cli.listing import print_json, print_table
from postroad.model.printable import printable

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from postroad.limits.state_file import Shape
    from postroad.reports.outgoing import Tried

__all__ = ["Counted", "asked", "date", "show_sent"]

_Answer = TypeVar("_Answer")


class Counted(Protocol):
    """What is counted of a domain on a day."""

    @property
    def day(self) -> int:
        """Number of the day since the epoch."""
        ...

    @property
    def domain(self) -> str:
        """The domain."""
        ...

    @property
    def ok(self) -> int:
        """How much of it went well."""
        ...

    @property
    def failed(self) -> int:
        """How much of it did not."""
        ...


def show_sent(
    reports: Iterable[Tried],
    counts: Iterable[Counted],
    lost: int,
    *,
    words: tuple[str, str, str],
    json: bool,
) -> None:
    """Print them.

    Args:
        reports: what was tried.
        counts: what is counted and not reported yet.
        lost: how much was not counted.
        words: what is counted, in the plural; what went well, and what did not.
        json: whether as JSON.
    """
    noun, ok, failed = words
    if json:
        print_json(
            {
                "reports": [_document(each, ok, failed) for each in reports],
                "counting": [
                    {
                        "day": date(each.day),
                        "domain": each.domain,
                        ok: each.ok,
                        failed: each.failed,
                    }
                    for each in counts
                ],
                "not_counted": lost,
            }
        )
        return
    rows = [row for each in reports for row in _rows(each)]
    shown = [
        (date(each.day), printable(each.domain), str(each.ok), str(each.failed)) for each in counts
    ]
    if rows or not shown:
        none = "nothing was sent, and nothing is counted"
        print_table(("DAY", "DOMAIN", "OK", "FAILED", "STATE", "WORDS"), rows, none=none)
    if shown:
        print(("\n" if rows else "") + "Counted, and not reported yet:")
        print_table(("DAY", "DOMAIN", "OK", "FAILED"), shown, none="")
    if lost:
        print(f"{lost} {noun} were not counted: there were too many different ones")


def asked(
    file: Path, shape: Shape, question: Callable[[sqlite3.Connection], _Answer]
) -> _Answer | None:
    """The answer of a file; `None`, and no file is made, without one.

    Args:
        file: in the state directory; the commands act as its owner.
        shape: what is in it.
        question: asks it.
    """
    from postroad.config.ownership import acting_as, owner_of
    from postroad.limits.state_file import open_file

    if not file.exists():
        return None
    with acting_as(owner_of(file.parent)), closing(open_file(file, shape)) as connection:
        return question(connection)


def date(day: int) -> str:
    """A day, as it is written.

    Args:
        day: its number since the epoch.
    """
    from postroad.reports.day import DAY

    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY))


def _rows(each: Tried) -> Iterator[tuple[str, ...]]:
    head = (date(each.day), printable(each.domain), str(each.ok), str(each.failed))
    yield *head, each.state, printable(each.words) or "-"
    never = "not yet" if each.state == "waiting" else "not sent"
    for endpoint, when, words in each.endpoints:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(when)) if when else never
        yield "", "", "", "", "", f"{printable(endpoint)}: {at}, {printable(words)}"


def _document(each: Tried, ok: str, failed: str) -> Mapping[str, object]:
    return {
        "day": date(each.day),
        "domain": each.domain,
        "report_id": each.report_id,
        "state": each.state,
        "attempts": each.tries,
        "next": each.next if each.state == "waiting" else None,
        ok: each.ok,
        failed: each.failed,
        "words": each.words or None,
        "endpoints": [
            {"endpoint": endpoint, "sent": when, "words": words or None}
            for endpoint, when, words in each.endpoints
        ],
    }
