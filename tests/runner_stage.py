"""A runner among fakes: no network, no disk, no time but the fake clock's."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager

from fake_transport import FakeTransport
from postroad.queue import QueueSettings, Runner
from queue_fakes import (
    FakeClock,
    FakeDoor,
    FakeJournal,
    FakeRouter,
    FakeSpool,
    delivering,
    turn,
    until,
)
from queue_mail import message, recipients

DAY = 86_400.0


class Stage:
    """A runner and everything it was given."""

    def __init__(self, **settings: float) -> None:
        self.spool = FakeSpool()
        self.router = FakeRouter()
        self.smtp = FakeTransport()
        self.door = FakeDoor()
        self.journal = FakeJournal()
        self.clock = FakeClock()
        self.runner = Runner(
            spool=self.spool,
            router=self.router,
            transports={"smtp": self.smtp},
            door=self.door,
            journal=self.journal,
            clock=self.clock,
            settings=QueueSettings(**settings),
            hostname="mail.example.org",
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        return delivering(self.runner)

    def commit(self, sender="alice@example.org", to=("bob@example.net",), *, asked=(), **fields):
        """A message comes in, as intake does it; `asked` is about each recipient."""
        mail = message(sender, **fields)
        claimed = self.spool.commit(mail, recipients(*to, **dict(asked)))
        self.runner.add(claimed)
        return claimed

    async def settled(self, count: int):
        await until(lambda: len(self.results) >= count)
        return self.results[count - 1]

    async def later(self, seconds: float) -> None:
        """So much later, when whatever can happen then has happened."""
        self.clock.now += seconds
        self.runner.wake()
        await turn(60)

    @property
    def reports(self) -> list[str]:
        """The action of each notification that was sent, with the number of its recipients."""
        texts = [octets.decode() for _, _, octets in self.door.submitted]
        actions = [re.findall("^Action: (.*)\r$", text, re.MULTILINE) for text in texts]
        return [f"{len(each)} {each[0]}" for each in actions]

    @property
    def results(self):
        return [result for group in self.spool.settled for result in group]

    async def empty(self):
        await until(lambda: not self.spool.rows)

    async def empty_in_time(self, seconds: int = 600) -> None:
        """As `empty`, while time passes: what had no room comes back a little later."""
        for _ in range(seconds):
            await turn(100)
            if not self.spool.rows:
                return
            await self.later(1)
        raise AssertionError("it did not become empty")
