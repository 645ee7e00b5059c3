"""A sleep that can be ended: by a time on the event loop, or by a ring from outside.

It knows no wall clock. A caller that counts in wall time looks at its own clock after each ring,
and is woken at least once a minute, so that a clock that was set does not leave it asleep.
"""

from __future__ import annotations

import asyncio

__all__ = ["Alarm"]

_LONGEST = 60.0  # seconds


class Alarm:
    """One sleeper's alarm."""

    __slots__ = ("_rung", "_sleeper")

    def __init__(self) -> None:
        self._rung = False
        self._sleeper: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake the sleeper now, or keep it from falling asleep once."""
        self._rung = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Until a ring; one that came since the last sleep counts. At most so many seconds."""
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._sleeper = loop.create_future()
            timer = loop.call_later(max(0.0, min(seconds, _LONGEST)), self.ring)
            try:
                await self._sleeper
            finally:
                timer.cancel()
                self._sleeper = None
        self._rung = False
