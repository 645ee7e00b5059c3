"""The keys of a filter of the kind `spamassassin`, beside its thresholds."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.filters.scoring_settings import ScoringSettings

__all__ = ["SpamAssassinSettings"]


@dataclass(frozen=True, kw_only=True)
class SpamAssassinSettings(ScoringSettings):
    """What SpamAssassin has besides what every filter that scores has.

    Attributes:
        socket: where spamd listens: `unix:/path`, or `inet:host:port`; empty:
            `inet:127.0.0.1:783`.
        user: whose preferences it goes by; empty: its own.
        user_per_account: whether it goes by those of the account, by the account's name, where a
            message has one recipient, who has an account here.
    """

    socket: str = ""
    user: str = ""
    user_per_account: bool = False
