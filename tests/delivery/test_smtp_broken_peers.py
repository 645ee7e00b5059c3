"""Servers that break the protocol, each in its way: no message is lost, none waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from deliveries import delivery, told
from fake_mx import DROP, HANG, FakeMx
from postroad.smtp.reply_parser import MAX_LINES, MAX_REPLY_LINE

TAKEN = "10 sent 250 2.0.0 Ok: queued as 0"
LARGE = (b"x" * 998 + b"\r\n") * 4000
CHUNKING = ("PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8")


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ({"EHLO": ["500 5.5.1 What?"]}, TAKEN),
        ({"EHLO": ["502 5.5.1 What?"], "HELO": ["250 old"]}, TAKEN),
        ({"EHLO": ["554 5.7.1 No"], "HELO": ["554 5.7.1 No"]}, "10 bounced 554 5.7.1 No"),
        ({"CONNECT": ["554 5.7.1 No"]}, "10 deferred 451 4.7.1 host mx.example.net[127.0.0.1] "),
        ({"CONNECT": ["521 We take no mail"]}, "10 deferred 451 4.0.0 host mx.example.net"),
        ({"CONNECT": ["220-a\r\n220-b\r\n220 c"]}, TAKEN),
        ({"CONNECT": ["junk\r\njunk"]}, "10 deferred 451 4.5.0 not an SMTP reply: 'junk'"),
        ({"CONNECT": ["220" + "x" * 5000]}, "10 deferred 451 4.5.0 a reply line is longer than"),
        ({"CONNECT": ["220-x\r\n" * 200 + "220 x"]}, "10 deferred 451 4.5.0 a reply has more than"),
        ({"CONNECT": ["220 early\r\n250 reply"]}, "10 deferred 451 4.5.0 unexpected reply"),
        ({"MAIL": ["250 Ok\r\n250 Ok\r\n250 Ok"]}, "10 deferred 451 4.5.0 unexpected reply"),
        ({"RCPT": ["250 Ok\r\n354 Go\r\n250 Ok"]}, "10 "),
        ({"MAIL": ["354 Go"]}, "10 deferred 451 4.5.0 unexpected reply"),
        ({"DATA": ["250 Ok"]}, "10 deferred 451 4.5.0 unexpected reply"),
        ({"END": ["354 Go"]}, "10 deferred 451 4.5.0 unexpected reply"),
        ({"END": ["250 Ok\r\n421 Bye"]}, "10 sent 250 2.0.0 Ok"),
        ({"END": [DROP]}, "10 deferred 451 4.4.2 lost connection with mx.example.net[127.0.0.1] "),
        ({"RCPT": ["550 No"], "DATA": ["354 Go"]}, "10 bounced 550 5.0.0 No"),
        ({"MAIL": ["550 No"], "RCPT": ["250 Ok"], "DATA": ["354 Go"]}, "10 bounced 550 5.0.0 No"),
    ],
)
async def test_a_table_of_them(world, said, result):
    here = await world(FakeMx(said=said))
    report = await here.send()
    assert told(report)[0].startswith(result)
    # Whatever it was, the next message goes as if nothing had been.
    assert told(await here.send())[0].startswith("10 sent 250")


def test_the_table_passes_the_limits():
    assert MAX_REPLY_LINE < 5000
    assert MAX_LINES < 200


@pytest.mark.jumps
@pytest.mark.parametrize("verb", ["RCPT", "DATA", "END"])
async def test_replies_that_never_come(world, verb):
    here = await world(FakeMx(said={verb: [HANG]}))
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.4.2 conversation with mx.example.net[127.0.0.1] ")


class Deaf(FakeMx):
    """Stops to read in the middle of the content, and says why."""

    word = "552 5.3.4 Too big"

    async def _take(self, reader, writer, mail) -> None:
        await reader.read(1000)
        await self._say(writer, "MIDDLE", self.word)
        await asyncio.Event().wait()

    async def _take_chunk(self, reader, writer, mail, argument) -> None:
        if argument == "1":  # the octet that asks whether it knows BDAT
            await super()._take_chunk(reader, writer, mail, argument)
        else:
            await self._take(reader, writer, mail)


@pytest.mark.parametrize("offer", [("PIPELINING",), CHUNKING])
@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("552 5.3.4 Too big", "10 bounced 552 5.3.4 Too big"),
        ("451 4.3.0 Out of order", "10 deferred 451 4.3.0 Out of order"),
        ("421 4.3.2 Bye", "10 deferred 421 4.3.2 Bye"),
        ("250 2.0.0 Ok", "10 deferred 451 4.5.0 unexpected reply from"),
    ],
)
async def test_a_server_that_stops_to_read_and_says_why(world, offer, word, result):
    server = Deaf(offer=offer)
    server.word = word
    here = await world(server)
    report = await here.send(content=LARGE)
    assert told(report)[0].startswith(result)


class Closing(FakeMx):
    """Refuses in the middle of the content and goes away."""

    async def _take(self, reader, writer, mail) -> None:
        await reader.read(1000)
        await self._say(writer, "MIDDLE", "554 5.6.0 Virus")
        writer.close()
        await writer.wait_closed()


async def test_a_server_that_refuses_in_the_middle_and_goes(world):
    here = await world(Closing(offer=("PIPELINING",)))
    (result,) = told(await here.send(content=LARGE))
    # Its word is heard unless its kernel threw it away with what nobody read there.
    assert result.startswith(("10 bounced 554 5.6.0 Virus", "10 deferred 451 4.4.2 lost conn"))


@pytest.mark.jumps
async def test_one_that_takes_nothing_at_all_is_given_up(world):
    class Stuck(FakeMx):
        async def _take(self, reader, writer, mail) -> None:
            writer.transport.pause_reading()
            await asyncio.Event().wait()

    here = await world(Stuck())
    (result,) = told(await here.send(content=LARGE * 2))
    assert result.endswith("timed out while sending message body")


@pytest.mark.jumps
async def test_one_that_drips_is_given_up_in_the_end(world):
    class Dripping(FakeMx):
        async def _say(self, writer, verb, default):
            if verb == "END":
                while True:
                    writer.write(b"250-wait\r\n")
                    await writer.drain()
                    await asyncio.sleep(30)
            return await super()._say(writer, verb, default)

    here = await world(Dripping(), delivery={"transaction_timeout": 100})
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.")


async def test_bdat_that_is_announced_and_not_known(world):
    class Boasting(FakeMx):
        async def _take_chunk(self, reader, writer, mail, argument) -> None:
            await reader.readexactly(int(argument.split()[0]))
            await self._say(writer, "BDAT", "502 5.5.1 What is BDAT?")

    here = await world(Boasting(offer=CHUNKING))
    assert told(await here.send()) == [TAKEN]
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]
    assert [each.chunked for each in here.server.messages] == [False, False]
    assert sum(line.startswith("BDAT") for line in here.server.commands) == 1


async def test_bdat_that_makes_a_host_hang_up(world):
    class Startled(FakeMx):
        async def _take_chunk(self, reader, writer, mail, argument) -> None:
            writer.close()
            await writer.wait_closed()

    here = await world(Startled(offer=CHUNKING))
    assert told(await here.send()) == [TAKEN]
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]
    assert sum(line.startswith("BDAT") for line in here.server.commands) == 1


async def test_content_for_nobody_ends_the_session(world):
    said = {"RCPT": ["250 2.1.5 Ok", "550 5.1.1 Unknown"]}
    here = await world(FakeMx(offer=CHUNKING, said=said))
    assert told(await here.send()) == [TAKEN]  # it knows BDAT: contents go with the commands now
    assert told(await here.send()) == ["10 bounced 550 5.1.1 Unknown"]
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]
    assert here.server.connections == 2


async def test_a_large_content_goes_to_nobody_before_somebody_was_taken(world):
    here = await world(FakeMx(offer=CHUNKING, said={"RCPT": ["550 5.1.1 Unknown"]}))
    assert told(await here.send(content=LARGE)) == ["10 bounced 550 5.1.1 Unknown"]
    assert not [line for line in here.server.commands if line.startswith("BDAT")]
    assert told(await here.send(content=LARGE)) == [TAKEN]
    assert here.server.messages[0].content == LARGE
    assert here.server.connections == 1


@pytest.mark.parametrize("said", ["relay.example.org", "RELAY.example.org Hello"])
@pytest.mark.parametrize(
    ("nexthop", "result"),
    [
        ("example.net", "10 bounced 554 5.4.6 mail for example.net loops back to myself"),
        ("two.example", "10 deferred 451 4.4."),  # a better host is out of order
    ],
)
async def test_a_host_that_says_it_is_us(world, said, nexthop, result):
    here = await world(FakeMx(said={"EHLO": [f"250 {said}"]}))
    assert told(await here.send(nexthop))[0].startswith(result)
    assert here.server.messages == []


async def test_on_another_port_our_name_is_somebody_elses(world):
    here = await world(FakeMx(said={"EHLO": ["250 relay.example.org"]}))
    sent = await here.transport.deliver(delivery(f"[mx.example.net]:{here.server.port}"))
    assert told(sent) == [TAKEN]
