"""Greylisting: strangers come again, spammers' programs seldom do (RFC 6647).

Theory of operation. A stranger is a network, a sender and a recipient. Its first attempt is
remembered and answered with a temporary refusal; from `delay` seconds on, and within
`retry_window`, it passes, and from then on at once. Networks that have passed several times pass
with all their mail, and so do those whom a user of ours has written to. Whoever is asked here was
named by a restriction list; what is said to the client is policy's business.

All workers share one file (`greylist_file`), and what it says of a triplet is decided within one
transaction. It survives whatever happens to the server; at worst the last second is lost, and then
a stranger waits once more.

Nobody is turned away for good. A file that does not answer defers mail, as any look-up does, but
no longer than `delay`: by then a stranger would have passed. A flood that fills the file pushes
nobody out who still waits; while it is full, newcomers pass.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from postroad.limits.greylist_file import (
    GreylistUnavailable,
    Met,
    Stranger,
    Triplet,
    address_form,
    known_sender,
    passes_of,
    put_known_sender,
    put_pass,
    put_stranger,
    stranger,
    sweep,
)
from postroad.limits.greylist_settings import GreylistSettings
from postroad.limits.state_file import Keeping
from postroad.model.journal import Journal, Level, Notice

__all__ = ["Greylist"]

HOUR = 3600.0
"""Seconds within which one pass of a network counts: a whole queue that comes at once is one."""

RENEWAL = 86_400.0
"""Seconds after which it is written down again that one who is known came: one write a day."""

SWEEP = 10.0
"""Seconds between two looks of a worker for what is too old or too much; each reads everything,
some 60 ms with 100,000 entries."""

_MOST_WRITTEN_TO = 10_000  # correspondents that a worker need not write down again; some 1 MB

_SERVICE = "postgrey"


class Greylist:
    """Who has to wait, for one worker. Belongs to the event loop.

    Attributes:
        settings: may be exchanged at any time.
    """

    def __init__(
        self,
        settings: GreylistSettings,
        file: Keeping,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        """A greylist.

        Args:
            settings: how long strangers wait.
            file: keeps `greylist_file.GREYLIST`.
            journal: told of networks that need not wait any more, and of trouble.
            clock: seconds since the epoch.
        """
        self.settings = settings
        self._file = file
        self._journal = journal
        self._clock = clock
        self._failing_since: float | None = None
        self._swept = -SWEEP
        self._is_full = False
        self._written_to: dict[str, float] = {}

    async def wait(
        self, client_address: str, sender: str, recipient: str, *, remember: bool = True
    ) -> float:
        """How long mail between these has to wait still. Asking is an attempt, and is remembered.

        Args:
            client_address: `Client.address`.
            sender: the reverse-path without brackets; empty for the null one.
            recipient: the forward-path likewise.
            remember: whether this is an attempt; else it is only a question.

        Returns:
            seconds; 0: it passes.

        Raises:
            GreylistUnavailable: the file cannot be used now, and has been in use lately.
        """
        settings, now = self.settings, self._clock()
        if not settings.delay:
            return 0.0
        triplet = Triplet.of(client_address, sender, recipient)
        attempt = _Attempt(triplet, address_form(sender), now, settings, is_full=self._is_full)
        if not remember:
            return await self._file.ask(attempt.foresee)
        must_sweep = not 0 <= now - self._swept < SWEEP
        if must_sweep:
            self._swept = now
        try:
            seconds, welcome, full = await self._file.ask(
                lambda connection: attempt.decide(connection, sweeping=must_sweep)
            )
        except GreylistUnavailable as error:
            return self._unavailable(error, now)
        self._failing_since = None
        if must_sweep:
            self._note_full(full)
        if welcome:
            self._journal(Notice(_SERVICE, f"whitelisted: {triplet.network}"))
        return seconds

    async def wrote_to(self, recipients: Iterable[str]) -> None:
        """A user of ours wrote to these: they are no strangers. Trouble with the file is no matter.

        Args:
            recipients: forward-paths without brackets.
        """
        if not (self.settings.delay and self.settings.known_senders):
            return
        now = self._clock()
        news = [form for form in map(address_form, recipients) if self._is_news(form, now)]
        if not news:
            return

        def write(connection: sqlite3.Connection) -> None:
            for form in news:
                put_known_sender(connection, form, now)

        try:
            await self._file.ask(write)
        except GreylistUnavailable:
            for form in news:
                self._written_to.pop(form, None)

    def _is_news(self, form: str, now: float) -> bool:
        """Whether it is to be written down; a worker remembers what it wrote within a day."""
        if 0 <= now - self._written_to.get(form, -RENEWAL) < RENEWAL:
            return False
        if len(self._written_to) >= _MOST_WRITTEN_TO:
            self._written_to.clear()
        self._written_to[form] = now
        return True

    def _unavailable(self, error: GreylistUnavailable, now: float) -> float:
        """Defer for as long as a stranger would have waited, then let pass."""
        if self._failing_since is None or now < self._failing_since:
            self._failing_since = now
            self._journal(Notice(_SERVICE, str(error), Level.WARNING))
        if now - self._failing_since >= self.settings.delay:
            return 0.0
        raise error

    def _note_full(self, full: bool) -> None:
        if full and not self._is_full:
            words = f"{self.settings.entries} strangers wait already: newcomers pass"
            self._journal(Notice(_SERVICE, words, Level.WARNING))
        self._is_full = full


class _Attempt:
    """One attempt: a decision, and what is written down of it, within a transaction."""

    __slots__ = ("_is_full", "_now", "_sender", "_settings", "_triplet")

    def __init__(
        self,
        triplet: Triplet,
        sender: str,
        now: float,
        settings: GreylistSettings,
        *,
        is_full: bool,
    ) -> None:
        self._triplet = triplet
        self._sender = sender
        self._now = now
        self._settings = settings
        self._is_full = is_full

    def decide(self, connection: sqlite3.Connection, *, sweeping: bool) -> tuple[float, bool, bool]:
        """Seconds to wait; whether the network is welcome from now on; whether the file is full."""
        full = sweep(connection, self._settings, self._now) if sweeping else self._is_full
        if self._sender and self._is_known_sender(connection):
            return 0.0, False, full
        met = passes_of(connection, self._triplet.network)
        if met is not None and self._is_old(met.last):
            met = None
        if self._is_welcome(met):
            self._renew_client(connection, met)
            return 0.0, False, full
        return *self._judge(connection, met, full=full), full

    def foresee(self, connection: sqlite3.Connection) -> float:
        """Seconds that an attempt would have to wait; nothing is written."""
        connection.execute("SAVEPOINT foreseen")
        seconds, _, _ = self.decide(connection, sweeping=False)
        connection.execute("ROLLBACK TO foreseen")
        connection.execute("RELEASE foreseen")
        return seconds

    def _judge(
        self, connection: sqlite3.Connection, met: Met | None, *, full: bool
    ) -> tuple[float, bool]:
        now, settings = self._now, self._settings
        known = stranger(connection, self._triplet)
        if known is not None and known.passed and not self._is_old(known.last):
            if now - known.last >= RENEWAL or now < known.last:
                put_stranger(connection, self._triplet, known._replace(last=now))
            return 0.0, False
        if known is None and full:
            return 0.0, False
        first = now if known is None or self._is_too_late(known) else known.first
        left = settings.delay - (now - first)
        put_stranger(connection, self._triplet, Stranger(first, now, left <= 0))
        if left > 0:
            return left, False
        return 0.0, self._count_pass(connection, met)

    def _is_too_late(self, known: Stranger) -> bool:
        """Whether it is a new stranger: it comes again too late, or before it came."""
        window, since = self._settings.retry_window, self._now - known.first
        return known.passed or since < 0 or bool(window and since > window)

    def _count_pass(self, connection: sqlite3.Connection, met: Met | None) -> bool:
        """Count it for the network; whether that is welcome by it."""
        now = self._now
        if not self._settings.auto_whitelist_clients:
            return False
        passes, counted, _ = met or Met(0, now - HOUR, now)
        if 0 <= now - counted < HOUR:
            return False
        count = Met(passes + 1, now, now)
        put_pass(connection, self._triplet.network, count)
        return self._is_welcome(count)

    def _is_welcome(self, met: Met | None) -> bool:
        enough = self._settings.auto_whitelist_clients
        return met is not None and 0 < enough <= met.passes

    def _renew_client(self, connection: sqlite3.Connection, met: Met | None) -> None:
        if met is not None and not 0 <= self._now - met.last < RENEWAL:
            put_pass(connection, self._triplet.network, met._replace(last=self._now))

    def _is_known_sender(self, connection: sqlite3.Connection) -> bool:
        if not self._settings.known_senders:
            return False
        last = known_sender(connection, self._sender)
        return last is not None and not self._is_old(last)

    def _is_old(self, last: float) -> bool:
        remember = self._settings.remember
        return bool(remember) and self._now - last > remember
