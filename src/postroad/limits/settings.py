"""What clients may do how often: the rest of `[limits]`, `[rates.NAME]` and `[guessing]`.

`Limits` is one table for the operator and two things for us: bounds of a session, which the
protocol core keeps, and bounds of a client over all its sessions, which the gate keeps. A table of
`[rates]` is one more bound of a client, in the operator's own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postroad.model.units import Duration
from postroad.smtp import SessionLimits

__all__ = ["UNCOUNTED", "CountName", "GuessingSettings", "Limits", "PerName", "RateSettings"]

CountName = Literal["messages", "recipients", "bytes", "connections", "tls_sessions", "logins"]
"""What a rate counts."""

PerName = Literal["client", "network", "user", "sender", "sender_domain"]
"""Whose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(SessionLimits):
    """`[limits]`: bounds of a session (see `SessionLimits`), and of one client. 0 switches one off.

    All workers count together. A network is a /24 of IPv4 or a /64 of IPv6. Connections and logins
    are counted over a minute, mail over an hour. `trusted_networks` are not counted; users who log
    in from there are, for what is theirs (`rates` says why).

    Attributes:
        sessions_per_network: sessions at once from one network.
        sessions_per_user: sessions at once that are logged in as one user.
        connections_per_address: new connections from one IP address in a minute.
        connections_per_network: new connections from one network in a minute.
        logins_per_address: AUTH commands from one IP address in a minute.
        messages_per_network: messages begun from one network in an hour, without a login.
        recipients_per_network: recipients named from one network in an hour, without a login.
        bytes_per_network: octets of content from one network in an hour, without a login. Off:
            messages are counted already, and one more count costs all mail from the world.
        messages_per_user: messages begun by one user in an hour.
        recipients_per_user: recipients named by one user in an hour.
        bytes_per_user: octets of content from one user in an hour.
    """

    sessions_per_network: int = 200
    sessions_per_user: int = 50
    connections_per_address: int = 300
    connections_per_network: int = 1200
    logins_per_address: int = 120
    messages_per_network: int = 10_000
    recipients_per_network: int = 20_000
    bytes_per_network: int = 0
    messages_per_user: int = 2000
    recipients_per_user: int = 5000
    bytes_per_user: int = 2_000_000_000


UNCOUNTED = Limits(
    sessions_per_address=0,
    sessions_per_network=0,
    sessions_per_user=0,
    connections_per_address=0,
    connections_per_network=0,
    logins_per_address=0,
    messages_per_network=0,
    recipients_per_network=0,
    bytes_per_network=0,
    messages_per_user=0,
    recipients_per_user=0,
    bytes_per_user=0,
)
"""The bounds of a session, and none of what a client may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSettings:
    """`[rates.NAME]`: count what, per whom, and how much is the limit in which window.

    All workers count together, over all listeners that the rate holds on.

    Attributes:
        count: `messages` (begun), `recipients` (named), `bytes` (octets of content), `connections`,
            `tls_sessions` (new ones, not resumed) or `logins` (AUTH commands).
        per: `client` (IP address) or `network` (/24 or /64), both outside `trusted_networks`;
            `user`, once logged in, from wherever; `sender` or `sender_domain`, of the address in
            MAIL. The last three count mail only.
        limit: how many are let pass in a window; at least 1.
        window: seconds, from one second to 31 days; it slides.
        listeners: the names of those on which the rate holds. Empty: all.
    """

    count: CountName
    per: PerName
    limit: int
    window: Duration
    listeners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessingSettings:
    """`[guessing]`: what becomes of those who guess passwords. 0 switches a rule off.

    All workers count together. A network is a /24 of IPv4 or a /64 of IPv6. `trusted_networks` are
    neither banned nor delayed for what others did.

    Attributes:
        window: seconds over which failed logins are counted. 0: they are not counted at all.
        failures_per_address: failed logins after which an IP address is banned.
        failures_per_network: failed logins after which a network is banned.
        failures_per_user: failed logins of one user name from strange networks after which such
            networks cannot log in as that user. Networks from which the user logged in lately can.
        delay: seconds until a failed login is answered; twice as many for each further one of the
            same address.
        longest_delay: seconds that this grows to. 0: it does not grow.
        ban: seconds of a first ban; twice as many for each that follows. 0: nobody is banned.
        longest_ban: seconds that this grows to; for as long after its end a ban is remembered.
            0: it does not grow.
        remember: seconds for which a network that logged in as a user is no stranger to that user.
            0: `failures_per_user` is switched off too.
    """

    window: Duration = 3600.0
    failures_per_address: int = 10
    failures_per_network: int = 50
    failures_per_user: int = 30
    delay: Duration = 1.0
    longest_delay: Duration = 16.0
    ban: Duration = 3600.0
    longest_ban: Duration = 604_800.0
    remember: Duration = 2_592_000.0
