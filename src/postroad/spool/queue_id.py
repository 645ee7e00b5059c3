"""Queue identifiers: twelve letters and digits that sort by time.

Ten digits in base 36 spell the microsecond at which the transaction began, two the shard. The
microsecond is also the message's number in its shard's database, so the identifier is unique
because the primary key is.

An identifier is shown (in the log, in `250 2.0.0 Ok: queued as`) and must never name two messages,
not even when a crash and a clock set back come together. `QueueIds` therefore gives only numbers
up to a limit that is already on stable storage, and asks in time for a higher one. After a crash
it starts above that limit; after a clean close above the last number given.

Pure: the clock is given, and storing the limit is the caller's work.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["QueueIds", "number_of", "spell"]

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PAIRS = tuple(high + low for high in DIGITS for low in DIGITS)
TIME_DIGITS = 10
SHARD_DIGITS = 2
MAX_SHARD: int = 36**SHARD_DIGITS - 1
MAX_NUMBER: int = 36**TIME_DIGITS - 1  # December 2085

RESERVE = 60_000_000  # microseconds reserved ahead: one more row a minute under load
SPARE = 1_000_000  # numbers kept for a caller that outruns the storing of the next limit


class QueueIds:
    """Gives numbers that grow, whatever the clock does.

    Args:
        shard: the shard's number, 0 to `MAX_SHARD`.
        clock: seconds since the epoch.
        mark: no number up to this one may be given (again).

    Raises:
        ValueError: the shard's number is out of range.
    """

    def __init__(self, shard: int, clock: Callable[[], float], mark: int) -> None:
        if not 0 <= shard <= MAX_SHARD:
            raise ValueError(f"a shard's number is 0 to {MAX_SHARD}")
        self._shard = shard
        self._clock = clock
        self._last = mark
        self._limit = mark

    @property
    def last(self) -> int:
        """The largest number given so far."""
        return self._last

    def wanted(self) -> int | None:
        """The limit to store next, or `None` while there is room for half a minute."""
        ahead = max(self._last, self._now())
        if ahead + RESERVE // 2 <= self._limit:
            return None
        return min(ahead + RESERVE, MAX_NUMBER)

    def reserved(self, limit: int) -> None:
        """Numbers up to `limit` may be given: it is on stable storage."""
        self._limit = max(self._limit, limit)

    def give(self) -> int | None:
        """The next number: the present microsecond where that is free and reserved.

        Returns:
            `None` when every reserved number is used up.
        """
        number: int = max(self._last + 1, min(self._now(), self._limit - SPARE))
        if number > self._limit:
            return None
        self._last = number
        return number

    def spell(self, number: int) -> str:
        """The queue identifier of a number of this shard."""
        return spell(number, self._shard)

    def _now(self) -> int:
        """The clock's microsecond; a clock beyond what ten digits hold is not believed."""
        now = int(self._clock() * 1_000_000)
        return now if 0 <= now <= MAX_NUMBER - RESERVE else 0


def spell(number: int, shard: int) -> str:
    """The queue identifier of message `number` in shard `shard`."""
    return _digits(number, TIME_DIGITS) + _digits(shard, SHARD_DIGITS)


def number_of(queue_id: str) -> int | None:
    """The message number that a queue identifier spells; `None` when it is none of ours."""
    text = queue_id.upper()
    if len(text) != TIME_DIGITS + SHARD_DIGITS or not set(text) <= set(DIGITS):
        return None
    return int(text[:TIME_DIGITS], 36)


def _digits(value: int, width: int) -> str:
    """`value` in base 36, with an even number of digits."""
    text = ""
    for _ in range(width // 2):
        value, pair = divmod(value, 1296)
        text = PAIRS[pair] + text
    return text
