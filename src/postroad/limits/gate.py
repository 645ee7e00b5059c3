"""Who may come in, and how often: asked at each connection, login, MAIL and RCPT of a listener.

A gate answers with the reply for the client, or with nothing where the client may go on. The words
and their codes are Postfix's (its `anvil` service), so that log readers and clients know them; all
are of the kind «come back later», because an honest client may share an address with another.

A banned client and one too many are told 421 and not 554: with 421 a server may close at once
(RFC 5321 §3.8), where after 554 it has to wait for QUIT (§3.1), which would make it dear to refuse;
and mail from an honest server behind a banned address waits until the ban ends, and is not lost.

What is asked at every connection and every MAIL costs a few microseconds and waits for nothing.
Trusted networks are not counted. Time is an argument.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from postroad.limits.bans import Author, Ban, Banned
from postroad.limits.counters import Counters, Window
from postroad.limits.network import network_of
from postroad.limits.settings import Limits
from postroad.model import UNKNOWN, Client, Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.smtp import replies

__all__ = ["Gate"]

MINUTE = 60.0
HOUR = 3600.0

QUIET = 60.0
"""Seconds between two lines about the same client: a flood must not fill the disk."""

MOST_TOLD = 4096  # clients whose last line is remembered; some 500 KB

_CONNECTIONS_OF_ADDRESS = Window("connections of address", MINUTE)
_CONNECTIONS_OF_NETWORK = Window("connections of network", MINUTE)
_LOGINS = Window("logins of address", MINUTE)
_SESSIONS_OF_ADDRESS = "sessions of address"
_SESSIONS_OF_NETWORK = "sessions of network"
_SESSIONS_OF_USER = "sessions of user"


@dataclass(frozen=True, slots=True)
class _Mail:
    """A part of mail that is counted: of who is logged in as the user's, else as the network's."""

    of_user: Window
    of_network: Window
    warning: str
    complaint: str


_MESSAGES = _Mail(
    Window("messages of user", HOUR),
    Window("messages of network", HOUR),
    "Message delivery request rate limit",
    "Error: too much mail from",
)
_RECIPIENTS = _Mail(
    Window("recipients of user", HOUR),
    Window("recipients of network", HOUR),
    "Recipient address rate limit",
    "Error: too many recipients from",
)


class Gate:
    """Keeps count of what the clients of a listener do, and says when it is enough."""

    def __init__(
        self,
        *,
        service: str,
        hostname: str,
        limits: Limits,
        counters: Counters,
        bans: Banned,
        is_trusted: Callable[[str], bool],
        journal: Journal,
    ) -> None:
        """The gate of a listener.

        Args:
            service: how logs name the listener.
            hostname: our name.
            limits: `[limits]`; 0 is no limit.
            counters: shared by all workers and listeners.
            bans: shared likewise.
            is_trusted: whether an IP address is in the trusted networks.
            journal: told of refusals, of each client at most once a minute.
        """
        self._service = service
        self._hostname = hostname
        self._limits = limits
        self._counters = counters
        self._bans = bans
        self._is_trusted = is_trusted
        self._journal = journal
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    # Connections -------------------------------------------------------------------------------

    def refuses(self, client: Client, sessions: int, now: float) -> Reply | None:
        """Whether a client that just connected is sent away; asked before it costs anything.

        Args:
            client: who; its name is not known yet.
            sessions: how many this worker serves.
            now: seconds since the epoch.

        Returns:
            A 421, or nothing.
        """
        address, limits = client.address, self._limits
        ban = self._ban_of(address, now)
        if ban is not None:
            return self._turn_away_banned(client, ban, now)
        if 0 < limits.sessions <= sessions:
            self._warn("", "Connection limit", sessions, str(client), now)
            return replies.too_many_connections(self._hostname, address)
        if self._is_trusted(address) or address == UNKNOWN:
            return None  # unknown are the health checks of all proxies together
        network = network_of(address)
        for key, window, most in (
            (address, _CONNECTIONS_OF_ADDRESS, limits.connections_per_address),
            (network, _CONNECTIONS_OF_NETWORK, limits.connections_per_network),
        ):
            rate = self._counters.add(window, key, now) if most else 0
            if rate > most:
                self._warn(key, "Connection rate limit", rate, _whom(key, client), now)
                return replies.too_many_connections(self._hostname, address)
        return None

    def enter(self, client: Client, now: float) -> Reply | None:
        """A client begins a session, and holds a place until `leave`; a 421 if there is none."""
        address, limits, counters = client.address, self._limits, self._counters
        if self._is_trusted(address):
            return None
        network = network_of(address)
        here = counters.enter(_SESSIONS_OF_ADDRESS, address)
        nearby = counters.enter(_SESSIONS_OF_NETWORK, network)
        if 0 < limits.sessions_per_address < here:
            key, held = address, here
        elif 0 < limits.sessions_per_network < nearby:
            key, held = network, nearby
        else:
            return None
        self.leave(client)
        self._warn(key, "Connection concurrency limit", held, _whom(key, client), now)
        return replies.too_many_connections(self._hostname, address)

    def leave(self, client: Client) -> None:
        """A session that was let in is over."""
        address = client.address
        if not self._is_trusted(address):
            self._counters.leave(_SESSIONS_OF_ADDRESS, address)
            self._counters.leave(_SESSIONS_OF_NETWORK, network_of(address))

    # Logins ------------------------------------------------------------------------------------

    def attempt(self, client: Client, now: float) -> Reply | None:
        """A client sent AUTH: a 450 if it does so too often, a 421 if it was banned meanwhile."""
        address, most = client.address, self._limits.logins_per_address
        ban = self._ban_of(address, now)
        if ban is not None:
            return self._turn_away_banned(client, ban, now)
        if not most or self._is_trusted(address):
            return None
        rate = self._counters.add(_LOGINS, address, now)
        if rate <= most:
            return None
        self._warn(address, "AUTH command rate limit", rate, str(client), now)
        return Reply.of(450, "4.7.1", f"Error: too many AUTH commands from {address}")

    def log_in(self, client: Client, user: str, now: float) -> Reply | None:
        """A session becomes a user's, until `log_out`; a 421 if the user has too many."""
        most = self._limits.sessions_per_user
        held = self._counters.enter(_SESSIONS_OF_USER, user)
        if not 0 < most < held or self._is_trusted(client.address):
            return None
        self.log_out(user)
        self._warn(user, "Session concurrency limit", held, _whom(user, client), now)
        return Reply.of(421, "4.7.0", f"{self._hostname} Error: too many sessions of {user}")

    def log_out(self, user: str) -> None:
        """A session that was let in by `log_in` is over, or is the user's no longer."""
        self._counters.leave(_SESSIONS_OF_USER, user)

    # Mail --------------------------------------------------------------------------------------

    def message(self, client: Client, user: str | None, now: float) -> Reply | None:
        """A client sent MAIL: a 450 if it does so too often. What is refused is not counted.

        Args:
            client: who.
            user: who is logged in.
            now: seconds since the epoch.
        """
        limits = self._limits
        most = limits.messages_per_network if user is None else limits.messages_per_user
        return self._mail(_MESSAGES, most, client, user, now)

    def recipient(self, client: Client, user: str | None, now: float) -> Reply | None:
        """A client sent RCPT: a 450 if it does so too often; see `message`."""
        limits = self._limits
        most = limits.recipients_per_network if user is None else limits.recipients_per_user
        return self._mail(_RECIPIENTS, most, client, user, now)

    def _mail(
        self, what: _Mail, most: int, client: Client, user: str | None, now: float
    ) -> Reply | None:
        address = client.address
        if not most or self._is_trusted(address):
            return None
        if user is None:
            window, key = what.of_network, network_of(address)
        else:
            window, key = what.of_user, user
        rate = self._counters.add(window, key, now)
        if rate <= most:
            return None
        self._counters.add(window, key, now, -1)
        self._warn(key, what.warning, rate, _whom(key, client), now)
        return Reply.of(450, "4.7.1", f"{what.complaint} {user or address}")

    def _ban_of(self, address: str, now: float) -> Ban | None:
        """The ban that an address is under; one of a neighbour's making is not a trusted one's."""
        ban = self._bans.of_address(address, now)
        if ban is not None and ban.author is Author.AUTOMATIC and self._is_trusted(address):
            return None
        return ban

    # What is said ------------------------------------------------------------------------------

    def _turn_away_banned(self, client: Client, ban: Ban, now: float) -> Reply:
        end = "for ever"
        if ban.until is not None:
            end = time.strftime("until %Y-%m-%d %H:%M:%S", time.localtime(ban.until))
        words = f"connection from {client} refused: {ban.subject} is banned {end} ({ban.reason})"
        self._say(ban.subject, words, Level.INFO, now)
        words = f"{self._hostname} Error: no service for {client.address} at this time"
        return Reply.of(421, "4.7.0", words)

    def _warn(self, key: str, what: str, count: int, whom: str, now: float) -> None:
        words = f"{what} exceeded: {count} from {whom} for service {self._service}"
        self._say(key, words, Level.WARNING, now)

    def _say(self, key: str, words: str, level: Level, now: float) -> None:
        """Log a line about a client, unless there was one a moment ago."""
        if now - self._told.get(key, 0.0) < QUIET:
            self._untold[key] += 1
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
            self._untold.clear()
        self._told[key] = now
        more = self._untold.pop(key, 0)
        if more:
            words += f"; {more} more since the last line"
        self._journal(Notice(self._service, words, level))


def _whom(key: str, client: Client) -> str:
    """As Postfix names a client; before it, what it shares the count with."""
    return str(client) if key == client.address else f"{key}, {client}"
