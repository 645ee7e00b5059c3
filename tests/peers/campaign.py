"""Kills a server at random while mail comes and goes, and takes the inventory at the end.

Clients send over connections that they keep, and remember each message whose `250` they read. It
goes to a mailbox here, to another server, or to both. Meanwhile workers, the supervisor or all
processes at once are killed, at moments that a seed decides: also while they start and recover. At
the end all is let go, and every acknowledged message must have come in wherever it was to go. It
may have come twice, and one whose `250` was lost may have come, too; a loss is neither.

A local campaign delivers to mailboxes here only, with quotas and into a folder, while a mail
program reads: it moves what is new to `cur`, or to another folder. There each copy must have come
exactly once, and `maildirsize` must say what is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from peers.postroad import Postroad, Table
from peers.receipts import Copy, Receipts, SinkServer, keep_maildir, message, read_maildir
from peers.waiting import until
from postroad.mailbox import Whereabouts
from postroad.mailbox.maildirsize import MaildirSize
from postroad.mailbox.quota import Quota
from postroad.mailbox.scan import all_folders, count

__all__ = ["Campaign", "Figures", "Plan"]

MAILBOX, ELSEWHERE = "john@example.org", "lisa@elsewhere.test"
PLACES = ((MAILBOX,), (ELSEWHERE,), (MAILBOX, ELSEWHERE))
OTHER, IN_FOLDER = "ann@example.org", "john+lists@example.org"
LOCAL_PLACES = ((MAILBOX,), (OTHER,), (MAILBOX, OTHER, IN_FOLDER), (IN_FOLDER,))
QUOTA = Quota(1 << 40)
DRAIN = 300.0  # seconds for what is left to arrive
DEATHS = 2  # of workers, before their supervisor pauses so long that others should have a turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done.

    Attributes:
        kills: how many.
        pause: seconds between two kills, at the most.
        clients: connections at a time.
        rate: messages in a second, all together.
        trouble: the share of deliveries to the other server that go wrong.
        seed: decides who is killed when.
        local: whether all mail is for mailboxes here.
    """

    kills: int
    pause: float = 2.0
    clients: int = 8
    rate: float = 100.0
    trouble: float = 0.0
    seed: int = 1
    local: bool = False

    @property
    def places(self) -> tuple[tuple[str, ...], ...]:
        """Where messages go, in turn."""
        return LOCAL_PLACES if self.local else PLACES


@dataclass(slots=True)
class Figures:
    """What came of it.

    Attributes:
        acknowledged: messages whose `250` was read.
        delivered: copies of them that came in, each counted once for each place.
        unacknowledged: copies of other messages.
        duplicates: copies beyond the first.
        damaged: copies that were not what was sent.
        lost: acknowledged copies that never came in.
        kills: how many of each kind.
        seconds: from the first message to the last.
        errors: what the server's log calls an error.
        miscounted: mailboxes whose `maildirsize` says something else than what is there.
        once: whether copies beyond the first are as bad as a loss.
    """

    acknowledged: int
    delivered: int
    unacknowledged: int
    duplicates: int
    damaged: list[Copy]
    lost: list[Copy]
    kills: Counter[str]
    seconds: float
    errors: list[str]
    miscounted: list[str] = field(default_factory=list)
    once: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, and nothing came in damaged."""
        twice = self.once and self.duplicates > 0
        bad = self.lost or self.damaged or self.miscounted or twice
        return not bad and self.acknowledged > 0


@dataclass(slots=True)
class _Traffic:
    """Sends and receives, in a loop and thread of its own."""

    plan: Plan
    receipts: Receipts = field(default_factory=Receipts)
    acknowledged: dict[int, tuple[str, ...]] = field(default_factory=dict)
    port: int = 0
    sink_port: int = 0
    _sent: int = 0
    _stopped: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)
    _ready: threading.Event = field(default_factory=threading.Event)
    _go: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        """Have a place for mail to go to; nothing is sent yet."""
        self._thread.start()
        self._ready.wait()

    def send(self, port: int) -> None:
        """Begin to send."""
        self.port = port
        self._go.set()

    def stop(self) -> None:
        """Send no more; what is under way may still arrive."""
        self._stopped = True

    def end(self) -> None:
        """Receive no more."""
        self._go.set()
        self._ended.set()
        self._thread.join()

    async def _run(self) -> None:
        sink = SinkServer(self.receipts, ELSEWHERE, self.plan.trouble, self.plan.seed)
        await sink.start()
        self.sink_port = sink.port
        self._ready.set()
        await asyncio.to_thread(self._go.wait)
        await asyncio.gather(*(self._client() for _ in range(self.plan.clients)))
        await asyncio.to_thread(self._ended.wait)
        await sink.stop()

    async def _client(self) -> None:
        while not self._stopped:
            with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError, TimeoutError):
                await self._session()
            await asyncio.sleep(0.05)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await _answered(reader)
            await _say(reader, writer, b"EHLO source.test")
            while not self._stopped:
                began = time.monotonic()
                await self._transaction(reader, writer)
                turn = self.plan.clients / self.plan.rate
                await asyncio.sleep(max(0.0, began + turn - time.monotonic()))
        finally:
            writer.close()

    async def _transaction(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._sent += 1
        number, places = self._sent, self.plan.places[self._sent % len(self.plan.places)]
        await _say(reader, writer, b"MAIL FROM:<source@source.test>")
        for place in places:
            await _say(reader, writer, b"RCPT TO:<%s>" % place.encode())
        await _say(reader, writer, b"DATA")
        if (await _say(reader, writer, message(number) + b".")).startswith(b"250"):
            self.acknowledged[number] = places


class Campaign:
    """One run against a server of its own.

    Args:
        plan: what is done.
        progress: called with the number of kills so far.
    """

    def __init__(self, plan: Plan, progress: Callable[[int], None] = lambda _: None) -> None:
        self._plan = plan
        self._progress = progress
        self._dice = random.Random(plan.seed)
        self._kills: Counter[str] = Counter()
        self._deaths = 0  # of workers since their supervisor was started
        self._traffic = _Traffic(plan)

    def run(self) -> Figures:
        """Do it all."""
        traffic = self._traffic
        traffic.start()
        server = Postroad(
            _settings(traffic.sink_port, local=self._plan.local),
            listeners=("mx",),
            accounts={MAILBOX: "summersun", OTHER: "wintersun"},
        )
        try:
            began = time.monotonic()
            traffic.send(server.port("mx"))
            while self._kills.total() < self._plan.kills:
                self._wait(server)
                self._kill(server)
                self._progress(self._kills.total())
            until(lambda: len(traffic.acknowledged) > 20, within=60, what="some acknowledgements")
            traffic.stop()
            lost = self._drain(server)
            seconds = time.monotonic() - began
            miscounted = _miscounted(server) if self._plan.local else []
            errors = [line for line in server.log().splitlines() if " error: " in line.lower()]
        finally:
            traffic.stop()
            traffic.end()
            server.stop()
        figures = self._figures(lost, seconds, errors)
        figures.miscounted, figures.once = miscounted, self._plan.local
        return figures

    def _wait(self, server: Postroad) -> None:
        """Until the next kill; mail is taken out of the mailbox meanwhile."""
        until_then = time.monotonic() + self._dice.uniform(0, self._plan.pause)
        while time.monotonic() < until_then:
            self._collect(server)
            threading.Event().wait(min(0.2, max(0.0, until_then - time.monotonic())))

    def _kill(self, server: Postroad) -> None:
        kind = "worker" if self._deaths < DEATHS * 2 else self._dice.choice(("supervisor", "all"))
        if kind == "worker":
            workers = server.workers()
            if not workers:  # both are dead, and wait for their supervisor
                return
            server.kill_worker(self._dice.choice(workers))
            self._deaths += 1
        elif kind == "supervisor":
            server.kill_supervisor()
        else:
            server.kill_all()
        self._kills[kind] += 1
        if kind != "worker":
            self._deaths = 0
            server.start()

    def _collect(self, server: Postroad) -> None:
        receipts, inbox = self._traffic.receipts, server.maildir(MAILBOX).new
        if not self._plan.local:
            read_maildir(inbox, receipts, MAILBOX)
            return
        other = server.maildir(OTHER).new
        keep_maildir(inbox, receipts, MAILBOX, inbox.parent / "cur")
        keep_maildir(other, receipts, OTHER, other.parent / ".Archive" / "cur")
        keep_maildir(inbox.parent / ".lists" / "new", receipts, IN_FOLDER, inbox.parent / "cur")

    def _drain(self, server: Postroad) -> list[Copy]:
        """Wait until everything has come in; what has not."""

        def is_complete() -> bool:
            self._collect(server)
            return not self._missing()

        with contextlib.suppress(TimeoutError):
            until(is_complete, within=DRAIN, what="the arrival of everything")
        with contextlib.suppress(TimeoutError):  # late copies are counted, too
            until(lambda: _is_empty(server), within=60, what="an empty queue")
        self._collect(server)
        return self._missing()

    def _missing(self) -> list[Copy]:
        copies = self._traffic.receipts.copies
        return [
            (number, place)
            for number, places in list(self._traffic.acknowledged.items())
            for place in places
            if (number, place) not in copies
        ]

    def _figures(self, lost: list[Copy], seconds: float, errors: list[str]) -> Figures:
        receipts, acknowledged = self._traffic.receipts, self._traffic.acknowledged
        known = [copy for copy in receipts.copies if copy[0] in acknowledged]
        return Figures(
            len(acknowledged),
            len(known),
            len(receipts.copies) - len(known),
            receipts.duplicates,
            receipts.damaged,
            lost,
            self._kills,
            seconds,
            errors,
        )


def _is_empty(server: Postroad) -> bool:
    return not server.run("queue", "list", "--json").strip()


def _miscounted(server: Postroad) -> list[str]:
    """Mailboxes whose sum is not what is there; one without a file is counted when it is asked."""
    wrong = []
    for address in (MAILBOX, OTHER):
        where = Whereabouts.at(server.maildir(address).new.parent)
        said, is_there = MaildirSize(where, QUOTA, time.time).peek(), count(all_folders(where))[0]
        if said != is_there:
            wrong.append(f"{address}: {said}, and there is {is_there}")
    return wrong


def _settings(sink: int, *, local: bool) -> Table:
    mailbox: Table = {"quota": "1T", "detail_folders": "create"} if local else {}
    return {
        "mailbox": mailbox,
        "dns": {"reverse": False},
        "relay": {"smarthost": f"[127.0.0.1]:{sink}"},
        "queue": {"minimal_backoff": "1s", "maximal_backoff": "2s"},
        "limits": {"connections_per_address": 0, "connections_per_network": 0},
    }


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> bytes:
    writer.write(line + b"\r\n")
    return await _answered(reader)


async def _answered(reader: asyncio.StreamReader) -> bytes:
    """The last line of an answer.

    Raises:
        EOFError: the server refuses, or is gone.
    """
    while True:
        line = await asyncio.wait_for(reader.readline(), 60)
        if line[3:4] == b"-":
            continue
        if line[:1] not in (b"2", b"3"):
            raise EOFError(line)
        return line
