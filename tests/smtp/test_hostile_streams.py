"""Hostile streams: what comes along with what, logins, and any octets at all, however cut."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from postroad.model import Reply
from postroad.smtp import (
    Closed,
    Data,
    Hello,
    Mail,
    Need,
    Offer,
    Quit,
    Rcpt,
    Refused,
    ServerCore,
    SessionLimits,
    StartTls,
    foreign,
    replies,
)
from smtp_dialogue import Session, cut, octets

OPEN = None
SECURE = Offer(secure=True, mechanisms=("PLAIN", "LOGIN"))
PLAIN_TEXT = Offer(starttls=True, mechanisms=("PLAIN", "LOGIN"))
READY = b"HELO x\r\n"
IN_MAIL = READY + b"MAIL FROM:<a@example.net>\r\n"
IN_RCPT = IN_MAIL + b"RCPT TO:<john@example.org>\r\n"
BARE_LF = "the client ended a command with a bare <LF>"
BARE_CR = "the client sent a bare <CR> in a command"

TOGETHER = [
    # before, what comes in one piece, the last reply, why the session ended
    (READY, b"STARTTLS\r\nMAIL FROM:<a@example.net>\r\n", "554 5.5.0", foreign.PAST_STARTTLS),
    (READY, b"STARTTLS\r\n\x16\x03\x01", "554 5.5.0", foreign.PAST_STARTTLS),
    (READY, b"DATA\r\nSubject: x\r\n", "554 5.5.0", foreign.EARLY_CONTENT),
    (IN_MAIL, b"DATA\r\n.\r\nQUIT\r\n", "554 5.5.0", foreign.EARLY_CONTENT),
    (IN_RCPT, b"DATA x\r\nQUIT\r\n", "554 5.5.0", foreign.EARLY_CONTENT),
    (IN_RCPT + b"BDAT 0\r\n", b"DATA\r\nQUIT\r\n", "554 5.5.0", foreign.EARLY_CONTENT),
]


@pytest.mark.parametrize(("before", "line", "reply", "ended"), TOGETHER)
def test_what_must_not_come_along_ends_the_session(before, line, reply, ended):
    session = Session(PLAIN_TEXT)
    session.feed(before)
    session.feed(line)
    assert session.output.decode().splitlines()[-1].startswith(reply)
    assert session.ended == ended
    assert all(len(out) <= 510 for out in session.output.splitlines())


@pytest.mark.parametrize(("before", "line", "reply", "ended"), TOGETHER)
def test_a_session_that_ended_takes_nothing_more(before, line, reply, ended):
    session = Session(PLAIN_TEXT)
    session.feed(before + line)
    sent = session.output
    session.feed(b"NOOP\r\n")
    assert (session.output != sent) == (ended is None)


def test_unknown_words_are_not_repeated_in_events():
    session = Session()
    session.feed(READY + b"AUTH LOGIN\r\nam9obg==\r\nc3VtbWVyc3Vu\r\n")
    refused = [event for event in session.events if isinstance(event, Refused)]
    assert [event.command for event in refused] == ["AUTH", "UNKNOWN", "UNKNOWN"]
    assert b"c3VtbWVyc3Vu" not in session.output


AUTH_LINES = [
    (b"x" * 20_000 + b"\r\n", "500 5.5.6", OPEN),
    (b"eA==" * 3072 + b"\r\n", "501 5.5.2", OPEN),
    (b"\n", "550 5.5.2", BARE_LF),
    (b"a\rb\r\n", "550 5.5.2", BARE_CR),
    (b"\xff\r\n", "501 5.5.2", OPEN),
    ("é\r\n".encode(), "501 5.5.2", OPEN),
    (b"\0\r\n", "501 5.5.2", OPEN),
    (b"QUIT\r\n", "535 5.7.8", OPEN),  # base64 by chance, and no command here
    (b"=\r\n", "501 5.5.2", OPEN),
    (b"*\r\n", "501 5.7.0", OPEN),
]


@pytest.mark.parametrize(("line", "reply", "ended"), AUTH_LINES)
@pytest.mark.parametrize("pieces", [lambda data: [data], octets], ids=["whole", "octets"])
def test_hostile_auth_response(line, reply, ended, pieces):
    session = Session(SECURE)
    session.feed(READY + b"AUTH PLAIN\r\n")
    for piece in pieces(line):
        session.feed(piece)
    assert session.output.decode().splitlines()[-1].startswith(reply)
    assert session.ended == ended
    assert session.core.counts["auth"] == (0, 1)
    session.feed(b"NOOP\r\n")
    assert session.output.endswith(b"250 2.0.0 Ok\r\n") == (ended is None)


def test_initial_response_may_be_longer_than_a_command():
    session = Session(SECURE)
    session.feed(READY)
    session.feed(b"AUTH PLAIN " + b"eHh4" * 3072 + b"\r\n")
    session.feed(b"AUTH PLAIN " + b"eHh4" * 3073 + b"\r\n")
    session.feed(b"AUTH PLAIN " + b"eHh4" * 3100 + b"\r\n")
    answers = session.output.decode().splitlines()[-3:]
    assert [answer[:9] for answer in answers] == ["535 5.7.8", "500 5.5.6", "500 5.5.2"]


def test_tls_inside_of_tls_is_named():
    session = Session(SECURE)
    session.feed(b"\x16\x03\x01")
    assert session.ended == "the client speaks TLS inside of TLS"


def test_octets_between_220_and_the_handshake_end_the_session():
    session = Session(PLAIN_TEXT)
    session.feed(READY + b"STARTTLS\r\n")
    session.core.receive(b"MAIL FROM:<a@example.net>\r\n")
    session.core.tls_started()
    assert session.core.next_event() == Closed(foreign.PAST_STARTTLS)
    assert session.core.data_to_send() == b""


def test_octets_that_come_before_the_220_are_never_run():
    core = ServerCore("mail.example.org", PLAIN_TEXT, SessionLimits())
    core.greet()
    core.receive(b"STARTTLS\r\n")
    assert core.next_event() == StartTls()
    core.receive(b"RSET\r\n")
    core.reply(replies.READY_FOR_TLS)
    assert core.next_event() == Closed(foreign.PAST_STARTTLS)
    assert b"Ready to start TLS" not in core.data_to_send()


def test_content_sent_with_a_refused_data_is_not_run():
    core = ServerCore("mail.example.org", PLAIN_TEXT, SessionLimits())
    core.greet()
    core.receive(IN_RCPT + b"DATA\r\nQUIT\r\n")
    for expected, answer in (
        (Hello, replies.OK),
        (Mail, replies.MAIL_OK),
        (Rcpt, replies.RCPT_OK),
        (Data, Reply.of(451, "4.7.1", "Later")),
    ):
        assert isinstance(core.next_event(), expected)
        core.reply(answer)
    assert core.next_event() == Closed(foreign.EARLY_CONTENT)
    assert core.data_to_send().endswith(
        b"451 4.7.1 Later\r\n554 5.5.0 Error: SMTP protocol synchronization\r\n"
    )


def test_idle_commands_become_errors():
    session = Session(limits=SessionLimits(errors=20))
    session.feed(READY + b"NOOP\r\n" * 200)
    assert session.ended == "too many errors"
    assert session.core.counts["noop"] == (119, 119)


LINES = st.sampled_from(
    [
        b"EHLO x\r\n",
        b"HELO x\r\n",
        b"MAIL FROM:<a@example.net>\r\n",
        b"MAIL FROM:<> SMTPUTF8\r\n",
        b"RCPT TO:<john@example.org>\r\n",
        b"RCPT TO:<bob@example.com>\r\n",
        b"DATA\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"QUIT\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH LOGIN\r\n",
        b"*\r\n",
        b".\r\n",
        b"..\r\n",
        b"text\r\n",
        b"Subject: x\r\n",
        b"x" * 60 + b"\r\n",
    ]
)
NOISE = st.text(alphabet="\r\n.a \0\xe9\x16*=", max_size=8).map(lambda text: text.encode("latin-1"))
STREAMS = st.lists(LINES | NOISE, max_size=25).map(b"".join)
LIMITS = SessionLimits(command_line=50, text_line=40, message_size=80, errors=4)


def run(pieces: list[bytes]) -> Session:
    session = Session(SECURE, LIMITS)
    for piece in pieces:
        session.feed(piece)
    return session


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.lists(st.integers(min_value=0, max_value=2000), max_size=10))
def test_any_stream_means_the_same_however_it_is_cut(stream, places):
    whole = run([stream])
    # What comes behind a refused DATA ends the session only where it came along with it.
    assume(whole.ended != foreign.EARLY_CONTENT)
    for pieces in (cut(stream, places), octets(stream)):
        session = run(pieces)
        assert session.output == whole.output
        assert session.events == whole.events


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_input_breaks_the_core(data):
    session = run([READY, data])
    session.end()
    assert session.ended is not None
    assert isinstance(session.core.next_event(), Closed)


@settings(max_examples=200, deadline=None)
@given(STREAMS)
def test_every_reply_has_its_code(stream):
    session = run([stream])
    bare = (
        "220 ",
        "250-",
        "250 mail",
        "334 ",
        "354 ",
        "501 Syntax: HELO",
        "501 Syntax: EHLO",
        "250 LIMITS",
    )
    for line in session.output.decode().splitlines():
        assert line.startswith(bare) or line[4:].startswith(f"{line[0]}.")


def test_quit_is_told_before_the_end():
    session = Session()
    session.feed(b"QUIT\r\nNOOP\r\n")
    assert session.events == [Quit(), Closed("")]
    assert session.core.next_event() is not Need.DATA
