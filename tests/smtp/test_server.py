"""The server core's own interface: events, answers, what is known, ends from outside."""

from __future__ import annotations

import math

import pytest

from postroad.model import Address, BodyType, Reply
from postroad.smtp import (
    Auth,
    AuthResponse,
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Hello,
    Mail,
    Need,
    Offer,
    Quit,
    Rcpt,
    Refused,
    Reset,
    ServerCore,
    SessionLimits,
    StartTls,
    XClient,
    replies,
)
from postroad.smtp.commands import COMMANDS, LMTP_COMMANDS
from postroad.smtp.states import TRANSITIONS, State
from smtp_dialogue import DEFAULT, HOST, NOTHING, Session

SECURE = Offer(secure=True, mechanisms=("PLAIN", "LOGIN"))
FULL = Offer(starttls=True, require_tls=True, mechanisms=("PLAIN",))


def core(offer: Offer = NOTHING, limits: SessionLimits = DEFAULT) -> ServerCore:
    made = ServerCore(HOST, offer, limits)
    made.greet()
    made.data_to_send()
    return made


def drive(made: ServerCore, data: bytes, answer: Reply) -> bytes:
    made.receive(data)
    made.next_event()
    made.reply(answer)
    return made.data_to_send()


def test_a_transaction_as_events():
    session = Session()
    session.feed(
        b"EHLO client.example.net\r\nMAIL FROM:<alice@example.net> SIZE=9 BODY=8bitmime\r\n"
        b"RCPT TO:<john@example.org>\r\nDATA\r\nHi\r\n..\r\n.\r\nQUIT\r\n"
    )
    assert session.events == [
        Hello("client.example.net", extended=True),
        Mail(Address("alice", "example.net"), 9, BodyType.EIGHT_BIT_MIME, False, None),
        Rcpt(Address("john", "example.org")),
        Data(),
        BodyChunk(b"Hi\r\n.\r\n"),
        EndOfData(7, None),
        Reset(),
        Quit(),
        Closed(""),
    ]


def test_a_login_as_events():
    session = Session(SECURE)
    session.feed(b"EHLO x\r\nAUTH LOGIN\r\nam9obkBleGFtcGxlLm9yZw==\r\n\r\nAUTH plain =\r\n")
    refused = Reply.of(535, "5.7.8", "Error: authentication failed: no")
    assert session.events[1:] == [
        Auth("LOGIN", None),
        AuthResponse(b"john@example.org"),
        AuthResponse(b""),
        Auth("PLAIN", b""),
    ]
    assert session.output.endswith(refused.encode())


def test_a_second_hello_ends_the_transaction():
    session = Session()
    session.feed(b"EHLO x\r\nMAIL FROM:<>\r\nEHLO y\r\nRSET\r\nMAIL FROM:<>\r\nRSET\r\n")
    assert [type(event) for event in session.events] == [Hello, Mail, Hello, Reset, Mail, Reset]
    assert session.core.standing.hello == "y"


def test_a_refused_hello_changes_nothing():
    made = core()
    drive(made, b"EHLO x\r\n", replies.OK)
    drive(made, b"MAIL FROM:<>\r\n", replies.MAIL_OK)
    assert drive(made, b"EHLO y\r\n", Reply.of(504, "5.5.2", "no")) == b"504 5.5.2 no\r\n"
    assert made.standing.hello == "x"
    assert drive(made, b"RCPT TO:<a@b.c>\r\n", replies.RCPT_OK) == b"250 2.1.5 Ok\r\n"


PROTOCOLS = [
    (Offer(), b"HELO x\r\n", "SMTP"),
    (SECURE, b"HELO x\r\n", "SMTP"),
    (Offer(), b"EHLO x\r\n", "ESMTP"),
    (SECURE, b"EHLO x\r\n", "ESMTPS"),
    (SECURE, b"EHLO x\r\nAUTH PLAIN AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu\r\n", "ESMTPSA"),
    (Offer(), b"EHLO x\r\nMAIL FROM:<> SMTPUTF8\r\n", "UTF8SMTP"),
    (SECURE, b"EHLO x\r\nMAIL FROM:<> SMTPUTF8\r\n", "UTF8SMTPS"),
    (
        SECURE,
        b"EHLO x\r\nAUTH PLAIN AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu\r\nMAIL FROM:<> SMTPUTF8\r\n",
        "UTF8SMTPSA",
    ),
    (SECURE, b"EHLO x\r\nMAIL FROM:<> SMTPUTF8\r\nRSET\r\n", "ESMTPS"),
]


@pytest.mark.parametrize(("offer", "sent", "protocol"), PROTOCOLS)
def test_protocol(offer, sent, protocol):
    session = Session(offer)
    session.feed(sent)
    assert session.core.standing.protocol == protocol


def test_counts_are_those_of_postfix():
    session = Session(FULL)
    session.feed(b"EHLO x\r\nMAIL FROM:<>\r\nWHAT\r\n")
    session.feed(b"STARTTLS\r\n")
    session.core.tls_started()
    session.feed(
        b"EHLO x\r\nAUTH PLAIN eA==\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\n"
        b"RCPT TO:<a@example.com>\r\nDATA\r\n.\r\nQUIT\r\n"
    )
    assert dict(session.core.counts) == {
        "ehlo": (2, 2),
        "starttls": (1, 1),
        "auth": (0, 1),
        "mail": (1, 2),
        "rcpt": (1, 2),
        "data": (1, 1),
        "quit": (1, 1),
        "unknown": (0, 1),
    }


def test_starttls_forgets_everything():
    session = Session(Offer(starttls=True, mechanisms=("PLAIN",)))
    session.feed(b"EHLO x\r\nSTARTTLS\r\n")
    assert session.core.next_event() is Need.REPLY
    session.core.tls_started()
    assert session.core.next_event() is Need.DATA
    assert (session.core.standing.hello, session.core.standing.protocol) == ("", "SMTP")
    session.feed(b"EHLO x\r\n")
    assert b"250-AUTH PLAIN\r\n" in session.output.rpartition(b"Ready")[2]
    assert b"STARTTLS" not in session.output.rpartition(b"TLS\r\n")[2]


def test_refused_starttls_leaves_the_session_as_it_was():
    made = core(Offer(starttls=True))
    drive(made, b"EHLO x\r\n", replies.OK)
    drive(made, b"STARTTLS\r\n", Reply.of(454, "4.7.0", "TLS not available due to local problem"))
    assert made.next_event() is Need.DATA
    assert made.standing.hello == "x"


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        (b"", "CONNECT"),
        (b"ehlo x\r\n", "EHLO"),
        (b"WHAT\r\n", "UNKNOWN"),
        (b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\nx", "DATA"),
        (b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n.\r\n", "END-OF-MESSAGE"),
    ],
)
def test_after_tells_where_the_client_went_away(sent, after):
    session = Session()
    session.feed(sent)
    session.end()
    assert session.core.after == after
    assert session.events[-1] == Closed("lost connection")


def test_commands_before_the_end_of_file_are_answered():
    made = core()
    made.receive(b"HELO x\r\nNOOP\r\nNOO")
    made.receive(b"")
    assert made.next_event() == Hello("x", extended=False)
    assert made.next_event() is Need.REPLY
    made.reply(replies.OK)
    assert made.next_event() == Closed("lost connection")
    assert made.data_to_send() == b"250 mail.example.org\r\n250 2.0.0 Ok\r\n"


def test_the_greeting_comes_first():
    made = ServerCore(HOST, Offer(), SessionLimits())
    made.receive(b"NOOP\r\n")
    assert made.next_event() is Need.REPLY
    made.greet()
    assert made.next_event() is Need.DATA
    assert made.data_to_send() == b"220 mail.example.org ESMTP Postroad\r\n250 2.0.0 Ok\r\n"


def test_a_refusing_greeting_ends_the_session():
    made = ServerCore(HOST, Offer(), SessionLimits())
    made.greet(Reply.of(421, "4.7.0", "Error: too many connections"))
    made.receive(b"NOOP\r\n")
    assert made.next_event() == made.next_event() == Closed("")
    assert made.data_to_send() == b"421 4.7.0 Error: too many connections\r\n"


@pytest.mark.parametrize("pause", [b"", b"EHLO y\r\n", b"MAIL FROM:<>\r\n"])
def test_fail_ends_the_session_even_in_a_pause(pause):
    made = core()
    drive(made, b"EHLO x\r\n", replies.OK)
    made.receive(pause or b"NO")
    made.next_event()
    made.fail(replies.timeout_exceeded(HOST))
    made.fail(replies.timeout_exceeded(HOST))
    assert made.next_event() == Closed("")
    assert made.data_to_send() == b"421 4.4.2 mail.example.org Error: timeout exceeded\r\n"


def test_421_ends_the_session():
    made = core()
    assert (
        drive(made, b"EHLO x\r\n", Reply.of(421, "4.3.0", "Going down"))
        == b"421 4.3.0 Going down\r\n"
    )
    assert made.next_event() == Closed("")


def test_421_at_the_end_of_data_ends_the_transaction_too():
    session = Session()
    session.feed(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n")
    made = session.core
    made.receive(b".\r\n")
    assert made.next_event() == EndOfData(0, None)
    made.reply(Reply.of(421, "4.3.0", "Going down"))
    assert [made.next_event(), made.next_event()] == [Reset(), Closed("")]


def test_wrong_answers_are_mistakes_of_ours():
    made = core()
    with pytest.raises(RuntimeError, match="no event"):
        made.reply(replies.OK)
    made.receive(b"EHLO x\r\n")
    made.next_event()
    with pytest.raises(ValueError, match="354 is no answer to Hello"):
        made.reply(replies.START_CONTENT)
    made.reply(replies.OK)
    with pytest.raises(RuntimeError, match="TLS"):
        made.tls_started()


def test_refusals_are_told():
    session = Session()
    session.feed(b"MAIL FROM:<>\r\n")
    assert session.events == [Refused("MAIL", replies.NEED_HELLO)]


def test_recipients_far_over_the_limit_are_errors_again():
    session = Session(limits=SessionLimits(recipients=1, errors=5))
    rcpt = b"RCPT TO:<a@example.org>\r\n"
    session.feed(b"HELO x\r\nMAIL FROM:<>\r\n" + rcpt * 1001)
    assert session.ended is None
    session.feed(rcpt * 6)
    assert session.ended == "too many errors"


@pytest.mark.parametrize(("timeout", "patience"), [(300.0, 300.0), (0.0, math.inf)])
def test_patience(timeout, patience):
    assert SessionLimits(timeout=timeout).patience == patience


def test_every_row_names_known_verbs_only():
    verbs = set(COMMANDS) | set(LMTP_COMMANDS)
    assert all(set(row) <= verbs for row in TRANSITIONS.values())
    assert set(TRANSITIONS) == set(State) - {State.AUTH, State.CONTENT, State.HANDSHAKE}


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"x" * 65_535 + b"\r", b"AUTH " * 13_000])
def test_endless_command_is_not_kept(piece, peak_of):
    assert peak_of(Session(), 200, piece) < 400_000


@pytest.mark.parametrize("limits", [SessionLimits(), SessionLimits(message_size=0, text_line=0)])
@pytest.mark.parametrize(
    "piece", [b"x" * 65_536, b"\r\n.." * 16_384, b"\r\n.\r" * 13_000, b"\r\n" * 32_768]
)
def test_content_streams(piece, limits, peak_of):
    session = Session(limits=limits)
    session.feed(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n")
    assert peak_of(session, 100, piece) < 800_000
    session.core.receive(b"\r\n.\r\n")
    session.pump()
    end = session.events[-2]
    assert isinstance(end, EndOfData)
    assert end.size > 3_000_000


def test_starttls_answer_is_only_220():
    made = core(Offer(starttls=True))
    made.receive(b"STARTTLS\r\n")
    assert made.next_event() == StartTls()
    with pytest.raises(ValueError, match="250 is no answer to StartTls"):
        made.reply(replies.OK)


@pytest.mark.parametrize("offer", [NOTHING, SECURE])
def test_a_login_may_be_set_from_outside(offer):
    session = Session(offer)
    session.feed(b"EHLO x\r\n")
    assert not session.core.standing.authenticated
    session.core.standing.authenticated = True
    assert session.core.standing.protocol == ("ESMTPSA" if offer.secure else "ESMTPA")


def test_xclient_forgets_all_but_the_login():
    session = Session(Offer(xclient=True, mechanisms=("PLAIN",), plain_auth=True))
    session.feed(b"EHLO x\r\nXCLIENT LOGIN=john ADDR=192.0.2.1\r\n")
    assert session.events[-1] == XClient({"LOGIN": "john", "ADDR": "192.0.2.1"})
    assert (session.core.standing.hello, session.core.standing.authenticated) == ("", True)
    session.feed(b"EHLO y\r\n")
    assert (session.core.standing.hello, session.core.standing.protocol) == ("y", "ESMTPA")


def test_a_refused_xclient_changes_nothing():
    made = core(Offer(xclient=True))
    drive(made, b"EHLO x\r\n", replies.OK)
    drive(made, b"XCLIENT NAME=a\r\n", Reply.of(550, "5.7.0", "no"))
    assert made.standing.hello == "x"
    with pytest.raises(ValueError, match="250 is no answer to XClient"):
        drive(made, b"XCLIENT NAME=a\r\n", replies.OK)


LMTP = Offer(lmtp=True)
LMTP_PROTOCOLS = [
    (LMTP, b"LHLO x\r\n", "LMTP"),
    (Offer(lmtp=True, secure=True), b"LHLO x\r\n", "LMTPS"),
    (LMTP, b"LHLO x\r\nMAIL FROM:<> SMTPUTF8\r\n", "UTF8LMTP"),
]


@pytest.mark.parametrize(("offer", "sent", "protocol"), LMTP_PROTOCOLS)
def test_protocol_of_lmtp(offer, sent, protocol):
    session = Session(offer)
    session.feed(sent)
    assert session.core.standing.protocol == protocol
    assert session.core.counts["lhlo"] == (1, 1)


TARPIT = SessionLimits(soft_errors=2, error_pause=5.0)
DELAYS = [
    (TARPIT, b"", 0.0),
    (TARPIT, b"WHAT\r\n", 0.0),
    (TARPIT, b"WHAT\r\nWHAT\r\n", 5.0),
    (TARPIT, b"WHAT\r\nWHAT\r\nHELO x\r\n", 5.0),
    (SessionLimits(soft_errors=0), b"WHAT\r\n" * 15, 0.0),
    (SessionLimits(), b"WHAT\r\n" * 10, 1.0),
]


@pytest.mark.parametrize(("limits", "sent", "delay"), DELAYS)
def test_many_errors_make_answers_late(limits, sent, delay):
    session = Session(limits=limits)
    session.feed(sent)
    assert session.core.tally.delay == delay
    assert session.core.tally.errors == sent.count(b"WHAT")


def test_a_message_ends_the_tarpit():
    session = Session(limits=TARPIT)
    session.feed(
        b"WHAT\r\nWHAT\r\nHELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n.\r\n"
    )
    assert (session.core.tally.errors, session.core.tally.delay) == (0, 0.0)
