"""What reports about TLS need from elsewhere: counts, records, a queue, a web server, a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from postroad.model import Address
from postroad.net.dns import DnsTemporary, RecordType
from postroad.reports.day import DAY
from postroad.reports.dispatch import Dispatch, delay_of
from postroad.reports.kind import Identity, Kind, Made, NotSent
from postroad.reports.tls.file import TLS_REPORTS
from postroad.reports.tls.report import Report
from postroad.reports.tls.sending import TlsReporting
from postroad.reports.tls.session import Policy, Session

_Answer = TypeVar("_Answer")
_Report = TypeVar("_Report", bound=Made)

EXAMPLE = Path(__file__).parent / "reports" / "tls" / "rfc8460.json"
TODAY = 20_000
STS = Policy("sts", "example.net", ("version: STSv1", "mode: enforce"), ("mx.example.net",))
NONE = Policy("no-policy-found", "example.net")
GOOD = Session("example.net", STS, "success", "mx.example.net", "192.0.2.1", "198.51.100.1")
BAD = GOOD._replace(result="certificate-expired", reason="certificate has expired")
IDENTITY = Identity(
    "mail.example.org", "postmaster@example.org", "tls@example.org", "Example & Sons"
)
BEGIN = TODAY * DAY + delay_of(IDENTITY.hostname)  # when yesterday's reports are due


class MemoryFile:
    """A `Keeping` over a database in memory, or another one."""

    def __init__(self, connection: sqlite3.Connection | None = None) -> None:
        self.connection = connection or sqlite3.connect(":memory:", isolation_level=None)
        if connection is None:
            self.connection.executescript(TLS_REPORTS.tables)
        self.broken = False

    async def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        if self.broken:
            raise TLS_REPORTS.error("tls-reports.db: disk I/O error")
        return question(self.connection)


class Records:
    """TXT records by domain; a domain in `broken` has no answer."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts
        self.broken: set[str] = set()
        self.asked: list[str] = []

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        assert kind == "TXT"
        domain = name.removeprefix("_smtp._tls.")
        self.asked.append(domain)
        if domain in self.broken:
            raise DnsTemporary(name, kind)
        return (self.texts[domain],) if domain in self.texts else ()


class DispatchWorld(Generic[_Report]):
    """What a dispatch of any kind talks to. Time stands still unless a test moves it."""

    def __init__(self, identity: Identity, file: MemoryFile) -> None:
        self.now = BEGIN
        self.identity = identity
        self.file = file
        self.mail: list[tuple[str, bytes]] = []
        self.refusing: set[str] = set()
        self.log: list[str] = []
        self.warnings: list[str] = []

    def dispatch_of(self, kind: Kind[_Report]) -> Dispatch[_Report]:
        return Dispatch(
            kind,
            self.identity,
            30.0 * DAY,
            file=self.file,  # type: ignore[arg-type]
            say=self.log.append,
            warn=self.warnings.append,
            now=lambda: self.now,
        )

    async def submit(self, to: Address, message: bytes) -> str:
        if str(to) in self.refusing:
            raise NotSent("not taken into the queue: 452 4.3.1 no room")
        self.mail.append((str(to), message))
        return f"Q{len(self.mail)}"


class World(DispatchWorld[Report]):
    """That of reports about TLS, with a web server."""

    def __init__(self, file: MemoryFile | None = None) -> None:
        super().__init__(IDENTITY, file or MemoryFile())
        self.records = Records()
        self.posts: list[tuple[str, bytes]] = []
        self.dispatch = self.another()

    def another(self, posting: object = None) -> Dispatch[Report]:
        kind = TlsReporting(
            IDENTITY,
            self.file,  # type: ignore[arg-type]
            self.records,
            self.submit,
            posting=posting or self,  # type: ignore[arg-type]
            now=lambda: self.now,
        )
        return self.dispatch_of(kind)

    async def post(self, url: str, octets: bytes) -> str:
        if url in self.refusing:
            raise NotSent("it answered with 503")
        self.posts.append((url, octets))
        return "it answered with 201"
