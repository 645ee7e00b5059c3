"""One part of a worker that has to do with reports, alone: configured, reloaded, listened to."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fake_dns import FakeDns
from postroad.app.daily_reports import DailyReports
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.model.journal import Event
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings
from postroad.reports.day import DAY
from postroad.server.settings import ListenerSettings
from report_world import TODAY

__all__ = ["DailyWorld", "PartWorld"]

_NOW = float(TODAY * DAY)


class ReportsPart(Protocol):
    def replace(self, running: Running) -> None: ...


_Part = TypeVar("_Part", bound=ReportsPart)


class PartWorld(Generic[_Part]):
    """A configuration, the part that was made for it, and what the part said.

    Args:
        folder: the state directory.
        make: makes the part of what runs and of where its events go.
    """

    def __init__(
        self, folder: Path, make: Callable[[Running, Callable[[Event], None]], _Part]
    ) -> None:
        self.configuration = Configuration(
            hostname="mail.example.org",
            domains=("example.org",),
            state_directory=folder,
            listeners={"mx": ListenerSettings(tls="none")},
        )
        self.said: list[str] = []
        self.running = Running(self.configuration, lambda: self.configuration)
        self.part = make(self.running, lambda event: self.said.append(event.text))

    def change(self, **sections: object) -> None:
        """Reload a configuration with other sections."""
        self.configuration = dataclasses.replace(self.configuration, **sections)
        self.running.reload()
        self.part.replace(self.running)


class DailyPart(ReportsPart, Protocol):
    @property
    def daily(self) -> DailyReports: ...


_Daily = TypeVar("_Daily", bound=DailyPart)


class DailyWorld(PartWorld[_Daily]):
    """A part that counts and sends reports, on a day that stands still, without a DNS.

    Args:
        folder: the state directory.
        make: the part's class.
    """

    def __init__(self, folder: Path, make: Callable[..., _Daily]) -> None:
        resolver = Resolver(DnsSettings(), time.monotonic, query=FakeDns({}))
        super().__init__(
            folder, lambda running, tell: make(running, resolver, tell, now=lambda: _NOW)
        )
        self._closed = False

    async def close(self) -> None:
        """Write what was counted; the second time nothing."""
        if not self._closed:
            self._closed = True
            await self.part.daily.close()
