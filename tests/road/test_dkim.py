"""A whole server that signs: keys made, published and seen; OpenDKIM believes what leaves."""

from __future__ import annotations

import asyncio
import json
import re
import smtplib
import ssl
from contextlib import AsyncExitStack

import dns.zone
import pytest

from dns_server import DnsServer
from peers.opendkim import OpenDkim
from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

ZONE = "@ 60 SOA ns hostmaster 1 1 1 1 1\n"
TEXT = (
    "From: Ann <ann@example.org>\r\nTo: lisa@elsewhere.test\r\nSubject: hi\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\n.\r\n..two  blanks \r\n\r\n\r\n"
)


def published(*keys: dict[str, str]) -> dns.zone.Zone:
    lines = [ZONE]
    for key in keys:
        text = key["record"]
        strings = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
        lines.append(f"{key['name']} 60 TXT {strings}\n")
    return dns.zone.from_text("".join(lines), "example.org.", relativize=False, check_origin=False)


def submit(server: Postroad, text: str, recipient: str = "lisa@elsewhere.test") -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.port("submission")) as client:
        client.starttls(context=context)
        client.login("ann@example.org", "a password")
        client.sendmail("ann@example.org", [recipient], text.encode())


def sent(server: Postroad) -> bytes:
    """A new message as it leaves."""
    folder = server.folder / "captured"
    before = {*folder.glob("**/new/*")}
    submit(server, TEXT)
    (path,) = until(
        lambda: {*folder.glob("**/new/*")} - before, within=30, what="a message that leaves"
    )
    return re_ended(path.read_bytes())


def signed_at_last(server: Postroad) -> bytes:
    """A signed message, once all workers sign: each looks now and then for its very first key."""
    signing: set[str] = set()

    def look() -> bytes:
        message = sent(server)
        if b"DKIM-Signature:" in message:
            signing.add(worker_of(server, message))
        return message if len(signing) == len(server.workers()) else b""

    return until(look, within=60, what="a signature by each worker")


def worker_of(server: Postroad, message: bytes) -> str:
    """Which process took a message."""
    queue_id = re.search(rb"with ESMTPSA id (\w+)", message)
    assert queue_id, message
    line = server.wait_log(f": {queue_id[1].decode()}: client=")
    return line.partition("smtpd[")[2].partition("]")[0]


def re_ended(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


async def test_a_key_signs_once_it_is_published_and_until_it_is_replaced() -> None:
    async with AsyncExitStack() as exits:
        names = DnsServer("example.org.", ZONE)
        address = await names.start()
        exits.callback(names.stop)
        server = await asyncio.to_thread(
            Postroad,
            {
                "dns": {"servers": [address]},
                "delivery": {"capture": "captured"},
                "dkim": {"check_every": 3600},
                "routing": {"transport": ["inline:{bad.test=error:}"]},
            },
            listeners=("submission",),
            accounts={"ann@example.org": "a password"},
        )
        exits.callback(server.stop)
        keys = json.loads(
            await asyncio.to_thread(
                server.run, "dkim", "create", "example.org", "--selector", "one", "--json"
            )
        )
        assert [each["state"] for each in keys] == ["pending", "pending"]
        assert b"DKIM-Signature" not in await asyncio.to_thread(sent, server)

        names.zone = published(*keys)
        seen = json.loads(await asyncio.to_thread(server.run, "dkim", "check", "--json"))
        assert [(each["state"], each["words"]) for each in seen] == [("active", None)] * 2
        signed = await asyncio.to_thread(signed_at_last, server)
        assert signed.count(b"DKIM-Signature:") == 2
        assert believed(signed, keys) == ["pass", "pass"]
        assert believed(signed.replace(b"two  blanks", b"two blank"), keys) == ["fail", "fail"]

        more = json.loads(
            await asyncio.to_thread(
                server.run, "dkim", "rotate", "example.org", "--selector", "two", "--json"
            )
        )
        names.zone = published(*keys, *more)
        seen = json.loads(await asyncio.to_thread(server.run, "dkim", "check", "--json"))
        assert [each["state"] for each in seen] == ["retired"] * 2 + ["active"] * 2
        again = await asyncio.to_thread(sent, server)
        assert b"s=two-rsa" in again
        assert b"s=one-rsa" not in again
        assert believed(again, more) == ["pass", "pass"]

        # What is made here is signed too, in the name of the domain above its author's.
        await asyncio.to_thread(submit, server, TEXT, "nobody@bad.test")
        mailbox = server.maildir("ann@example.org")
        bounce = re_ended(await asyncio.to_thread(mailbox.wait, "MAILER-DAEMON"))
        assert believed(bounce, more) == ["pass", "pass"]


def believed(message: bytes, keys: list[dict[str, str]]) -> list[str]:
    table = "".join(f"{key['name'].rstrip('.')} {key['record']}\n" for key in keys)
    peer = OpenDkim("Mode v\nTestPublicKeys {folder}/keys\n", {"keys": table.encode()})
    try:
        return peer.show(message).results
    finally:
        peer.stop()
