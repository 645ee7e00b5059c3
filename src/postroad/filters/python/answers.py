"""What a hook may answer: nothing, or one of these.

A refusal is a reply that the client sees, so its text is made fit for the wire here: whatever a
program puts into it (a subject, a name from HELO) neither ends a line nor makes another one.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from enum import Enum

from postroad.model import Reply
from postroad.model.journal import printable

__all__ = ["Answer", "Verdict", "accept", "defer", "hold", "reject"]

LINE = 400
"""Characters of a line of a reply; RFC 5321 §4.5.3.1.5 allows 512 octets with codes and CRLF."""

LINES = 10
"""Lines of a reply. Nobody reads more, and bounces quote them."""

WHY = 200
"""Characters of a reason to hold a message; it is shown in lists."""

_REPLY = re.compile(r"(?:(\d{3})(?:[ -]|$))?(?:([245]\.\d{1,3}\.\d{1,3})(?: |$))?")


class Verdict(Enum):
    """What becomes of it."""

    ACCEPT = "accepted"
    REJECT = "refused"
    DEFER = "deferred"
    HOLD = "held"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hook answers. Made by `accept`, `reject`, `defer` and `hold`.

    Attributes:
        verdict: what becomes of it.
        reply: what the client is told; `None` unless it is refused or deferred.
        why: of a message to be held: the reason.
    """

    verdict: Verdict
    reply: Reply | None = None
    why: str = ""


def accept() -> Answer:
    """Nobody else of this filter is to be asked.

    From `on_connect` and `on_helo` this holds for the session, later for the message. It is no
    permission: policy and other filters may still refuse the mail. A hook that has nothing to say
    returns `None`, and the next file is asked.
    """
    return Answer(Verdict.ACCEPT)


def reject(text: str = "") -> Answer:
    """Refuse for good.

    Args:
        text: what the client is told, with codes (`550 5.7.1 No thanks`) or without. The codes
            are 550 and 5.7.1 then.

    Raises:
        ValueError: the codes are not those of a permanent refusal.
    """
    return Answer(Verdict.REJECT, _reply(text or "Message refused", 550, "5.7.1"))


def defer(text: str = "") -> Answer:
    """Refuse for now: the sender comes back later.

    Args:
        text: likewise; without codes they are 451 and 4.7.1.

    Raises:
        ValueError: the codes are not those of a temporary refusal.
    """
    return Answer(Verdict.DEFER, _reply(text or "Please try again later", 451, "4.7.1"))


def hold(why: str) -> Answer:
    """Take the message, and keep it in the queue until an operator releases it.

    Args:
        why: the reason, for the operator.
    """
    return Answer(Verdict.HOLD, why=printable(why)[:WHY] or "held by a filter")


def _reply(text: str, code: int, enhanced: str) -> Reply:
    found = _REPLY.match(text)
    said_code, said_enhanced = found.groups() if found else (None, None)
    rest = text[found.end() :] if found else text
    chosen = int(said_code) if said_code else code
    if chosen // 100 != code // 100 or chosen in (421, 521):
        kind = "5xx (but 521)" if code >= 500 else "4xx (but 421)"
        raise ValueError(f"{said_code} is no code of this answer: expected {kind}")
    if said_enhanced and said_enhanced[0] != enhanced[0]:
        raise ValueError(f"{said_enhanced} is not of the class of {chosen}")
    lines = [printable(line) for line in rest.splitlines() or [""]]
    short = [piece for line in lines for piece in textwrap.wrap(line, LINE) or [""]]
    octets = [piece.encode(errors="replace")[:LINE].decode(errors="ignore") for piece in short]
    return Reply(chosen, said_enhanced or enhanced, tuple(octets[:LINES]))
