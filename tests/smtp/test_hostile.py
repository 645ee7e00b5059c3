"""What a hostile or broken client sends, the replies to it, and what the session is then.

Each row is fed whole, octet by octet, and cut anywhere: the replies are the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.smtp import Offer, SessionLimits
from smtp_dialogue import DEFAULT, Session, cut, octets

OPEN = "open"
CONTENT = "in content"
STRICT = SessionLimits(command_line=60, message_size=1000, recipients=3, errors=5)
FULL = Offer(
    starttls=True,
    mechanisms=("PLAIN", "LOGIN"),
    plain_auth=True,
    etrn=True,
    vrfy=True,
    deliver_by=True,
    priority=True,
    future_release=3600,
)

HELLO = b"HELO x\r\n"
MAIL = HELLO + b"MAIL FROM:<a@example.net>\r\n"
RCPT = MAIL + b"RCPT TO:<john@example.org>\r\n"
DATA = RCPT + b"DATA\r\n"
UTF8 = HELLO + b"MAIL FROM:<a@example.net> SMTPUTF8\r\n"

HEADER = "the client sends the header of a message where a command is due"
HTTP = "the client speaks HTTP"
SPOKE_TLS = "the client speaks TLS on a port that starts in plain text"
BARE_LF = "the client ended a command with a bare <LF>"
BARE_CR = "the client sent a bare <CR> in a command"
BAD_BDAT = "the client sent a malformed BDAT"
ENDLESS = "the client announced a chunk far over the limit, and it was refused"
ERRORS = "too many errors"


@dataclass(frozen=True)
class Row:
    """What comes when, and what it must lead to.

    `replies` are the beginnings of the lines that answer `sent`, all of them. `after` is `OPEN`
    (the next command is taken), `CONTENT` (only the end mark ends it) or why the session closed.
    """

    before: bytes
    sent: bytes
    replies: Sequence[str]
    after: str = OPEN
    offer: Offer = FULL
    limits: SessionLimits = DEFAULT

    def check(self, pieces: Sequence[bytes]) -> None:
        session = Session(self.offer, self.limits)
        session.feed(self.before)
        said = len(session.output)
        for piece in pieces:
            session.feed(piece)
        lines = session.output[said:].decode().split("\r\n")[:-1]
        assert [
            line[: len(start)] for line, start in zip(lines, self.replies, strict=True)
        ] == list(self.replies)
        assert all(len(line) <= 510 for line in lines)
        self._check_state(session)

    def _check_state(self, session: Session) -> None:
        if self.after == CONTENT:
            session.feed(b"QUIT\r\n")
            assert session.ended is None
            session.feed(b"\r\n.\r\n")
            assert session.ended is None
        said = len(session.output)
        session.feed(b"NOOP\r\n")
        if self.after in {OPEN, CONTENT}:
            assert session.ended is None
            assert session.output[said:] == b"250 2.0.0 Ok\r\n"
        else:
            assert session.ended == self.after
            assert session.output[said:] == b""


BAD = "500 5.5.2 Error: bad syntax"
LONG = "500 5.5.2 Error: line too long"
UNKNOWN = "500 5.5.2 Error: command not recognized"

LINES = {
    "empty": Row(HELLO, b"\r\n", [BAD]),
    "spaces": Row(HELLO, b"   \r\n", [BAD]),
    "leading space": Row(HELLO, b" NOOP\r\n", [BAD]),
    "trailing white space": Row(HELLO, b"NOOP \t \r\n", ["250 2.0.0 Ok"]),
    "at the limit": Row(HELLO, b"NOOP " + b"x" * 53 + b"\r\n", ["250"], limits=STRICT),
    "over the limit": Row(HELLO, b"NOOP " + b"x" * 54 + b"\r\n", [LONG], limits=STRICT),
    "far over the limit": Row(HELLO, b"x" * 10_000 + b"\r\nNOOP\r\n", [LONG, "250"]),
    "endless with a bare CR": Row(HELLO, b"x" * 3000 + b"\rx\r\n", [LONG]),
    "endless with a bare LF": Row(HELLO, b"x" * 3000 + b"\n", ["550 5.5.2"], BARE_LF),
    "NUL in a verb": Row(HELLO, b"NO\0OP\r\n", [BAD]),
    "NUL behind a verb": Row(HELLO, b"NOOP \0\r\n", [BAD]),
    "NUL in an address": Row(HELLO, b"MAIL FROM:<a@b\0c>\r\n", [BAD]),
    "NUL alone": Row(HELLO, b"\0\r\n", [BAD]),
    "escape": Row(HELLO, b"NOOP \x1b[2J\r\n", [BAD]),
    "delete": Row(HELLO, b"NOOP \x7f\r\n", [BAD]),
    "tab between words": Row(HELLO, b"MAIL\tFROM:<a@example.net>\r\n", [BAD]),
    "C1 control in UTF-8": Row(HELLO, "NOOP \x85\r\n".encode(), [BAD]),
    "line separator": Row(HELLO, "NOOP \u2028\r\n".encode(), ["250"]),
    "Latin-1": Row(HELLO, b"NOOP \xe9\r\n", ["500 5.5.2 Error: bad UTF-8"]),
    "truncated UTF-8": Row(HELLO, b"NOOP \xe2\x82\r\n", ["500 5.5.2 Error: bad UTF-8"]),
    "overlong UTF-8": Row(HELLO, b"NOOP \xc0\x8d\xc0\x8a\r\n", ["500 5.5.2 Error: bad UTF-8"]),
    "surrogate in UTF-8": Row(HELLO, b"NOOP \xed\xa0\x80\r\n", ["500 5.5.2 Error: bad UTF-8"]),
    "8-bit verb": Row(HELLO, "NÖÖP\r\n".encode(), [UNKNOWN]),
    "8-bit hello": Row(b"", "EHLO jürgen\r\n".encode(), ["501 Syntax: EHLO"]),
    "endless hello": Row(b"", b"EHLO " + b"x" * 256 + b"\r\n", ["501 Syntax: EHLO"]),
    "telnet": Row(b"", b"\xff\xfb\x1f\xff\xfb\x20\r\n", ["500 5.5.2 Error: bad UTF-8"]),
    "bare LF": Row(HELLO, b"NOOP\nQUIT\r\n", ["550 5.5.2"], BARE_LF),
    "lone LF": Row(HELLO, b"\n", ["550 5.5.2"], BARE_LF),
    "bare CR": Row(HELLO, b"NOOP\rQUIT\r\n", ["550 5.5.2"], BARE_CR),
    "CR CR LF": Row(HELLO, b"NOOP\r\r\n", ["550 5.5.2"], BARE_CR),
    "LF CR": Row(HELLO, b"NOOP\n\rQUIT\n\r", ["550 5.5.2"], BARE_LF),
    "CR in an address": Row(MAIL, b"RCPT TO:<a\r@example.org>\r\n", ["550 5.5.2"], BARE_CR),
    "LF in an address": Row(MAIL, b"RCPT TO:<a\n@example.org>\r\n", ["550 5.5.2"], BARE_LF),
    "content where a command is due": Row(
        HELLO, b"Received: from x\r\nQUIT\r\n", ["221 2.7.0"], HEADER
    ),
    "the end mark where a command is due": Row(HELLO, b".\r\n", [UNKNOWN]),
    "HTTP": Row(b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ["221 2.7.0"], HTTP),
    "HTTP POST with SMTP in it": Row(
        b"", b"POST / HTTP/1.1\r\n\r\nEHLO x\r\nMAIL FROM:<>\r\n", ["221 2.7.0"], HTTP
    ),
    "HTTP CONNECT": Row(b"", b"CONNECT mx:25 HTTP/1.1\r\n\r\n", ["221 2.7.0"], HTTP),
    "TLS": Row(b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ["500 5.5.2"], SPOKE_TLS),
    "TLS with line ends in it": Row(b"", b"\x16\x03\r\n\r\n\n", ["500 5.5.2"], SPOKE_TLS),
    "TLS behind a command": Row(HELLO, b"\x16\x03\x01", ["500 5.5.2"], SPOKE_TLS),
    "TLS inside of TLS": Row(
        b"",
        b"\x16\x03\x01",
        ["500 5.5.2"],
        "the client speaks TLS inside of TLS",
        Offer(secure=True),
    ),
    "SSH": Row(b"", b"SSH-2.0-OpenSSH_9.2\r\n", [UNKNOWN]),
}

EARLY = {
    # As Postfix does without postscreen: commands that come early wait their turn.
    "a whole session at once": Row(
        b"",
        DATA + b"hello\r\n.\r\nQUIT\r\n",
        ["250 mail", "250 2.1.0", "250 2.1.5", "354", "250 2.0.0 Ok: queued", "221 2.0.0"],
        "",
    ),
    "two sessions at once": Row(
        b"",
        DATA + b".\r\n" + DATA + b".\r\n",
        ["250 mail", "250 2.1.0", "250 2.1.5", "354", "250 2.0.0"] * 2,
    ),
    "behind EHLO": Row(
        b"", b"EHLO x\r\nMAIL FROM:<>\r\n", ["250-"] * 16 + ["250 LIMITS", "250 2.1.0"]
    ),
    "behind QUIT": Row(HELLO, b"QUIT\r\nMAIL FROM:<>\r\n", ["221 2.0.0"], ""),
    "chunks and commands": Row(
        MAIL,
        b"RCPT TO:<john@example.org>\r\nBDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\n" + MAIL[8:],
        ["250 2.1.5", "250 2.0.0 Ok: 6", "250 2.0.0 Ok: queued", "250 2.1.0"],
    ),
}

LIES = {
    # before the content: what was announced, what came
    "no number": Row(RCPT, b"BDAT\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "no digits": Row(RCPT, b"BDAT x\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "negative": Row(RCPT, b"BDAT -1\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "with a sign": Row(RCPT, b"BDAT +6\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "hexadecimal": Row(RCPT, b"BDAT 0x6\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "a fraction": Row(RCPT, b"BDAT 6.0\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "other digits": Row(RCPT, "BDAT ٦\r\nQUIT\r\n".encode(), ["521 5.5.4"], BAD_BDAT),
    "another word": Row(RCPT, b"BDAT 6 FIRST\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "too many words": Row(RCPT, b"BDAT 6 LAST LAST\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "LAST alone": Row(RCPT, b"BDAT LAST\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "21 digits": Row(RCPT, b"BDAT " + b"9" * 21 + b"\r\nQUIT\r\n", ["521 5.5.4"], BAD_BDAT),
    "20 digits": Row(RCPT, b"BDAT " + b"9" * 20 + b"\r\nQUIT\r\n", ["552 5.3.4"], ENDLESS),
    "a gigabyte": Row(RCPT, b"BDAT 1000000000\r\nQUIT\r\n", ["552 5.3.4"], ENDLESS),
    "a gigabyte of nobody": Row(HELLO, b"BDAT 1000000000\r\nQUIT\r\n", ["503 5.5.1"], ENDLESS),
    "over the limit": Row(
        RCPT, b"BDAT 1001 LAST\r\n" + b"QUIT\r\n" * 166 + b"QUIT\r", ["552 5.3.4"], limits=STRICT
    ),
    "over the limit together": Row(
        RCPT,
        b"BDAT 996\r\n" + b"QUIT\r\n" * 166 + b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n",
        ["250 2.0.0 Ok: 996", "552 5.3.4", "551 5.0.0"],
        limits=STRICT,
    ),
    "more than announced": Row(
        RCPT, b"BDAT 4 LAST\r\nham!QUIT\r\n", ["250 2.0.0 Ok: queued", "221"], ""
    ),
    "less than announced": Row(
        RCPT, b"BDAT 600\r\nQUIT\r\n" + b"NOOP\r\n" * 99, ["250 2.0.0 Ok: 600"]
    ),
    "leading zeros": Row(RCPT, b"BDAT 0006 LAST\r\nQUIT\r\n", ["250 2.0.0 Ok: queued"]),
    "nothing at all": Row(RCPT, b"BDAT 0 LAST\r\n", ["250 2.0.0 Ok: queued"]),
    "nothing over and over": Row(
        RCPT,
        b"BDAT 0\r\n" * 200,
        ["250 2.0.0 Ok: 0"] * 104 + ["421 4.7.0"],
        ERRORS,
        limits=STRICT,
    ),
    "before hello": Row(b"", b"BDAT 6 LAST\r\nQUIT\r\n", ["503 5.5.1"]),
    "before MAIL": Row(HELLO, b"BDAT 6 LAST\r\nQUIT\r\n", ["503 5.5.1"]),
    "before RCPT": Row(MAIL, b"BDAT 6 LAST\r\nQUIT\r\n", ["554 5.5.1"]),
    "before TLS": Row(
        HELLO,
        b"BDAT 6 LAST\r\nQUIT\r\n",
        ["530 5.7.0"],
        offer=Offer(starttls=True, require_tls=True),
    ),
    "not offered": Row(
        RCPT,
        b"BDAT 6 LAST\r\nQUIT\r\n",
        ["521 5.5.1"],
        "the client uses BDAT, which is not offered",
        Offer(chunking=False),
    ),
    "BDAT, then DATA": Row(RCPT, b"BDAT 2\r\n\r\nDATA\r\n", ["250", "503 5.5.1 Error: DATA after"]),
    "a session that ends": Row(
        HELLO + b"MAIL FROM:<gone@example.net>\r\nRCPT TO:<john@example.org>\r\n",
        b"BDAT 6 LAST\r\nQUIT\r\n",
        ["421 4.3.2"],
        "",
    ),
}

TOO_MANY = "452 4.5.3 Error: too many recipients"
FLOODS = {
    "recipients": Row(
        MAIL,
        b"RCPT TO:<john@example.org>\r\n" * 100,
        ["250 2.1.5"] * 3 + [TOO_MANY] * 97,
        limits=STRICT,
    ),
    "recipients far over the limit": Row(
        MAIL,
        b"RCPT TO:<john@example.org>\r\n" * 2000,
        ["250 2.1.5"] * 3 + [TOO_MANY] * 1005 + ["421 4.7.0"],
        ERRORS,
        limits=STRICT,
    ),
    "unknown recipients": Row(
        MAIL,
        b"RCPT TO:<john@example.com>\r\n" * 100,
        ["554 5.7.1"] * 5 + ["421 4.7.0 mail.example.org Error: too many errors"],
        ERRORS,
        limits=STRICT,
    ),
    "errors": Row(HELLO, b"WHAT\r\n" * 100, [UNKNOWN] * 20 + ["421 4.7.0"], ERRORS),
    "empty lines": Row(HELLO, b"\r\n" * 100, [BAD] * 20 + ["421 4.7.0"], ERRORS),
    "long lines": Row(HELLO, (b"x" * 3000 + b"\r\n") * 30, [LONG] * 20 + ["421 4.7.0"], ERRORS),
    # HELO is the first of a hundred commands that may move no mail.
    "NOOP": Row(HELLO, b"NOOP\r\n" * 500, ["250"] * 119 + ["421 4.7.0"], ERRORS),
    "RSET": Row(HELLO, b"RSET\r\n" * 500, ["250"] * 119 + ["421 4.7.0"], ERRORS),
    "HELP": Row(HELLO, b"HELP\r\n" * 500, ["214"] * 119 + ["421 4.7.0"], ERRORS),
    "VRFY": Row(
        HELLO, b"VRFY a@example.org\r\n" * 500, ["252 2.0.0"] * 119 + ["421 4.7.0"], ERRORS
    ),
    "VRFY of strangers": Row(
        HELLO, b"VRFY a@example.com\r\n" * 500, ["550"] * 20 + ["421 4.7.0"], ERRORS
    ),
    "VRFY where it is off": Row(
        HELLO, b"VRFY a\r\n" * 500, ["252"] * 119 + ["421 4.7.0"], ERRORS, Offer()
    ),
    "EXPN": Row(HELLO, b"EXPN a\r\n" * 500, ["502 5.5.1"] * 20 + ["421 4.7.0"], ERRORS),
    "ETRN": Row(HELLO, b"ETRN example.org\r\n" * 500, ["250"] * 119 + ["421 4.7.0"], ERRORS),
    "HELO": Row(b"", b"HELO x\r\n" * 500, ["250"] * 120 + ["421 4.7.0"], ERRORS),
    "transactions without an end": Row(
        HELLO,
        b"MAIL FROM:<>\r\nRSET\r\n" * 500,
        ["250 2.1.0", "250 2.0.0"] * 119 + ["421 4.7.0"],
        ERRORS,
    ),
    "chunks that nobody wants": Row(
        HELLO,
        b"BDAT 6 LAST\r\nQUIT\r\n" * 100,
        ["503 5.5.1"] * 20 + ["421 4.7.0"],
        ERRORS,
    ),
    "a message forgives": Row(
        HELLO,
        b"WHAT\r\n" * 4 + DATA[8:] + b".\r\n" + b"WHAT\r\n" * 4,
        [UNKNOWN] * 4 + ["250", "250", "354", "250"] + [UNKNOWN] * 4,
        limits=STRICT,
    ),
}

PLAIN = b"AUTH PLAIN eA==\r\n"
REJECTED = "535 5.7.8"
AUTH = {
    "wrong passwords": Row(HELLO, PLAIN * 100, [REJECTED] * 20 + ["421 4.7.0"], ERRORS),
    "no mechanisms": Row(HELLO, b"AUTH X\r\n" * 100, [REJECTED] * 20 + ["421 4.7.0"], ERRORS),
    "cancelled": Row(
        HELLO,
        b"AUTH LOGIN\r\n*\r\n" * 100,
        ["334", "501 5.7.0"] * 20 + ["421 4.7.0"],
        ERRORS,
    ),
    "a command in place of a response": Row(
        HELLO, b"AUTH PLAIN\r\nMAIL FROM:<>\r\n", ["334", "501"]
    ),
    "nothing in place of a response": Row(HELLO, b"AUTH PLAIN\r\n\r\n", ["334", REJECTED]),
    "endless response": Row(
        HELLO, b"AUTH PLAIN\r\n" + b"A" * 50_000 + b"\r\n", ["334", "500 5.5.6"]
    ),
    "endless initial response": Row(HELLO, b"AUTH PLAIN " + b"A" * 50_000 + b"\r\n", [LONG]),
    "long initial response": Row(HELLO, b"AUTH PLAIN " + b"AAAA" * 3072 + b"\r\n", [REJECTED]),
    "no base64": Row(HELLO, b"AUTH PLAIN ====\r\n", ["501 5.5.2"]),
    "base64 without its end": Row(HELLO, b"AUTH PLAIN eHg\r\n", ["501 5.5.2"]),
    "NUL in a response": Row(HELLO, b"AUTH PLAIN\r\n\0\r\n", ["334", "501 5.5.2"]),
    "8-bit response": Row(HELLO, b"AUTH PLAIN\r\n\xff\r\n", ["334", "501 5.5.2"]),
    "bare LF in a response": Row(HELLO, b"AUTH PLAIN\r\n\n", ["334", "550 5.5.2"], BARE_LF),
    "bare CR in a response": Row(HELLO, b"AUTH PLAIN\r\ne\rA\r\n", ["334", "550 5.5.2"], BARE_CR),
    "before hello": Row(b"", PLAIN, ["503 5.5.1"]),
    "in a transaction": Row(MAIL, PLAIN, ["503 5.5.1"]),
    "in plain text": Row(HELLO, PLAIN, ["504 5.5.4"], offer=Offer(mechanisms=("PLAIN",))),
    "where there is none": Row(HELLO, PLAIN, ["503 5.5.1"], offer=Offer()),
}

PARAMETERS = {
    "unknown": Row(HELLO, b"MAIL FROM:<a@example.net> X=1\r\n", ["555 5.5.4"]),
    "unknown and long": Row(
        HELLO, b"MAIL FROM:<a@example.net> " + b"X" * 1500 + b"\r\n", ["555 5.5.4"]
    ),
    "unknown and wide": Row(
        HELLO, "MAIL FROM:<a@example.net> {}\r\n".format("\U0001f600" * 300).encode(), ["555 5.5.4"]
    ),
    "repeated": Row(HELLO, b"MAIL FROM:<a@example.net> SIZE=1 SIZE=1\r\n", ["501 5.5.4"]),
    "repeated in RCPT": Row(
        MAIL, b"RCPT TO:<john@example.org> NOTIFY=NEVER NOTIFY=NEVER\r\n", ["501 5.5.4"]
    ),
    "of RCPT in MAIL": Row(HELLO, b"MAIL FROM:<a@example.net> NOTIFY=NEVER\r\n", ["555 5.5.4"]),
    "of MAIL in RCPT": Row(MAIL, b"RCPT TO:<john@example.org> SIZE=1\r\n", ["555 5.5.4"]),
    "without a space": Row(HELLO, b"MAIL FROM:<a@example.net>SIZE=1\r\n", ["501 5.5.4"]),
    "only =": Row(HELLO, b"MAIL FROM:<a@example.net> =\r\n", ["555 5.5.4"]),
    "too big": Row(HELLO, b"MAIL FROM:<a@example.net> SIZE=99999999999\r\n", ["552 5.3.4"]),
    "no size": Row(HELLO, b"MAIL FROM:<a@example.net> SIZE=1e9\r\n", ["501 5.5.4"]),
    "an unknown body": Row(HELLO, b"MAIL FROM:<a@example.net> BODY=9BIT\r\n", ["555 5.5.4"]),
    "over and done": Row(HELLO, b"MAIL FROM:<a@example.net> BY=-1;R\r\n", ["501 5.5.4"]),
    "held too long": Row(HELLO, b"MAIL FROM:<a@example.net> HOLDFOR=3601\r\n", ["501 5.5.4"]),
    "a line end in disguise": Row(
        HELLO, b"MAIL FROM:<a@example.net> ENVID=a+0D+0Ab\r\n", ["501 5.5.4"]
    ),
    "TLS where there is none": Row(
        HELLO, b"MAIL FROM:<a@example.net> REQUIRETLS\r\n", ["555 5.5.4"]
    ),
}

TAKEN, SYNTAX, NO_ADDRESS, NO_UTF8 = "250 2.1.5", "501 5.5.4", "501 5.1.3", "553 5.6.7"
LOCAL, LABEL = "l" * 64, "d" * 63
ADDRESSES = [
    ("TO:<john@example.org>", TAKEN),
    ("TO: <john@example.org>", TAKEN),
    ("TO:john@example.org", TAKEN),
    ("to:<JOHN@EXAMPLE.ORG>", "554 5.7.1"),
    ("TO:<Postmaster>", TAKEN),
    ("TO:<postMASTER>", TAKEN),
    ('TO:<"john"@example.org>', TAKEN),
    ('TO:<"john smith"@example.org>', TAKEN),
    ('TO:<"a>b"@example.org>', TAKEN),
    ('TO:<"a@b"@example.org>', TAKEN),
    ('TO:<"a\\"b"@example.org>', TAKEN),
    ('TO:<"\\\\"@example.org>', TAKEN),
    ('TO:<""@example.org>', TAKEN),
    ("TO:<!#$%&'*+-/=?^_`{|}~@example.org>", TAKEN),
    ("TO:<a.b.c@example.org>", TAKEN),
    (f"TO:<{LOCAL}@example.org>", TAKEN),
    ("TO:<@relay.example,@other.example:john@example.org>", TAKEN),
    ("TO:<john@[192.0.2.1]>", "554 5.7.1"),
    ("TO:<john@[IPv6:2001:db8::1]>", "554 5.7.1"),
    ("TO:<john@[ipv6:::1]>", "554 5.7.1"),
    (f"TO:<john@{LABEL}.{LABEL}.{LABEL}.{LABEL}>", "554 5.7.1"),
    ("TO:<john@host_name>", "554 5.7.1"),
    ("TO:<>", NO_ADDRESS),
    ("TO:<john>", NO_ADDRESS),
    ("TO:<@example.org>", NO_ADDRESS),
    ("TO:<john@>", NO_ADDRESS),
    ("TO:<john@@example.org>", NO_ADDRESS),
    ("TO:<john@example.org@example.org>", NO_ADDRESS),
    ("TO:<john@example..org>", NO_ADDRESS),
    ("TO:<john@.example.org>", NO_ADDRESS),
    ("TO:<john@example.org.>", NO_ADDRESS),
    ("TO:<john@-example.org>", NO_ADDRESS),
    ("TO:<john@exam ple.org>", NO_ADDRESS),
    ("TO:<john@example.org", NO_ADDRESS),
    ("TO:<<john@example.org>", NO_ADDRESS),
    ("TO:<<john@example.org>>", SYNTAX),
    ("TO:< john@example.org>", NO_ADDRESS),
    ("TO:<.john@example.org>", NO_ADDRESS),
    ("TO:<john.@example.org>", NO_ADDRESS),
    ("TO:<jo..hn@example.org>", NO_ADDRESS),
    ("TO:<john smith@example.org>", NO_ADDRESS),
    ("TO:<john(comment)@example.org>", NO_ADDRESS),
    ('TO:<"john@example.org>', NO_ADDRESS),
    ('TO:<john"@example.org>', NO_ADDRESS),
    ('TO:<"jo"hn"@example.org>', NO_ADDRESS),
    ('TO:<"john"smith@example.org>', NO_ADDRESS),
    (f"TO:<{LOCAL}l@example.org>", NO_ADDRESS),
    (f"TO:<john@{LABEL}d.org>", NO_ADDRESS),
    (f"TO:<john@{LABEL}.{LABEL}.{LABEL}.{'d' * 62}.d>", NO_ADDRESS),
    ("TO:<john@[192.0.2.256]>", NO_ADDRESS),
    ("TO:<john@[192.0.2.1>", NO_ADDRESS),
    ("TO:<john@192.0.2.1]>", NO_ADDRESS),
    ("TO:<john@[IPv6:2001:db8:::1]>", NO_ADDRESS),
    ("TO:<john@[2001:db8::1]>", NO_ADDRESS),
    ("TO:<john@[]>", NO_ADDRESS),
    ("TO:<@relay.example>", NO_ADDRESS),
    ("TO:<@relay.example:>", NO_ADDRESS),
    ("TO:<john%other@relay.example@example.org>", NO_ADDRESS),
    ("TO:<jürgen@example.org>", NO_UTF8),
    ("TO:<john@bücher.example>", NO_UTF8),
    ("TO:", SYNTAX),
    ("", SYNTAX),
    ("john@example.org", SYNTAX),
    ("FROM:<john@example.org>", SYNTAX),
    ("TO <john@example.org>", SYNTAX),
    ("TO:<john@example.org>>", SYNTAX),
    ("TO:<john@example.org>,<jane@example.org>", SYNTAX),
    ("TO:<john@example.org> <jane@example.org>", "555 5.5.4"),
]
ADDRESSES_IN_UTF8 = [
    ("TO:<jürgen@example.org>", TAKEN),
    ('TO:<"jürgen m"@example.org>', TAKEN),
    ("TO:<用户@example.org>", TAKEN),
    ("TO:<john@bücher.example>", "554 5.7.1"),
    (f"TO:<{'ü' * 32}@example.org>", TAKEN),
    (f"TO:<{'ü' * 33}@example.org>", NO_ADDRESS),
]


def _row(before: bytes, argument: str, reply: str) -> Row:
    return Row(before, f"RCPT {argument}\r\n".encode(), [reply])


ROWS = {
    f"{kind}: {name}": row
    for kind, rows in {
        "line": LINES,
        "early": EARLY,
        "BDAT": LIES,
        "flood": FLOODS,
        "AUTH": AUTH,
        "parameter": PARAMETERS,
        "address": {argument: _row(MAIL, argument, reply) for argument, reply in ADDRESSES},
        "UTF-8 address": {arg: _row(UTF8, arg, reply) for arg, reply in ADDRESSES_IN_UTF8},
    }.items()
    for name, row in rows.items()
}

each = pytest.mark.parametrize(
    "row", ROWS.values(), ids=[f"{at} {name[:50]!a}" for at, name in enumerate(ROWS)]
)


@each
def test_whole(row):
    row.check([row.sent])


@each
def test_octet_by_octet(row):
    row.check(octets(row.sent))


@each
@settings(max_examples=4, deadline=None)
@given(places=st.lists(st.integers(min_value=0, max_value=3000), min_size=1, max_size=8))
def test_cut_anywhere(row, places):
    row.check(cut(row.sent, places))


# Smuggling --------------------------------------------------------------------------------------

EVIL = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<john@example.org>\r\nDATA\r\nsmuggled\r\n"
ENDS = [b"", b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r\n", b"\r\0\n", b"\x85", b"\xe2\x80\xa8", b" "]
SEQUENCES = sorted(
    {
        head + dot + tail
        for head, dot, tail in product(ENDS, (b".", b"\0.", b" .", b"..", b". "), ENDS)
    }
    | {
        b"\r\n.\r.\r\n",
        b"\r\n.\n.\r\n",
        b"\n.\n.\n",
        b"\r\n.\r\n"[:4],
        b"\r\n\x2e\r\x0b\n",
        b"\n\n.\n\n",
    }
)
END = b"\r\n.\r\n"
IN_BDAT = RCPT + b"BDAT %d LAST\r\n%s"


def _verdict(content: bytes) -> str:
    rest = content.replace(b"\r\n", b"")
    if b"\r" in rest or b"\n" in rest:
        return "550 5.5.2"
    return "550 5.6.0" if b"\r\n\0.\r\n" in content else "250 2.0.0 Ok: queued"


@pytest.mark.parametrize("sequence", [s for s in SEQUENCES if END not in s])
@pytest.mark.parametrize("pieces", [lambda data: [data], octets], ids=["whole", "octets"])
def test_nothing_but_the_end_mark_ends_the_content(sequence, pieces):
    content = b"text" + sequence + EVIL
    row = Row(DATA, content, [], CONTENT)
    row.check(pieces(content))
    sent = content + b".\r\n"
    Row(DATA, sent, [_verdict(content)]).check(pieces(sent))


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("pieces", [lambda data: [data], octets], ids=["whole", "octets"])
def test_nothing_at_all_ends_a_chunk(sequence, pieces):
    content = b"text" + sequence + EVIL
    sent = b"BDAT %d LAST\r\n%s" % (len(content), content)
    Row(RCPT, sent, [_verdict(content)]).check(pieces(sent))


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_binary_content_is_kept_as_it_is_and_never_run(sequence):
    content = b"text" + sequence + EVIL
    session = Session(FULL)
    session.feed(HELLO + b"MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<john@example.org>\r\n")
    for octet in octets(b"BDAT %d LAST\r\n%s" % (len(content), content)):
        session.feed(octet)
    assert session.content == content
    assert session.core.counts["mail"] == (1, 1)


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("at", [1, 4, 5, 6, 7])
def test_two_chunks_with_a_sequence_across_them(sequence, at):
    content = b"text" + sequence + EVIL
    sent = b"BDAT %d\r\n%s" % (at, content[:at])
    sent += b"BDAT %d LAST\r\n%s" % (len(content) - at, content[at:])
    session = Session(FULL)
    session.feed(RCPT + sent)
    said = session.output.decode().splitlines()[4:]
    refused = _verdict(content).startswith("550")
    assert [line[:3] for line in said] in (
        [["250", "550"], ["550", "551"]] if refused else [["250", "250"]]
    )
    assert session.core.counts["mail"] == (1, 1)
