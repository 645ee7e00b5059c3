"""The reports of a worker, of both kinds: those that it sends to other domains, and those it gets.

What each of them does is in `tls_reports`, `dmarc_reports` and `dmarc_received`. Here is when: they
count before there is a door for mail, send once there is one, and stop before it closes.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from postroad.app.dmarc_received import DmarcReceived
from postroad.app.dmarc_reports import DmarcReports
from postroad.app.running import Running
from postroad.app.tls_reports import TlsReports
from postroad.intake import Door
from postroad.model.journal import Journal
from postroad.net.dns import Resolver

__all__ = ["Reporting"]


class Reporting:
    """Belongs to a worker's event loop.

    Attributes:
        tls: counts what transports see, and takes the reports of others about TLS.
        dmarc: counts what judges say.
        received: takes the reports of others on DMARC.
    """

    def __init__(self, running: Running, resolver: Resolver, journal: Journal) -> None:
        """Nothing is opened yet, and nothing runs before `start`.

        Args:
            running: what to serve.
            resolver: asks the DNS.
            journal: where events go.
        """
        self.tls = TlsReports(running, resolver, journal)
        self.dmarc = DmarcReports(running, resolver, journal)
        self.received = DmarcReceived(running, journal)

    def start(self, door: Door) -> None:
        """Send from now on, by this door."""
        self.dmarc.start(door)
        self.tls.start(door)

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self.tls.replace(running)
        self.received.replace(running)
        self.dmarc.replace(running)

    async def stop(self) -> None:
        """Send nothing more; the door is about to close. Counting goes on."""
        async with AsyncExitStack() as exits:  # each of them, whatever becomes of the others
            exits.push_async_callback(self.dmarc.daily.stop)
            exits.push_async_callback(self.tls.daily.stop)

    async def close(self) -> None:
        """Write down what was counted, and close the files."""
        async with AsyncExitStack() as exits:
            exits.push_async_callback(self.tls.daily.close)
            exits.push_async_callback(self.dmarc.daily.close)
            exits.push_async_callback(self.received.close)
