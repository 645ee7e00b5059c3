"""Reports about TLS, joined: what transports see, the file, the daily dispatch, what comes in.

Nothing is opened, and nothing runs, where `[tls_reports]` switches everything off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from postroad.app.daily_reports import DailyReports, Subject, identity_of
from postroad.app.report_rounds import Switch
from postroad.app.running import Running
from postroad.delivery.tls_policy import TlsSeen
from postroad.intake import Door
from postroad.model.address import domain_key, is_domain
from postroad.model.journal import Journal
from postroad.net.dns import Resolver, to_ascii
from postroad.net.tls import TlsConfigurationError, client_context
from postroad.reports.kind import NotSent
from postroad.reports.tls import sums
from postroad.reports.tls.counting import Counting
from postroad.reports.tls.file import TLS_REPORTS
from postroad.reports.tls.receiving import Receiving
from postroad.reports.tls.report import Report
from postroad.reports.tls.sending import Posting, TlsReporting
from postroad.reports.tls.session import Policy, Session

__all__ = ["HttpsPosting", "TlsReports"]

TIME = 60.0
"""Seconds for a POST."""

_SESSIONS = Subject("tls-reports", "sessions", TLS_REPORTS, sums.add)


class TlsReports:
    """Belongs to a worker's event loop.

    Attributes:
        daily: writes and sends.
        receiving: takes the reports of others.
    """

    def __init__(
        self,
        running: Running,
        resolver: Resolver,
        journal: Journal,
        *,
        posting: Posting | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is opened yet, and nothing runs before `start`.

        Args:
            running: what to serve.
            resolver: asks the DNS.
            journal: where events go.
            posting: sends reports over HTTPS; `None`: over the network, as configured.
            now: seconds since the epoch.
        """
        configuration = running.configuration
        self._running = running
        self._resolver = resolver
        self._now = now
        self._given = posting
        self._counting = Counting(now)
        self.daily: DailyReports[Session, Report] = DailyReports(
            _SESSIONS, configuration.tls_reports_file, self._counting, journal, now
        )
        daily = self.daily
        self.receiving = Receiving(
            configuration.tls_reports.receive, daily.file, say=daily.say, warn=daily.warn
        )
        self._take_settings()

    def seen(self, seen: TlsSeen) -> None:
        """Implements `TlsSeeing`: count an attempt of a transport."""
        if not self._counting.enabled:
            return
        domain = _domain(seen.domain)
        if not domain:
            return
        basis = seen.basis
        policy = Policy(basis.kind, basis.domain, basis.strings, basis.hosts)
        result = seen.result.value
        self._counting.seen(
            Session(domain, policy, result, seen.host, seen.receiving, seen.sending, seen.reason)
        )

    def start(self, door: Door) -> None:
        """Begin, now that there is a door for mail."""
        self.daily.open(door)
        self.replace(self._running)

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self._running = running
        self._take_settings()
        configuration = running.configuration
        settings = configuration.tls_reports
        self.receiving.replace(settings.receive)
        identity = identity_of(configuration, settings)
        kind = TlsReporting(
            identity,
            self.daily.file,
            self._resolver,
            self.daily.submit,
            posting=self._given or HttpsPosting(self._resolver, configuration.outbound_tls.ca_file),
            now=self._now,
        )
        is_needed = settings.send is not False or bool(settings.receive)
        self.daily.replace(kind, identity, settings.keep, is_needed=is_needed)

    def _take_settings(self) -> None:
        configuration = self._running.configuration
        settings = configuration.tls_reports
        author = identity_of(configuration, settings).author
        self.daily.switch(Switch(configuration, settings.send, author))


class HttpsPosting:
    """Implements `Posting`; what it needs is loaded and read for the first report."""

    def __init__(self, resolver: Resolver, ca_file: Path | None) -> None:
        """Take how to connect.

        Args:
            resolver: knows where web servers are.
            ca_file: PEM file of the authorities in place of the system's.
        """
        self._resolver = resolver
        self._ca_file = ca_file
        self._posting: Posting | None = None

    async def post(self, url: str, octets: bytes) -> str:
        """See `Posting.post`."""
        if self._posting is None:
            from postroad.reports.tls.posting import Post  # noqa: PLC0415 - it is large

            try:
                tls = client_context(verify=True, ca_file=self._ca_file)
            except TlsConfigurationError as error:
                raise NotSent(str(error)) from None
            self._posting = Post(self._resolver, tls, TIME)
        return await self._posting.post(url, octets)


def _domain(text: str) -> str:
    """The domain as the DNS has it; empty where reports cannot be about it."""
    name = domain_key(text)
    if not is_domain(name) or "." not in name:
        return ""
    return name if name.isascii() else to_ascii(name)
