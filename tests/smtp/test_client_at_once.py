"""Text by BDAT: in one piece with the commands, where that is allowed, else behind them.

Only to a server that has taken a chunk: what others do not know they read as commands.
"""

from __future__ import annotations

import pytest

from client_dialogue import HOSTNAME, PEER, transaction
from postroad.model import BodyType
from postroad.smtp.client import (
    ClientCore,
    ContentWanted,
    Dialect,
    Finished,
    FirstOctetWanted,
    Stage,
)
from postroad.smtp.stuffing import BareLineEnd, HiddenEnd, Miscounted

TEXT = b"Subject: x\r\n\r\n.dot\r\n.\r\n"
SIZE = len(TEXT)
OFFER = ("PIPELINING", "CHUNKING", "8BITMIME")


def ready(
    *offer: str, dialect: Dialect = Dialect.SMTP, chunking: bool = True, proved: bool = True
) -> ClientCore:
    core = ClientCore(HOSTNAME, PEER, dialect, chunking=chunking, chunking_proved=proved)
    lines = "".join(f"250-{word}\r\n" for word in ("mx", *(offer or OFFER)))
    core.receive(f"220 mx\r\n{lines}250 HELP\r\n".encode())
    core.next_event()
    core.data_to_send()
    return core


def begun(*to: str, text: bytes = TEXT) -> tuple[ClientCore, bytes]:
    """A core that has sent everything, and what it sent."""
    core = ready()
    core.begin(transaction(*to, size=len(text)), text)
    return core, core.data_to_send()


def whole(core: ClientCore, text: bytes) -> None:
    core.content(text)
    core.end_content()


def answers(core: ClientCore, *replies: str) -> list[str]:
    core.receive("".join(f"{reply}\r\n" for reply in replies).encode())
    event = core.next_event()
    assert isinstance(event, Finished)
    return [str(answer.reply) for answer in event.answers]


def test_commands_and_content_are_one_piece():
    core, sent = begun("a@x.net", "b@x.net")
    assert sent == (
        b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<a@x.net>\r\nRCPT TO:<b@x.net>\r\n"
        b"BDAT %d LAST\r\n%s" % (SIZE, TEXT)
    )
    replies = ("250 2.1.0 Ok", "250 2.1.5 Ok", "550 5.1.1 No", "250 2.0.0 Queued")
    assert answers(core, *replies) == ["250 2.0.0 Queued", "550 5.1.1 No"]
    assert core.is_idle


@pytest.mark.parametrize(
    ("replies", "result"),
    [
        (("550 5.7.1 No", "503 5.5.1 No", "503 5.5.1 No"), "550 5.7.1 No"),
        (("250 Ok", "450 4.2.0 Wait", "554 5.5.1 No recipients"), "450 4.2.0 Wait"),
        (("250 Ok", "550 5.1.1 No", "250 2.0.0 Queued for nobody"), "550 5.1.1 No"),
    ],
)
def test_nobody_wanted_it_and_the_session_is_not_used_again(replies, result):
    core, _ = begun()
    assert answers(core, *replies) == [result]
    assert core.stage is Stage.CLOSED


@pytest.mark.parametrize("reply", ["452 4.3.1 Full", "554 5.6.0 No"])
def test_a_refused_content_leaves_a_reset_behind(reply):
    core, _ = begun()
    assert answers(core, "250 Ok", "250 Ok", reply) == [reply.replace("250 Ok", "250 2.0.0 Ok")]
    assert core.is_idle
    core.begin(transaction(size=SIZE), TEXT)
    assert core.data_to_send().startswith(b"RSET\r\nMAIL")


@pytest.mark.parametrize("heard", [0, 1, 2])
def test_a_lost_connection_leaves_a_doubt(heard):
    core, _ = begun()
    if heard:
        core.receive(b"250 Ok\r\n" * heard)
    assert core.next_event() is None
    core.receive(b"")
    event = core.next_event()
    assert isinstance(event, Finished)
    assert str(event.answers[0].reply) == (
        f"451 4.4.2 lost connection with {PEER} while sending end of data -- message may be sent "
        "more than once"
    )
    assert core.doubtful


def test_a_refusal_by_421_leaves_none():
    core, _ = begun()
    assert answers(core, "421 4.3.2 Shutting down") == ["421 4.3.2 Shutting down"]
    assert not core.doubtful


@pytest.mark.parametrize("code", [500, 502, 503])
def test_a_server_that_does_not_know_what_it_announced(code):
    core, _ = begun()
    answers(core, "250 Ok", "250 Ok", f"{code} 5.5.1 What is BDAT?")
    assert core.chunk_misunderstood
    assert core.stage is Stage.CLOSED  # it may have read commands in the content


@pytest.mark.parametrize("code", [500, 502, 503])
def test_a_server_that_has_taken_a_chunk_knows_it(code):
    core, _ = begun()
    answers(core, "250 Ok", "250 Ok", "250 2.0.0 Queued")
    core.begin(transaction(size=SIZE), TEXT)
    refusal = f"{code} 5.6.0 Not this one"
    assert answers(core, "250 Ok", "250 Ok", refusal) == [refusal]
    assert not core.chunk_misunderstood
    assert core.is_idle


def asked_for_the_first_octet(**body: BodyType) -> ClientCore:
    core = ready(*OFFER, "BINARYMIME", proved=False)
    assert not core.takes_at_once
    core.begin(transaction(size=SIZE, **body))
    core.receive(b"250 Ok\r\n250 Ok\r\n")
    assert isinstance(core.next_event(), FirstOctetWanted)
    core.data_to_send()
    core.first_octet(TEXT[:1])
    assert core.data_to_send() == b"BDAT 1\r\nS"
    return core


def test_the_first_chunk_is_no_command():
    core = asked_for_the_first_octet()
    core.receive(b"250 2.0.0 1 octet\r\n")
    assert isinstance(core.next_event(), ContentWanted)
    whole(core, TEXT)
    assert core.data_to_send() == b"BDAT %d LAST\r\n%s" % (SIZE - 1, TEXT[1:])
    assert answers(core, "250 2.0.0 Queued") == ["250 2.0.0 Queued"]
    assert core.chunking_proved
    assert core.takes_at_once
    core.begin(transaction(size=SIZE))
    core.receive(b"250 Ok\r\n250 Ok\r\n")
    assert isinstance(core.next_event(), ContentWanted)


@pytest.mark.parametrize("code", [500, 501, 502, 503, 504, 521])
def test_what_is_not_known_costs_no_mail(code):
    core = asked_for_the_first_octet()
    assert answers(core, f"{code} 5.5.1 What is BDAT?") == [
        (
            f"451 4.5.1 host {PEER} announces CHUNKING and does not know BDAT: "
            f"{code} 5.5.1 What is BDAT?"
        )
    ]
    assert core.chunk_misunderstood
    assert core.stage is Stage.CLOSED
    assert core.data_to_send() == b""


@pytest.mark.parametrize("reply", ["452 4.3.1 Full", "554 5.6.0 No"])
def test_a_refusal_of_the_first_chunk_is_one_of_the_message(reply):
    core = asked_for_the_first_octet()
    assert answers(core, reply) == [reply]
    assert not core.chunk_misunderstood
    assert core.is_idle
    core.begin(transaction(size=SIZE))
    assert core.data_to_send().startswith(b"RSET\r\nMAIL")


def test_what_only_bdat_can_carry_is_refused_where_it_is_not_known():
    core = asked_for_the_first_octet(body=BodyType.BINARY_MIME)
    assert answers(core, "502 5.5.1 What is BDAT?") == ["502 5.5.1 What is BDAT?"]
    assert core.stage is Stage.CLOSED
    assert not core.chunk_misunderstood


def test_a_connection_lost_at_the_first_chunk_leaves_no_doubt():
    core = asked_for_the_first_octet()
    core.receive(b"")
    assert answers(core) == [f"451 4.4.2 lost connection with {PEER} while sending BDAT command"]
    assert not core.doubtful
    assert core.chunk_misunderstood  # by DATA it may go, and nothing of the message was sent


def test_what_only_bdat_can_carry_is_not_tried_by_data():
    core = asked_for_the_first_octet(body=BodyType.BINARY_MIME)
    core.receive(b"")
    assert answers(core) == [f"451 4.4.2 lost connection with {PEER} while sending BDAT command"]
    assert not core.chunk_misunderstood


@pytest.mark.parametrize(
    ("offer", "dialect", "chunking", "proved"),
    [
        (("CHUNKING",), Dialect.SMTP, True, True),
        (("PIPELINING",), Dialect.SMTP, True, True),
        (OFFER, Dialect.LMTP, True, True),
        (OFFER, Dialect.SMTP, False, True),
        (OFFER, Dialect.SMTP, True, False),
    ],
)
def test_where_it_is_not_done(offer, dialect, chunking, proved):
    core = ready(*offer, dialect=dialect, chunking=chunking, proved=proved)
    assert not core.takes_at_once


def test_nor_behind_a_login():
    core = ready(*OFFER, "AUTH PLAIN")
    assert core.takes_at_once
    core.authenticate("PLAIN", b"\0john\0secret", ())
    core.receive(b"235 Ok\r\n")
    core.next_event()
    assert not core.takes_at_once


def test_content_behind_the_replies_has_no_dot_doubled():
    core = ready()
    core.begin(transaction(size=SIZE))
    assert core.data_to_send().endswith(b"RCPT TO:<bob@example.net>\r\n")
    core.receive(b"250 Ok\r\n250 Ok\r\n")
    assert isinstance(core.next_event(), ContentWanted)
    core.content(TEXT[:7])
    core.content(TEXT[7:])
    core.end_content()
    assert core.data_to_send() == b"BDAT %d LAST\r\n%s" % (SIZE, TEXT)
    assert answers(core, "250 2.0.0 Queued") == ["250 2.0.0 Queued"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"a\nb\r\n", BareLineEnd),
        (b"a\rb\r\n", BareLineEnd),
        (b"a\r", BareLineEnd),
        (b"a\r\n\0.\r\nb\r\n", HiddenEnd),
        (b"a\r\n\0.", HiddenEnd),
    ],
)
def test_what_is_refused_behind_data_is_refused_here(text, error):
    core = ready()
    with pytest.raises(error):
        core.begin(transaction(size=len(text)), text)
    assert core.data_to_send() == b""
    core = ready()
    core.begin(transaction(size=len(text)))
    core.receive(b"250 Ok\r\n250 Ok\r\n")
    core.next_event()
    with pytest.raises(error):
        whole(core, text)


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1])
def test_not_one_octet_more_or_less_than_announced(size):
    core = ready()
    with pytest.raises(Miscounted):
        core.begin(transaction(size=size), TEXT)
    assert core.data_to_send() == b""
    assert core.is_idle


@pytest.mark.parametrize("reply", ["552 5.3.4 Too big", "451 4.3.0 Not now", "421 4.3.2 Bye"])
def test_a_word_in_the_middle_of_the_content_ends_it(reply):
    core = ready("PIPELINING")
    core.begin(transaction(size=SIZE))
    core.receive(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
    assert isinstance(core.next_event(), ContentWanted)
    core.content(TEXT)
    assert not core.interrupted()
    core.receive(f"{reply}\r\n".encode())
    assert core.interrupted()
    assert answers(core) == [reply]
    assert core.stage is Stage.CLOSED
    assert not core.doubtful


@pytest.mark.parametrize("words", [b"250 Ok\r\n", b"what?\r\n"])
def test_words_that_make_no_sense_there_end_it_as_well(words):
    core = ready("PIPELINING")
    core.begin(transaction(size=SIZE))
    core.receive(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
    core.next_event()
    core.receive(words)
    assert core.interrupted()
    assert answers(core)[0].startswith("451 4.5.0 ")
