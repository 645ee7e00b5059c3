"""The section of the configuration that `suppression` reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postroad.model.units import Duration

__all__ = ["SuppressionSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionSettings:
    """`[suppression]`: addresses elsewhere that do not exist are not written to again for a while.

    Who keeps writing to addresses that do not exist is taken for a spammer by large providers.

    Attributes:
        enabled: whether any of this happens. Entries made by hand count only then as well.
        bounces: refusals for good, because there is no such mailbox, after which an address is
            suppressed.
        within: seconds within which those have to come; older ones are forgotten.
        duration: seconds for which an address is suppressed then. Entries made by hand have no end.
        scope: for whom: `server`: for every sender; `sender_domain`: for senders of the domain
            whose mail was refused.
        entries: how many addresses are remembered; those that were refused longest ago go first,
            and none that was made by hand.
    """

    enabled: bool = False
    bounces: int = 2
    within: Duration = 1_209_600.0
    duration: Duration = 2_592_000.0
    scope: Literal["server", "sender_domain"] = "server"
    entries: int = 100_000

    def __post_init__(self) -> None:
        for name in ("within", "duration", "entries"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative")
        if self.bounces < 1:
            raise ValueError("bounces cannot be less than 1")
