"""What clients may do how often: the rest of `[limits]`, and `[guessing]`.

`Limits` is one table for the operator and two things for us: bounds of a session, which the
protocol core keeps, and bounds of a client over all its sessions, which the gate keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model.units import Duration
from postroad.smtp import SessionLimits

__all__ = ["UNCOUNTED", "GuessingSettings", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(SessionLimits):
    """`[limits]`: bounds of a session (see `SessionLimits`), and of one client. 0 switches one off.

    All workers count together, and `trusted_networks` are not counted. A network is a /24 of IPv4
    or a /64 of IPv6. Connections and logins are counted over a minute, mail over an hour.

    Attributes:
        sessions_per_network: sessions at once from one network.
        sessions_per_user: sessions at once that are logged in as one user.
        connections_per_address: new connections from one IP address in a minute.
        connections_per_network: new connections from one network in a minute.
        logins_per_address: AUTH commands from one IP address in a minute.
        messages_per_network: messages begun from one network in an hour, without a login.
        recipients_per_network: recipients named from one network in an hour, without a login.
        messages_per_user: messages begun by one user in an hour.
        recipients_per_user: recipients named by one user in an hour.
    """

    sessions_per_network: int = 200
    sessions_per_user: int = 50
    connections_per_address: int = 300
    connections_per_network: int = 1200
    logins_per_address: int = 120
    messages_per_network: int = 10_000
    recipients_per_network: int = 20_000
    messages_per_user: int = 2000
    recipients_per_user: int = 5000


UNCOUNTED = Limits(
    sessions_per_address=0,
    sessions_per_network=0,
    sessions_per_user=0,
    connections_per_address=0,
    connections_per_network=0,
    logins_per_address=0,
    messages_per_network=0,
    recipients_per_network=0,
    messages_per_user=0,
    recipients_per_user=0,
)
"""The bounds of a session, and none of what a client may do."""


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
