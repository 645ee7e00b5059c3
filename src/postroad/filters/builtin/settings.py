"""The keys of a filter of the kind `builtin`, beside its thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field

from postroad.filters.moves.settings import MoveSettings
from postroad.filters.scoring_settings import ScoringSettings

__all__ = ["BuiltinSettings"]


@dataclass(frozen=True, kw_only=True)
class BuiltinSettings(ScoringSettings, MoveSettings):
    """What the built-in filter has besides what every filter that scores has.

    Attributes:
        points: of rules, by their names, in place of the rules' own; 0 switches one off.
        client_lists: DNS lists that are asked about the client's IP address, each with its points;
            below 0: what is listed is good. A list may have a filter, as restrictions name them:
            `zen.example=127.0.0.[2..11]`. Nobody is asked unless it is named here.
        domain_lists: the same for domains: of the sender, of the author and of links.
    """

    points: dict[str, float] = field(default_factory=dict)
    client_lists: dict[str, float] = field(default_factory=dict)
    domain_lists: dict[str, float] = field(default_factory=dict)
