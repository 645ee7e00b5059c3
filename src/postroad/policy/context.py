"""What restrictions are built with: all that they go by and that no session changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from postroad.mailauth.spf.settings import SpfSettings
from postroad.policy.answer import Stage
from postroad.policy.settings import SharedPolicySettings

if TYPE_CHECKING:
    from postroad.policy.rule import Rule

__all__ = ["Context", "Surroundings"]


def _nobodys(_address: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The server that a policy is for.

    Attributes:
        hostname: our name.
        is_own: whether an IP address is one of ours.
        recipient_delimiter: the characters that begin an address extension.
        settings: `[policy]`.
        transports: the names of transports that the operator named.
        spf: `[spf]`.
    """

    hostname: str = "localhost"
    is_own: Callable[[str], bool] = _nobodys
    recipient_delimiter: str = ""
    settings: SharedPolicySettings = field(default_factory=SharedPolicySettings)
    transports: frozenset[str] = frozenset()
    spf: SpfSettings = field(default_factory=SpfSettings)

    def at(self, stage: Stage, read: Callable[[str], tuple[Rule, ...]]) -> Context:
        """All of it, with the place of a restriction: see `Context`."""
        # By a loop, as a setting that is left out here is ignored without a word.
        given = {each.name: getattr(self, each.name) for each in fields(Surroundings)}
        return Context(**given, stage=stage, read=read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Surroundings):
    """The place of a restriction.

    Attributes:
        stage: the list that it stands in, or the one that an access table's list stands for.
        read: reads restrictions that stand elsewhere, such as in an access table, as if they
            stood here; raises `RestrictionMistake`.
    """

    stage: Stage
    read: Callable[[str], tuple[Rule, ...]]
