"""The world of the golden policy scripts: whom it has, and what a script adds to it.

example.org is ours, with john, jane and the address info that john may send as; 10.0.0.0/8 is
trusted; we are mail.example.org at 192.0.2.25 and 127.0.0.1. The DNS, tables, policy services and
probes are a script's own; a name that it does not mention does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from postroad.mailauth.spf.checking import SpfChecker
from postroad.mailauth.spf.result import SpfVerdict
from postroad.model import Address, TlsSession
from postroad.net.dns_records import DnsTemporary, Existence, Records
from postroad.net.dns_records import RecordType as DnsKind
from postroad.net.policy_service import DEFAULT_ACTION
from postroad.policy import (
    LookupUnavailable,
    Networks,
    Oracle,
    Surroundings,
    Verification,
    VerificationStatus,
)
from postroad.policy.facts import RecordType
from postroad.tables import Tables, TableUnavailable

NETWORKS = Networks([IPv4Network("10.0.0.0/8")])
HOSTNAME = "mail.example.org"
INTERFACES = Networks([IPv4Network("192.0.2.25"), IPv4Network("127.0.0.1")])
DOMAIN = "example.org"
OWNERS = {
    "john@example.org": "john@example.org",
    "jane@example.org": "jane@example.org",
    "info@example.org": "john@example.org",
}
"""Each address of the world, and the account that may send as it."""

TLS = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
DELIMITER = "+"
SURROUNDINGS = Surroundings(
    hostname=HOSTNAME, is_own=INTERFACES.contains, recipient_delimiter=DELIMITER
)


class Accounts:
    """The directory of all scripts."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down

    async def is_local(self, domain: str) -> bool:
        self._check()
        return domain.lower() == DOMAIN

    async def is_listed(self, address: Address) -> bool:
        self._check()
        return address.key in OWNERS

    async def owns(self, user: str, address: Address) -> bool:
        self._check()
        return OWNERS.get(address.key) == user

    async def has_owner(self, address: Address) -> bool:
        self._check()
        return address.key in OWNERS

    def _check(self) -> None:
        if self.down:
            raise LookupUnavailable("the directory is down")


@dataclass
class TableText:
    """A table that a script writes out.

    Attributes:
        name: `TYPE:/PATH`, as restrictions name it.
        lines: what its file holds.
        away: whether it cannot be asked.
    """

    name: str
    lines: list[str] = field(default_factory=list)
    away: bool = False

    @property
    def path(self) -> str:
        return self.name.partition(":")[2]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


@dataclass
class Service:
    """A policy service: what it answers to which attribute of a question.

    Attributes:
        answers: name and value of an attribute, and what is said to it; the first that fits counts.
        away: whether it cannot be asked.
        asked: the attributes of all questions.
    """

    answers: list[tuple[str, str, str]] = field(default_factory=list)
    away: bool = False
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def answer(self, attributes: Mapping[str, str]) -> str:
        self.asked.append(attributes)
        for name, value, said in self.answers:
            if not name or attributes.get(name) == value:
                return said
        raise AssertionError("a service needs an answer for everything else")


@dataclass
class World:
    """What a script has beyond the directory; answers as policy's `Names` and `Agents`.

    Attributes:
        zone: records by name and type; `None` where the DNS fails.
        tables: by their names.
        services: by their names.
        probes: what a probe of an address finds.
        greylisted: seconds for which mail must wait still.
    """

    zone: dict[tuple[str, str], tuple[str, ...] | None] = field(default_factory=dict)
    tables: dict[str, TableText] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    probes: dict[str, Verification] = field(default_factory=dict)
    greylisted: float = 0.0

    def located(self, text: str, folder: Path) -> str:
        """A text with the paths of tables below a folder."""
        for path in {table.path for table in self.tables.values()}:
            text = re.sub(rf":{re.escape(path)}(?![\w/])", f":{folder}{path}", text)
        return text

    def write(self, folder: Path) -> None:
        """Write the tables' files below a folder."""
        for table in self.tables.values():
            path = Path(f"{folder}{table.path}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(table.text, "utf-8")

    def oracle(self, folder: Path, *, directory_down: bool = False) -> Oracle:
        """Whom a script asks; its tables are files in a folder."""
        return Oracle(Accounts(down=directory_down), self, _Tables(self, folder), self, self)

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        found = self.zone.get((name.lower(), kind), ())
        if found is None:
            raise LookupUnavailable(f"{kind} {name}")
        return found

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        if service not in self.services:
            raise LookupUnavailable(service)
        found = self.services[service]
        return DEFAULT_ACTION if found.away else found.answer(attributes)

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        unknown = Verification(VerificationStatus.UNKNOWN, "Address verification in progress")
        return self.probes.get(address.key, unknown)

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        return self.greylisted

    async def pause(self, seconds: float) -> None:
        """No time passes in a script."""

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        """By the records of the script."""
        checker = SpfChecker(_Zones(self), HOSTNAME, lambda: 0.0)
        return (await checker.traced(address, sender, helo))[0]


class _Zones:
    """The script's DNS, as those below policy ask it."""

    def __init__(self, world: World) -> None:
        self._zone = world.zone

    async def lookup(self, name: str, kind: DnsKind) -> Records:
        key = name.lower().rstrip(".")
        found = self._zone.get((key, kind), ())
        if found is None:
            raise DnsTemporary(name, kind)
        if found:
            return Records(Existence.FOUND, found)
        exists = any(other == key for other, _ in self._zone)
        return Records(Existence.NO_DATA if exists else Existence.NO_DOMAIN)


class _Tables:
    """Real tables, over the files that a script's world wrote."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._tables = Tables(report=lambda line: None)

    async def find(self, table: str, key: str) -> str | None:
        text = self._world.tables.get(table)
        if text is not None and text.away:
            raise LookupUnavailable(table)
        try:
            return await self._tables.find(self._world.located(table, self._folder), key)
        except TableUnavailable as error:
            raise LookupUnavailable(str(error)) from error

    def takes_parts(self, table: str) -> bool:
        return self._tables.takes_parts(self._world.located(table, self._folder))
