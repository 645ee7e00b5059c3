"""Logins under way: what many of them at one moment must not be good for.

A check takes time, and a guesser may begin fifty at once. If each were judged by the failures that
were counted before it began, fifty guesses would be as good as one. So a login that turns out right
waits while checks that began beside it could still, by failing, have kept it out; then it is
judged by what came of them. Who is right never counts as a failure for that, and who logs in from
an address where nothing else happens never waits.

And exchanges that end before the client has proved anything: a program that asks for one challenge
after the other wants to learn something from them. A mail program may cancel now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postroad.limits.counters import Counters, Window
from postroad.limits.familiar import Familiar
from postroad.limits.network import network_of
from postroad.limits.settings import GuessingSettings

__all__ = ["UNPROVED_PER_FAILURE", "Attempts"]

UNPROVED_PER_FAILURE = 5
"""So many times the failures that ban an address may be its exchanges without a proof; each further
one counts as a failure."""

Share = tuple[Window, str, int]
"""Failures of what kind, whose, and how many are too many."""


class Attempts:
    """Counts logins under way and exchanges without a proof, across all workers."""

    def __init__(
        self,
        settings: GuessingSettings,
        counters: Counters,
        familiar: Familiar,
        is_trusted: Callable[[str], bool],
    ) -> None:
        """Attempts, none of them under way.

        Args:
            settings: `[guessing]`.
            counters: shared by all workers.
            familiar: who is no stranger to a name.
            is_trusted: whether an IP address is in the trusted networks.
        """
        self._settings = settings
        self._counters = counters
        self._familiar = familiar
        self._is_trusted = is_trusted
        self.address = Window("failures of address", settings.window)
        self.network = Window("failures of network", settings.window)
        self.name = Window("failures at name", settings.window)
        self._unproved = Window("exchanges without a proof", settings.window)

    def begin(self, address: str, user: str) -> None:
        """The check of a password begins; `end` must follow.

        Args:
            address: the client's IP address.
            user: the account's own name; where there is none, the one that was given.
        """
        for window, key in self._keys(address, user):
            self._counters.enter(_under_way(window), key)

    def end(self, address: str, user: str) -> None:
        """The check is over, and if it failed, that is counted."""
        for window, key in self._keys(address, user):
            self._counters.leave(_under_way(window), key)

    def must_wait(self, address: str, user: str, now: float) -> bool:
        """Whether checks under way could still keep this login out. Asked after its own ended.

        Args:
            address: the client's IP address.
            user: the account's own name; where there is none, the one that was given.
            now: seconds since the epoch.
        """
        for window, key, most in self._shares(address, user, now):
            failures = self._counters.count(window, key, now)
            if failures < most <= failures + self._held(window, key):
                return True
        return False

    def asked(self, address: str, now: float, exchanges: int = 1) -> bool:
        """A client was given a challenge for a name, or (-1) has answered one with a proof.

        Args:
            address: the client's IP address.
            now: seconds since the epoch.
            exchanges: how many, a number.

        Returns:
            Whether there are so many without a proof that this is to count as a failure.
        """
        most = self._settings.failures_per_address
        if not self._settings.window or not most or self._is_trusted(address):
            return False
        unproved = self._counters.add(self._unproved, address, now, exchanges)
        return unproved > most * UNPROVED_PER_FAILURE

    def _keys(self, address: str, user: str) -> tuple[tuple[Window, str], ...]:
        if not self._settings.window:
            return ()
        return (
            (self.address, address),
            (self.network, network_of(address)),
            (self.name, user.casefold()),
        )

    def _shares(self, address: str, user: str, now: float) -> Iterator[Share]:
        settings = self._settings
        if not settings.window:
            return
        if settings.ban and not self._is_trusted(address):
            yield self.address, address, settings.failures_per_address
            yield self.network, network_of(address), settings.failures_per_network
        if not self._familiar.knows(user, address, now - settings.remember):
            yield self.name, user.casefold(), settings.failures_per_user

    def _held(self, window: Window, key: str) -> int:
        kind = _under_way(window)
        held = self._counters.enter(kind, key) - 1
        self._counters.leave(kind, key)
        return held


def _under_way(window: Window) -> str:
    return f"under way: {window.kind}"
