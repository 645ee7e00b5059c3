"""`[containment]`: what a stolen account gives itself away by, and what happens then.

Where the numbers come from. A freeze that hits an innocent user costs trust, one that comes late
costs the reputation of the server's address; so the rules are on what programs with a stolen
password do and people and newsletters do not.

- A family or a club sends tens of messages a day. The largest thing that happens there is an
  invitation to all members; it stays below `unusual_burst` or, in a larger club, comes from where
  the secretary always writes from.
- A newsletter with a message for each subscriber stays below `[limits] messages_per_user`, 2000 in
  an hour, and so below `burst`. Two to five of a hundred subscribers bounce, ten to fifteen with a
  list that nobody has kept; thieves' lists are much worse than `bounce_share`.
- A telephone changes its address by the minute, within few regions (`network.region_of`). Somebody
  who travels is in four or five a day. Stolen passwords are used by bots in hundreds of them.
- A mail program with a wrong sender or recipient tries it again and again, twenty drafts of them if
  need be. So different ones are counted, and not how often they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postroad.model.units import Duration

__all__ = ["ContainmentSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainmentSettings:
    """`[containment]`: what gives a stolen account away. 0 switches a rule off.

    Each rule is on one account, over all workers and listeners; what failed logins there are is
    not counted, so that nobody who cannot log in can bring an account under suspicion.

    Attributes:
        action: `freeze`: the account may not send until an operator says so; `warn`: the operator
            is told and nothing else happens; `none`: nothing is counted.
        notify: addresses that are told. Empty: the postmaster.
        exempt: accounts that are not counted: addresses, or `*@example.org` for a whole domain.
        burst_window: seconds over which recipients are counted. 0: neither kind of burst is.
        burst: recipients in that time of which more are too many for anybody.
        unusual_burst: recipients in that time of which more are too many for an account that has
            been in use for a week, never sent so much, and sends from where it has not been before
            today.
        unusual_factor: so many times the greatest burst of the last 60 days is not so much.
        window: seconds over which the next four are counted. 0: none of them is.
        networks: new networks (a /16 of IPv4, a /32 of IPv6) from which an account logs in, of
            which more are too many.
        unknown_recipients: different recipients that were refused because there are none such, of
            which more are too many.
        foreign_senders: different senders that were refused because they are not the account's, of
            which more are too many.
        limited: refusals by a limit on how much the user may send, of which more are too many.
        bounce_window: seconds over which bounces are counted, and the recipients beside them. 0:
            they are not.
        bounces: recipients whose server refused them for good, of which more are too many if they
            are a large share.
        bounce_share: percent of all recipients that are a large share. 0: any share is.
    """

    action: Literal["freeze", "warn", "none"] = "freeze"
    notify: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    burst_window: Duration = 600.0
    burst: int = 2500
    unusual_burst: int = 500
    unusual_factor: int = 10
    window: Duration = 3600.0
    networks: int = 20
    unknown_recipients: int = 100
    foreign_senders: int = 20
    limited: int = 1000
    bounce_window: Duration = 86_400.0
    bounces: int = 100
    bounce_share: int = 20
