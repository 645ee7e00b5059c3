"""Reports on DMARC that others send, joined: the file, who reads them, what cannot be read.

One of these for each worker. Nothing is opened where `[dmarc_reports] receive` names nobody.
"""

from __future__ import annotations

import asyncio

from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery.report_taking import Taker
from postroad.limits.state_file import Keeper
from postroad.model.journal import Journal, Level, Notice
from postroad.reports.aside import Aside
from postroad.reports.dmarc.received import DMARC_RECEIVED
from postroad.reports.dmarc.receiving import Receiving, Reception

__all__ = ["DmarcReceived"]

_SERVICE = "dmarc-reports"
_KEPT = "kept as a report on DMARC"


class DmarcReceived:
    """Belongs to a worker's event loop."""

    def __init__(self, running: Running, journal: Journal) -> None:
        """Nothing is opened yet.

        Args:
            running: what to serve.
            journal: where events go.
        """
        configuration, loop = running.configuration, asyncio.get_running_loop()

        def complain(words: str) -> None:  # called in the keeper's thread
            loop.call_soon_threadsafe(self._warn, words)

        self._journal = journal
        self._file = Keeper(configuration.dmarc_received_file, DMARC_RECEIVED, complain)
        self._aside = Aside(configuration.unread_reports_directory, self._warn)
        self._receiving = Receiving(
            _reception(configuration), self._file, say=self._say, warn=self._warn
        )

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self._receiving.replace(_reception(running.configuration))

    @property
    def taker(self) -> Taker:
        """Takes reports out of mail before it is stored."""
        return Taker(self._receiving, _KEPT, self._aside)

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._file.close)

    def _say(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words))

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))


def _reception(configuration: Configuration) -> Reception:
    settings = configuration.dmarc_reports
    return Reception(
        settings.receive, configuration.authentication.id or configuration.hostname, settings.keep
    )
