"""What becomes of a file of the drop: removed once its message is queued, put aside, or kept.

Each file meets one of these, whatever was wrong with it, and the log has a line for it; with many
such files a few lines, as anybody on this machine can leave them. A file that cannot be removed is
remembered here, so that this process queues its message once only.

It knows no doors and no messages: `pickup_porter` decides which of the three it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from postroad.app.pickup_waits import FIRST_PAUSE, Waits
from postroad.app.sparing import Sparing
from postroad.maildrop.collection import Collection, Found

__all__ = ["Disposal"]


class Disposal:
    """Belongs to an event loop.

    Attributes:
        waits: files that are kept for now, and until when.

    Args:
        elapsed: seconds since some moment, by a clock that nobody sets.
        warn: takes a line for the log.
        error: takes one that tells of mail that nobody gets.
    """

    def __init__(
        self,
        elapsed: Callable[[], float],
        *,
        warn: Callable[[str], None],
        error: Callable[[str], None],
    ) -> None:
        self.waits = Waits(elapsed)
        self._aside = Sparing(error, elapsed)
        self._waiting = Sparing(warn, elapsed, "files that wait")
        self._leftover: set[str] = set()  # files whose message is queued

    def is_leftover(self, found: Found) -> bool:
        """Whether a file is still there although its message is queued."""
        return found.name in self._leftover

    async def remove(self, collection: Collection, found: Found) -> None:
        """Remove a file that is done with. One that stays is not queued again by this process."""
        self._leftover.add(found.name)
        try:
            await asyncio.shield(asyncio.to_thread(collection.remove, found))
        except FileNotFoundError:
            pass
        except OSError as error:
            self.later(found, f"it is queued, and cannot be removed: {error}")
            return
        self._leftover.discard(found.name)
        self.waits.end(found.name)

    async def put_aside(self, collection: Collection, found: Found, why: str) -> None:
        """Put away a file that cannot be queued, for its owner and the operator to see."""
        try:
            path = await asyncio.to_thread(collection.put_aside, found)
        except OSError as error:
            self.later(found, f"{why}; it cannot be put aside: {error}")
            return
        self.waits.end(found.name)
        if path:
            self._aside.say(f"{path!r} was put aside, as it cannot be queued: {why}")
        else:
            words = "was removed, as it cannot be queued and its owner has too many put aside"
            self._aside.say(f"{found.name} {words}: {why}")

    def later(self, found: Found, why: str, pause: float = FIRST_PAUSE) -> None:
        """Keep a file for now; see `Waits.later`."""
        pause = self.waits.later(found.name, pause)
        self._waiting.say(f"{found.name} waits for {pause:.0f} s: {why}")

    def complain(self, words: str) -> None:
        """Say what cannot be picked up, where no file is to be dealt with."""
        self._aside.say(words)

    def settle(self, *, at_once: bool = False) -> None:
        """See `Sparing.settle`."""
        self._aside.settle(at_once=at_once)
        self._waiting.settle(at_once=at_once)

    @property
    def pauses(self) -> list[float]:
        """Seconds after which a file is due, or `settle` has something to say."""
        times = (self.waits.first(), self._aside.pause, self._waiting.pause)
        return [each for each in times if each is not None]
