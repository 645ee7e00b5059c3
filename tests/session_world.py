"""A listener with all behind it: the real core, policy and door; fakes where the world begins."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from ipaddress import ip_network

from fake_connection import FakeConnection
from fake_directory import FakeDirectory
from fake_limits import gate
from fake_oracle import oracle_of
from postroad.intake import Door, IntakeSettings
from postroad.model import (
    BLANK,
    Addressee,
    Client,
    Envelope,
    StoredMessage,
    StoredRecipient,
    Waybill,
)
from postroad.model import Content as Stored
from postroad.model.content import Octets
from postroad.model.journal import Event
from postroad.policy import Networks, PolicySettings, build
from postroad.server.extensions import Extensions
from postroad.server.oracle import DirectoryOracle
from postroad.server.service import Service
from postroad.server.session import Session
from postroad.smtp import SessionLimits
from postroad.spool import Claimed, SpoolError


async def talk(connection: FakeConnection, *lines: str) -> str:
    """Say each line once the one before was answered; the last answer."""
    answer = ""
    for line in lines:
        answer = await connection.say(line.encode() + b"\r\n")
    return answer


class Names:
    async def identify(self, client: Client) -> Client:
        return replace(client, name="mua.example.net", reverse_name="mua.example.net")


class Content:
    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.size = len(octets)


class Draft:
    """A draft that remembers. The spool says when commits end, and whether they fail."""

    def __init__(self, spool: Spool, queue_id: str) -> None:
        self.spool = spool
        self.queue_id = queue_id
        self.octets = b""
        self.ended = ""

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        self.octets += chunk
        return self.spool.behind

    async def read(self, start: int = 0) -> Octets:
        return Octets(self.octets[start:])

    async def replace(self, head: bytes, body: Stored) -> None:
        self.octets = head + b"".join(body.chunks())

    async def commit(
        self,
        envelope: Envelope,
        recipients: Sequence[Addressee],
        arrived: float,
        waybill: Waybill = BLANK,
    ) -> Claimed:
        self.spool.committing.set()
        await self.spool.may_commit.wait()
        if self.spool.breaks:
            raise SpoolError("no space left on device")
        self.ended = "committed"
        content = Content(self.octets)
        stored = StoredMessage(self.queue_id, envelope, arrived, arrived, content, waybill)
        return Claimed(
            stored,
            tuple(
                StoredRecipient(n, one.address, one.original, 0, one.notify, one.orcpt)
                for n, one in enumerate(recipients)
            ),
        )

    def discard(self) -> None:
        self.ended = "discarded"


class Spool:
    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.breaks = False
        self.refuses = False
        self.behind: asyncio.Future[None] | None = None
        self.committing = asyncio.Event()
        self.may_commit = asyncio.Event()
        self.may_commit.set()

    def begin(self) -> Draft:
        if self.refuses:
            raise SpoolError("no space left on device")
        self.drafts.append(Draft(self, f"Q{len(self.drafts) + 1}"))
        return self.drafts[-1]


class World:
    """A listener with everything behind it, and the session of one client."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.pausing = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.events: list[Event] = []
        self.spool = Spool()
        self.queued: list[Claimed] = []
        self.directory = FakeDirectory(
            users={"john@example.org": "summersun"},
            aliases={"info@example.org": ["john@example.org"]},
        )
        self.door = Door(
            hostname="mail.example.org",
            settings=IntakeSettings(),
            begin=self.spool.begin,
            directory=self.directory,
            queued=self.queued.append,
            journal=self.events.append,
            clock=lambda: self.now,
        )
        self.tasks: list[asyncio.Task[None]] = []

    def service(self, preset: str = "mx", **changes: object) -> Service:
        values: dict[str, object] = {
            "name": "smtpd",
            "hostname": "mail.example.org",
            "implicit_tls": preset == "submissions",
            "starttls": preset in {"mx", "submission"},
            "require_tls": preset.startswith("submission"),
            "auth": preset.startswith("submission"),
            "limits": SessionLimits(),
            "policy": build(preset, PolicySettings()),
            "oracle": oracle_of(DirectoryOracle(self.directory)),
            "trusted": Networks([ip_network("10.0.0.0/8")]),
            "directory": self.directory,
            "door": self.door,
            "names": Names(),
            "reverse_names": True,
            "tls_context": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            "handshake_timeout": 30.0,
            "gate": gate(),
            "journal": self.events.append,
            "clock": lambda: self.now,
            "pause": self.pause,
            "elapsed": lambda: self.now,
            "extensions": Extensions(lmtp=preset == "lmtp", future_release=86_400),
        }
        return Service(**(values | changes))  # type: ignore[arg-type]

    async def connect(
        self,
        preset: str = "mx",
        client: Client | None = None,
        broken_tls: str = "",
        **changes: object,
    ) -> tuple[FakeConnection, Session, str]:
        connection = FakeConnection(client, broken_tls=broken_tls)
        session = Session(connection, self.service(preset, **changes))  # type: ignore[arg-type]
        self.tasks.append(asyncio.create_task(session.run()))
        return connection, session, await connection.heard()

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pausing.set()
        await self.may_go_on.wait()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def log(self) -> list[str]:
        return [event.text for event in self.events]
