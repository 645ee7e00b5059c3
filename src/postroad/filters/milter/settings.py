"""The keys of a filter of the kind `milter`."""

from __future__ import annotations

from dataclasses import dataclass, field

from postroad.model.units import Duration

__all__ = ["MilterSettings"]


@dataclass(frozen=True, kw_only=True)
class MilterSettings:
    """What a milter has besides what every filter has.

    Attributes:
        socket: where it listens: `unix:/path`, or `inet:host:port`.
        protocol: the newest version of the protocol that it is offered, 2 to 6.
        connect_timeout: seconds for the connection, and again for the negotiation.
        command_timeout: seconds for its answer to each step before the content.
        macros: which macros it is told at a stage, in place of the usual ones: by `connect`,
            `helo`, `mail`, `rcpt`, `data`, `end_of_header`, `end_of_message` and `unknown_command`.
        macro_values: what a macro is where there is nothing else to say.
    """

    socket: str = ""
    protocol: int = 6
    connect_timeout: Duration = 30.0
    command_timeout: Duration = 30.0
    macros: dict[str, tuple[str, ...]] = field(default_factory=dict)
    macro_values: dict[str, str] = field(default_factory=dict)
