"""Who may come in, and how often: asked at each connection, login, MAIL and RCPT of a listener.

A gate answers with the reply for the client, or with nothing where the client may go on. The words
and their codes are Postfix's (its `anvil` service), so that log readers and clients know them; all
are of the kind «come back later», because an honest client may share an address with another.

A banned client and one too many are told 421 and not 554: with 421 a server may close at once
(RFC 5321 §3.8), where after 554 it has to wait for QUIT (§3.1), which would make it dear to refuse;
and mail from an honest server behind a banned address waits until the ban ends, and is not lost.

What is asked at every connection and every MAIL costs a few microseconds and waits for nothing; a
kind of which nothing is limited costs a look at an empty tuple. Time is an argument.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postroad.limits.bans import Author, Ban, Banned
from postroad.limits.counters import Counters, Shelf
from postroad.limits.network import network_of
from postroad.limits.rates import Excess, Rate, Rates, Sending
from postroad.limits.settings import CountName, Limits
from postroad.model import UNKNOWN, Client, Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.smtp import replies

__all__ = ["Gate"]

QUIET = 60.0
"""Seconds between two lines about the same client: a flood must not fill the disk."""

ASKED_BEFORE = 65_536
"""Octets from which on a message is asked about before it is sent. To take a smaller one and refuse
it at its end costs less than to ask about all of them twice."""

MOST_TOLD = 4096  # clients whose last line is remembered; some 500 KB

_SESSIONS_OF_ADDRESS = "sessions of address"
_SESSIONS_OF_NETWORK = "sessions of network"
_SESSIONS_OF_USER = "sessions of user"


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of an excess: in the log, and to the client in front of who it is.

    Postfix has the first five; it does not count octets.
    """

    warning: str
    complaint: str


_WORDS: Mapping[CountName, _Words] = {
    "connections": _Words("Connection rate limit", "Error: too many connections from"),
    "tls_sessions": _Words("New TLS session rate limit", "Error: too many new TLS sessions from"),
    "logins": _Words("AUTH command rate limit", "Error: too many AUTH commands from"),
    "messages": _Words("Message delivery request rate limit", "Error: too much mail from"),
    "recipients": _Words("Recipient address rate limit", "Error: too many recipients from"),
    "bytes": _Words("Message data rate limit", "Error: too much mail data from"),
}


class Gate:
    """Keeps count of what the clients of a listener do, and says when it is enough."""

    def __init__(
        self,
        *,
        service: str,
        hostname: str,
        limits: Limits,
        rates: tuple[Rate, ...],
        shelves: Mapping[Shelf, Counters],
        bans: Banned,
        is_trusted: Callable[[str], bool],
        journal: Journal,
    ) -> None:
        """The gate of a listener.

        Args:
            service: how logs name the listener.
            hostname: our name.
            limits: `[limits]`, for what may be at once; 0 is no limit.
            rates: what may be in a window; see `rates_of`.
            shelves: the counters of each shelf, shared by all workers and listeners.
            bans: shared likewise.
            is_trusted: whether an IP address is in the trusted networks.
            journal: told of refusals, of each client at most once a minute.
        """
        self._service = service
        self._hostname = hostname
        self._limits = limits
        self._counters = shelves[Shelf.LIMITS]
        self._bans = bans
        self._is_trusted = is_trusted
        self._journal = journal
        self._connections = Rates("connections", rates, shelves)
        self._tls_sessions = Rates("tls_sessions", rates, shelves)
        self._logins = Rates("logins", rates, shelves)
        self._messages = Rates("messages", rates, shelves)
        self._recipients = Rates("recipients", rates, shelves)
        self._bytes = Rates("bytes", rates, shelves)
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
        excess = self._connections.add(Sending(client), now)
        if excess is None:
            return None
        self._warn_of(excess, client, now)
        return replies.too_many_connections(self._hostname, address)

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

    # TLS ---------------------------------------------------------------------------------------

    def invite(self, client: Client, now: float) -> Reply | None:
        """A client sent STARTTLS: a 454 if it has begun more TLS sessions than it may.

        Nothing is counted: what it is about to begin may be a session that it takes up again.
        """
        if not self._tls_sessions or self._is_trusted(client.address):
            return None
        if self._tls_sessions.would_exceed(Sending(client), now, 0) is None:
            return None
        self._journal_refused_tls(client, now)
        return self._complaint(454, "4.7.0", "tls_sessions", str(client))

    def secure(self, client: Client, now: float) -> Reply | None:
        """A client began a new TLS session; a 421 if it does so too often.

        Args:
            client: who.
            now: seconds since the epoch.
        """
        if not self._tls_sessions or self._is_trusted(client.address):
            return None
        excess = self._tls_sessions.add(Sending(client), now)
        if excess is None:
            return None
        self._warn_of(excess, client, now)
        words = f"{self._hostname} {_WORDS['tls_sessions'].complaint} {client}"
        return Reply.of(421, "4.7.0", words)

    # Logins ------------------------------------------------------------------------------------

    def attempt(self, client: Client, now: float) -> Reply | None:
        """A client sent AUTH: a 450 if it does so too often, a 421 if it was banned meanwhile."""
        address = client.address
        ban = self._ban_of(address, now)
        if ban is not None:
            return self._turn_away_banned(client, ban, now)
        if not self._logins or self._is_trusted(address):
            return None
        excess = self._logins.add(Sending(client), now)
        if excess is None:
            return None
        return self._refuse(excess, Sending(client), now)

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

    def message(self, who: Sending, now: float, size: int | None = None) -> Reply | None:
        """A client sent MAIL: a 450 if it does so too often. What is refused is not counted.

        Args:
            who: the client, and what else is known.
            now: seconds since the epoch.
            size: octets that are to come, if it said so (SIZE, RFC 1870 §6): of a message that is
                not small, more than may come are refused before they are sent.
        """
        excess = None
        if size and size >= ASKED_BEFORE and self._bytes:
            excess = self._bytes.would_exceed(who, now, size)
        if excess is None and self._messages:
            excess = self._messages.add(who, now)
        return None if excess is None else self._refuse(excess, who, now)

    def recipient(self, who: Sending, now: float) -> Reply | None:
        """A client sent RCPT: a 450 if it does so too often; see `message`."""
        if not self._recipients:
            return None
        excess = self._recipients.add(who, now)
        return None if excess is None else self._refuse(excess, who, now)

    def content(self, who: Sending, now: float, size: int) -> Reply | None:
        """The content of a message is there: a 450 if it is too much; see `message`.

        Args:
            who: the client, and what else is known.
            now: seconds since the epoch.
            size: octets of it.
        """
        if not self._bytes:
            return None
        excess = self._bytes.add(who, now, size)
        return None if excess is None else self._refuse(excess, who, now)

    def is_own_doing(self, who: Sending, now: float) -> bool:
        """Whether a user has sent all that he may; a refusal can be the doing of others as well.

        Args:
            who: the client, and what else is known.
            now: seconds since the epoch.
        """
        kinds = (self._messages, self._recipients, self._bytes)
        return any(kind.used_up(who, now) for kind in kinds)

    def content_refused(self, who: Sending, now: float, size: int) -> None:
        """What `content` let pass was refused by somebody else, and does not count."""
        self._bytes.take_back(who, now, size)

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

    def _refuse(self, excess: Excess, who: Sending, now: float) -> Reply:
        """The 450 to a command that is one too many; whom it names is whose the rate is."""
        self._warn_of(excess, who.client, now)
        whom = who.client.address if excess.rate.by_address else excess.key
        return self._complaint(450, "4.7.1", excess.rate.count, whom)

    def _complaint(self, code: int, enhanced: str, count: CountName, whom: str) -> Reply:
        return Reply.of(code, enhanced, f"{_WORDS[count].complaint} {whom}")

    def _journal_refused_tls(self, client: Client, now: float) -> None:
        words = f"Refusing STARTTLS request from {client} for service {self._service}"
        self._say(f"STARTTLS {client.address}", words, Level.WARNING, now)

    def _warn_of(self, excess: Excess, client: Client, now: float) -> None:
        rate, key = excess.rate, excess.key
        words = self._words(_WORDS[rate.count].warning, excess.count, _whom(key, client))
        self._say(key, f"{words} [rates.{rate.name}]" if rate.name else words, Level.WARNING, now)

    def _warn(self, key: str, what: str, count: int, whom: str, now: float) -> None:
        self._say(key, self._words(what, count, whom), Level.WARNING, now)

    def _words(self, what: str, count: int, whom: str) -> str:
        return f"{what} exceeded: {count} from {whom} for service {self._service}"

    def _say(self, key: str, words: str, level: Level, now: float) -> None:
        """Log a line about a client, unless there was one a moment ago."""
        last = self._told.get(key)
        if last is not None and 0 <= now - last < QUIET:
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
