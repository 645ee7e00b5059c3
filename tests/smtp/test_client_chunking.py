"""Content by BDAT (RFC 3030), as dialogues: nothing but the count ends it."""

from __future__ import annotations

import pytest

from client_dialogue import HOSTNAME, PEER, Driver, groups, pieces, transaction
from postroad.model import BodyType
from postroad.smtp.client import ClientCore, ContentWanted, Dialect, Finished, Stage
from postroad.smtp.stuffing import Miscounted

CONTENT = b"Subject: x\r\n\r\n\0\n.\n\r.\r\r\n.\r\nQUIT\r\n\xff"
OFFERS = {
    "pipelined": ("PIPELINING", "CHUNKING", "BINARYMIME"),
    "step by step": ("CHUNKING", "BINARYMIME"),
}


def driver(
    offer: str, *to: str, lmtp: bool = False, count: int = 1, content: bytes = CONTENT
) -> Driver:
    wanted = transaction(*to, size=len(CONTENT), body=BodyType.BINARY_MIME)
    dialect = Dialect.LMTP if lmtp else Dialect.SMTP
    made = Driver([wanted] * count, content=content, dialect=dialect)
    made.feed(b"220 mx\r\n")
    made.core.data_to_send()
    lines = "".join(f"250-{word}\r\n" for word in ("mx", *OFFERS[offer]))
    made.feed(f"{lines}250 HELP\r\n".encode())
    return made


def talk(made: Driver, replies: str) -> bytes:
    """What the client sends while it gets these replies, one at a time."""
    sent = made.core.data_to_send()
    for _, reply in groups(
        "\n".join(f"S: {line.strip()}" for line in replies.splitlines() if line)
    ):
        for line in reply.splitlines(keepends=True):
            for piece in pieces(line, "octets"):
                made.feed(piece)
            sent += made.core.data_to_send()
    return sent


@pytest.mark.parametrize("offer", OFFERS)
def test_the_content_follows_its_count(offer):
    made = driver(offer)
    sent = talk(made, "250 2.1.0 Ok\n250 2.1.5 Ok\n250 2.0.0 Ok\n250 2.0.0 Ok: queued as 4F1")
    size = b"%d" % (len(CONTENT) - 1)
    assert sent == (
        b"MAIL FROM:<alice@example.org> BODY=BINARYMIME\r\nRCPT TO:<bob@example.net>\r\n"
        b"BDAT 1\r\nSBDAT " + size + b" LAST\r\n" + CONTENT[1:]
    )
    assert made.replies() == ["250 2.0.0 Ok: queued as 4F1"]
    assert made.core.is_idle


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("to", [("a@x.net",), ("a@x.net", "b@x.net")])
def test_no_recipient_no_chunk(offer, to):
    made = driver(offer, *to, count=2)
    sent = talk(made, "250 2.1.0 Ok\n" + "550 5.1.1 Unknown\n" * len(to))
    assert b"BDAT" not in sent
    assert made.replies() == ["550 5.1.1 Unknown"] * len(to)
    assert b"RSET\r\n" in sent


@pytest.mark.parametrize("offer", OFFERS)
def test_a_refused_sender(offer):
    made = driver(offer)
    replies = "550 5.7.1 No\n503 5.5.1 No\n" if offer == "pipelined" else "550 5.7.1 No\n"
    sent = talk(made, replies)
    assert b"BDAT" not in sent
    assert made.replies() == ["550 5.7.1 No"]
    assert made.core.is_idle


@pytest.mark.parametrize("offer", OFFERS)
def test_lmtp_answers_for_each(offer):
    made = driver(offer, "a@x.net", "b@x.net", "c@x.net", lmtp=True)
    sent = talk(
        made,
        """250 2.1.0 Ok
        250 2.1.5 Ok
        550 5.1.1 Unknown
        250 2.1.5 Ok
        250 2.0.0 Ok
        250 2.0.0 Kept
        452 4.2.2 Full""",
    )
    assert sent.endswith(CONTENT[1:])
    assert made.replies() == ["250 2.0.0 Kept", "550 5.1.1 Unknown", "452 4.2.2 Full"]


def test_a_refused_chunk_is_followed_by_a_reset():
    made = driver("pipelined", count=2)
    talk(made, "250 2.1.0 Ok\n250 2.1.5 Ok\n")
    made.feed(b"554 5.6.0 No\r\n")
    assert made.replies() == ["554 5.6.0 No"]
    assert made.core.data_to_send().startswith(b"RSET\r\nMAIL FROM:")


def test_a_connection_lost_within_the_chunk_is_for_later():
    made = driver("pipelined")
    talk(made, "250 2.1.0 Ok\n250 2.1.5 Ok\n")
    made.feed(b"")
    assert made.replies()[0].startswith("451 4.4.2 lost connection with")


def begun(size: int) -> ClientCore:
    """A core that waits for a content of so many octets."""
    core = ClientCore(HOSTNAME, PEER, chunking_proved=True)
    core.receive(b"220 mx\r\n250-mx\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 PIPELINING\r\n")
    core.next_event()
    core.begin(transaction(size=size, body=BodyType.BINARY_MIME))
    core.receive(b"250 Ok\r\n250 Ok\r\n")
    assert isinstance(core.next_event(), ContentWanted)
    return core


def test_not_one_octet_more_than_announced_is_sent():
    core = begun(3)
    core.content(b"ab")
    with pytest.raises(Miscounted):
        core.content(b"cd")


def test_less_than_announced_is_never_called_an_end():
    core = begun(3)
    core.content(b"ab")
    with pytest.raises(Miscounted):
        core.end_content()
    assert core.stage is Stage.CONTENT


def test_an_empty_content():
    core = begun(0)
    core.end_content()
    assert core.data_to_send().endswith(b"BDAT 0 LAST\r\n")
    core.receive(b"250 2.0.0 Ok\r\n")
    assert isinstance(core.next_event(), Finished)
