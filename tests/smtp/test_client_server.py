"""The client core joined with the server core, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_dialogue import Driver
from postroad.model import Address, BodyType, ByMode, Notify, Reply, Return
from postroad.smtp import (
    BodyChunk,
    By,
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
from postroad.smtp.client import (
    ClientEvent,
    Dialect,
    Ended,
    Finished,
    Parameters,
    RecipientParameters,
    Stage,
    Transaction,
)

OK = Reply.of(250, "2.0.0", "Ok")
GO = Reply.of(354, None, "Go")
UNKNOWN = Reply.of(550, "5.1.1", "User unknown")


class Server:
    """A server core that takes everything but recipients called `nobody`."""

    def __init__(self, **offer: Any) -> None:
        self.core = ServerCore("mx.example.net", Offer(**offer), SessionLimits())
        self.core.greet()
        self.senders: list[Address | None] = []
        self.recipients: list[Address] = []
        self.content = b""
        self.taken: list[bytes] = []
        self.faults: list[Reply | None] = []
        self.mails: list[Mail] = []
        self.rcpts: list[Rcpt] = []

    def settle(self) -> None:
        while True:
            event = self.core.next_event()
            match event:
                case Hello():
                    self.core.reply(Reply.of(250, None, "mx.example.net"))
                case Mail():
                    self.mails.append(event)
                    self.senders.append(event.sender)
                    self.recipients = []
                    self.content = b""
                    self.core.reply(OK)
                case Rcpt():
                    self.rcpts.append(event)
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


@given(content=st.binary(max_size=200), step=st.integers(1, 60), lmtp=st.booleans())
def test_any_octets_come_out_of_a_chunk_as_they_went_in(content, step, lmtp):
    content = b"Subject: x\r\n\r\n" + content
    to = ("b@example.net", "nobody@example.net")
    wanted = [Transaction("a@example.org", to, len(content), BodyType.BINARY_MIME)] * 2
    dialect = Dialect.LMTP if lmtp else Dialect.SMTP
    driver, server = Driver(wanted, content=content, dialect=dialect), Server(lmtp=lmtp)
    converse(driver, server, step)
    codes = [[answer.reply.code for answer in done.answers] for done in driver.finished]
    assert codes == [[250, 550]] * 2
    assert server.taken == [content] * 2
    assert server.faults == [None] * 2


printable = st.text(max_size=20).filter(lambda text: not text or text.isprintable())
ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
notify = st.sampled_from(
    [None, Notify.NEVER, Notify.SUCCESS, Notify.DELAY | Notify.FAILURE, Notify.SUCCESS]
)
orcpt = st.one_of(
    st.just(""),
    ascii_text.filter(bool).map(lambda text: f"rfc822;{text}"),
    printable.filter(bool).map(lambda text: f"utf-8;{text}"),
)


@given(
    ret=st.sampled_from([None, *Return]),
    envid=ascii_text,
    by=st.one_of(
        st.none(),
        st.builds(By, st.integers(1, 10**9 - 1), st.sampled_from(ByMode), st.booleans()),
    ),
    priority=st.integers(-9, 9),
    recipient=st.builds(RecipientParameters, notify, orcpt),
)
def test_what_the_sender_wants_arrives_as_it_was_said(ret, envid, by, priority, recipient):
    wanted = Parameters(ret, envid, False, by, priority, (recipient,))
    transaction = Transaction("a@example.org", ("b@example.net",), 0, parameters=wanted)
    driver, server = Driver([transaction]), Server(deliver_by=True, priority=True)
    converse(driver, server, 100_000)
    (mail,), (rcpt,) = server.mails, server.rcpts
    assert (mail.ret, mail.envid, mail.by, mail.priority) == (ret, envid, by, priority)
    assert (rcpt.notify, rcpt.orcpt) == (recipient.notify, recipient.orcpt)


def hides_a_dot(line: bytes) -> bool:
    """Whether the client refuses the line, since servers that drop NULs take it for the end."""
    return line.startswith(b"\0") and line.strip(b"\0") == b"."


line = st.binary(max_size=12).map(lambda octets: octets.translate(None, b"\r\n"))
lines = st.lists(line.filter(lambda octets: not hides_a_dot(octets)), max_size=6)


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
