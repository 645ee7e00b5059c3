"""What the border verifies, what it writes and removes, and what it does when others are slow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from postroad.mailauth.border import SPAM_FIELDS, Border, Customs
from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.evidence import Evidence, Judge, Statement
from postroad.mailauth.results.claiming import MOST_FIELDS
from postroad.mailauth.results.result import MethodResult, Property
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model import Address, Client, Content, Envelope, Login, Reply
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.letter import NO_OPINION, Finding, Letter, Opinion, Origin

ID = "mail.example.org"
CLIENT = Client("192.0.2.1", 4711, "mx.example.net", "mx.example.net")
RECEIVED = b"Received: from mx.example.net\r\n\tby mail.example.org; now\r\n"
CAME = b"Received: from elsewhere\r\nFrom: lisa@example.net\r\nSubject: hi\r\n"
SIGNED = Verified(
    result=Result.PASS,
    domain="example.net",
    selector="june",
    identity="@example.net",
    algorithm="rsa-sha256",
    beginning="Fx7c/dQn",
    key_bits=2048,
)


class Senders:
    """Knows the SPF of everybody."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.hangs = hangs
        self.results = {"lisa@example.net": SpfResult.PASS, "": SpfResult.NONE}

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        self.asked.append((address, sender, helo))
        if self.hangs:
            await asyncio.Event().wait()
        return SpfVerdict(
            result=self.results[sender],
            identity="mailfrom" if sender else "helo",
            domain=sender.rpartition("@")[2] or helo,
            address=address,
            sender=sender or f"postmaster@{helo}",
        )


class Signatures:
    """Finds what it is told to."""

    def __init__(self, *found: Verified) -> None:
        self.found = found
        self.saw = b""

    async def verify(
        self, fields: Fields, body: Content, patience: float | None = None
    ) -> tuple[Verified, ...]:
        assert patience is not None
        self.saw = fields.octets
        return self.found


class Judging:
    """Says what it is told to, and keeps what it was shown."""

    def __init__(self, statement: Statement, *, hangs: bool = False) -> None:
        self.statement = statement
        self.hangs = hangs
        self.shown: list[Evidence] = []

    @property
    def method(self) -> str:
        return "dmarc"

    async def judge(self, letter: Letter, evidence: Evidence) -> Statement:
        self.shown.append(evidence)
        if self.hangs:
            await asyncio.Event().wait()
        return self.statement

    def late(self, words: str) -> Statement:
        result = MethodResult("dmarc", "temperror", comment=words)
        return Statement((result,), reply=self.statement.reply)


def letter(came: bytes = CAME, above: bytes = b"") -> Letter:
    return Letter(
        queue_id="Q1",
        envelope=Envelope(Address("lisa", "example.net")),
        recipients=(),
        origin=Origin.OUTSIDE,
        fields=Fields.of(above + RECEIVED + came),
        body=Octets(b"hello\r\n"),
        client=CLIENT,
        hello="mx.example.net",
    )


async def opinion(
    one: Letter,
    *found: Verified,
    judges: Sequence[Judge] = (),
    senders: Senders | None = None,
    customs: Customs | None = None,
) -> Opinion:
    border = Border(
        customs or Customs(authserv_id=ID), senders or Senders(), Signatures(*found), judges
    )
    return await border.examine(one)


def lines(given: Opinion) -> list[str]:
    assert given.fields is not None
    return [" ".join(field.octets.decode().split()) for field in given.fields]


async def test_the_fields_stand_above_ours() -> None:
    given = await opinion(letter(), SIGNED)
    assert lines(given) == [
        (
            "Authentication-Results: mail.example.org;"
            " iprev=pass (mx.example.net) policy.iprev=192.0.2.1;"
            " spf=pass (192.0.2.1 may send for example.net) smtp.mailfrom=lisa@example.net;"
            " dkim=pass (2048-bit key) header.d=example.net header.i=@example.net header.s=june"
            ' header.a=rsa-sha256 header.b="Fx7c/dQn"'
        ),
        (
            "Received-SPF: pass (mail.example.org: 192.0.2.1 may send for example.net)"
            " receiver=mail.example.org; identity=mailfrom;"
            ' envelope-from="lisa@example.net"; helo=mx.example.net; client-ip=192.0.2.1;'
        ),
        "Received: from mx.example.net by mail.example.org; now",
        "Received: from elsewhere",
        "From: lisa@example.net",
        "Subject: hi",
    ]
    assert [(each.by, each.result) for each in given.findings] == [
        ("spf", "pass"),
        ("dkim", "pass"),
    ]
    assert given.findings[0].details["domain"] == "example.net"


async def test_only_what_came_is_verified() -> None:
    signatures = Signatures()
    border = Border(Customs(authserv_id=ID), Senders(), signatures)
    await border.examine(letter(above=b"X-Policy: says so\r\n"))
    assert signatures.saw == CAME


async def test_the_null_sender_is_the_name_in_hello() -> None:
    senders = Senders()
    given = await opinion(replace(letter(), envelope=Envelope(None)), senders=senders)
    assert senders.asked == [("192.0.2.1", "", "mx.example.net")]
    text = "\n".join(lines(given))
    assert "smtp.helo=mx.example.net" in text
    assert "identity=helo" in text
    assert "envelope-from" not in text


async def test_a_name_in_hello_that_fails_is_told_too() -> None:
    senders = Senders()
    senders.results[""] = SpfResult.FAIL
    given = await opinion(letter(), senders=senders)
    assert "spf=fail (192.0.2.1 may not send for mx.example.net)" in lines(given)[0]
    assert [(each.by, each.result) for each in given.findings] == [
        ("spf", "pass"),
        ("spf", "fail"),
        ("dkim", "none"),
    ]


FORGED = [
    (b"Authentication-Results: mail.example.org; dmarc=pass\r\n", True),
    (b"authentication-results: (x) MAIL.EXAMPLE.ORG 1; dmarc=pass\r\n", True),
    (b"Authentication-Results: mx.example.net; dmarc=pass\r\n", False),
    (b"Received-SPF: pass (x) receiver=Mail.Example.org; client-ip=1.2.3.4\r\n", True),
    (b'Received-SPF: pass receiver = "mail.example.org"\r\n', True),
    (b"Received-SPF: pass receiver=mx.example.net\r\n", False),
    (b"Received-SPF: pass receiver=mail.example.organic.net;\r\n", False),
    (b"Received-SPF: pass receiver=(c)mail.example.org;\r\n", True),
    (b"X-Spam-Flag: NO\r\n", True),
    (b"X-Spam-Score: -99\r\n", True),
    (b"X-Spam-Report: long\r\n", False),
]


@pytest.mark.parametrize(("field", "removed"), FORGED)
async def test_what_a_stranger_may_not_say(field: bytes, removed: bool) -> None:
    customs = Customs(authserv_id=ID, removed=SPAM_FIELDS)
    given = await opinion(letter(CAME + field), customs=customs)
    assert given.fields is not None
    assert (field in given.fields.octets) is not removed


@pytest.mark.parametrize(("field", "removed"), FORGED[:3])
async def test_nor_may_a_user(field: bytes, removed: bool) -> None:
    ours = replace(letter(CAME + field), origin=Origin.OURS, login=Login("john", "PLAIN"))
    given = await opinion(ours)
    if not removed:
        assert given is NO_OPINION
    else:
        assert given.fields is not None
        assert given.fields.octets == RECEIVED + CAME


@pytest.mark.parametrize(("field", "removed"), FORGED)
async def test_where_nothing_is_verified(field: bytes, removed: bool) -> None:
    senders = Senders()
    customs = Customs(authserv_id=ID, removed=SPAM_FIELDS, verifies=False)
    given = await opinion(letter(CAME + field), senders=senders, customs=customs)
    assert senders.asked == []
    if removed:
        assert given.fields is not None
        assert given.fields.octets == RECEIVED + CAME
    else:
        assert given is NO_OPINION


@pytest.mark.parametrize(
    "one",
    [
        replace(letter(), origin=Origin.OURS),
        replace(letter(), origin=Origin.MADE, client=None),
        replace(letter(), origin=Origin.NEIGHBOUR),
    ],
)
async def test_mail_of_others_is_none_of_its_business(one: Letter) -> None:
    senders = Senders()
    assert await opinion(one, SIGNED, senders=senders) is NO_OPINION
    assert senders.asked == []


@pytest.mark.parametrize(
    ("client", "result"),
    [
        (CLIENT, "iprev=pass (mx.example.net)"),
        (Client("192.0.2.1", 1, reverse_name="liar.example"), "iprev=fail (liar.example)"),
        (Client("192.0.2.1", 1, name_unsure=True), "iprev=temperror policy"),
        (Client("192.0.2.1", 1), "iprev=permerror policy"),
    ],
)
async def test_the_clients_name(client: Client, result: str) -> None:
    assert result in lines(await opinion(replace(letter(), client=client)))[0]


@pytest.mark.parametrize("client", [Client("unknown", 0), Client("local", 0)])
async def test_a_client_without_an_address(client: Client) -> None:
    senders = Senders()
    given = await opinion(replace(letter(), client=client), senders=senders)
    assert senders.asked == []
    assert lines(given)[0] == "Authentication-Results: mail.example.org; dkim=none (no signature)"


async def test_a_client_that_is_not_to_be_asked_for_spf() -> None:
    senders = Senders()
    customs = Customs(authserv_id=ID, skips=lambda address: address == "192.0.2.1")
    given = await opinion(letter(), senders=senders, customs=customs)
    assert senders.asked == []
    assert not any("spf" in line.lower() for line in lines(given))


async def test_a_field_of_a_policy_service_is_left_at_that() -> None:
    above = b"Received-SPF: Pass (mailfrom) identity=mailfrom\r\n"
    given = await opinion(letter(above=above))
    assert [line for line in lines(given) if line.startswith("Received-SPF")] == [
        "Received-SPF: Pass (mailfrom) identity=mailfrom"
    ]


# Judges ------------------------------------------------------------------------------------------

ALIGNED = Statement(
    (MethodResult("dmarc", "pass", properties=(Property("header", "from", "example.net"),)),),
    (Finding("dmarc", "pass"),),
    fields=(b"X-Judged: yes\r\n",),
)


async def test_judges_see_the_evidence_and_each_other() -> None:
    first, second = Judging(ALIGNED), Judging(Statement(hold="a look"))
    given = await opinion(letter(), SIGNED, judges=(first, second))
    (shown,), (later,) = first.shown, second.shown
    assert shown.spf is not None
    assert shown.spf.result is SpfResult.PASS
    assert (shown.dkim, shown.came.octets, shown.statements) == ((SIGNED,), CAME, ())
    assert later.results == ALIGNED.results
    assert "dmarc=pass header.from=example.net" in lines(given)[0]
    assert lines(given)[2] == "X-Judged: yes"
    assert given.hold == "a look"
    assert given.findings[-1] == Finding("dmarc", "pass")


async def test_a_judge_may_refuse() -> None:
    no = Reply.of(550, "5.7.26", "no")
    given = await opinion(letter(), judges=(Judging(Statement(reply=no)),))
    assert (given.reply, given.fields) == (no, None)


# Time --------------------------------------------------------------------------------------------


@pytest.mark.jumps
async def test_whoever_is_slow_is_a_temporary_error() -> None:
    customs = Customs(authserv_id=ID)
    slow = Judging(ALIGNED, hangs=True)
    given = await opinion(letter(), judges=(slow,), senders=Senders(hangs=True), customs=customs)
    text = lines(given)[0]
    assert "spf=temperror" in text
    assert "dmarc=temperror (there was no answer in time)" in text
    assert given.reply is None


@pytest.mark.jumps
async def test_who_is_slow_uses_up_no_judges_time() -> None:
    customs = Customs(authserv_id=ID)
    no = Reply.of(550, "5.7.26", "no")
    judge = Judging(Statement(reply=no))
    given = await opinion(letter(), judges=(judge,), senders=Senders(hangs=True), customs=customs)
    assert given.reply == no


@pytest.mark.jumps
async def test_a_judge_that_is_late_may_still_defer() -> None:
    later = Reply.of(451, "4.7.0", "later")
    customs = Customs(authserv_id=ID)
    judge = Judging(Statement(reply=later), hangs=True)
    given = await opinion(letter(), judges=(judge,), customs=customs)
    assert given.reply == later


async def test_fields_beyond_the_bound_go_unread() -> None:
    fields = b"Authentication-Results: mx.example.net; none\r\n" * (MOST_FIELDS + 7)
    given = await opinion(letter(CAME + fields))
    assert sum("mx.example.net; none" in line for line in lines(given)) == MOST_FIELDS


@pytest.mark.parametrize(("smtputf8", "shown"), [(False, 'helo="?";'), (True, 'helo="ü";')])
async def test_our_fields_are_ascii_where_the_message_is(smtputf8: bool, shown: str) -> None:
    envelope = Envelope(Address("lisa", "example.net"), smtputf8=smtputf8)
    given = await opinion(replace(letter(), hello="ü", envelope=envelope))
    assert shown in lines(given)[1]
    assert given.fields is not None
    assert given.fields.octets.isascii() is not smtputf8
