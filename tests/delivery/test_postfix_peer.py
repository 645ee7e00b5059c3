"""Extensions that Postfix knows, used with a Postfix that is a domain's mail exchanger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deliveries import delivery, told
from peers import postfix
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.model import Address, BodyType, Notify, Report, Return, StoredRecipient

pytestmark = pytest.mark.peer

DOMAIN = "elsewhere.test"
BOB = Address.parse(f"bob@{DOMAIN}")


class Literal:
    """Knows IP addresses only."""

    async def mx(self, domain: str):
        raise AssertionError("a next hop in brackets has no MX records")

    async def addresses(self, host: str) -> tuple[str, ...]:
        return (host,)


@pytest.fixture(scope="module")
def exchanger() -> Iterator[postfix.Postfix]:
    server = postfix.mail_exchanger(DOMAIN, ["alice", "bob", "jürgen"])
    yield server
    server.stop()


async def send(port: int, **what: object) -> Report:
    transport = SmtpTransport(
        "relay.example.org",
        RelaySettings(),
        DeliverySettings(),
        resolver=Literal(),
        credentials=None,
        journal=lambda event: None,
        clock=lambda: 0.0,
    )
    try:
        sent = delivery(f"[127.0.0.1]:{port}", sender=f"alice@{DOMAIN}", **what)
        return await transport.deliver(sent)
    finally:
        transport.close()


async def test_it_reports_the_success_that_the_sender_asked_for(exchanger):
    wanted = StoredRecipient(
        1, BOB, Address.parse("all@example.org"), notify=Notify.SUCCESS | Notify.DELAY
    )
    report = await send(exchanger.port, stored=(wanted,), envid="a+b=c d", ret=Return.HEADERS)
    assert report.outcomes[0].status.value == "sent", told(report)
    assert report.outcomes[0].dsn_passed
    notice = exchanger.maildir("alice").wait("Original-Envelope-Id").decode()
    assert "\nOriginal-Envelope-Id: a+b=c d\n" in notice
    assert "\nOriginal-Recipient: rfc822;all@example.org\n" in notice
    assert f"\nFinal-Recipient: rfc822; {BOB}\n" in notice
    assert "\nAction: delivered\n" in notice


async def test_it_takes_an_orcpt_in_utf8(exchanger):
    original = Address.parse("jürgen@exämple.org")
    wanted = StoredRecipient(1, BOB, original, notify=Notify.SUCCESS)
    content = b"Subject: to an address in UTF-8\r\n\r\n"
    report = await send(
        exchanger.port, stored=(wanted,), content=content, smtputf8=True, envid="utf8"
    )
    assert report.outcomes[0].status.value == "sent", told(report)
    notice = exchanger.maildir("alice").wait("Original-Envelope-Id: utf8").decode()
    assert "jürgen@exämple.org" in notice or "j\\x{FC}rgen@ex\\x{E4}mple.org" in notice


async def test_it_takes_addresses_and_a_header_in_utf8(exchanger):
    to = Address.parse(f"jürgen@{DOMAIN}")
    content = "From: jürgen@exämple.org\r\nSubject: Grüße\r\n\r\nÄ\r\n".encode()
    report = await send(
        exchanger.port,
        stored=(StoredRecipient(1, to, to),),
        content=content,
        body=BodyType.EIGHT_BIT_MIME,
        smtputf8=True,
    )
    assert report.outcomes[0].status.value == "sent", told(report)
    assert "Subject: Grüße\n" in exchanger.maildir("jürgen").wait("Grüße").decode()


async def test_it_has_no_binarymime_and_gets_none(exchanger):
    report = await send(exchanger.port, body=BodyType.BINARY_MIME)
    assert told(report)[0].startswith("10 bounced 554 5.6.3 BINARYMIME with CHUNKING is required")


class Embellished:
    """Stands before a server with CHUNKING and claims that it has BINARYMIME as well."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._relays: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._session, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._relays)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, to_server]
        ways = [
            self._relay(reader, to_server, b" BODY=BINARYMIME", b""),
            self._relay(from_server, writer, b"250 CHUNKING", b"250-BINARYMIME\r\n250 CHUNKING"),
        ]
        self._relays += [asyncio.ensure_future(way) for way in ways]

    async def _relay(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, old: bytes, new: bytes
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                target.write(data.replace(old, new))
                await target.drain()


@pytest.mark.parametrize("size", [10, 300_000])
async def test_it_takes_content_by_bdat(exchanger, size):
    """Lines of text, since that is all it can keep: what counts is that it counts as we do."""
    before = Embellished(exchanger.port)
    port = await before.start()
    mark = f"by BDAT, {size} octets"
    content = f"Subject: {mark}\r\n\r\n.\r\n..\r\n".encode() + b"x" * size + b"\r\n"
    to = (StoredRecipient(1, BOB, BOB),)
    report = await send(port, stored=to, content=content, body=BodyType.BINARY_MIME)
    await before.stop()
    assert report.outcomes[0].status.value == "sent", told(report)
    kept = exchanger.maildir("bob").wait(mark)
    assert kept.endswith(b"\n\n.\n..\n" + b"x" * size + b"\n")
