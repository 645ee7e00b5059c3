"""Session identifiers: ten letters and digits that sort by time.

Eight of fifty bits are the worker, the others the millisecond in which the session began, so an
identifier is unique without asking anybody. The alphabet is Crockford's base 32: no letter looks or
sounds like a digit, and what is read as one all the same (O, I, L) is understood. Two digits fewer
than a queue identifier, so that the two cannot be taken for each other.

An identifier must not name two sessions, not even when the clock is set back while the server is
down. So the numbers go on from a mark on disk (`Mark`) that was always ahead of those given. The
mark is written with the records; while the disk fails, only the clock keeps numbers apart.

Where the operator wants it, refusals end with the identifier (`marked`).

Pure: the clock is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from postroad.model import Reply

__all__ = ["LENGTH", "MARGIN", "MAX_WORKER", "SessionIds", "marked", "session_id_of", "spell"]

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = tuple(high + low for high in DIGITS for low in DIGITS)
LENGTH = 10
WORKER_BITS = 8
MAX_WORKER: int = 2**WORKER_BITS - 1
MAX_NUMBER: int = 2 ** (5 * LENGTH - WORKER_BITS) - 1  # May 2109

MARGIN = 60_000
"""Numbers, which are milliseconds, by which the mark is ahead: a crash may lose the last minute's
marks and no number is given twice."""

_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


class SessionIds:
    """Gives numbers that grow, whatever the clock does.

    Attributes:
        last: the largest number given so far.
    """

    __slots__ = ("_clock", "_worker", "last")

    def __init__(self, worker: int, clock: Callable[[], float], mark: int = 0) -> None:
        """Identifiers of a worker.

        Args:
            worker: its number; more than there are bits for share one, and the odds are theirs.
            clock: seconds since the epoch.
            mark: no number up to this one is given (again).
        """
        self._worker = worker & MAX_WORKER
        self._clock = clock
        self.last = mark if 0 <= mark < MAX_NUMBER else 0

    def __call__(self) -> str:
        """The next identifier: of the present millisecond where that is free."""
        now = int(self._clock() * 1000)
        number = now if self.last < now <= MAX_NUMBER else self.last + 1
        self.last = number
        return spell(number, self._worker)


def spell(number: int, worker: int) -> str:
    """The identifier of a number of a worker."""
    value = (number << WORKER_BITS) | worker
    text = ""
    for _ in range(LENGTH // 2):
        value, pair = divmod(value, 1024)
        text = PAIRS[pair] + text
    return text


def session_id_of(text: str) -> str | None:
    """The identifier that somebody typed, as it is spelt; `None` when it can be none."""
    cleaned = text.upper().translate(_MISREAD)
    return cleaned if len(cleaned) == LENGTH and set(cleaned) <= set(DIGITS) else None


_LONGEST_REPLY = 510  # octets of a reply line without its CRLF, RFC 5321 §4.5.3.1.5


def marked(reply: Reply, session: str) -> Reply:
    """A refusal that names the session, once; its last line is cut where that must fit.

    Args:
        reply: the refusal.
        session: the identifier.
    """
    mark = f" ({session})"
    if reply.lines[-1].endswith(mark):
        return reply
    room = _LONGEST_REPLY - len(f"{reply.code} {reply.enhanced} ") - len(mark)
    *before, last = reply.lines
    last = last.encode()[:room].decode(errors="ignore")
    return replace(reply, lines=(*before, last + mark))
