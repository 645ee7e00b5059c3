"""What MTA-STS needs from elsewhere: TXT records, policies, and a file in memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from postroad.delivery.sts import FetchFailed
from postroad.delivery.sts_file import STS
from postroad.delivery.sts_policy import StsPolicy, parse
from postroad.net.dns import DnsTemporary, RecordType

_Answer = TypeVar("_Answer")


class FakeTexts:
    """TXT records that tests change; a domain in `broken` has no answer."""

    def __init__(self, **ids: str) -> None:
        self.ids = ids
        self.broken: set[str] = set()

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        domain = name.removeprefix("_mta-sts.")
        if domain in self.broken:
            raise DnsTemporary(name, kind)
        policy_id = self.ids.get(domain)
        return () if policy_id is None else (f"v=STSv1; id={policy_id};",)


class FakeFetching:
    """Policies that tests change; a `FetchFailed` in place of one is raised."""

    def __init__(self) -> None:
        self.policies: dict[str, str | FetchFailed] = {}
        self.fetched: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, domain: str) -> StsPolicy:
        self.fetched.append(domain)
        await self.gate.wait()
        text = self.policies[domain]
        if isinstance(text, FetchFailed):
            raise text
        return parse(domain, text)


class MemoryFile:
    """A `Keeping` that answers at once from a database in memory."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.executescript(STS.tables)
        self.broken = False

    async def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        if self.broken:
            raise STS.error("sts.db: disk I/O error")
        return question(self.connection)
