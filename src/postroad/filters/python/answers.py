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
from postroad.model.printable import printable

__all__ = ["Answer", "Verdict", "accept", "defer", "hold", "reject"]

LINE = 400
"""Characters of a line of a reply; RFC 5321 §4.5.3.1.5 allows 512 octets with codes and CRLF."""

LINES = 10
"""Lines of a reply. Nobody reads more, and bounces quote them."""

WHY = 200
"""Characters of a reason to hold a message; it is shown in lists."""

_REPLY = re.compile(r"(?:(\d{3})[ -])?([245]\.\d{1,3}\.\d{1,3})(?: |$)", re.ASCII)


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

    def __post_init__(self) -> None:
        """Look whether they go together.

        Raises:
            ValueError: a refusal without a reply, or a reply without a refusal: the client would
                be told something else than what becomes of the message.
        """
        kind = _KINDS.get(self.verdict)
        told = self.reply.code // 100 if self.reply is not None else None
        if told != kind:
            made = "reject(…)" if kind == 5 else "defer(…)" if kind == 4 else "accept() or hold(…)"
            words = f"{self.verdict} and the reply {self.reply} do not go together: use {made}"
            raise ValueError(words)


_KINDS = {Verdict.REJECT: 5, Verdict.DEFER: 4}
"""The first digit of the reply to each that is a refusal."""


def accept() -> Answer:
    """Nobody else of this filter is to be asked.

    From `on_connect` and `on_helo` this holds for the session, from `on_rcpt` for that recipient at
    that step, else for the message. It is no
    permission: policy and other filters may still refuse the mail. A hook that has nothing to say
    returns `None`, and the next file is asked.
    """
    return Answer(Verdict.ACCEPT)


def reject(text: str = "") -> Answer:
    """Refuse for good.

    Args:
        text: what the client is told, with both codes (`550 5.7.1 No thanks`), the enhanced one
            only, or without: they are 550 and 5.7.1 then. Codes that are not of a permanent
            refusal are part of the text: a stranger may have written it.
    """
    return Answer(Verdict.REJECT, _reply(text or "Message refused", 550, "5.7.1"))


def defer(text: str = "") -> Answer:
    """Refuse for now: the sender comes back later.

    Args:
        text: likewise; without codes they are 451 and 4.7.1.
    """
    return Answer(Verdict.DEFER, _reply(text or "Please try again later", 451, "4.7.1"))


def hold(why: str) -> Answer:
    """Take the message, and keep it in the queue until an operator releases it.

    Args:
        why: the reason, for the operator.
    """
    return Answer(Verdict.HOLD, why=printable(why)[:WHY] or "held by a filter")


def _reply(text: str, code: int, enhanced: str) -> Reply:
    said_code, said_enhanced, rest = None, None, text
    if found := _REPLY.match(text):
        said_code, said_enhanced, rest = found[1], found[2], text[found.end() :]
    chosen = int(said_code) if said_code else code
    is_fit = chosen // 100 == code // 100 and chosen not in (421, 521)  # those close the session
    if said_enhanced is None or said_enhanced[0] != enhanced[0] or not is_fit:
        chosen, said_enhanced, rest = code, enhanced, text
    lines = [printable(line) for line in rest.splitlines() or [""]]
    short = [piece for line in lines for piece in textwrap.wrap(line, LINE) or [""]]
    octets = [piece.encode(errors="replace")[:LINE].decode(errors="ignore") for piece in short]
    return Reply(chosen, said_enhanced, tuple(octets[:LINES]))
