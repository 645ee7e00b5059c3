from __future__ import annotations

from base64 import b64encode

import pytest

from client_dialogue import PEER, SPLITS, Driver, play, transaction
from postroad.model import BodyType
from postroad.smtp.client import (
    ClientCore,
    Dialect,
    Ended,
    Finished,
    LoggedIn,
    LoginRefused,
    Ready,
    Stage,
    TlsRefused,
    Transaction,
)
from postroad.smtp.reply_parser import MAX_REPLY_LINE
from postroad.smtp.stuffing import BareLineEnd

pytestmark = pytest.mark.parametrize("split", SPLITS)

GREETING = """
S: 220 mx.example.net ESMTP
C: EHLO relay.example.org
"""
PIPELINED = f"""{GREETING}
S: 250-mx.example.net
S: 250-PIPELINING
S: 250-SIZE 1000
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250 ENHANCEDSTATUSCODES
"""
PLAIN = f"""{GREETING}
S: 250 mx.example.net
"""
CONTENT = """
C: Subject: x
C:
C: Hello
C: .
"""


def test_pipelines_a_transaction_in_one_piece(split):
    dialogue = f"""{PIPELINED}
    C: MAIL FROM:<alice@example.org> SIZE=0
    C: RCPT TO:<bob@example.net>
    C: DATA
    S: 250 2.1.0 Ok
    S: 250 2.1.5 Ok
    S: 354 End data with <CR><LF>.<CR><LF>
    {CONTENT.strip()}
    S: 250 2.0.0 Ok: queued as 4F1
    """
    driver = play(Driver([transaction()]), dialogue, split)
    assert driver.replies() == ["250 2.0.0 Ok: queued as 4F1"]
    assert driver.finished[0].answers[0].from_peer
    assert driver.core.is_idle


def test_goes_step_by_step_without_pipelining(split):
    dialogue = f"""{PLAIN}
    C: MAIL FROM:<alice@example.org>
    S: 250 Ok
    C: RCPT TO:<bob@example.net>
    S: 250 Ok
    C: RCPT TO:<eve@example.net>
    S: 251 User not local; will forward
    C: DATA
    S: 354 Go
    {CONTENT.strip()}
    S: 250 Great success
    """
    driver = play(Driver([transaction("bob@example.net", "eve@example.net")]), dialogue, split)
    assert driver.replies() == ["250 2.0.0 Great success"] * 2


def test_falls_back_to_helo(split):
    dialogue = f"""{GREETING}
    S: 502 5.5.2 Error: command not recognized
    C: HELO relay.example.org
    S: 250 mx.example.net
    C: MAIL FROM:<alice@example.org>
    """
    assert play(Driver([transaction()]), dialogue, split).core.stage is Stage.MAIL


def test_names_the_body_and_smtputf8_where_they_are_offered(split):
    dialogue = f"""{PIPELINED}
    C: MAIL FROM:<alice@example.org> SIZE=9 BODY=8BITMIME SMTPUTF8
    C: RCPT TO:<jürgen@example.net>
    C: DATA
    """
    wanted = transaction("jürgen@example.net", size=9, body=BodyType.EIGHT_BIT_MIME)
    play(Driver([wanted]), dialogue, split)


@pytest.mark.parametrize(
    ("offer", "wanted", "reply"),
    [
        (
            "SIZE 10",
            transaction(smtputf8=True),
            f"553 5.6.7 SMTPUTF8 is required, but was not offered by host {PEER}",
        ),
        (
            "SIZE 10",
            transaction("jürgen@example.net"),
            f"553 5.6.7 SMTPUTF8 is required, but was not offered by host {PEER}",
        ),
        (
            "SIZE 10",
            transaction(body=BodyType.EIGHT_BIT_MIME),
            f"554 5.6.3 8BITMIME is required, but was not offered by host {PEER}",
        ),
        (
            "SIZE 10",
            transaction(size=11),
            f"552 5.3.4 message size 11 exceeds size limit 10 of server {PEER}",
        ),
    ],
)
def test_refuses_by_itself_what_the_server_cannot_take(split, offer, wanted, reply):
    dialogue = f"""{GREETING}
    S: 250-mx.example.net
    S: 250 {offer}
    C: MAIL FROM:<alice@example.org> SIZE=0
    """
    driver = play(Driver([wanted, transaction()]), dialogue, split)
    assert driver.replies() == [reply]
    assert not driver.finished[0].answers[0].from_peer


def test_a_size_without_a_limit_is_no_limit(split):
    dialogue = f"""{GREETING}
    S: 250-mx.example.net
    S: 250 SIZE 0
    C: MAIL FROM:<alice@example.org> SIZE=99
    """
    play(Driver([transaction(size=99)]), dialogue, split)


# RFC 2920 ----------------------------------------------------------------------------------------


def pipelined(*recipients: str) -> str:
    to = "\n".join(f"C: RCPT TO:<{recipient}>" for recipient in recipients)
    return f"{PIPELINED}\nC: MAIL FROM:<alice@example.org> SIZE=0\n{to}\nC: DATA\n"


def test_some_recipients_are_refused(split):
    dialogue = f"""{pipelined("a@x.net", "b@x.net", "c@x.net")}
    S: 250 2.1.0 Ok
    S: 550 5.1.1 <a@x.net>: User unknown
    S: 250 2.1.5 Ok
    S: 450 4.2.0 <c@x.net>: Greylisted
    S: 354 Go
    {CONTENT.strip()}
    S: 250 2.0.0 Ok
    """
    driver = play(Driver([transaction("a@x.net", "b@x.net", "c@x.net")]), dialogue, split)
    assert driver.replies() == [
        "550 5.1.1 <a@x.net>: User unknown",
        "250 2.0.0 Ok",
        "450 4.2.0 <c@x.net>: Greylisted",
    ]


@pytest.mark.parametrize("data", ["554 5.5.1 No valid recipients", "503 5.5.1 Need RCPT"])
def test_data_is_refused_after_all_recipients_and_a_reset_follows(split, data):
    dialogue = f"""{pipelined("a@x.net")}
    S: 250 2.1.0 Ok
    S: 550 5.1.1 User unknown
    S: {data}
    C: RSET
    C: MAIL FROM:<alice@example.org> SIZE=0
    C: RCPT TO:<b@x.net>
    C: DATA
    S: 250 2.0.0 Ok
    S: 250 2.1.0 Ok
    S: 250 2.1.5 Ok
    S: 354 Go
    {CONTENT.strip()}
    S: 250 2.0.0 Ok
    """
    driver = play(Driver([transaction("a@x.net"), transaction("b@x.net")]), dialogue, split)
    assert driver.replies(0) == ["550 5.1.1 User unknown"]
    assert driver.replies(1) == ["250 2.0.0 Ok"]


def test_354_without_recipients_is_answered_by_a_lone_dot(split):
    dialogue = f"""{pipelined("a@x.net", "b@x.net")}
    S: 250 2.1.0 Ok
    S: 550 5.1.1 User unknown
    S: 450 4.2.1 Later
    S: 354 Go
    C: .
    S: 554 5.5.1 No valid recipients
    """
    driver = play(Driver([transaction("a@x.net", "b@x.net")]), dialogue, split)
    assert driver.replies() == ["550 5.1.1 User unknown", "450 4.2.1 Later"]
    assert driver.core.is_idle


def test_a_refused_sender_decides_for_all(split):
    dialogue = f"""{pipelined("a@x.net", "b@x.net")}
    S: 550 5.7.1 Sender refused
    S: 503 5.5.1 Need MAIL
    S: 250 2.1.5 Ok
    S: 503 5.5.1 Need MAIL
    """
    driver = play(Driver([transaction("a@x.net", "b@x.net")]), dialogue, split)
    assert driver.replies() == ["550 5.7.1 Sender refused"] * 2


def test_a_refused_sender_without_pipelining(split):
    dialogue = f"""{PLAIN}
    C: MAIL FROM:<alice@example.org>
    S: 451 4.7.1 Try again
    C: MAIL FROM:<alice@example.org>
    """
    driver = play(Driver([transaction(), transaction()]), dialogue, split)
    assert driver.replies() == ["451 4.7.1 Try again"]


def test_all_recipients_refused_without_pipelining(split):
    dialogue = f"""{PLAIN}
    C: MAIL FROM:<alice@example.org>
    S: 250 Ok
    C: RCPT TO:<bob@example.net>
    S: 550 No
    C: RSET
    S: 250 Ok
    C: MAIL FROM:<alice@example.org>
    """
    driver = play(Driver([transaction(), transaction()]), dialogue, split)
    assert driver.replies() == ["550 5.0.0 No"]


def test_data_refused_after_recipients_were_taken(split):
    dialogue = f"""{pipelined("a@x.net", "b@x.net")}
    S: 250 2.1.0 Ok
    S: 250 2.1.5 Ok
    S: 550 5.1.1 User unknown
    S: 451 4.3.0 No space
    """
    driver = play(Driver([transaction("a@x.net", "b@x.net")]), dialogue, split)
    assert driver.replies() == ["451 4.3.0 No space", "550 5.1.1 User unknown"]


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("552 Too many recipients", "452 4.5.3 Too many recipients"),
        ("552 5.5.3 Too many recipients", "452 4.5.3 Too many recipients"),
        ("552 5.2.2 Mailbox full", "552 5.2.2 Mailbox full"),
    ],
)
def test_too_many_recipients_is_for_later(split, said, heard):
    dialogue = f"""{pipelined("a@x.net")}
    S: 250 2.1.0 Ok
    S: {said}
    S: 503 5.5.1 No recipients
    """
    assert play(Driver([transaction("a@x.net")]), dialogue, split).replies() == [heard]


# The end of a session ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (["421 4.3.2 Shutting down"], ["421 4.3.2 Shutting down"] * 2),
        (
            ["250 Ok", "550 5.1.1 No", "421 4.7.0 Too many errors"],
            ["550 5.1.1 No", "421 4.7.0 Too many errors"],
        ),
        (["250 Ok", "250 Ok", "250 Ok", "421 4.3.2 Bye"], ["421 4.3.2 Bye"] * 2),
    ],
)
def test_421_ends_the_transaction(split, replies, expected):
    said = "\n".join(f"S: {reply}" for reply in replies)
    driver = Driver([transaction("a@x.net", "b@x.net")])
    play(driver, f"{pipelined('a@x.net', 'b@x.net')}{said}", split)
    assert driver.replies() == expected
    assert driver.core.stage is Stage.CLOSED


@pytest.mark.parametrize(
    ("replies", "stage"),
    [
        ([], "sending MAIL FROM"),
        (["250 Ok"], "sending RCPT TO"),
        (["250 Ok", "250 Ok"], "sending DATA command"),
        (
            ["250 Ok", "250 Ok", "354 Go"],
            "sending end of data -- message may be sent more than once",
        ),
    ],
)
@pytest.mark.parametrize("silent", [False, True])
def test_a_lost_or_silent_server_means_later(split, replies, stage, silent):
    driver = Driver([transaction()])
    play(driver, pipelined("bob@example.net"), split)
    for reply in replies:
        driver.feed(f"{reply}\r\n".encode())
    if silent:
        driver.core.timed_out()
    else:
        driver.core.receive(b"")
    driver.settle()
    how = f"conversation with {PEER} timed out" if silent else f"lost connection with {PEER}"
    assert driver.replies() == [f"451 4.4.2 {how} while {stage}"]
    assert not driver.finished[0].answers[0].from_peer
    assert driver.core.answered is bool(replies)


def test_last_words_before_the_end_count(split):
    driver = Driver([transaction()])
    play(driver, pipelined("bob@example.net"), split)
    driver.core.receive(b"250 Ok\r\n250 Ok\r\n550 5.7.1 No\r\n")
    driver.core.receive(b"")
    driver.settle()
    assert driver.replies() == ["550 5.7.1 No"]


def test_a_refusal_in_the_middle_of_the_content_counts(split):
    core = ready_core()
    core.begin(transaction())
    core.receive(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
    core.next_event()
    core.content(b"a\r\n")
    core.receive(b"552 5.3.4 Too much\r\n")
    core.receive(b"")
    event = core.next_event()
    assert isinstance(event, Finished)
    assert str(event.answers[0].reply) == "552 5.3.4 Too much"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("554 5.7.1 Go away", f"451 4.7.1 host {PEER} refused to talk to me: 554 5.7.1 Go away"),
        ("554-No\nS: 554 way", f"451 4.0.0 host {PEER} refused to talk to me: 554 5.0.0 No way"),
        ("421 Too busy", f"451 4.0.0 host {PEER} refused to talk to me: 421 4.0.0 Too busy"),
        ("354 Odd", f"451 4.0.0 host {PEER} refused to talk to me: 354 Odd"),
        ("hello", f"451 4.5.0 not an SMTP reply: 'hello', from {PEER} while receiving the initial"),
        ("199 Odd", "451 4.5.0 not an SMTP reply: '199 Odd'"),
        ("220-" + "x" * MAX_REPLY_LINE, "451 4.5.0 a reply line is longer than 2048 octets"),
    ],
)
def test_a_session_that_does_not_begin(split, said, expected):
    driver = play(Driver([transaction()]), f"S: {said}", split)
    assert isinstance(driver.last, Ended)
    assert str(driver.last.answer.reply).startswith(expected)


def test_a_connection_that_ends_before_the_greeting(split):
    driver = Driver()
    driver.feed(b"")
    assert isinstance(driver.last, Ended)
    words = f"lost connection with {PEER} while receiving the initial server greeting"
    assert driver.last.answer.reply.text == f"4.4.2 {words}"


@pytest.mark.parametrize(
    "replies",
    [["354 Go"], ["250 Ok", "354 Go"], ["250 Ok", "250 Ok", "250 Ok"], ["nonsense"]],
)
def test_a_server_out_of_step_is_left(split, replies):
    said = "\n".join(f"S: {reply}" for reply in replies)
    driver = play(Driver([transaction("a@x.net")]), f"{pipelined('a@x.net')}{said}", split)
    assert driver.replies()[0].startswith("451 4.5.0 ")
    assert driver.core.stage is Stage.CLOSED


def test_a_reply_nobody_asked_for_ends_the_session(split):
    core = ready_core()
    core.begin(transaction())
    core.receive(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
    core.next_event()
    core.end_content()
    core.receive(b"250 Ok\r\n250 One too many\r\n")
    assert isinstance(core.next_event(), Finished)
    assert core.stage is Stage.CLOSED


def test_quit_is_answered_and_ends(split):
    driver = Driver()
    play(driver, PLAIN, split)
    driver.core.quit()
    play(driver, "C: QUIT\nS: 221 2.0.0 Bye", split)
    assert isinstance(driver.last, Ended)
    assert driver.core.stage is Stage.CLOSED


# TLS and login -----------------------------------------------------------------------------------

STARTTLS = f"""{GREETING}
S: 250-mx.example.net
S: 250-AUTH PLAIN
S: 250 STARTTLS
C: STARTTLS
"""


def test_after_tls_everything_begins_anew(split):
    dialogue = f"""{STARTTLS}
    S: 220 2.0.0 Ready
    C: EHLO relay.example.org
    S: 250-mx.example.net
    S: 250 PIPELINING
    """
    driver = play(Driver(tls=True), dialogue, split)
    assert isinstance(driver.last, Ready)
    assert driver.last.extensions.pipelining
    assert not driver.last.extensions.mechanisms


def test_a_refused_starttls_leaves_plain_text(split):
    driver = play(Driver(tls=True), f"{STARTTLS}S: 454 4.7.0 Not now", split)
    assert isinstance(driver.last, TlsRefused)
    assert driver.core.is_idle


def test_plain_text_behind_the_starttls_reply_ends_the_session(split):
    driver = play(Driver(tls=True), STARTTLS, split)
    driver.feed(b"220 Ready\r\n250 injected\r\n")
    assert isinstance(driver.last, Ended)
    assert "plain text after the reply to STARTTLS" in driver.last.answer.reply.text


def auth(offer: str) -> str:
    return f"{GREETING}\nS: 250-mx.example.net\nS: 250 {offer}\n"


@pytest.mark.parametrize(
    "offer", ["AUTH LOGIN PLAIN", "AUTH=LOGIN PLAIN", "AUTH CRAM-MD5 plain", "auth plain"]
)
def test_plain_login(split, offer):
    dialogue = f"""{auth(offer)}
    C: AUTH PLAIN AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu
    S: 235 2.7.0 Authentication successful
    """
    driver = play(Driver(login=("john@example.org", "summersun")), dialogue, split)
    assert isinstance(driver.last, LoggedIn)


def test_login_login(split):
    dialogue = f"""{auth("AUTH LOGIN")}
    C: AUTH LOGIN
    S: 334 VXNlcm5hbWU6
    C: am9obkBleGFtcGxlLm9yZw==
    S: 334 UGFzc3dvcmQ6
    C: c3VtbWVyc3Vu
    S: 235 2.7.0 Authentication successful
    """
    driver = play(Driver(login=("john@example.org", "summersun")), dialogue, split)
    assert isinstance(driver.last, LoggedIn)


def test_a_refused_login_shows_no_secret(split):
    dialogue = f"""{auth("AUTH PLAIN")}
    C: AUTH PLAIN AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu
    S: 535 5.7.8 bad: AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu, c3VtbWVyc3Vu, summersun
    """
    driver = play(Driver(login=("john@example.org", "summersun")), dialogue, split)
    assert isinstance(driver.last, LoginRefused)
    assert str(driver.last.answer.reply) == "535 5.7.8 bad: [hidden], [hidden], [hidden]"


def test_an_exchange_that_asks_for_more_is_cancelled(split):
    dialogue = f"""{auth("AUTH PLAIN")}
    C: AUTH PLAIN AGEAYg==
    S: 334 bW9yZQ==
    C: *
    S: 501 5.7.0 Cancelled
    """
    assert isinstance(play(Driver(login=("a", "b")), dialogue, split).last, LoginRefused)


def test_a_challenge_that_is_no_base64_is_cancelled(split):
    dialogue = f"""{auth("AUTH PLAIN")}
    C: AUTH PLAIN AGEAYg==
    S: 334 what?
    C: *
    S: 501 5.7.0 Cancelled
    """
    assert isinstance(play(Driver(login=("a", "b")), dialogue, split).last, LoginRefused)


def test_after_the_cancellation_there_is_nothing_to_challenge(split):
    dialogue = f"""{auth("AUTH PLAIN")}
    C: AUTH PLAIN AGEAYg==
    S: 334 !!!!
    C: *
    S: 334 !!!!
    """
    driver = play(Driver(login=("a", "b")), dialogue, split)
    assert isinstance(driver.last, Ended)
    assert driver.last.answer.reply.code == 451
    assert driver.core.stage is Stage.CLOSED


def test_a_prompt_that_has_something_in_common_with_the_password_is_none_the_less_read(split):
    dialogue = f"""{auth("AUTH LOGIN")}
    C: AUTH LOGIN
    S: 334 VXNlcm5hbWU6
    C: YQ==
    S: 334 UGFzc3dvcmQ6
    C: d3JvbmcgcGFzc3dvcmQ=
    S: 535 5.7.8 no: d3JvbmcgcGFzc3dvcmQ=
    """
    driver = play(Driver(login=("a", "wrong password")), dialogue, split)
    assert isinstance(driver.last, LoginRefused)
    assert str(driver.last.answer.reply) == "535 5.7.8 no: [hidden]"


def test_an_initial_response_that_is_too_long_for_the_command_waits_to_be_asked_for(split):
    password = "p" * 400
    response = b64encode(f"\0a\0{password}".encode()).decode()
    dialogue = f"""{auth("AUTH PLAIN")}
    C: AUTH PLAIN
    S: 334
    C: {response}
    S: 235 2.7.0 Ok
    """
    assert isinstance(play(Driver(login=("a", password)), dialogue, split).last, LoggedIn)


# LMTP --------------------------------------------------------------------------------------------


def lmtp(*recipients: str) -> str:
    to = "\n".join(f"C: RCPT TO:<{recipient}>" for recipient in recipients)
    return f"""
    S: 220 store LMTP
    C: LHLO relay.example.org
    S: 250-store
    S: 250 PIPELINING
    C: MAIL FROM:<alice@example.org>
    {to}
    C: DATA
    """


def test_lmtp_answers_for_each_recipient(split):
    recipients = ("a@x.net", "b@x.net", "c@x.net")
    dialogue = f"""{lmtp(*recipients)}
    S: 250 Ok
    S: 250 Ok
    S: 550 5.1.1 No such user
    S: 250 Ok
    S: 354 Go
    {CONTENT.strip()}
    S: 250 2.0.0 Saved
    S: 452 4.2.2 Mailbox full
    """
    driver = play(Driver([transaction(*recipients)], dialect=Dialect.LMTP), dialogue, split)
    assert driver.replies() == [
        "250 2.0.0 Saved",
        "550 5.1.1 No such user",
        "452 4.2.2 Mailbox full",
    ]
    assert driver.core.is_idle


def test_lmtp_lost_between_answers_keeps_those_given(split):
    driver = Driver([transaction("a@x.net", "b@x.net")], dialect=Dialect.LMTP)
    dialogue = f"""{lmtp("a@x.net", "b@x.net")}
    S: 250 Ok
    S: 250 Ok
    S: 250 Ok
    S: 354 Go
    {CONTENT.strip()}
    S: 250 2.0.0 Saved
    """
    play(driver, dialogue, split)
    driver.feed(b"")
    assert driver.replies()[0] == "250 2.0.0 Saved"
    assert driver.replies()[1].startswith("451 4.4.2 lost connection")


def test_lmtp_354_without_recipients_ends_the_session(split):
    driver = Driver([transaction("a@x.net")], dialect=Dialect.LMTP)
    dialogue = f"""{lmtp("a@x.net")}
    S: 250 Ok
    S: 550 5.1.1 No such user
    S: 354 Go
    """
    play(driver, dialogue, split)
    assert driver.replies() == ["550 5.1.1 No such user"]
    assert driver.core.stage is Stage.CLOSED


def test_lmtp_has_no_fallback(split):
    dialogue = "S: 220 mx\nC: LHLO relay.example.org\nS: 500 5.5.1 What?"
    driver = play(Driver(dialect=Dialect.LMTP), dialogue, split)
    assert isinstance(driver.last, Ended)


# What must never leave ---------------------------------------------------------------------------


def ready_core() -> ClientCore:
    core = ClientCore("relay.example.org", PEER)
    core.receive(b"220 mx\r\n")
    core.next_event()
    core.receive(b"250-mx\r\n250 PIPELINING\r\n")
    core.next_event()
    core.data_to_send()
    return core


@pytest.mark.parametrize("address", ["a@x>\r\nRCPT TO:<c@x", "a\n@x", "a\r@x"])
def test_an_address_with_a_line_end_is_a_bug(split, address):
    core = ready_core()
    with pytest.raises(ValueError, match="line end"):
        core.begin(Transaction("", (address,), 0))
    assert core.data_to_send() == b""
    assert core.is_idle


@pytest.mark.parametrize("chunks", [[b"a\nb\r\n"], [b"a\rb\r\n"], [b"a\r", b"b"], [b"a", b"\n"]])
def test_a_bare_line_end_is_never_sent(split, chunks):
    core = ready_core()
    core.begin(transaction())
    core.receive(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
    core.next_event()
    core.data_to_send()
    with pytest.raises(BareLineEnd):
        hand_over(core, chunks)
    assert core.data_to_send() in {b"", b"a"}


def hand_over(core: ClientCore, chunks: list[bytes]) -> None:
    for chunk in chunks:
        core.content(chunk)
