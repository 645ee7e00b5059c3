"""The records of a report as it is read: one at a time, and what they come to as rows. Pure.

Of a record only what is known is kept, and of that only so much; of many records only rows, of
which those that are alike are one. When there are too many, what comes after them is one row for
each result, without its details: no message goes uncounted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postroad.reports.dmarc.feedback import DkimResult, Reason, Row, SpfResult
from postroad.reports.dmarc.values import address, count_of, domain_of

__all__ = ["Record", "Rows"]

MOST_ROWS = 10_000
"""Rows of one report."""

MOST_ROW_TEXT = 4_194_304
"""Characters of all of them."""

MOST_RESULTS = 6
"""Signatures of a record that are kept; likewise SPF's results, and reasons."""

_DISPOSITIONS = {"none": "none", "pass": "none", "quarantine": "quarantine", "reject": "reject"}
"""RFC 9990 has `pass` for messages that passed, with which nothing was done either."""

Given = Mapping[str, str]
"""Texts by the names of their elements."""


class Record:
    """What is known of one record so far.

    Attributes:
        identifiers: domains by their names.
        skipped: rows of it that are too many; the standard has one.
    """

    __slots__ = ("_rows", "_senders", "_signatures", "identifiers", "skipped")

    def __init__(self) -> None:
        self.identifiers: dict[str, str] = {}
        self.skipped = 0
        self._rows: list[tuple[Given, tuple[Reason, ...]]] = []
        self._signatures: list[DkimResult] = []
        self._senders: list[SpfResult] = []

    def add_row(self, given: Given, reasons: list[Reason]) -> None:
        """An address, a count and what was done."""
        if len(self._rows) < MOST_RESULTS:
            self._rows.append((given, tuple(reasons)))
        else:
            self.skipped += 1

    def add_signature(self, given: Given) -> None:
        """What was found of a signature."""
        domain, result = domain_of(given.get("domain", "")), given.get("result", "").lower()
        if len(self._signatures) < MOST_RESULTS and (domain or result):
            self._signatures.append(DkimResult(domain, given.get("selector", ""), result))

    def add_sender(self, given: Given) -> None:
        """What was found by SPF."""
        domain, result = domain_of(given.get("domain", "")), given.get("result", "").lower()
        if len(self._senders) < MOST_RESULTS and (domain or result):
            self._senders.append(SpfResult(domain, given.get("scope", "").lower(), result))

    def rows(self) -> Iterator[tuple[Row, int] | None]:
        """What it tells; `None` for what cannot be understood."""
        if not self._rows:
            yield None
        for given, reasons in self._rows:
            source, count = address(given.get("source_ip", "")), count_of(given.get("count", ""))
            if not source or count is None:
                yield None
            elif count:
                yield self._row(source, given, reasons), count

    def _row(self, source: str, given: Given, reasons: tuple[Reason, ...]) -> Row:
        return Row(
            source,
            self.identifiers.get("header_from", ""),
            self.identifiers.get("envelope_from", ""),
            self.identifiers.get("envelope_to", ""),
            _DISPOSITIONS.get(given.get("disposition", "").lower(), ""),
            given.get("dkim", "").lower() == "pass",
            given.get("spf", "").lower() == "pass",
            reasons,
            tuple(self._signatures),
            tuple(self._senders),
        )


class Rows:
    """What records come to.

    Attributes:
        records: how many were read.
        skipped: those of them that could not be understood.
    """

    def __init__(self) -> None:
        self.records = 0
        self.skipped = 0
        self._counts: dict[Row, int] = {}
        self._size = 0

    def add(self, record: Record) -> None:
        """Count a record."""
        self.records += 1
        self.skipped += record.skipped
        for found in record.rows():
            if found is None:
                self.skipped += 1
            else:
                self._add(*found)

    def _add(self, row: Row, count: int) -> None:
        counts = self._counts
        known = counts.get(row)
        if known is None:
            size = _length(row)
            if len(counts) >= MOST_ROWS or self._size + size > MOST_ROW_TEXT:
                row = Row("", "", "", "", row.disposition, row.dkim, row.spf, (), (), ())
            else:
                self._size += size
            known = counts.get(row, 0)
        counts[row] = known + count

    def named(self, domain: str) -> tuple[tuple[Row, int], ...]:
        """All of them, with this domain as the author's where that is not told."""
        return tuple(
            [
                (row if row.header_from or not row.source else row._replace(header_from=domain), n)
                for row, n in self._counts.items()
            ]
        )

    @property
    def only_author(self) -> str:
        """The author's domain, where all messages have the same; else empty."""
        found = {row.header_from for row in self._counts if row.source}
        return found.pop() if len(found) == 1 else ""


def _length(row: Row) -> int:
    texts = row[:5]
    nested = (*row.reasons, *row.signatures, *row.senders)
    return sum(map(len, texts)) + sum([len(text) for each in nested for text in each])
