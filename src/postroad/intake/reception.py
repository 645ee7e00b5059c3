"""What the entries of a door share: the server's parts that they use, and one bound over all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from postroad.intake.aliases import Resolving
from postroad.intake.ends import Onward
from postroad.intake.examination import NOBODY, Board
from postroad.intake.settings import ForwardingSettings, IntakeSettings
from postroad.model import Reply
from postroad.model.journal import Journal
from postroad.model.letter import Finding
from postroad.spool import Claimed, Draft

__all__ = ["HEADERS_AT_ONCE", "NO_STORAGE", "Reception", "Remember"]

HEADERS_AT_ONCE = 67_108_864
"""Octets of unfinished header sections that the entries of a door hold together. Most headers come
in one piece and are never counted; a thousand slow ones of 64 KiB have room, and strangers who
begin long ones and fall silent cannot fill the memory of the machine with them."""

NO_STORAGE = Reply.of(452, "4.3.1", "Insufficient system storage")

Remember = Callable[[str, Sequence[Finding]], None]
"""Takes a queue ID and what was found out about that message."""


def nobody() -> Board:
    """Who looks at mail that comes without a session, where the server has no examiners."""
    return NOBODY


@dataclass(slots=True)
class Reception:
    """What the entries of a door share.

    Attributes:
        hostname, settings, begin, directory, queued, journal, clock, forwarding, onward, board,
            remember: as given to the `Door`.
        headers_held: octets of unfinished header sections, of all entries.
    """

    hostname: str
    settings: IntakeSettings
    begin: Callable[[], Draft]
    directory: Resolving
    queued: Callable[[Claimed], None]
    journal: Journal
    clock: Callable[[], float]
    forwarding: ForwardingSettings
    onward: Onward | None
    board: Callable[[], Board] = nobody
    remember: Remember | None = None
    headers_held: int = 0
