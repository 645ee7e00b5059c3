"""One SMTP server, one transport, the names that lead to the server, and what was logged."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from itertools import count

from deliveries import delivery
from fake_dns import FakeDns
from fake_mx import OFFER, FakeMx
from peers.certificates import Authority
from postroad.delivery.credentials import Credentials
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.model.journal import Event
from postroad.net.dns import Resolver
from postroad.net.ourselves import Ourselves
from postroad.net.settings import DnsSettings

TLS_OFFER = (*OFFER, "STARTTLS")
ZONE = {
    "example.net": {"MX": ("10 mx.example.net.",)},
    "mx.example.net": {"A": ("127.0.0.1",)},
    "dead.example.net": {"A": ("127.0.0.3",)},
    "two.example": {"MX": ("10 dead.example.net.", "20 mx.example.net.")},
    "loose.example": {"MX": ("10 nowhere.example.", "20 mx.example.net.")},
    "unsure.example": {"MX": ("10 broken.example.", "20 mx.example.net.")},
    "hopeless.example": {"MX": ("10 nowhere.example.", "20 broken.example.")},
    "gone.example": {"MX": ("10 nowhere.example.",)},
    "away.example": {"MX": ("10 mx.example.net.",)},
    "null.example": {"MX": ("0 .",)},
    "broken.example": {},
    "relay.example.org": {"A": ("192.0.2.1",)},
    "ours.example": {"MX": ("10 Relay.Example.ORG.",)},
    "equal.example": {"MX": ("10 relay.example.org.", "10 mx.example.net.")},
    "behind.example": {"MX": ("20 relay.example.org.", "30 mx.example.net.", "10 mx.example.net.")},
    "backup.example": {"MX": ("10 dead.example.net.", "20 relay.example.org.")},
    "lost.example": {"MX": ("10 nowhere.example.", "20 relay.example.org.")},
    "second.example.net": {"A": ("127.0.0.2",)},
    "third.example.net": {"A": ("127.0.0.4",)},
    "pair.example": {"MX": ("10 mx.example.net.", "20 second.example.net.")},
    "three.example": {
        "MX": ("10 mx.example.net.", "20 second.example.net.", "30 third.example.net.")
    },
    "crowd.example": {"MX": tuple(f"{at} crowd{at}.example." for at in range(9))},
    **{f"crowd{at}.example": {"A": ("127.0.0.3",)} for at in range(9)},
}

PATIENT = {"idle_timeout": 3600.0, "fallback_delay": 3600.0}
"""Nothing happens for the time alone that a test takes."""


class World:
    """One server, one transport, what was logged."""

    def __init__(self, server: FakeMx) -> None:
        self.server = server
        self.others: list[FakeMx] = []
        self.logged: list[Event] = []
        self.dns = FakeDns(ZONE, broken=frozenset({"broken.example"}))
        self.transport: SmtpTransport

    def build(
        self,
        *,
        credentials: Credentials | None = None,
        delivery: dict[str, object] | None = None,
        own_port: int | None = None,  # of our listener; 0: the server is our listener
        now: Callable[[], float] = time.time,
        chosen: bool = False,
        parts: dict[str, object] | None = None,  # further arguments of the transport
        **relay: object,
    ) -> World:
        ticks = count()
        ours = [] if own_port is None else [("127.0.0.1", own_port or self.server.port)]
        self.transport = SmtpTransport(
            "relay.example.org",
            RelaySettings(**relay),
            DeliverySettings(**{"mx_port": self.server.port, **PATIENT, **(delivery or {})}),
            resolver=Resolver(DnsSettings(), lambda: 0.0, query=self.dns),
            credentials=credentials,
            journal=self.logged.append,
            clock=lambda: float(next(ticks)),
            ourselves=Ourselves(ours),
            now=now,
            chosen=chosen,
            **(parts or {}),
        )
        return self

    async def beside(self, server: FakeMx, address: str = "127.0.0.2") -> FakeMx:
        """Start another server on the same port of another address."""
        started = await server.start(host=address, port=self.server.port)
        self.others.append(started)
        return started

    async def stop(self) -> None:
        """End everything."""
        self.transport.close()
        for server in (self.server, *self.others):
            await server.stop()

    async def send(self, nexthop: str = "example.net", *recipients: str, **more: object):
        return await self.transport.deliver(delivery(nexthop, *recipients, **more))


def server_context(authority: Authority, *names: str) -> ssl.SSLContext:
    issued = authority.issue(*names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.chain, issued.key)
    return context
