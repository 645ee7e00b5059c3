"""Notifications: by their golden text, and as a reader's MIME parser sees them."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import Action, BodyType, ByMode, DeliverBy, Reply, Return, StoredRecipient
from postroad.queue.notification import Notification, notification
from postroad.queue.recipient_status import RecipientStatus
from postroad.queue.returned import Returned, header_section, returned
from queue_mail import NOON, MemoryContent, message, recipient

NEVER = Reply.of(550, "5.1.1", "<bob@example.net>: no such user here")
HEADER = b"From: alice@example.org\r\nSubject: lunch\r\n"

GOLDEN = """\
Date: Fri, 15 Jan 2027 08:00:10 +0000
From: Mail Delivery System <MAILER-DAEMON@mail.example.org>
To: alice@example.org
Subject: Undelivered Mail Returned to Sender
Message-ID: <4XyZ.7.1800000010000@mail.example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="BOUNDARY"

This is a MIME-encapsulated message.

--BOUNDARY
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.example.org.

I'm sorry to have to tell you that your message could not be delivered to
one or more recipients. Its header is attached below.

The message came in at Fri, 15 Jan 2027 08:00:00 +0000. No further attempt will be made.
If you ask your postmaster for help, please include this report.

                   The mail system

<bob@example.net> (expanded from <robert@example.org>): host mx.example.net
    said: 550 5.1.1 <bob@example.net>: no such user here

--BOUNDARY
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
X-Postroad-Queue-ID: 4XyZ
X-Postroad-Sender: rfc822; alice@example.org
Arrival-Date: Fri, 15 Jan 2027 08:00:00 +0000

Final-Recipient: rfc822; bob@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 <bob@example.net>: no such user here
Last-Attempt-Date: Fri, 15 Jan 2027 08:00:05 +0000

--BOUNDARY
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

From: alice@example.org
Subject: lunch

--BOUNDARY--
"""


def failure(
    reply: Reply = NEVER,
    *,
    address: str = "bob@example.net",
    original: str = "",
    from_peer: bool = True,
    relay: str = "mx.example.net[192.0.2.1]:25",
    expired: bool = False,
    orcpt: str = "",
) -> RecipientStatus:
    who = recipient(address, original, orcpt=orcpt)
    return RecipientStatus(who, Action.FAILED, reply, from_peer, relay, expired)


def made(*statuses: RecipientStatus, header: bytes = HEADER, sender="alice@example.org", **wishes):
    """The notification, and how a parser sees it."""
    mail = message(sender, queue_id="4XyZ", **wishes)
    return checked(mail, *(statuses or (failure(),)), returned=Returned(header))


def checked(mail, *statuses: RecipientStatus, returned: Returned):
    result = notification(
        mail, statuses, returned=returned, hostname="mail.example.org", now=NOON + 10
    )
    assert result is not None
    check_lines(result.message)
    parsed = email.message_from_bytes(result.message, policy=email.policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    assert parsed.get_content_type() == "multipart/report"
    assert len(parsed.get_payload()) == 3
    assert not [part.defects for part in parsed.walk() if part.defects]
    return result, parsed


def check_lines(octets: bytes) -> None:
    lines = octets.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 998 for line in lines)
    assert not any(b"\r" in line or b"\n" in line for line in lines)


def fields(parsed: EmailMessage) -> list[EmailMessage]:
    """The groups of the delivery-status part: about the message, then about each recipient."""
    part = parsed.get_payload()[1]
    if part.get_content_type() == "message/delivery-status":
        return part.get_payload()
    text = part.get_payload(decode=True) or part.get_payload()[0].as_bytes()
    groups = text.replace(b"\r\n", b"\n").strip().split(b"\n\n")
    return [email.message_from_bytes(group, policy=email.policy.SMTPUTF8) for group in groups]


def test_golden():
    status = replace(failure(original="robert@example.org"), attempted=NOON + 5)
    status = replace(status, recipient=numbered(7, status.recipient))
    result, parsed = made(status)
    boundary = parsed.get_boundary()
    expected = GOLDEN.replace("BOUNDARY", boundary).replace("\n", "\r\n").encode()
    assert expected.decode() == result.message.decode()


def numbered(number: int, stored: StoredRecipient) -> StoredRecipient:
    return stored._replace(id=number)


def test_envelope():
    result, _ = made()
    assert None is result.envelope.sender
    assert BodyType.SEVEN_BIT is result.envelope.body
    assert not result.envelope.smtputf8
    assert str(result.recipient) == "alice@example.org"


@pytest.mark.parametrize("sender", [""])
def test_nobody_to_tell(sender):
    mail = message(sender)
    assert None is notification(
        mail, [failure()], returned=Returned(), hostname="h.example", now=NOON
    )


def test_fields_of_each_recipient():
    silent = failure(
        Reply.of(451, "4.4.1", "connection timed out"),
        address="carol@example.com",
        from_peer=False,
        relay="none",
        expired=True,
    )
    plain = failure(Reply.of(554, None, "go away"), address="dave@example.com")
    _, parsed = made(failure(), silent, plain)

    first, *groups = fields(parsed)

    assert first["Reporting-MTA"] == "dns; mail.example.org"
    assert first["Arrival-Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert [group["Action"] for group in groups] == ["failed"] * 3
    assert [group["Status"] for group in groups] == ["5.1.1", "4.4.7", "5.0.0"]
    assert [group["Remote-MTA"] for group in groups] == [
        "dns; mx.example.net",
        None,
        "dns; mx.example.net",
    ]
    assert groups[1]["Diagnostic-Code"] == "X-Postroad; 451 4.4.1 connection timed out"
    assert groups[2]["Diagnostic-Code"] == "smtp; 554 go away"
    text = parsed.get_payload()[0].get_content()
    assert "<carol@example.com>: delivery time expired" in text


@pytest.mark.parametrize(
    "words",
    [
        "broken\r\nAction: delivered\r\n\r\nFinal-Recipient: rfc822; x@example.net",
        "bare\nnewline\rand\vvertical\x0cfeed",
        "line\u2028separator\u0085next",
        "null\0byte\x1b[31mred",
        "word " * 5000,
        "x" * 20_000,
        "ü" * 3000,
        "--=_boundary--",
        "\t  \r\n",
        "",
        "\udcff lone surrogate",
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_a_peer_cannot_break_out(words, wide):
    address = "böb@example.net" if wide else "bob@example.net"
    reply = Reply(550, "5.0.0", tuple(words.split("\n")))

    bad = failure(reply, address=address, relay=f"mx\r\nX: y{words}[192.0.2.1]:25")
    _, parsed = made(bad, smtputf8=wide)

    groups = fields(parsed)
    assert len(groups) == 2
    assert {
        "Final-Recipient",
        "Action",
        "Status",
        "Remote-MTA",
        "Diagnostic-Code",
    } == set(groups[1].keys())
    assert groups[1]["Action"] == "failed"


def test_many_lines_of_a_reply_are_one():
    _, parsed = made(failure(Reply(550, "5.7.1", ("first", "second"))))
    assert fields(parsed)[1]["Diagnostic-Code"] == "smtp; 550 5.7.1 first second"


class TestSevenBit:
    """A next hop without 8BITMIME can take it, unless the original needed SMTPUTF8."""

    @pytest.mark.parametrize(
        "header",
        [
            b"Subject: caf\xe9\r\n",
            "Subject: café = tea\r\nX: 1 \r\n\ty\r\n".encode(),
            b"X: " + b"\xff" * 900 + b"\r\n",
            b"\xe9" * 70 + b"\r\n.\r\n..\r\nFrom x\r\n",
        ],
    )
    def test_header(self, header):
        result, parsed = made(header=header)
        assert_seven_bit(result)
        part = parsed.get_payload()[2]
        assert (part.get_content_type(), part["Content-Transfer-Encoding"]) == (
            "text/rfc822-headers",
            "quoted-printable",
        )
        assert part.get_payload(decode=True).rstrip() == header.rstrip()

    def test_recipient(self):
        result, parsed = made(failure(address="böb+x=😀@exämple.net"))
        assert_seven_bit(result)
        part = parsed.get_payload()[1]
        assert part.get_content_type() == "message/delivery-status"
        address = "utf-8; b\\x{F6}b\\x{2B}x\\x{3D}\\x{1F600}@ex\\x{E4}mple.net"
        assert fields(parsed)[1]["Final-Recipient"] == address
        assert "<böb+x" in parsed.get_payload()[0].get_content()

    def test_words_of_a_peer(self):
        result, parsed = made(failure(Reply.of(550, "5.1.1", "niemand da, tschüß")))
        assert_seven_bit(result)
        text = parsed.get_payload()[0]
        assert "niemand da, tschüß" in text.get_content()
        assert text["Content-Transfer-Encoding"] == "quoted-printable"
        assert fields(parsed)[1]["Diagnostic-Code"] == "smtp; 550 5.1.1 niemand da, tsch??"

    def test_what_is_neither_ascii_nor_utf8_is_encoded_even_for_smtputf8(self):
        result, _ = made(header=b"Subject: caf\xe9\r\n", smtputf8=True)
        assert_seven_bit(result)


def assert_seven_bit(result: Notification) -> None:
    assert result.message.isascii()
    assert result.envelope.body is BodyType.SEVEN_BIT
    assert not result.envelope.smtputf8


class TestSmtpUtf8:
    """The original needed SMTPUTF8."""

    def test_header(self):
        header = "Subject: café\r\n".encode()
        result, parsed = made(header=header, smtputf8=True)
        part = parsed.get_payload()[2]
        assert (part.get_content_type(), part["Content-Transfer-Encoding"]) == (
            "message/global-headers",
            "8bit",
        )
        assert parsed["Content-Transfer-Encoding"] == "8bit"
        assert BodyType.EIGHT_BIT_MIME is result.envelope.body
        assert not result.envelope.smtputf8
        assert header in result.message

    def test_recipient(self):
        result, parsed = made(failure(address="böb@example.net"), smtputf8=True)
        part = parsed.get_payload()[1]
        assert part.get_content_type() == "message/global-delivery-status"
        assert "Final-Recipient: utf-8; böb@example.net\r\n".encode() in result.message
        assert not result.envelope.smtputf8

    def test_sender(self):
        result, _ = made(sender="álice@example.org")
        assert result.envelope.smtputf8
        assert BodyType.EIGHT_BIT_MIME is result.envelope.body
        assert "To: álice@example.org\r\n".encode() in result.message
        assert "X-Postroad-Sender: utf-8; álice@example.org\r\n".encode() in result.message


def test_quoted_addresses():
    _, parsed = made(failure(address='"a  b\\"c"@example.net'), sender='"x y"@example.org')
    assert fields(parsed)[1]["Final-Recipient"] == 'rfc822; "a  b\\"c"@example.net'


def test_the_boundary_occurs_once_for_each_part():
    _result, parsed = made()
    boundary = parsed.get_boundary()
    again, reparsed = made(header=f"X: --{boundary}\r\n".encode())
    assert reparsed.get_boundary() != boundary
    assert again.message.count(reparsed.get_boundary().encode()) == 5


@pytest.mark.parametrize("piece", [1, 7, 65_536])
@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody\r\n", b"A: 1\r\nB: 2\r\n"),
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"A: 1", b"A: 1\r\n"),
        (b"A: 1\r\n\r\n", b"A: 1\r\n"),
        (b"\r\nno header\r\n\r\nmore\r\n", b""),
        (b"", b""),
        (b"A: 1\r\nB: 2\r\nC: " + b"x" * 200 + b"\r\n\r\n", b"A: 1\r\nB: 2\r\n"),
        (b"A: " + b"x" * 200 + b"\r\n\r\n", b"A: " + b"x" * 97 + b"\r\n"),
    ],
)
def test_header_section(octets, expected, piece):
    assert expected == header_section(MemoryContent(octets, piece), limit=100)


@pytest.mark.parametrize(
    ("line", "length"),
    [
        (b"x" * 998, 998),
        (b"x" * 999, 998),
        ("é".encode() * 500, 998),
        (b"x" + "é".encode() * 500, 997),
    ],
)
def test_long_header_lines_are_cut_between_characters(line, length):
    [cut, rest] = header_section(MemoryContent(line + b"\r\n\r\n")).split(b"\r\n")
    assert (length, b"") == (len(cut), rest)
    assert line.startswith(cut)
    cut.decode()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"Subject: a\0b\rc\nd", b"Subject: a b c d\r\n"),
        (b"\n" * 998, b" " * 998 + b"\r\n"),
        (b"\r" * 999, b" " * 998 + b"\r\n"),
    ],
)
def test_nothing_in_a_header_ends_a_line_of_ours(line, shown):
    """Content that came as BINARYMIME may hold anything."""
    assert shown == header_section(MemoryContent(line + b"\r\n\r\nbody"))


DELAYED = """\
This is the mail system at host mail.example.org.

Your message could not be delivered yet to one or more recipients. You need
not send it again. Its header is attached below.

The message came in at Fri, 15 Jan 2027 08:00:00 +0000.
Attempts to deliver it go on until Wed, 20 Jan 2027 08:00:00 +0000.

                   The mail system

<bob@example.net>: 4.4.1 connect to mx.example.net[192.0.2.1]:25: Connection
    refused
"""


def test_a_delay():
    reply = Reply.of(451, "4.4.1", "connect to mx.example.net[192.0.2.1]:25: Connection refused")
    status = RecipientStatus(
        recipient(), Action.DELAYED, reply, attempted=NOON + 9, until=NOON + 5 * 86_400
    )
    _, parsed = made(status)
    assert parsed["Subject"] == "Delayed Mail (still being retried)"
    assert parsed.get_payload()[0].get_content().replace("\r\n", "\n") == DELAYED
    group = {name: " ".join(value.split()) for name, value in fields(parsed)[1].items()}
    assert group == {
        "Final-Recipient": "rfc822; bob@example.net",
        "Action": "delayed",
        "Status": "4.4.1",
        "Diagnostic-Code": "X-Postroad; 451 4.4.1 connect to "
        "mx.example.net[192.0.2.1]:25: Connection refused",
        "Last-Attempt-Date": "Fri, 15 Jan 2027 08:00:09 +0000",
        "Will-Retry-Until": "Wed, 20 Jan 2027 08:00:00 +0000",
    }
    assert parsed.get_payload()[2]["Content-Description"] == "Message Headers"


@pytest.mark.parametrize("action", [Action.DELIVERED, Action.RELAYED, Action.EXPANDED])
def test_success(action):
    reply = Reply.of(250, "2.1.5", "Ok")
    status = RecipientStatus(recipient(), action, reply, True, "mx.example.net[192.0.2.1]:25")
    _, parsed = made(status)
    assert parsed["Subject"] == "Successful Mail Delivery Report"
    text = parsed.get_payload()[0].get_content()
    assert "You asked to be told: your message was " in text
    assert "sorry" not in text
    group = fields(parsed)[1]
    assert (group["Action"], group["Status"]) == (action.value, "2.1.5")
    assert group["Remote-MTA"] == "dns; mx.example.net"
    assert group["Will-Retry-Until"] is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (RecipientStatus(recipient(), Action.FAILED, NEVER, late=True), "5.4.7"),
        (RecipientStatus(recipient(), Action.FAILED, NEVER, expired=True), "4.4.7"),
        (RecipientStatus(recipient(), Action.DELAYED, NEVER, late=True), "4.4.7"),
        (RecipientStatus(recipient(), Action.FAILED, Reply(550, None, ("no",))), "5.0.0"),
        (RecipientStatus(recipient(), Action.DELAYED, Reply(450, None, ("no",))), "4.0.0"),
        (RecipientStatus(recipient(), Action.DELIVERED, Reply(250, None, ("ok",))), "2.0.0"),
    ],
)
def test_status(status, code):
    _, parsed = made(status)
    assert fields(parsed)[1]["Status"] == code


@pytest.mark.parametrize(
    ("reply", "from_peer", "said"),
    [
        (Reply.of(550, "5.1.1", "no"), True, "smtp; 550 5.1.1 no"),
        (Reply.of(550, "5.0.0", "no"), True, "smtp; 550 no"),
        (Reply.of(450, "4.0.0", "later"), True, "smtp; 450 later"),
        (Reply.of(550, "5.0.0", "no"), False, "X-Postroad; 550 5.0.0 no"),
    ],
)
def test_a_next_hop_is_quoted_as_it_spoke(reply, from_peer, said):
    """RFC 3464 §2.3.6; a code that it did not give is none of its words."""
    _, parsed = made(failure(reply, from_peer=from_peer))
    assert fields(parsed)[1]["Diagnostic-Code"] == said
    assert fields(parsed)[1]["Status"] == reply.enhanced


def test_a_deadline_that_was_missed():
    status = RecipientStatus(recipient(), Action.FAILED, Reply.of(450, "4.2.0", "later"), late=True)
    by = DeliverBy(NOON + 60, ByMode.RETURN)
    _, parsed = made(status, deliver_by=by, hold_until=NOON - 3600.0)
    text = parsed.get_payload()[0].get_content()
    assert "the time by which you wanted it delivered is over" in text
    first = fields(parsed)[0]
    assert first["Deliver-By-Date"] == "Fri, 15 Jan 2027 08:01:00 +0000"
    assert first["Future-Release-Request"] == "until; 2027-01-15T07:00:00Z"


class TestNames:
    """The sender's own names for the message and its recipient come back."""

    @pytest.mark.parametrize(
        ("envid", "shown"),
        [
            ("QQ314159", "QQ314159"),
            ("a b=c+d", "a b=c+d"),
            ("a  b" + "  x" * 32, "a  b" + "  x" * 32),
            ("two\r\nAction: delivered", "two Action: delivered"),
            ("gr\u00fcn", "gr?n"),
        ],
    )
    def test_envid(self, envid, shown):
        result, parsed = made(envid=envid)
        assert fields(parsed)[0]["Original-Envelope-Id"] == shown
        assert result.message.isascii()

    def test_no_envid(self):
        _, parsed = made()
        assert "Original-Envelope-Id" not in fields(parsed)[0]

    @pytest.mark.parametrize(
        ("orcpt", "shown"),
        [
            ("rfc822;Bob@Example.NET", "rfc822; Bob@Example.NET"),
            ("x400;/c=us/o=x+y=z\\/", "x400; /c=us/o=x+y=z\\/"),
            ("UTF-8;a+b=c\\d@example.net", "UTF-8; a\\x{2B}b\\x{3D}c\\x{5C}d@example.net"),
            ("utf-8;b\u00f6b@example.net", "utf-8; b\\x{F6}b@example.net"),
            ("rfc822;x\r\nAction: delivered", "rfc822; x Action: delivered"),
            ("r f\n;x", "r?f?; x"),
        ],
    )
    def test_orcpt(self, orcpt, shown):
        result, parsed = made(failure(orcpt=orcpt))
        assert fields(parsed)[1]["Original-Recipient"] == shown
        assert fields(parsed)[1]["Final-Recipient"] == "rfc822; bob@example.net"
        assert result.message.isascii()

    @given(st.text(min_size=1), st.text(min_size=1), st.booleans())
    def test_no_name_breaks_out(self, envid, name, wide):
        _, parsed = made(failure(orcpt=f"{name};{name}"), envid=envid, smtputf8=wide)
        first, *others = fields(parsed)
        assert len(others) == 1
        assert first.keys()[:2] == ["Original-Envelope-Id", "Reporting-MTA"]
        assert others[0].keys()[:3] == ["Original-Recipient", "Final-Recipient", "Action"]
        assert others[0]["Action"] == "failed"

    def test_without_orcpt_there_is_no_original_recipient(self):
        """RFC 3461 §6.3 (d), even where an alias led to another address."""
        _, parsed = made(failure(original="robert@example.org"))
        assert "Original-Recipient" not in fields(parsed)[1]

    @pytest.mark.parametrize("wide", [False, True])
    @pytest.mark.parametrize("letter", ["\u00f6", "\u4e2d", "+", "\U0001f600"])
    def test_a_name_that_is_too_long_for_a_line(self, letter, *, wide):
        label = "\u00f6" * 60
        address = f"\u00f6{'+' * 62}@{label}.{label}.example"
        long = failure(orcpt=f"utf-8;{letter * 494}", address=address, relay="m\u00f6" * 300)
        made(long, sender=address, smtputf8=wide)  # which looks at each line

    def test_orcpt_in_utf8(self):
        result, _ = made(failure(orcpt="utf-8;b\u00f6b+x@example.net"), smtputf8=True)
        field = "Original-Recipient: utf-8; b\u00f6b\\x{2B}x@example.net\r\n"
        assert field.encode() in result.message


def test_it_inherits_priority_and_the_need_for_tls():
    result, _ = made(priority=5, require_tls=True)
    assert (result.envelope.priority, result.envelope.require_tls) == (5, True)


WHOLE = b"Subject: lunch\r\n\r\nSoup.\r\n"
WIDE = "Subject: caf\u00e9\r\n\r\nSoup.\r\n".encode()
FULL = {"ret": Return.FULL}


class TestReturned:
    @pytest.mark.parametrize(
        ("content", "wishes", "is_whole"),
        [
            (WHOLE, {}, False),
            (WHOLE, FULL, True),
            (WHOLE, {"ret": Return.HEADERS}, False),
            (WHOLE, {**FULL, "require_tls": True}, False),
            (WHOLE, {**FULL, "body": BodyType.BINARY_MIME}, False),
            (WHOLE.replace(b"Soup", b"\0"), FULL, False),
            (WHOLE.replace(b"Soup", b"a\nb"), FULL, False),
            (WHOLE.replace(b"Soup", b"a\rb"), FULL, False),
            (WHOLE.replace(b"Soup", b"x" * 997), FULL, True),
            (WHOLE.replace(b"Soup", b"x" * 998), FULL, False),
            (WHOLE + b"x\r\n" * 400, FULL, False),
            (WIDE, {**FULL, "body": BodyType.EIGHT_BIT_MIME}, True),
        ],
    )
    def test_how_much(self, content, wishes, is_whole):
        back = returned(message(content=content, **wishes), Action.FAILED, 1100)
        assert back.whole is is_whole
        assert back.octets == (content if is_whole else header_section(MemoryContent(content)))

    @pytest.mark.parametrize("action", [Action.DELAYED, Action.DELIVERED, Action.RELAYED])
    def test_only_failures_return_the_body(self, action):
        assert not returned(message(content=WHOLE, **FULL), action, 0).whole

    @pytest.mark.parametrize("before", [b"", b"x\r\n", b"x" * 997 + b"\r\n", b"x" * 998 + b"\r\n"])
    @pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n.\r\n"])
    @pytest.mark.parametrize(("length", "is_whole"), [(997, True), (998, True), (999, False)])
    def test_a_long_line_wherever_it_is(self, before, length, end, *, is_whole):
        content = b"A: b\r\n\r\n" + before * 3 + b"y" * length + end
        assert returned(message(content=content, **FULL), Action.FAILED, 0).whole is is_whole

    def test_no_limit(self):
        large = WHOLE + b"x\r\n" * 100_000
        assert returned(message(content=large, **FULL), Action.FAILED, 0).octets == large

    @pytest.mark.parametrize(
        ("content", "smtputf8", "kind"),
        [
            (WHOLE, False, "message/rfc822"),
            (WHOLE, True, "message/rfc822"),
            (WIDE, False, "message/rfc822"),
            (WIDE, True, "message/global"),
            (b"Subject: caf\xe9\r\n\r\n.\r\n", True, "message/rfc822"),
        ],
    )
    def test_the_part(self, content, smtputf8, kind):
        mail = message(content=content, smtputf8=smtputf8, **FULL)
        result, parsed = checked(mail, failure(), returned=Returned(content, whole=True))
        part = parsed.get_payload()[2]
        assert part.get_content_type() == kind
        assert part["Content-Description"] == "Undelivered Message"
        assert b"\r\n\r\n" + content + b"\r\n--" in result.message
        ascii_ = content.isascii()
        assert (part["Content-Transfer-Encoding"] is None) is ascii_
        assert (result.envelope.body is BodyType.SEVEN_BIT) is ascii_
        text = parsed.get_payload()[0].get_content()
        assert "one or more recipients. It is attached below." in text
