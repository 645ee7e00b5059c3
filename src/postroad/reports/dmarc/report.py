"""A report on DMARC made from a day's counts (RFC 9990 §3.1, RFC 7489 §7.2). Pure.

A report is about one domain that publishes a policy, and about the messages of all authors that go
by it. Where the domain changed its record during the day, there is still one report, with the
record that was seen last (RFC 9990 §3.1.1, §3.3); the messages that an earlier one was applied to
say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.mailauth.dmarc.record import DmarcRecord, record_of
from postroad.mailauth.dmarc.result import OverrideKind
from postroad.reports.day import DAY
from postroad.reports.dmarc.feedback import Feedback, PublishedPolicy, Reason, Row
from postroad.reports.dmarc.sums import OfDay, Policied
from postroad.reports.kind import Identity
from postroad.reports.outgoing import Due

__all__ = ["Made", "made"]


@dataclass(frozen=True, slots=True)
class Made:
    """A report of ours, as the dispatch knows it.

    Attributes:
        feedback: the report.
    """

    feedback: Feedback

    @property
    def ok(self) -> int:
        """Messages that passed."""
        return self.feedback.passed

    @property
    def failed(self) -> int:
        """Messages that failed."""
        return self.feedback.messages - self.feedback.passed


def made(identity: Identity, due: Due, counts: OfDay) -> Made:
    """The report.

    Args:
        identity: who reports.
        due: the day, the domain, and the report's id.
        counts: what was counted.
    """
    begins = due.day * DAY
    rows = tuple(_joined(_row(each, counts.record) for each in counts.messages))
    feedback = Feedback(
        identity.organization,
        identity.contact,
        due.report_id,
        begins,
        begins + DAY - 1,
        _published(due.domain, counts),
        rows,
        len(rows),
        errors=tuple(_errors(counts)),
    )
    return Made(feedback)


def _row(each: Policied, last: str) -> tuple[Row, int]:
    """With the reason why it did not go by the policy of the report (RFC 9990 §3.1.1.9)."""
    row = each.row
    if each.record != last and not row.passes:
        words = f"evaluated by the record of that time: {each.record}"[:_MOST_COMMENT]
        row = row._replace(reasons=(*row.reasons, Reason(OverrideKind.OTHER.value, words)))
    return row, each.count


_MOST_COMMENT = 300  # characters: a record has some hundred


def _joined(rows: Iterable[tuple[Row, int]]) -> Iterator[tuple[Row, int]]:
    """The same row under two records is one, the most frequent first."""
    joined: dict[Row, int] = {}
    for row, count in rows:
        joined[row] = joined.get(row, 0) + count
    yield from sorted(joined.items(), key=lambda each: (-each[1], each[0]))


def _published(domain: str, counts: OfDay) -> PublishedPolicy:
    """Unspecified tags have their default values (RFC 9990 §3.1.1.5)."""
    record = record_of(counts.record) or DmarcRecord(text=counts.record)
    below = record.p if record.sp is None else record.sp
    absent = below if record.np is None else record.np
    return PublishedPolicy(
        domain,
        record.p.value,
        below.value,
        absent.value,
        percent=str(record.percent),
        testing="y" if record.is_testing else "n",
        dkim="s" if record.strict_dkim else "r",
        spf="s" if record.strict_spf else "r",
        options=":".join(record.failure_options),
        found_by=counts.found_by,
    )


def _errors(counts: OfDay) -> Iterator[str]:
    if counts.missed:
        yield (
            f"{counts.missed} messages are not in this report:"
            " there were too many that differ from each other"
        )
