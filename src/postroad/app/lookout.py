"""What a server would look up, for those who are none: `explain` and `replay`.

Opens the accounts, the tables and the resolver of a configuration, to read only, beside a running
server or without one. Nothing is made that is not there, and nothing is brought up to date.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from postroad.app.accounts import open_accounts
from postroad.app.forwarding import forwards_of
from postroad.app.services import ownership_of, relayed_of
from postroad.config import Configuration
from postroad.directory.embedded.schema import open_for_reading
from postroad.mailauth.spf.checking import SpfChecker
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import Resolver
from postroad.policy import Oracle
from postroad.policy.facts import Agents
from postroad.reports.arrival import key_of
from postroad.server.inquiries import DnsInquiry, TablesInquiry
from postroad.server.oracle import DirectoryOracle
from postroad.tables import Tables

__all__ = ["Lookout"]


class Lookout:
    """Belongs to an event loop; an asynchronous context manager that closes it.

    Attributes:
        directory: the accounts.
        forwards: how mail goes on and bounces come back.
        names: the DNS.
        accounts: the accounts, as restrictions ask them.
        zones: the DNS likewise.
        senders: knows who may send for a domain.
        registry: the tables likewise, each opened when it is first asked.
        tables: the same, for restrictions to ask.
    """

    def __init__(self, configuration: Configuration, journal: Journal) -> None:
        """Open what is there.

        Args:
            configuration: of the server.
            journal: told of what an operator should know of the tables.

        Raises:
            DirectoryUnavailable: the accounts cannot be read.
        """
        self._exits = AsyncExitStack()
        # An older one is left as it is, for the server to mend.
        open_for_reading(configuration.directory_file).close()
        warn = _warning(journal)
        self.directory = open_accounts(configuration, self._exits, report=warn, complain=warn)
        self.names = Resolver(configuration.dns, time.monotonic)
        self._exits.push_async_callback(self.names.close)
        self.registry = Tables(report=warn)
        self._exits.push_async_callback(self.registry.close)
        self.tables = TablesInquiry(self.registry)
        self.zones = DnsInquiry(self.names)
        self.senders = SpfChecker(
            self.names, configuration.hostname, time.monotonic, timeout=configuration.spf.timeout
        )
        self._exits.push_async_callback(self.senders.close)
        owners = ownership_of(configuration, self.directory, self.tables)
        reports = frozenset(map(key_of, configuration.report_addresses))
        self.forwards = forwards_of(configuration, self.directory, is_read_only=True)
        self.accounts = DirectoryOracle(
            self.forwards.addresses,
            owners,
            more=reports,
            relayed=relayed_of(configuration, self.directory, self.tables),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._exits.aclose()

    def oracle(self, agents: Agents) -> Oracle:
        """Answers as the server would.

        Args:
            agents: stand in for those who do something to find out.
        """
        return Oracle(self.accounts, self.zones, self.tables, agents, self.senders)


def _warning(journal: Journal) -> Callable[[str], None]:
    return lambda words: journal(Notice("smtpd", words, Level.WARNING))
