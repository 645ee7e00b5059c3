"""Reports about TLS, joined: what transports see, the file, the daily dispatch, what comes in.

One of these for each worker. Nothing is opened, and nothing runs, where `[tls_reports]` switches
everything off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery.tls_policy import TlsSeen
from postroad.intake import Door
from postroad.intake.door import Refusal
from postroad.limits.state_file import Keeper, StateUnavailable
from postroad.model import Address, Envelope
from postroad.model.address import domain_key, is_domain
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import Resolver, to_ascii
from postroad.net.tls import TlsConfigurationError, client_context
from postroad.reports import sums
from postroad.reports.counting import Counting
from postroad.reports.dispatch import Dispatch, Identity, NotSent, Posting
from postroad.reports.file import TLS_REPORTS
from postroad.reports.receiving import Receiving
from postroad.reports.session import Policy, Session, day_of

__all__ = ["HttpsPosting", "TlsReports", "identity_of"]

PAUSE = 10.0
"""Seconds between two writings of counts: what a crash forgets."""

LOOK_EVERY = 6
"""Writings between two looks for reports that are due."""

TIME = 60.0
"""Seconds for a POST."""

_SERVICE = "tls-reports"


class TlsReports:
    """Belongs to a worker's event loop.

    Attributes:
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
        configuration, loop = running.configuration, asyncio.get_running_loop()

        def complain(words: str) -> None:  # called in the keeper's thread
            loop.call_soon_threadsafe(self._warn, words)

        self._running = running
        self._resolver = resolver
        self._journal = journal
        self._now = now
        self._given = posting
        self._file = Keeper(configuration.tls_reports_file, TLS_REPORTS, complain)
        settings = configuration.tls_reports
        self._counting = Counting(now, enabled=settings.send)
        self.receiving = Receiving(settings.receive, self._file, say=self._say, warn=self._warn)
        self._door: Door | None = None
        self._dispatch: Dispatch | None = None
        self._task: asyncio.Task[None] | None = None

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
        self._door = door
        self.replace(self._running)

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self._running = running
        configuration = running.configuration
        settings = configuration.tls_reports
        self._counting.enabled = settings.send
        self.receiving.replace(settings.receive)
        self._dispatch = Dispatch(
            identity_of(configuration),
            settings.keep,
            file=self._file,
            texts=self._resolver,
            submit=self._submit,
            posting=self._given or HttpsPosting(self._resolver, configuration.outbound_tls.ca_file),
            say=self._say,
            warn=self._warn,
            now=self._now,
        )
        if self._task is None and (settings.send or settings.receive):
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Send nothing more; the door is about to close."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Write down what was counted, and close the file."""
        await self.stop()
        await self.write()
        await asyncio.to_thread(self._file.close)

    async def write(self) -> None:
        """Write down what was counted since the last time."""
        counts, missed = self._counting.take()
        if not counts and not missed:
            return
        today = day_of(self._now())
        try:
            lost = await self._file.ask(lambda found: sums.add(found, counts, missed, today))
        except StateUnavailable as error:
            self._warn(f"{error}; {sum(counts.values()) + missed} sessions are not counted")
            return
        if lost:
            self._warn(f"{lost} sessions are not counted: there are too many different ones")

    async def send(self) -> None:
        """Send what is due, and forget what is old."""
        dispatch, configuration = self._dispatch, self._running.configuration
        if dispatch is None:
            return
        if configuration.tls_reports.send:
            await dispatch.turn()
        if configuration.tls_reports_file.exists():
            await dispatch.sweep()

    async def _run(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(PAUSE)
            count += 1
            try:
                await self.write()
                if count % LOOK_EVERY == 1:  # the first soon after the start
                    await self.send()
            except Exception as error:  # noqa: BLE001 - a fault in one round ends no other
                self._warn(f"a round failed: {type(error).__name__}: {error}")

    async def _submit(self, to: Address, message: bytes) -> str:
        """Implements `Submitting`. The null sender: nobody answers a report, and no loop begins."""
        assert self._door is not None, "nothing is sent before `start`"
        try:
            return await self._door.submit(Envelope(None), [to], message)
        except Refusal as refusal:
            raise NotSent(f"not taken into the queue: {refusal.reply}") from None

    def _say(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words))

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))


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
            from postroad.reports.posting import Post  # noqa: PLC0415 - it is large

            try:
                tls = client_context(verify=True, ca_file=self._ca_file)
            except TlsConfigurationError as error:
                raise NotSent(str(error)) from None
            self._posting = Post(self._resolver, tls, TIME)
        return await self._posting.post(url, octets)


def identity_of(configuration: Configuration) -> Identity:
    """Who reports, as `[tls_reports]` has it."""
    settings = configuration.tls_reports
    home = to_ascii((configuration.local_domains or (configuration.hostname,))[0])
    author = settings.from_address or f"postmaster@{home}"
    return Identity(
        to_ascii(configuration.hostname),
        author,
        settings.contact or author,
        settings.organization or home,
    )


def _domain(text: str) -> str:
    """The domain as the DNS has it; empty where reports cannot be about it."""
    name = domain_key(text)
    if not is_domain(name) or "." not in name:
        return ""
    return name if name.isascii() else to_ascii(name)
