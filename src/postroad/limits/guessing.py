"""Those who guess passwords: failures are counted, answers delayed, clients banned in the end.

What a client can see of this is the same for a name that exists and one that does not. A failure
counts at the account's own name, and at the names that are made of the given one by its look alone;
answers are delayed by all of them, so that two spellings which would be one account share their
delay whether there is one or not. Only what nobody can see, a lock, goes by the first alone. Nobody
tells the guard which names exist. It knows no SMTP; whoever judges a login tells it the outcome,
and asks it how long to wait with the answer.

Three counts are kept, each over a sliding window and across all workers:

- of the address, and of its network: many failures end in a ban. A ban has an end, and the next
  one is longer;
- of the name, by strangers to it: many failures lock the name, but only for strangers. A network
  from which the user logged in lately is none, and the name of a user who has not logged in
  lately is not locked at all. So no attack on a name locks its user out; one on the network they
  share with the attacker does, as long as the network is banned.

A login takes back what the same address failed at the same name since it was banned last: people
mistype. It takes back nothing else, or whoever has one password could guess others for ever.

Who is right is let in only if at that moment no ban and no lock stands against it. Checks that were
begun side by side are judged as if they came one after the other (`attempts`).

Trusted networks are not banned and not counted: behind one of them may be a web page through which
everybody logs in. What strangers' failures through them do to a name counts all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from postroad.limits.attempts import Attempts
from postroad.limits.bans import Author, Ban, BanList
from postroad.limits.counters import Counters, Window
from postroad.limits.familiar import Familiar
from postroad.limits.network import network_of
from postroad.limits.settings import GuessingSettings
from postroad.model.journal import Journal, Notice

__all__ = ["Guard"]

_MANY = 32  # doublings, beyond which nothing grows

_MADE = Window("bans made", 5.0)
"""For so long, and half as long again, other workers know of a ban that they cannot read yet."""


class Guard:
    """Counts failures, and says what becomes of who failed."""

    def __init__(
        self,
        *,
        settings: GuessingSettings,
        counters: Counters,
        bans: BanList,
        familiar: Familiar,
        is_trusted: Callable[[str], bool],
        journal: Journal,
    ) -> None:
        """A guard.

        Args:
            settings: `[guessing]`.
            counters: shared by all workers.
            bans: where to ban.
            familiar: who is no stranger to a name.
            is_trusted: whether an IP address is in the trusted networks.
            journal: told of each ban.
        """
        self._settings = settings
        self._counters = counters
        self._bans = bans
        self._familiar = familiar
        self._is_trusted = is_trusted
        self._journal = journal
        self.attempts = Attempts(settings, counters, familiar, is_trusted)
        self._address = self.attempts.address
        self._network = self.attempts.network
        self._name = self.attempts.name
        self._pair = Window("failures of address at name", settings.window)

    def is_banned(self, user: str, now: float) -> bool:
        """Whether an operator has banned a user, from everywhere.

        Args:
            user: the account's own name, or the one the client gave.
            now: seconds since the epoch.
        """
        return self._bans.of_subject(user.casefold(), now) is not None

    def is_locked(self, address: str, user: str, now: float) -> bool:
        """Whether a login must fail, whatever the password: its user or its address is shut out.

        The caller checks the password all the same, so that the answer takes as long as any
        other, and tells `failed`.

        Args:
            address: the client's IP address.
            user: the account's own name; where there is none, the one that was given.
            now: seconds since the epoch.
        """
        settings = self._settings
        name = user.casefold()
        if self.is_banned(name, now) or self._banned(address, now) is not None:
            return True
        if not (settings.window and settings.failures_per_user):
            return False
        if self._counters.count(self._name, name, now) < settings.failures_per_user:
            return False
        since = now - settings.remember
        familiar = self._familiar
        return familiar.has_seen(user, since) and not familiar.knows(user, address, since)

    def failed(self, address: str, names: Sequence[str], now: float) -> Ban | None:
        """A login failed.

        Args:
            address: the client's IP address.
            names: of the user: the account's own where there is one, then others that it may be
                looked for by; none where the client gave none.
            now: seconds since the epoch.

        Returns:
            The ban that this led to, after which the session should end.
        """
        settings, counters = self._settings, self._counters
        if not settings.window:
            return None
        for name in self._counted(names, address, now):
            counters.add(self._name, name, now)
        network = network_of(address)
        if self._is_trusted(address) or network == address:  # no IP address: nothing to ban
            return None
        banned = self._banned(address, now)
        if banned is not None:
            return banned
        counters.add(self._pair, self._pair_of(address, names), now)
        of_address = counters.add(self._address, address, now)
        of_network = counters.add(self._network, network, now)
        if 0 < settings.failures_per_address <= of_address:
            return self._ban(address, self._address, of_address, now)
        if 0 < settings.failures_per_network <= of_network:
            return self._ban(network, self._network, of_network, now)
        return None

    def delay(self, address: str, names: Sequence[str], now: float) -> float:
        """Seconds until the answer to a failed login, growing with the failures before it.

        Those of the address count, of IPv6 those of its network: who has one address there has all
        of them. To a stranger those at each of the names count as well.

        Args:
            address: the client's IP address.
            names: as in `failed`.
            now: seconds since the epoch.
        """
        settings, counters = self._settings, self._counters
        failures = 1
        if settings.window:
            for name in self._counted(names, address, now):
                failures = max(failures, counters.count(self._name, name, now))
            if not self._is_trusted(address):
                failures = max(failures, self._failures_of(address, now))
        longest = max(settings.delay, settings.longest_delay)
        return min(settings.delay * _doubled(failures - 1), longest)

    def succeeded(self, address: str, names: Sequence[str], now: float) -> None:
        """A user logged in.

        Args:
            address: the client's IP address.
            names: as in `failed`; at least one.
            now: seconds since the epoch.
        """
        settings, counters = self._settings, self._counters
        if not settings.window:
            return
        if settings.failures_per_user:
            self._familiar.remember(names[0], address, now, settings.remember)
        pair = self._pair_of(address, names)
        forgiven = counters.count(self._pair, pair, now)
        if forgiven:
            counters.add(self._pair, pair, now, -forgiven)
            counters.add(self._address, address, now, -forgiven)
            counters.add(self._network, network_of(address), now, -forgiven)

    def _failures_of(self, address: str, now: float) -> int:
        if self._banned(address, now) is not None:
            return _MANY
        if ":" in address:
            return self._counters.count(self._network, network_of(address), now)
        return self._counters.count(self._address, address, now)

    def _counted(self, names: Sequence[str], address: str, now: float) -> tuple[str, ...]:
        """The names at which a stranger to the user counts; none for who is no stranger."""
        since = now - self._settings.remember
        if not names or self._familiar.knows(names[0], address, since):
            return ()
        return tuple(name.casefold() for name in names)

    def _pair_of(self, address: str, names: Sequence[str]) -> str:
        """An address and a name, as counted since a ban was last made against the address."""
        name = names[0].casefold() if names else ""
        bans = (self._bans.last(address), self._bans.last(network_of(address)))
        since = max((ban.since for ban in bans if ban is not None), default=0.0)
        return f"{since} {address} {name}"

    def _banned(self, address: str, now: float) -> Ban | None:
        """The ban that an address is under, also one that another worker is still writing."""
        trusted = self._is_trusted(address)
        ban = self._bans.of_address(address, now)
        if ban is not None:
            return None if trusted and ban.author is Author.AUTOMATIC else ban
        if trusted or not self._settings.ban:
            return None
        for subject in (address, network_of(address)):
            if self._counters.count(_MADE, subject, now):
                last = self._bans.last(subject)
                if last is None or last.since < now - 2 * _MADE.seconds:
                    until = now + self._settings.ban
                    return Ban(subject, "failed logins", Author.AUTOMATIC, now, until)
        return None

    def _ban(self, subject: str, window: Window, failures: int, now: float) -> Ban | None:
        settings = self._settings
        if not settings.ban:
            return None
        last = self._bans.last(subject)
        remembered = last is not None and last.holds(now - settings.longest_ban)
        times = 1 + (last.times if last is not None and remembered else 0)
        longest = max(settings.ban, settings.longest_ban)
        seconds = min(settings.ban * _doubled(times - 1), longest)
        words = f"{failures} failed logins"
        ban = Ban(subject, words, Author.AUTOMATIC, now, now + seconds, times)
        self._bans.put(ban, settings.longest_ban)
        self._counters.add(_MADE, subject, now)
        end = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ban.until))
        self._journal(Notice("anvil", f"banned {subject} until {end}: {words}"))
        self._counters.add(window, subject, now, -failures)  # after the ban, from 0
        return ban


def _doubled(times: int) -> float:
    return 2.0 ** max(0, min(times, _MANY))
