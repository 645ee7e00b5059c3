"""What reports on DMARC to others need from elsewhere: messages that came, records, a queue."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from postroad.mailauth.dmarc.record import record_of
from postroad.mailauth.dmarc.recording import AuthDkim, AuthSpf, Evaluated
from postroad.mailauth.dmarc.result import DmarcResult, Policy
from postroad.net.dns import DnsTemporary, RecordType
from postroad.reports.day import DAY
from postroad.reports.dispatch import Dispatch
from postroad.reports.dmarc.destinations import Destinations
from postroad.reports.dmarc.file import DMARC_REPORTS
from postroad.reports.dmarc.observation import Observation, observation
from postroad.reports.dmarc.report import Made
from postroad.reports.dmarc.sending import DmarcReporting
from postroad.reports.dmarc.settings import ReportFormat
from postroad.reports.kind import Identity
from report_world import TODAY, DispatchWorld, MemoryFile

YESTERDAY = TODAY - 1
RECORD = "v=DMARC1; p=reject; sp=quarantine; adkim=s; rua=mailto:dmarc@bank.example"
IDENTITY = Identity(
    "mail.example.org", "postmaster@example.org", "dmarc@example.org", "Example & <Sons>"
)


def _record(text: str) -> object:
    found = record_of(text)
    assert found is not None
    return found


PASSED = Evaluated(
    at=YESTERDAY * DAY + 1.0,
    source_ip="192.0.2.7",
    header_from="news.bank.example",
    envelope_from="bounce.bank.example",
    envelope_to=("example.org",),
    policy_domain="bank.example",
    record=_record(RECORD),  # type: ignore[arg-type]
    found_by="treewalk",
    policy=Policy.QUARANTINE,
    result=DmarcResult.PASS,
    dkim_aligned=True,
    spf_aligned=False,
    disposition=Policy.NONE,
    dkim=(AuthDkim("news.bank.example", "s1", "pass"),),
    spf=AuthSpf("bounce.bank.example", "mfrom", "softfail"),
)
FAILED = replace(
    PASSED,
    source_ip="2001:db8::7",
    header_from="bank.example",
    envelope_from="evil.example",
    policy=Policy.REJECT,
    result=DmarcResult.FAIL,
    dkim_aligned=False,
    disposition=Policy.REJECT,
    dkim=(),
    spf=AuthSpf("evil.example", "mfrom", "pass"),
)


def by(text: str, message: Evaluated = FAILED, **changes: object) -> Evaluated:
    """A message that was evaluated by another record."""
    return replace(message, record=_record(text), **changes)  # type: ignore[arg-type]


def seen(message: Evaluated = PASSED, **changes: object) -> Observation:
    found = observation(replace(message, **changes))  # type: ignore[arg-type]
    assert found is not None
    return found


def memory() -> sqlite3.Connection:
    """A file of counts, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(DMARC_REPORTS.tables)
    return connection


class Zone:
    """TXT records by name; a name in `broken` has no answer."""

    def __init__(self, texts: Mapping[str, str | tuple[str, ...]]) -> None:
        self.texts = dict(texts)
        self.broken: set[str] = set()
        self.asked: list[str] = []

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        assert kind == "TXT"
        self.asked.append(name)
        if name in self.broken:
            raise DnsTemporary(name, kind)
        found = self.texts.get(name, ())
        return (found,) if isinstance(found, str) else found


class World(DispatchWorld[Made]):
    """That of reports on DMARC."""

    def __init__(self, form: ReportFormat = "rfc9990", file: MemoryFile | None = None) -> None:
        super().__init__(IDENTITY, file or MemoryFile(memory()))
        self.form = form
        self.zone = Zone({"_dmarc.bank.example": RECORD})
        self.dispatch = self.another()

    def another(self) -> Dispatch[Made]:
        kind = DmarcReporting(
            IDENTITY,
            self.file,  # type: ignore[arg-type]
            Destinations(self.zone, "tree-walk"),
            self.submit,
            form=self.form,
            now=lambda: self.now,
        )
        return self.dispatch_of(kind)
