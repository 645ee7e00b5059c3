"""`postroad dmarc sent`: which reports on DMARC went to other domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.options import Json
from postroad.cli.reports_sent import asked, show_sent

if TYPE_CHECKING:
    import sqlite3

    from postroad.reports.dmarc.sums import Counted
    from postroad.reports.outgoing import Tried

__all__ = ["sent"]


def sent(
    context: typer.Context,
    *,
    json: Json = False,
) -> None:
    """Show which reports went to other domains, which wait, and what is counted now."""
    from postroad.reports.dmarc.file import DMARC_REPORTS
    from postroad.reports.dmarc.sums import counted
    from postroad.reports.missed import missed
    from postroad.reports.outgoing import tried

    def question(connection: sqlite3.Connection) -> tuple[list[Tried], list[Counted], int]:
        counts = list(counted(connection))
        lost = missed(connection) + sum(each.missed for each in counts)
        return list(tried(connection)), counts, lost

    found = asked(state_of_server(context).dmarc_reports_file, DMARC_REPORTS, question)
    reports, counts, lost = found or ([], [], 0)
    words = ("messages", "passed", "failed")
    show_sent(reports, counts, lost, words=words, json=json)
