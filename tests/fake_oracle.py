"""An oracle of which only the parts are there that a test is about."""

from __future__ import annotations

from collections.abc import Mapping

from postroad.mailauth.spf.result import SpfVerdict
from postroad.model import Address
from postroad.policy import LookupUnavailable, Oracle, Verification
from postroad.policy.facts import Accounts, Agents, Names, RecordType, Senders, Tables


class Unasked:
    """The DNS, the tables and the agents of a test that has nothing to do with them."""

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        raise LookupUnavailable(f"{kind} {name}")

    async def find(self, table: str, key: str) -> str | None:
        raise LookupUnavailable(f"{table} {key}")

    def takes_parts(self, table: str) -> bool:
        return True

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        raise LookupUnavailable(service)

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        raise LookupUnavailable(str(address))

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        raise LookupUnavailable("greylist")

    async def pause(self, seconds: float) -> None:
        pass

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        raise LookupUnavailable(f"SPF for {address}")


NOBODY = Unasked()


def oracle_of(
    accounts: Accounts,
    names: Names = NOBODY,
    tables: Tables = NOBODY,
    agents: Agents = NOBODY,
    senders: Senders = NOBODY,
) -> Oracle:
    """An oracle of some parts; the others answer nothing."""
    return Oracle(accounts, names, tables, agents, senders)
