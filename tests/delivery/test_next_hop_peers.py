"""Postfix, Exim and OpenSMTPD as next hops: every kind of content arrives as it was sent.

Each of them passes on what it took to a server of the test, behind which one can look.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from deliveries import delivery, told
from fake_mx import OFFER, FakeMx, Taken
from peers.certificates import Authority
from peers.exim import EximNextHop
from peers.opensmtpd import OpenSmtpd
from peers.ports import free_port
from peers.postfix import Postfix
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.model import Address, BodyType, Notify, Status, StoredRecipient
from postroad.model.journal import Event
from postroad.model.session_events import TlsEstablished
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings

pytestmark = pytest.mark.peer

WITHIN = 30.0  # seconds for a message to come out behind a peer

HEADER = (
    b"X-Begins: here\r\nDate: Fri, 1 May 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\nFrom: alice@example.org\r\nTo: bob@example.net\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
)
"""With all that a server might add."""

CONTENTS = {
    name: HEADER + content
    for name, content in {
        "small": b"Subject: small\r\n\r\nHello.\r\n",
        "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n. \r\n",
        "empty lines": b"Subject: empty\r\n\r\n\r\n\r\n\r\nend\r\n",
        "eight bit": b"Subject: 8bit\r\n\r\n" + "ÄÖÜ\r\n".encode() * 50,
        "long lines": b"Subject: long\r\n\r\n" + (b"y" * 1900 + b"\r\n") * 3,
        "a mebibyte": b"Subject: MiB\r\n\r\n" + (b".z" * 38 + b"\r\n") * 13_500,
    }.items()
}


class _Sink(FakeMx):
    """Tells of each message that it has taken."""

    def tell(self, arrived: queue.SimpleQueue[tuple[Taken, list[str]]]) -> None:
        self.arrived = arrived

    async def _answer_content(self, writer: asyncio.StreamWriter, mail: Taken) -> None:
        await super()._answer_content(writer, mail)
        self.arrived.put((mail, [line for line in self.commands if line.startswith("RCPT")]))
        self.commands.clear()


class Behind:
    """The server behind a peer, in a thread: it is there as long as the peer is."""

    def __init__(self, port: int) -> None:
        self._arrived: queue.SimpleQueue[tuple[Taken, list[str]]] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._sink = _Sink(offer=(*OFFER, "CHUNKING", "DSN"))
        self._sink.tell(self._arrived)
        asyncio.run_coroutine_threadsafe(self._sink.start(port=port), self._loop).result(WITHIN)

    async def next(self) -> Taken:
        """The next message."""
        return (await self.next_with_commands())[0]

    async def next_with_commands(self) -> tuple[Taken, list[str]]:
        """The same with the RCPT commands that it came with."""
        return await asyncio.to_thread(self._arrived.get, timeout=WITHIN)

    def stop(self) -> None:
        """End it."""
        asyncio.run_coroutine_threadsafe(self._sink.stop(), self._loop).result(WITHIN)
        asyncio.run_coroutine_threadsafe(_all_ended(), self._loop).result(WITHIN)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _all_ended() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@dataclass
class Peer:
    """A peer that runs, and the server behind it."""

    server: Postfix | EximNextHop | OpenSmtpd
    behind: Behind

    @property
    def secured(self) -> bool:
        """Whether it offers STARTTLS."""
        return not isinstance(self.server, OpenSmtpd)


def _postfix(to: int, authority: Authority) -> Postfix:
    certificate = authority.issue("peer.test", "127.0.0.1", file="postfix")
    return Postfix(
        {
            "relayhost": f"[127.0.0.1]:{to}",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_recipient_restrictions": "check_recipient_access regexp:%(folder)s/refused",
            "smtpd_tls_chain_files": f"{certificate.key}, {certificate.chain}",
            "smtpd_tls_security_level": "may",
            "smtp_line_length_limit": "0",
            "smtp_tls_security_level": "none",
            "smtpd_error_sleep_time": "0",
        },
        files={"refused": "/^no/ 550 5.1.1 Unknown user\n"},
    )


def _exim(to: int, authority: Authority) -> EximNextHop:
    return EximNextHop(to, authority.issue("peer.test", "127.0.0.1", file="exim"))


def _opensmtpd(to: int, authority: Authority) -> OpenSmtpd:
    """In plain text: Debian's fails in its own part of the handshake, with OpenSSL 3."""
    del authority
    return OpenSmtpd(to)


PEERS = {"postfix": _postfix, "exim": _exim, "opensmtpd": _opensmtpd}


@pytest.fixture(scope="module", params=PEERS)
def peer(request, tmp_path_factory) -> Iterator[Peer]:
    folder = tmp_path_factory.mktemp("authority")
    to = free_port()
    behind = Behind(to)
    server = PEERS[request.param](to, Authority(folder))
    yield Peer(server, behind)
    server.stop()
    behind.stop()


@asynccontextmanager
async def conversation(peer: Peer, **settings: object):
    """A transport to the peer, the server behind it, and what is logged."""
    logged: list[Event] = []
    transport = SmtpTransport(
        "relay.example.org",
        RelaySettings(),
        DeliverySettings(**settings),
        resolver=Resolver(DnsSettings(), lambda: 0.0),
        journal=logged.append,
        clock=lambda: 0.0,
    )
    try:
        yield transport, peer.behind, logged
    finally:
        transport.close()


def body(mail: Taken) -> bytes:
    """What came behind the fields that the peer put before the content, without its dots."""
    content = mail.content
    if not mail.chunked:
        content = content.replace(b"\r\n..", b"\r\n.")
    return content[content.index(b"X-Begins:") :]


@pytest.mark.parametrize("chunking", [True, False], ids=["chunking", "data"])
async def test_every_content_arrives_as_it_is(peer, chunking):
    hop = f"[127.0.0.1]:{peer.server.port}"
    async with conversation(peer, chunking=chunking) as (transport, behind, logged):
        for name, content in CONTENTS.items():
            eight = BodyType.SEVEN_BIT if content.isascii() else BodyType.EIGHT_BIT_MIME
            report = await transport.deliver(delivery(hop, content=content, body=eight))
            assert report.outcomes[0].status is Status.SENT, (name, told(report))
            assert ("TLSv1" in report.tls) is peer.secured, name
            assert body(await behind.next()) == content, name
        established = [event for event in logged if isinstance(event, TlsEstablished)]
        assert len(established) == int(peer.secured)  # one connection has carried them all


async def test_a_hundred_recipients_of_whom_some_are_refused(peer):
    to = [f"{'no' if at % 10 == 0 else 'user'}{at}@example.net" for at in range(100)]
    hop = f"[127.0.0.1]:{peer.server.port}"
    async with conversation(peer) as (transport, behind, _):
        report = await transport.deliver(delivery(hop, *to))
        bounced = [at for at, each in enumerate(report.outcomes) if each.status is Status.BOUNCED]
        assert bounced == list(range(0, 100, 10)), told(report)
        wanted = {each for each in to if not each.startswith("no")}
        arrived: list[str] = []
        while set(arrived) != wanted:
            mail = await behind.next()
            arrived += mail.recipients
        assert len(arrived) == len(wanted)


async def test_all_recipients_refused_and_the_next_message(peer):
    hop = f"[127.0.0.1]:{peer.server.port}"
    async with conversation(peer) as (transport, behind, _):
        report = await transport.deliver(delivery(hop, "no1@example.net", "no2@example.net"))
        assert [each.status for each in report.outcomes] == [Status.BOUNCED] * 2, told(report)
        report = await transport.deliver(delivery(hop))
        assert report.outcomes[0].status is Status.SENT, told(report)
        assert (await behind.next()).recipients == ["bob@example.net"]


async def test_what_the_sender_asked_for_goes_on(peer):
    bob = Address.parse("bob@example.net")
    wanted = StoredRecipient(1, bob, bob, notify=Notify.FAILURE, orcpt="rfc822;all@example.org")
    hop = f"[127.0.0.1]:{peer.server.port}"
    async with conversation(peer) as (transport, behind, _):
        sent = delivery(hop, stored=(wanted,), envid="E1")
        report = await transport.deliver(sent)
        assert report.outcomes[0].status is Status.SENT, told(report)
        _, (rcpt,) = await behind.next_with_commands()
        if report.outcomes[0].dsn_passed:
            assert "NOTIFY=FAILURE" in rcpt
            assert "ORCPT=rfc822;all@example.org" in rcpt


async def test_addresses_in_utf8(peer):
    to = "jürgen@example.net"
    content = HEADER + "Subject: Grüße\r\n\r\nÄ\r\n".encode()
    hop = f"[127.0.0.1]:{peer.server.port}"
    async with conversation(peer) as (transport, behind, _):
        sent = delivery(hop, to, content=content, body=BodyType.EIGHT_BIT_MIME, smtputf8=True)
        report = await transport.deliver(sent)
        if report.outcomes[0].status is Status.BOUNCED:  # it knows no SMTPUTF8, and gets none
            assert told(report)[0].startswith("10 bounced 553 5.6.7 SMTPUTF8 is required")
            return
        mail = await behind.next()
        assert mail.recipients == [to]
        assert body(mail) == content
