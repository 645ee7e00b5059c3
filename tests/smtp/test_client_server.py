"""The client core joined with the server core, in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_dialogue import Driver
from postroad.model import Address, BodyType, Reply
from postroad.smtp import (
    BodyChunk,
    Data,
    EndOfData,
    Hello,
    Mail,
    Need,
    Offer,
    Quit,
    Rcpt,
    ServerCore,
    SessionLimits,
)
from postroad.smtp.client import ClientEvent, Ended, Finished, Stage, Transaction

OK = Reply.of(250, "2.0.0", "Ok")
GO = Reply.of(354, None, "Go")
UNKNOWN = Reply.of(550, "5.1.1", "User unknown")


class Server:
    """A server core that takes everything but recipients called `nobody`."""

    def __init__(self) -> None:
        self.core = ServerCore("mx.example.net", Offer(), SessionLimits())
        self.core.greet()
        self.senders: list[Address | None] = []
        self.recipients: list[Address] = []
        self.content = b""
        self.taken: list[bytes] = []
        self.faults: list[Reply | None] = []

    def settle(self) -> None:
        while True:
            event = self.core.next_event()
            match event:
                case Hello():
                    self.core.reply(Reply.of(250, None, "mx.example.net"))
                case Mail():
                    self.senders.append(event.sender)
                    self.recipients = []
                    self.content = b""
                    self.core.reply(OK)
                case Rcpt():
                    known = event.recipient.local != "nobody"
                    if known:
                        self.recipients.append(event.recipient)
                    self.core.reply(OK if known else UNKNOWN)
                case Data():
                    self.core.reply(GO)
                case BodyChunk():
                    self.content += event.data
                case EndOfData():
                    self.faults.append(event.fault)
                    self.taken.append(self.content)
                    self.core.reply(event.fault or OK)
                case Quit():
                    pass
                case _:
                    assert event is Need.DATA or event is not Need.REPLY
                    return


def converse(driver: Driver, server: Server, step: int) -> list[ClientEvent]:
    """Let both talk until neither has more to say, `step` octets at a time."""
    while True:
        said = False
        server.settle()
        for piece in cut(server.core.data_to_send(), step):
            said = True
            driver.feed(piece)
        driver.settle()
        for piece in cut(driver.core.data_to_send(), step):
            said = True
            server.core.receive(piece)
            server.settle()
        if not said:
            return driver.events


def cut(data: bytes, step: int) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_session_of_several_messages(step):
    content = b".\r\n..\r\nSubject: x\r\n\r\n.end\r\n"
    to = ("bob@example.net", "nobody@example.net", "jürgen@example.net")
    wanted = [
        Transaction("", to, len(content), BodyType.EIGHT_BIT_MIME),
        Transaction("alice@example.org", ("nobody@example.net",), len(content)),
        Transaction("alice@example.org", ("eve@example.net",), len(content)),
    ]
    driver, server = Driver(wanted, content=content), Server()
    converse(driver, server, step)
    codes = [[answer.reply.code for answer in done.answers] for done in driver.finished]
    assert codes == [[250, 550, 250], [550], [250]]
    assert server.taken == [content, content]
    assert server.faults == [None, None]
    assert server.senders[0] is None
    assert driver.core.is_idle
    driver.core.quit()
    converse(driver, server, step)
    assert isinstance(driver.last, Ended)


lines = st.lists(st.binary(max_size=12).map(lambda line: line.translate(None, b"\r\n")), max_size=6)


@given(lines=lines, step=st.integers(1, 50))
def test_content_comes_out_as_it_went_in(lines, step):
    content = b"".join(line + b"\r\n" for line in lines)
    wanted = [Transaction("a@example.org", ("b@example.net",), len(content))]
    driver, server = Driver(wanted, content=content), Server()
    converse(driver, server, step)
    assert server.taken == [content]


reply = st.builds(
    lambda code, mark, text: f"{code}{mark}{text}\r\n".encode(),
    st.sampled_from([220, 221, 235, 250, 251, 334, 354, 421, 450, 451, 500, 503, 550, 552]),
    st.sampled_from(["-", " ", ""]),
    st.sampled_from(["", "Ok", "2.1.0 Ok", "5.1.1 No", "PIPELINING", "AUTH PLAIN", "STARTTLS"]),
)
noise = st.one_of(reply, st.binary(max_size=12), st.just(b""))
GREETED = b"220 mx\r\n250-mx\r\n250-STARTTLS\r\n250-AUTH LOGIN\r\n250 PIPELINING\r\n"


@given(
    said=st.lists(noise, max_size=30),
    greeted=st.booleans(),
    login=st.booleans(),
    tls=st.booleans(),
)
def test_whatever_a_server_says_every_recipient_gets_one_answer(said, greeted, login, tls):
    wanted = [Transaction("a@x.org", ("b@x.net", "c@x.net", "d@x.net"), 9)] * 3
    driver = Driver(wanted, login=("name", "word") if login else None, tls=tls)
    for piece in [GREETED if greeted else b"", *said]:
        if piece:
            driver.feed(piece)
    driver.feed(b"")
    assert driver.core.stage is Stage.CLOSED
    assert isinstance(driver.last, Ended | Finished)
    for done in driver.finished:
        assert len(done.answers) == 3
        for answer in done.answers:
            assert answer.reply.enhanced is not None
            assert not 300 <= answer.reply.code < 400
