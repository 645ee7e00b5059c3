"""What we send to a host without 8BITMIME is what a Postfix sends to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from deliveries import told
from downgrade_messages import LIKE_POSTFIX
from fake_mx import FakeMx
from peers import postfix
from peers.ports import free_port
from postroad.model import BodyType

pytestmark = pytest.mark.peer

HEAD = (
    "X-Begin: {name}\nFrom: alice@example.org\nTo: bob@example.net\n"
    "Date: Sun, 22 Nov 2026 00:00:00 +0000\nMessage-ID: <1@example.org>\nMIME-Version: 1.0\n"
)
PORT = free_port()


@pytest.fixture(scope="module")
def sender() -> Iterator[postfix.Postfix]:
    server = postfix.Postfix(
        {"default_transport": f"smtp:[127.0.0.1]:{PORT}", "smtputf8_enable": "no"}
    )
    yield server
    server.stop()


def named(content: bytes) -> tuple[str, bytes]:
    text = content[content.index(b"X-Begin: ") :]
    return text.partition(b"\r\n")[0].decode().removeprefix("X-Begin: "), text


async def test_both_send_the_same(sender, world):
    theirs = await FakeMx(offer=("PIPELINING",)).start(port=PORT)
    ours = await world(FakeMx(offer=("PIPELINING",)))
    for name, text in LIKE_POSTFIX.items():
        message = (HEAD.format(name=name) + text).encode()
        await asyncio.to_thread(
            sender.sendmail, "alice@example.org", ["bob@example.net"], message, "-B8BITMIME"
        )
        content = message.replace(b"\n", b"\r\n")
        report = await ours.send(content=content, body=BodyType.EIGHT_BIT_MIME)
        assert told(report)[0].startswith("10 sent"), name
    while len(theirs.messages) < len(LIKE_POSTFIX):
        await asyncio.wait_for(theirs.closed.get(), 30)
    await theirs.stop()
    wanted = dict(named(each.content) for each in theirs.messages)
    assert dict(named(each.content) for each in ours.server.messages) == wanted
