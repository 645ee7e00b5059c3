"""How each command's argument is read: the event it amounts to, or the words that refuse it."""

from __future__ import annotations

import pytest

from postroad.model import Address, BodyType
from postroad.smtp import (
    Auth,
    Data,
    Hello,
    Mail,
    Offer,
    Quit,
    Rcpt,
    Reset,
    SessionLimits,
    StartTls,
    foreign,
    replies,
)
from postroad.smtp.commands import COMMANDS
from postroad.smtp.standing import Standing

SECURE = Offer(secure=True, mechanisms=("PLAIN", "LOGIN"))
LIMITS = SessionLimits(message_size=1000, recipients=2)
ALICE = Address("alice", "example.net")
SEVEN, EIGHT = BodyType.SEVEN_BIT, BodyType.EIGHT_BIT_MIME


def standing(**known: object) -> Standing:
    return Standing(known.pop("offer", SECURE), LIMITS, **known)


def mail(sender=ALICE, size=None, body=SEVEN, smtputf8=False, auth=None) -> Mail:
    return Mail(sender, size, body, smtputf8, auth)


MAILS = [
    ("FROM:<alice@example.net>", mail()),
    ("from:<alice@example.net>", mail()),
    ("FROM: <alice@example.net>", mail()),
    ("FROM:alice@example.net", mail()),
    ("FROM: alice@example.net", mail()),
    ("FROM: alice@example.net SIZE=5", mail(size=5)),
    ("FROM:<>", mail(None)),
    ("FROM: <>  BODY=7BIT", mail(None)),
    ("FROM:<@a.example,@b.example:alice@example.net>", mail()),
    ('FROM:<"alice"@example.net>', mail()),
    ('FROM:<"a>b c"@example.net> SIZE=1', mail(Address("a>b c", "example.net"), 1)),
    ('FROM:<"a\\"b"@example.net>', mail(Address('a"b', "example.net"))),
    ("FROM:<alice@[192.0.2.1]>", mail(Address("alice", "[192.0.2.1]"))),
    ("FROM:<alice@[IPv6:2001:db8::1]>", mail(Address("alice", "[IPv6:2001:db8::1]"))),
    ("FROM:<alice@example.net> SIZE=1000 BODY=8BITMIME", mail(size=1000, body=EIGHT)),
    ("FROM:<alice@example.net> size=0 body=8bitmime smtputf8", mail(ALICE, 0, EIGHT, True)),
    ("FROM:<jürgen@example.net> SMTPUTF8", mail(Address("jürgen", "example.net"), smtputf8=True)),
    ("FROM:<alice@example.net> AUTH=<>", mail(auth="<>")),
    ("FROM:<alice@example.net> AUTH=e+3Dmc2@example.com", mail(auth="e=mc2@example.com")),
    ("", replies.SYNTAX_MAIL),
    ("FROM", replies.SYNTAX_MAIL),
    ("FROM:", replies.SYNTAX_MAIL),
    ("FROM:  ", replies.SYNTAX_MAIL),
    ("TO:<alice@example.net>", replies.SYNTAX_MAIL),
    ("FROM:<alice@example.net>SIZE=5", replies.SYNTAX_MAIL),
    ("FROM:<alice@example.net", replies.BAD_SENDER),
    ("FROM:<<alice@example.net>", replies.BAD_SENDER),
    ("FROM:<alice>", replies.BAD_SENDER),
    ("FROM:<al ice@example.net>", replies.BAD_SENDER),
    ("FROM:< alice@example.net>", replies.BAD_SENDER),
    ("FROM:<@example.net>", replies.BAD_SENDER),
    ("FROM:<@a.example>", replies.BAD_SENDER),
    ("FROM:<@a.example:>", replies.BAD_SENDER),
    ("FROM:<alice@example..net>", replies.BAD_SENDER),
    ("FROM:<alice@[192.0.2]>", replies.BAD_SENDER),
    ('FROM:<"alice@example.net>', replies.BAD_SENDER),
    (f"FROM:<{'a' * 65}@example.net>", replies.BAD_SENDER),
    ("FROM:<jürgen@example.net>", replies.NEED_SMTPUTF8),
    ("FROM:<alice@bücher.example> BODY=8BITMIME", replies.NEED_SMTPUTF8),
    ("FROM:<alice@example.net> SIZE=1001", replies.TOO_BIG),
    ("FROM:<alice@example.net> SIZE=", replies.BAD_SIZE),
    ("FROM:<alice@example.net> SIZE", replies.BAD_SIZE),
    ("FROM:<alice@example.net> SIZE=-1", replies.BAD_SIZE),
    ("FROM:<alice@example.net> SIZE=1e3", replies.BAD_SIZE),
    ("FROM:<alice@example.net> SIZE=\u0661", replies.BAD_SIZE),
    (f"FROM:<alice@example.net> SIZE={'1' * 21}", replies.BAD_SIZE),
    ("FROM:<> BODY", replies.unsupported_option("BODY")),
    ("FROM:<> SMTPUTF8=1", replies.unsupported_option("SMTPUTF8=1")),
    ("FROM:<> X", replies.unsupported_option("X")),
    ("FROM:<> =", replies.unsupported_option("=")),
    ("FROM:<> SIZE=1 size=1", replies.repeated_option("SIZE")),
    ("FROM:<> BODY=7BIT BODY=8BITMIME", replies.repeated_option("BODY")),
    ("FROM:<> SMTPUTF8 SMTPUTF8", replies.repeated_option("SMTPUTF8")),
    ("FROM:<> AUTH=a AUTH=b", replies.repeated_option("AUTH")),
    ("FROM:<> AUTH", replies.BAD_AUTH),
    ("FROM:<> AUTH=", replies.BAD_AUTH),
    ("FROM:<> AUTH=a+3d", replies.BAD_AUTH),
    ("FROM:<> AUTH=a=b", replies.BAD_AUTH),
    ("FROM:<> AUTH=a+0D+0Ab", replies.BAD_AUTH),
    ("FROM:<> AUTH=\xe9", replies.BAD_AUTH),
]


@pytest.mark.parametrize(("argument", "result"), MAILS)
def test_mail(argument, result):
    assert COMMANDS["MAIL"].read(argument, standing()) == result


RCPTS = [
    ("TO:<john@example.org>", Rcpt(Address("john", "example.org"))),
    ("to: john@example.org", Rcpt(Address("john", "example.org"))),
    ("TO:<john@example.org> ", Rcpt(Address("john", "example.org"))),
    ("TO:<Postmaster>", Rcpt(Address("Postmaster", ""))),
    ("TO:<postmaster@example.org>", Rcpt(Address("postmaster", "example.org"))),
    ("TO:<@a.example:john@example.org>", Rcpt(Address("john", "example.org"))),
    ('TO:<"a b"@example.org>', Rcpt(Address("a b", "example.org"))),
    ("TO:<john@[192.0.2.1]>", Rcpt(Address("john", "[192.0.2.1]"))),
    ("", replies.SYNTAX_RCPT),
    ("TO:", replies.SYNTAX_RCPT),
    ("FROM:<john@example.org>", replies.SYNTAX_RCPT),
    ("TO:<>", replies.BAD_RECIPIENT),
    ("TO:<john>", replies.BAD_RECIPIENT),
    ("TO:<@postmaster>", replies.BAD_RECIPIENT),
    ("TO:<@a.example:postmaster>", replies.BAD_RECIPIENT),
    ("TO:<jürgen@example.org>", replies.NEED_SMTPUTF8),
    ("TO:<john@example.org> SIZE=1 X=1", replies.unsupported_option("SIZE=1")),
]


@pytest.mark.parametrize(("argument", "result"), RCPTS)
def test_rcpt(argument, result):
    assert COMMANDS["RCPT"].read(argument, standing()) == result


@pytest.mark.parametrize(("taken", "result"), [(1, Rcpt(ALICE)), (2, replies.TOO_MANY_RECIPIENTS)])
def test_number_of_recipients(taken, result):
    assert COMMANDS["RCPT"].read("TO:<alice@example.net>", standing(recipients=taken)) == result


OTHERS = [
    ("EHLO", "client.example.net", Hello("client.example.net", extended=True)),
    ("EHLO", "[IPv6:2001:db8::1]", Hello("[IPv6:2001:db8::1]", extended=True)),
    ("EHLO", "my printer", Hello("my printer", extended=True)),
    ("EHLO", "", replies.SYNTAX_EHLO),
    ("EHLO", "x" * 256, replies.SYNTAX_EHLO),
    ("EHLO", "jürgen", replies.SYNTAX_EHLO),
    ("HELO", "x", Hello("x", extended=False)),
    ("HELO", "", replies.SYNTAX_HELO),
    ("DATA", "", Data()),
    ("DATA", "x", replies.SYNTAX_DATA),
    ("RSET", "", Reset()),
    ("RSET", "x", replies.SYNTAX_RSET),
    ("NOOP", "x", replies.OK),
    ("QUIT", "x", Quit()),
    ("VRFY", "john", replies.CANNOT_VERIFY),
    ("EXPN", "list", replies.NOT_IMPLEMENTED),
    ("AUTH", "plain", Auth("PLAIN", None)),
    ("AUTH", "PLAIN =", Auth("PLAIN", b"")),
    ("AUTH", "PLAIN AGEAYg==", Auth("PLAIN", b"\0a\0b")),
    ("AUTH", "PLAIN AGEAYg", replies.BAD_BASE64),
    ("AUTH", "PLAIN AGEA Yg==", replies.SYNTAX_AUTH),
    ("AUTH", "PLAIN AGEA-g==", replies.BAD_BASE64),
    ("AUTH", "PLAIN " + "AAAA" * 3073, replies.AUTH_TOO_LONG),
    ("AUTH", "", replies.SYNTAX_AUTH),
    ("AUTH", "X" * 21, replies.SYNTAX_AUTH),
    ("AUTH", "GSSAPI", replies.NO_MECHANISM),
]


@pytest.mark.parametrize(("verb", "argument", "result"), OTHERS)
def test_other_commands(verb, argument, result):
    assert COMMANDS[verb].read(argument, standing()) == result


OFFERED = [
    ("STARTTLS", "", Offer(starttls=True), StartTls()),
    ("STARTTLS", "x", Offer(starttls=True), replies.SYNTAX_STARTTLS),
    ("STARTTLS", "", Offer(), replies.NOT_IMPLEMENTED),
    ("STARTTLS", "", Offer(starttls=True, secure=True), replies.TLS_ACTIVE),
    ("AUTH", "PLAIN", Offer(), replies.NO_AUTH),
    ("AUTH", "PLAIN", Offer(secure=True), replies.NO_AUTH),
    ("AUTH", "PLAIN", Offer(mechanisms=("PLAIN",)), replies.AUTH_NEEDS_TLS),
    ("MAIL", "FROM:<> AUTH=<>", Offer(secure=True), replies.unsupported_option("AUTH=<>")),
]


@pytest.mark.parametrize(("verb", "argument", "offer", "result"), OFFERED)
def test_commands_that_are_offered_or_not(verb, argument, offer, result):
    assert COMMANDS[verb].read(argument, standing(offer=offer)) == result


def test_one_login_is_enough():
    known = standing(authenticated=True)
    assert COMMANDS["AUTH"].read("PLAIN", known) == replies.ALREADY_AUTHENTICATED


def test_quoted_words_are_short_and_ascii():
    reply = replies.unsupported_option("jürgen" * 500)
    assert reply.encode().isascii()
    assert len(reply.encode()) <= 512


@pytest.mark.parametrize("verb", COMMANDS)
def test_no_command_is_taken_for_a_stranger(verb):
    assert foreign.recognize(verb) is None
