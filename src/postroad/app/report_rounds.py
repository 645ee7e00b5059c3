"""What both kinds of reports have in a worker: rounds, a way for mail, and a switch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from postroad.app.dkim import ring_of
from postroad.config import Configuration
from postroad.intake import Door
from postroad.intake.door import Refusal
from postroad.mailauth.dkim.key_store import KeysUnavailable
from postroad.model import Address, Envelope
from postroad.reports.kind import NotSent

__all__ = ["LOOK_EVERY", "PAUSE", "Rounds", "Submission", "Switch"]

PAUSE = 10.0
"""Seconds between two writings of counts: what a crash forgets."""

FIRST = 1.0
"""Seconds from the start to the first of each."""

LOOK_EVERY = 60.0
"""Seconds between two looks for reports that are due."""


class Rounds:
    """Writes and sends, again and again, neither waiting for the other. Belongs to an event loop.

    Sending may take long, where the name servers of many domains are slow; counts must not pile up
    meanwhile.
    """

    def __init__(
        self,
        write: Callable[[], Awaitable[None]],
        send: Callable[[], Awaitable[None]],
        warn: Callable[[str], None],
    ) -> None:
        """Nothing runs before `start`.

        Args:
            write: writes down what was counted.
            send: sends what is due.
            warn: takes a line for the log, of a round that failed.
        """
        self._write = write
        self._send = send
        self._warn = warn
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, if it has not."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks.append(loop.create_task(self._run(self._write, PAUSE)))
            self._tasks.append(loop.create_task(self._run(self._send, LOOK_EVERY)))

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, do: Callable[[], Awaitable[None]], every: float) -> None:
        await asyncio.sleep(FIRST)
        while True:
            try:
                await do()
            except Exception as error:  # noqa: BLE001 - a fault in one round ends no other
                self._warn(f"a round failed: {type(error).__name__}: {error}")
            await asyncio.sleep(every)


class Submission:
    """Implements `Submitting`: through the door, by which it is signed as well."""

    def __init__(self) -> None:
        """There is no door yet."""
        self._door: Door | None = None

    def open(self, door: Door) -> None:
        """From now on mail goes this way."""
        self._door = door

    async def __call__(self, to: Address, message: bytes) -> str:
        """See `Submitting`. The null sender: nobody answers a report, and no loop begins."""
        assert self._door is not None, "nothing is sent before there is a door"
        try:
            return await self._door.submit(Envelope(None), [to], message)
        except Refusal as refusal:
            raise NotSent(f"not taken into the queue: {refusal.reply}") from None


class Switch:
    """Whether reports are made: as the configuration says, or else where they are signed."""

    def __init__(self, configuration: Configuration, send: bool | None, author: str) -> None:
        """Nothing is looked for yet.

        Args:
            configuration: what is served.
            send: as it says; `None`: it does not.
            author: the address that reports are from.
        """
        self._send = send
        self._domain = author.rpartition("@")[2]
        self._ring = None
        if send is None and configuration.dkim.sign:
            self._ring = ring_of(configuration, _nobody)

    def is_on(self) -> bool:
        """Whether it is so now: keys come and go without a reload. It may read files."""
        if self._ring is None:
            return bool(self._send)
        try:
            return bool(self._ring.keys_for(self._domain))
        except KeysUnavailable:
            return False


def _nobody(_: str) -> None:
    """The signer says what is wrong with keys."""
