"""Reports on DMARC to other domains, joined: what judges say, the file, the daily dispatch."""

from __future__ import annotations

import time
from collections.abc import Callable

from postroad.app.daily_reports import DailyReports, Subject, identity_of
from postroad.app.report_rounds import Switch
from postroad.app.running import Running
from postroad.intake import Door
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.mailauth.dmarc.recording import DmarcRecorder
from postroad.model.journal import Journal
from postroad.net.dns import Resolver
from postroad.reports.dmarc import adding
from postroad.reports.dmarc.counting import Counting
from postroad.reports.dmarc.destinations import Destinations
from postroad.reports.dmarc.file import DMARC_REPORTS
from postroad.reports.dmarc.observation import Observation
from postroad.reports.dmarc.report import Made
from postroad.reports.dmarc.sending import DmarcReporting

__all__ = ["DmarcReports"]

_MESSAGES = Subject("dmarc-reports", "messages", DMARC_REPORTS, adding.add)


class DmarcReports:
    """Belongs to a worker's event loop.

    Attributes:
        daily: writes and sends.
    """

    def __init__(
        self,
        running: Running,
        resolver: Resolver,
        journal: Journal,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is opened yet, and nothing runs before `start`.

        Args:
            running: what to serve.
            resolver: asks the DNS.
            journal: where events go.
            now: seconds since the epoch.
        """
        self._running = running
        self._resolver = resolver
        self._now = now
        self._counting = Counting(now)
        self.daily: DailyReports[Observation, Made] = DailyReports(
            _MESSAGES, running.configuration.dmarc_reports_file, self._counting, journal, now
        )
        self._take_settings()

    @property
    def recorder(self) -> DmarcRecorder:
        """Who is told of each message that was evaluated."""
        return self._counting

    def start(self, door: Door) -> None:
        """Begin, now that there is a door for mail."""
        self.daily.open(door)
        self.replace(self._running)

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self._running = running
        self._take_settings()
        configuration = running.configuration
        settings = configuration.dmarc_reports
        identity = identity_of(configuration, settings)
        kind = DmarcReporting(
            identity,
            self.daily.file,
            Destinations(self._resolver, configuration.dmarc.organizational_domain),
            self.daily.submit,
            form=settings.format,
            now=self._now,
        )
        self.daily.replace(kind, identity, settings.keep, is_needed=settings.send is not False)

    def _take_settings(self) -> None:
        configuration = self._running.configuration
        settings = configuration.dmarc_reports
        verifies = configuration.authentication.verify and configuration.dmarc.verify
        author = identity_of(configuration, settings).author
        self.daily.switch(Switch(configuration, settings.send if verifies else False, author))
        own = (*configuration.local_domains, configuration.hostname)
        ours = () if settings.own_domains else own
        self._counting.leave_out(
            [name_of_domain(each) for each in (*settings.exclude, *ours)],
            configuration.report_addresses,
        )
