"""What many reports come to: for each domain, and each address that sent in its name. Pure.

Reports are taken one by one, and only sums are kept, with bounds: a stranger may have reported on
very many addresses. What receivers say besides numbers is kept as the most frequent of a few.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from postroad.model.address import belongs_to
from postroad.reports.dmarc.feedback import DkimResult, PublishedPolicy, Row
from postroad.reports.dmarc.received import Kept
from postroad.reports.dmarc.values import quoted

__all__ = ["About", "Few", "Reporter", "Source", "Wanted", "summaries"]

MOST_SOURCES = 50_000
"""Addresses of all domains together; what comes after them is counted without its address."""

MOST_DOMAINS = 5_000
"""Domains; reports about more are strangers' inventions."""

MOST_REPORTERS = 200
"""Organizations that are told apart, for each domain."""

FEW = 8
"""Of a kind, for each source: signers, reasons and the like. The others are only counted."""

_Thing = TypeVar("_Thing")


class Few(Generic[_Thing]):
    """Counts of a few things; of those that come later only how many they are."""

    __slots__ = ("counts", "others")

    def __init__(self) -> None:
        self.counts: dict[_Thing, int] = {}
        self.others = 0

    def add(self, thing: _Thing, count: int) -> None:
        """Count some."""
        if thing in self.counts or len(self.counts) < FEW:
            self.counts[thing] = self.counts.get(thing, 0) + count
        else:
            self.others += count

    @property
    def ranking(self) -> list[_Thing]:
        """The most frequent first."""
        return sorted(self.counts, key=lambda each: (-self.counts[each], str(each)))


@dataclass(slots=True)
class Source:
    """Mail from one address.

    Attributes:
        address: it; empty: several, which are not told apart.
        messages: how many.
        passed: those that proved the author's domain.
        dkim: those that did so by an aligned signature.
        spf: the same by SPF.
        unproved: those of them that only reports without a proved author tell of.
        done: how many by what was done.
        reasons: why that was not the policy.
        authors: domains in the From field.
        signers: what was found of signatures, of messages that one of the two did not prove.
        senders: domain and result of SPF, of the same.
        reporters: authors of the reports; where there is none, what they call themselves, quoted.
    """

    address: str
    messages: int = 0
    passed: int = 0
    dkim: int = 0
    spf: int = 0
    unproved: int = 0
    done: Few[str] = field(default_factory=Few)
    reasons: Few[str] = field(default_factory=Few)
    authors: Few[str] = field(default_factory=Few)
    signers: Few[DkimResult] = field(default_factory=Few)
    senders: Few[tuple[str, str]] = field(default_factory=Few)
    reporters: Few[str] = field(default_factory=Few)

    @property
    def failed(self) -> int:
        """Messages that did not prove the author's domain."""
        return self.messages - self.passed

    def add(self, row: Row, count: int, reporter: str, *, proved: bool) -> None:
        """Count messages that are alike."""
        self.messages += count
        self.passed += count if row.passes else 0
        self.dkim += count if row.dkim else 0
        self.spf += count if row.spf else 0
        self.unproved += 0 if proved else count
        self.done.add(row.disposition or "unknown", count)
        self.authors.add(row.header_from, count)
        self.reporters.add(reporter, count)
        for reason in row.reasons:
            self.reasons.add(reason.kind or "other", count)
        if not (row.dkim and row.spf):
            self._add_details(row, count)

    def _add_details(self, row: Row, count: int) -> None:
        """Of what is not aligned: who it was that signed and sent."""
        for signature in row.signatures:
            self.signers.add(signature, count)
        for sender in row.senders:
            self.senders.add((sender.domain, sender.result), count)


@dataclass(slots=True)
class Reporter:
    """Who reports about a domain.

    Attributes:
        organization: as it names itself.
        author: the domain that its mail proved to be from; empty: none.
        contact: whom to ask there.
        reports: how many there were.
        messages: in them.
        skipped: records that could not be understood.
        is_named: whether they are from files that the operator named.
    """

    organization: str
    author: str
    contact: str = ""
    reports: int = 0
    messages: int = 0
    skipped: int = 0
    is_named: bool = False


@dataclass(slots=True)
class About:
    """What was reported about a domain.

    Attributes:
        domain: whose policy it is.
        begins: seconds since the epoch: of the first report.
        ends: the same: of the last one.
        published: the policy, as the last report has it.
        is_proved: whether some report is anybody's word; then nobody's is not asked for any of
            these, nor for errors.
        errors: what receivers had to say against the policy.
        sources: by address.
        reporters: by organization and author.
    """

    domain: str
    begins: int
    ends: int
    published: PublishedPolicy
    is_proved: bool = False
    errors: Few[str] = field(default_factory=Few)
    sources: dict[str, Source] = field(default_factory=dict)
    reporters: dict[tuple[str, str], Reporter] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """How many in all."""
        return sum([each.messages for each in self.sources.values()])

    @property
    def passed(self) -> int:
        """Those that proved the domain."""
        return sum([each.passed for each in self.sources.values()])

    @property
    def ranking(self) -> list[Source]:
        """The sources, those with the most messages first."""
        return sorted(self.sources.values(), key=lambda each: (-each.messages, each.address))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for.

    Attributes:
        domain: a domain, with those below it; empty: all.
        source: an address; empty: all.
        since: seconds since the epoch: reports that end before are left out.
        proved: whether only reports with a proved author count.
    """

    domain: str = ""
    source: str = ""
    since: float = 0.0
    proved: bool = False

    def is_report(self, kept: Kept) -> bool:
        """Whether a report counts."""
        if self.proved and not kept.is_proved:
            return False
        return kept.feedback.ends >= self.since

    def is_row(self, row: Row, published: str) -> bool:
        """Whether messages count, of a report about this domain."""
        if self.source and row.source != self.source:
            return False
        name = row.header_from or published
        return not self.domain or belongs_to(name, self.domain)


def summaries(reports: Iterable[Kept], wanted: Wanted) -> list[About]:
    """What reports come to, by domain.

    Args:
        reports: there is room for so much, which goes to those that come first.
        wanted: what counts.
    """
    found: dict[str, About] = {}
    room = MOST_SOURCES
    for kept in reports:
        report = kept.feedback
        rows = [each for each in report.rows if wanted.is_row(each[0], report.published.domain)]
        if rows and wanted.is_report(kept):
            about = _about(found, kept)
            if about is not None:
                room -= _add(about, kept, rows, room)
    return [found[domain] for domain in sorted(found)]


def _about(found: dict[str, About], kept: Kept) -> About | None:
    report = kept.feedback
    domain = report.published.domain
    if domain not in found:
        if len(found) >= MOST_DOMAINS:
            return None
        found[domain] = About(domain, report.begins, report.ends, report.published)
    return found[domain]


def _add(about: About, kept: Kept, rows: list[tuple[Row, int]], room: int) -> int:
    """Add a report; how many sources are new."""
    before, messages = len(about.sources), 0
    if kept.is_proved or not about.is_proved:
        _take_word(about, kept)
    for row, count in rows:
        messages += count
        address = row.source
        if address not in about.sources and len(about.sources) - before >= room:
            address = ""
        source = about.sources.setdefault(address, Source(address))
        name = kept.author or quoted(kept.feedback.organization)
        source.add(row, count, name, proved=kept.is_proved)
    _add_reporter(about, kept, messages)
    return len(about.sources) - before


def _take_word(about: About, kept: Kept) -> None:
    """What a report says of the domain itself."""
    report = kept.feedback
    if kept.is_proved and not about.is_proved:
        about.is_proved, about.errors = True, Few()
        about.begins, about.ends, about.published = report.begins, report.ends, report.published
    about.begins = min(about.begins, report.begins)
    if report.ends >= about.ends:
        about.ends, about.published = report.ends, report.published
    for error in report.errors:
        about.errors.add(error, 1)


def _add_reporter(about: About, kept: Kept, messages: int) -> None:
    report = kept.feedback
    key = (report.organization, kept.author)
    if key not in about.reporters and len(about.reporters) >= MOST_REPORTERS:
        key = ("others", "")
    reporter = about.reporters.setdefault(key, Reporter(*key))
    reporter.contact = reporter.contact or report.contact
    reporter.is_named |= kept.is_named
    reporter.reports += 1
    reporter.messages += messages
    reporter.skipped += report.skipped
