"""What becomes of a message and of each of its recipients, over SMTP."""

from __future__ import annotations

import threading

import pytest

from deliveries import Pieces, broken_delivery, delivery, told
from downgrade_messages import nested
from fake_mx import FakeMx
from postroad.model import BodyType


async def test_a_message_arrives_and_the_report_says_where(world):
    here = await world()
    report = await here.send("example.net", "bob@example.net", "eve@example.net")
    assert told(report) == [
        "10 sent 250 2.0.0 Ok: queued as 0",
        "11 sent 250 2.0.0 Ok: queued as 0",
    ]
    assert report.relay == f"mx.example.net[127.0.0.1]:{here.server.port}"
    assert (report.setup, report.transfer, report.unreachable) == (1.0, 1.0, False)
    assert all(outcome.from_peer for outcome in report.outcomes)
    (taken,) = here.server.messages
    assert taken.sender == "alice@example.org"
    assert taken.recipients == ["bob@example.net", "eve@example.net"]
    assert taken.content == b"Subject: hello\r\n\r\n..dots and lines\r\n"


async def test_recipients_have_their_own_outcomes(world):
    said = {"RCPT": ["250 Ok", "550 5.1.1 Unknown", "450 4.2.0 Greylisted"]}
    here = await world(FakeMx(said=said))
    report = await here.send("example.net", "a@x.net", "b@x.net", "c@x.net")
    assert told(report) == [
        "10 sent 250 2.0.0 Ok: queued as 0",
        "11 bounced 550 5.1.1 Unknown",
        "12 deferred 450 4.2.0 Greylisted",
    ]


async def test_a_long_message_streams(world):
    here = await world()
    line = b"x" * 998 + b"\r\n"
    report = await here.send(content=tuple([line * 100] * 30))
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.messages[0].content == line * 3000


async def test_a_bare_line_feed_never_leaves(world):
    here = await world()
    report = await here.send(content=b"a\r\n\n.\r\nMAIL FROM:<x@y>\r\n")
    assert told(report) == [
        "10 bounced 554 5.6.0 the content has a CR or LF that is not a line end"
    ]
    await here.server.closed.get()
    assert here.server.messages == []
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (b"plain\r\n", "10 sent 250 2.0.0 Ok: queued as 0"),
        ("é\r\n".encode(), "10 bounced 554 5.6.3 8BITMIME is required, but was not offered"),
    ],
)
async def test_eight_bit_content_and_a_server_that_lacks_it(world, content, result):
    here = await world(FakeMx(offer=("PIPELINING",)), delivery={"convert_8bit": False})
    report = await here.send(content=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(report)[0].startswith(result)


EIGHT_BIT = "Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
CONVERTED = "Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


@pytest.mark.parametrize("lines", [1, 30_000], ids=["small", "large"])
@pytest.mark.parametrize("chunking", [(), ("CHUNKING",)], ids=["data", "chunking"])
async def test_eight_bit_content_is_converted_for_a_server_that_lacks_it(world, lines, chunking):
    here = await world(FakeMx(offer=("PIPELINING", "SIZE", *chunking)))
    line = b"Gr\xc3\xbc\xc3\x9fe\r\n"
    content = Watched((EIGHT_BIT.encode(), *[line * (lines // 10 or 1)] * min(lines, 10)))
    labelled = delivery("example.net", of=content, body=BodyType.EIGHT_BIT_MIME)
    for number in range(2):
        report = await here.transport.deliver(labelled)
        assert told(report) == [f"10 sent 250 2.0.0 Ok: queued as {number}"]
    taken = here.server.messages[0]
    assert taken.content == CONVERTED.encode() + b"Gr=C3=BC=C3=9Fe\r\n" * lines
    assert taken.chunked is (bool(chunking) and lines == 1)  # a size must be known for BDAT
    assert threading.get_ident() not in content.threads or lines == 1
    assert "BODY" not in " ".join(here.server.commands)
    assert here.server.connections == 1


@pytest.mark.parametrize("offer", [("PIPELINING", "8BITMIME"), ("PIPELINING",)])
async def test_ascii_is_never_converted(world, offer):
    here = await world(FakeMx(offer=offer))
    content = EIGHT_BIT.encode() + b"a = b\r\n"
    await here.send(content=content, body=BodyType.EIGHT_BIT_MIME)
    assert here.server.messages[0].content == content


async def test_eight_bit_content_stays_where_it_is_taken(world):
    here = await world()
    content = EIGHT_BIT.encode() + b"\xc3\xa9\r\n"
    await here.send(content=content, body=BodyType.EIGHT_BIT_MIME)
    assert here.server.messages[0].content == content


@pytest.mark.parametrize("lines", [1, 30_000], ids=["small", "large"])
async def test_what_cannot_be_converted_is_returned(world, lines):
    here = await world(FakeMx(offer=("PIPELINING",)))
    content = (nested(103) + "\n" + "Gr\xfc\xdfe\n" * lines).replace("\n", "\r\n").encode()
    report = await here.send(content=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(report) == ["10 bounced 554 5.6.3 MIME nesting exceeds safety limit"]
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.connections == (1 if lines == 1 else 2)  # it cannot be called back


async def test_a_body_is_converted_for_a_server_that_lacks_smtputf8_too(world):
    here = await world(FakeMx(offer=("PIPELINING",)))
    content = EIGHT_BIT.encode() + b"\xc3\xa9\r\n"
    report = await here.send(smtputf8=True, content=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.messages[0].content == CONVERTED.encode() + b"=C3=A9\r\n"


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("kept", [False, True])
async def test_the_content_cannot_be_read(world, size, kept):
    here = await world()
    if kept:
        await here.send()
    report = await here.transport.deliver(broken_delivery("example.net", size))
    assert told(report) == [
        "10 deferred 451 4.3.0 the message cannot be read from the queue at present"
    ]
    assert not report.unreachable
    assert "/spool" not in told(report)[0]
    await here.server.closed.get()
    assert len(here.server.messages) == kept
    assert told(await here.send())[0].startswith("10 sent")


@pytest.mark.parametrize("size", [10, 200_000])
async def test_the_content_cannot_be_read_to_see_whether_it_is_ascii(world, size):
    here = await world(FakeMx(offer=("PIPELINING",)))
    broken = broken_delivery("example.net", size, body=BodyType.EIGHT_BIT_MIME)
    assert told(await here.transport.deliver(broken))[0].startswith("10 deferred 451 4.3.0")
    assert here.server.messages == []


class Watched(Pieces):
    """Tells who read it."""

    readings = 0
    threads: frozenset[int] = frozenset()

    def chunks(self):
        object.__setattr__(self, "readings", self.readings + 1)
        for piece in self.pieces:
            object.__setattr__(self, "threads", self.threads | {threading.get_ident()})
            yield piece


@pytest.mark.parametrize(("pieces", "in_loop"), [(1, True), (30, False)])
async def test_a_large_content_is_read_beside_the_event_loop(world, pieces, in_loop):
    here = await world()
    content = Watched((b"x" * 9_998 + b"\r\n",) * pieces)
    await here.transport.deliver(delivery("example.net", of=content))
    assert here.server.messages[0].content == b"".join(content.pieces)
    assert (threading.get_ident() in content.threads) is in_loop
    assert content.readings == 1


@pytest.mark.parametrize(
    ("last", "result"),
    [
        (b"plain\r\n", "10 sent 250 2.0.0 Ok: queued as 0"),
        (
            "é\r\n".encode(),
            "10 bounced 554 5.6.3 8BITMIME is required, but was not offered by host",
        ),
    ],
)
async def test_a_large_content_is_not_read_twice_to_see_whether_it_is_ascii(world, last, result):
    here = await world(FakeMx(offer=("PIPELINING",)), delivery={"convert_8bit": False})
    content = Watched((*[b"x" * 9_998 + b"\r\n"] * 30, last))
    labelled = delivery("example.net", of=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(await here.transport.deliver(labelled))[0].startswith(result)
    assert content.readings == 1
    assert len(here.server.messages) == ("sent" in result)
    assert "BODY=8BITMIME" not in " ".join(here.server.commands)
