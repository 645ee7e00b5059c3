"""`[intake]`: what a message must satisfy to enter, whoever brings it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["IntakeSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """Bounds on the header of a message.

    Attributes:
        hop_limit: a message with more Received fields than this is in a loop (RFC 5321 §6.3;
            50 is Postfix's number); 0: any number.
        header_size: octets of header that a message may have; 0: no limit but the message's own.
    """

    hop_limit: int = 50
    header_size: int = 1_048_576
