"""What the sender asked for, on its way to servers that know it and to servers that do not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from deliveries import delivery, told
from fake_mx import OFFER, FakeMx
from postroad.delivery import Delivery
from postroad.delivery.courier import Courier
from postroad.delivery.credentials import Credentials
from postroad.delivery.search import OneSession
from postroad.delivery.settings import DeliverySettings
from postroad.model import (
    Address,
    BodyType,
    ByMode,
    DeliverBy,
    Notify,
    Reply,
    Return,
    StoredRecipient,
)
from postroad.smtp.client import Answer
from postroad.smtp.extensions import Extensions, Limits
from queue_mail import message, recipients

SENT = "250 2.0.0 Ok: queued as"


def recipient(number: int, address: str, original: str = "", **more: object) -> StoredRecipient:
    to = Address.parse(address)
    return StoredRecipient(
        number,
        to,
        Address.parse(original) if original else to,
        **more,  # type: ignore[arg-type]
    )


def commands(here, verb: str) -> list[str]:
    return [line for line in here.server.commands if line.startswith(verb)]


# DSN ---------------------------------------------------------------------------------------------

WANTED = (
    recipient(1, "bob@example.net", notify=Notify.SUCCESS | Notify.DELAY, orcpt="rfc822;b+b@x.net"),
    recipient(2, "eve@example.net", "all@example.org", notify=Notify.FAILURE),
    recipient(3, "sue@example.net", "info@example.org"),
    recipient(4, "tom@example.net", "list@example.org", notify=Notify.NEVER),
    recipient(5, "max@example.net", "jürgen@exämple.org", notify=Notify.SUCCESS),
)


async def test_dsn_is_passed_on(world):
    here = await world(FakeMx(offer=(*OFFER, "DSN")))
    report = await here.send(stored=WANTED, ret=Return.HEADERS, envid="QQ 314+15=9")
    assert commands(here, "MAIL") == [
        "MAIL FROM:<alice@example.org> SIZE=35 RET=HDRS ENVID=QQ+20314+2B15+3D9"
    ]
    assert commands(here, "RCPT") == [
        "RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bb@x.net",
        "RCPT TO:<eve@example.net> NOTIFY=FAILURE ORCPT=rfc822;all@example.org",
        "RCPT TO:<sue@example.net> ORCPT=rfc822;info@example.org",
        "RCPT TO:<tom@example.net> NOTIFY=NEVER ORCPT=rfc822;list@example.org",
        ("RCPT TO:<max@example.net> NOTIFY=SUCCESS ORCPT=utf-8;j\\x{FC}rgen@ex\\x{E4}mple.org"),
    ]
    assert [outcome.dsn_passed for outcome in report.outcomes] == [True] * 5


async def test_forwarded_mail_names_the_address_that_its_sender_knew(world):
    here = await world(FakeMx(offer=(*OFFER, "DSN")))
    forwarded = recipient(1, "bob@example.net", "away@example.org")
    stored = (forwarded, recipient(2, "eve@example.net"))
    await here.send(stored=stored)
    assert commands(here, "RCPT") == [
        "RCPT TO:<bob@example.net> ORCPT=rfc822;away@example.org",
        "RCPT TO:<eve@example.net>",
    ]


async def test_mail_that_only_changed_its_spelling_is_not_forwarded(world):
    here = await world(FakeMx(offer=(*OFFER, "DSN")))
    await here.send(stored=(recipient(1, "bob@example.net", "Bob@Example.net"),))
    assert commands(here, "RCPT") == ["RCPT TO:<bob@example.net>"]


async def test_a_server_without_dsn_is_told_nothing_and_the_outcome_says_so(world):
    here = await world()
    report = await here.send(stored=WANTED, ret=Return.FULL, envid="QQ314159")
    assert commands(here, "MAIL") == ["MAIL FROM:<alice@example.org> SIZE=35"]
    assert all(line.endswith("@example.net>") for line in commands(here, "RCPT"))
    assert [outcome.dsn_passed for outcome in report.outcomes] == [False] * 5
    assert [outcome.status.value for outcome in report.outcomes] == ["sent"] * 5


# BINARYMIME --------------------------------------------------------------------------------------

BINARY = b"Subject: x\r\n\r\n\0\n.\n\r\r\n.\r\n\xff" + bytes(range(256)) * 700
BDAT_OFFER = (*OFFER, "CHUNKING", "BINARYMIME")


@pytest.mark.parametrize("offer", [BDAT_OFFER, ("CHUNKING", "BINARYMIME", "8BITMIME")])
async def test_binary_content_goes_by_bdat_octet_by_octet(world, offer):
    here = await world(FakeMx(offer=offer))
    pieces = tuple(BINARY[at : at + 1000] for at in range(0, len(BINARY), 1000))
    report = await here.send(content=pieces, body=BodyType.BINARY_MIME)
    assert told(report) == [f"10 sent {SENT} 0"]
    (taken,) = here.server.messages
    assert taken.chunked
    assert taken.content == BINARY
    assert commands(here, "MAIL")[0].endswith(" BODY=BINARYMIME")
    assert commands(here, "BDAT") == ["BDAT 1", f"BDAT {len(BINARY) - 1} LAST"]
    assert commands(here, "DATA") == []
    assert told(await here.send()) == [f"10 sent {SENT} 1"]
    assert here.server.messages[1].chunked
    assert here.server.connections == 1


@pytest.mark.parametrize("lacks", ["CHUNKING", "BINARYMIME"])
async def test_binary_content_is_never_sent_in_another_way(world, lacks):
    offer = tuple(word for word in BDAT_OFFER if word != lacks)
    here = await world(FakeMx(offer=offer))
    report = await here.send(body=BodyType.BINARY_MIME)
    assert told(report) == [
        (
            "10 bounced 554 5.6.3 BINARYMIME with CHUNKING is required, but was not offered by "
            "host mx.example.net[127.0.0.1]"
        )
    ]
    assert commands(here, "MAIL") == []


@pytest.mark.parametrize("chunking", [False, True])
async def test_other_content_may_go_by_bdat_too(world, chunking):
    here = await world(FakeMx(offer=BDAT_OFFER), delivery={"chunking": chunking})
    assert told(await here.send(body=BodyType.EIGHT_BIT_MIME)) == [f"10 sent {SENT} 0"]
    assert here.server.messages[0].chunked is chunking


LARGE = b"Subject: x\r\n\r\n" + b"some words in a line\r\n" * 8000


@pytest.mark.parametrize("content", [b"Subject: x\r\n\r\n.\r\n", LARGE], ids=["small", "large"])
async def test_text_goes_by_bdat_as_it_is(world, content):
    here = await world(FakeMx(offer=BDAT_OFFER))
    for number in range(2):
        assert told(await here.send(content=content)) == [f"10 sent {SENT} {number}"]
    assert [taken.content for taken in here.server.messages] == [content, content]
    size = len(content)
    sizes = ["BDAT 1", f"BDAT {size - 1} LAST", f"BDAT {size} LAST"]
    assert commands(here, "BDAT") == sizes


class Ignorant(FakeMx):
    """Announces CHUNKING and reads chunks as commands."""

    async def _take_chunk(self, reader, writer, mail, argument):
        del reader, mail, argument
        await self._say(writer, "BDAT", "500 5.5.1 unknown command")


SMUGGLED = b"Subject: x\r\n\r\nRSET\r\nMAIL FROM:<ceo@bank.test>\r\n"


async def test_nothing_of_a_message_is_read_as_a_command(world):
    here = await world(Ignorant(offer=BDAT_OFFER))
    for number in range(2):
        report = await here.send(content=SMUGGLED)
        assert told(report) == [f"10 sent {SENT} {number}"]
    assert [taken.sender for taken in here.server.messages] == ["alice@example.org"] * 2
    assert not commands(here, "RSET")
    assert commands(here, "BDAT") == ["BDAT 1"]  # never again
    assert here.server.connections == 2


async def test_what_a_host_knows_is_remembered_for_the_next_session(world):
    here = await world(FakeMx(offer=BDAT_OFFER), delivery={"messages_per_connection": 1})
    for _ in range(2):
        await here.send()
    assert here.server.connections == 2
    assert commands(here, "BDAT") == ["BDAT 1", "BDAT 34 LAST", "BDAT 35 LAST"]


async def test_a_refused_chunk_leaves_a_session_that_can_be_used(world):
    here = await world(FakeMx(offer=BDAT_OFFER, said={"END": ["552 5.3.4 too big for me"]}))
    report = await here.send(content=BINARY, body=BodyType.BINARY_MIME)
    assert told(report) == ["10 bounced 552 5.3.4 too big for me"]
    assert told(await here.send()) == [f"10 sent {SENT} 0"]
    assert "RSET" in here.server.commands
    assert here.server.connections == 1


class Short:
    """A content that is not as long as it says."""

    def __init__(self, size: int) -> None:
        self.size = size

    def chunks(self):
        return iter([b"Subject: x\r\n\r\n"])


@pytest.mark.parametrize("size", [10, 20])
async def test_a_content_of_another_length_is_never_ended(world, size):
    here = await world(FakeMx(offer=BDAT_OFFER))
    report = await here.send(of=Short(size), body=BodyType.BINARY_MIME)
    (result,) = told(report)
    assert result.startswith("10 deferred 451 4.3.0 the content is ")
    await here.server.closed.get()
    assert here.server.messages == []


# SMTPUTF8 ----------------------------------------------------------------------------------------

NEEDS = "553 5.6.7 SMTPUTF8 is required, but was not offered by host mx.example.net[127.0.0.1]"
ASCII_ONLY = ("PIPELINING", "8BITMIME")


async def test_a_message_that_only_declared_smtputf8_goes_without(world):
    here = await world(FakeMx(offer=ASCII_ONLY))
    content = "Subject: x\r\n\r\nGrüße\r\n".encode()
    report = await here.send(smtputf8=True, content=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(report) == [f"10 sent {SENT} 0"]
    assert commands(here, "MAIL") == ["MAIL FROM:<alice@example.org> BODY=8BITMIME"]


@pytest.mark.parametrize("large", [False, True])
async def test_a_header_in_utf8_needs_smtputf8(world, large):
    here = await world(FakeMx(offer=ASCII_ONLY))
    content = "Subject: Grüße\r\n\r\n".encode() + b"x\r\n" * (100_000 if large else 1)
    report = await here.send(smtputf8=True, content=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(report) == [f"10 bounced {NEEDS}"]
    assert not report.outcomes[0].from_peer
    assert here.server.messages == []


async def test_only_the_recipients_that_need_smtputf8_fail(world):
    here = await world(FakeMx(offer=(*ASCII_ONLY, "DSN")))
    wanted = (
        recipient(1, "jürgen@example.net", notify=Notify.SUCCESS),
        recipient(2, "bob@example.net", notify=Notify.FAILURE),
        recipient(3, "eve@exämple.net", notify=Notify.NEVER),
    )
    report = await here.send(stored=wanted, smtputf8=True)
    assert told(report) == [f"1 bounced {NEEDS}", f"2 sent {SENT} 0", f"3 sent {SENT} 0"]
    assert commands(here, "RCPT") == [
        "RCPT TO:<bob@example.net> NOTIFY=FAILURE ORCPT=rfc822;bob@example.net",
        "RCPT TO:<eve@xn--exmple-cua.net> NOTIFY=NEVER",
    ]


async def test_all_recipients_fail_where_all_need_smtputf8(world):
    here = await world(FakeMx(offer=ASCII_ONLY))
    report = await here.send("example.net", "jürgen@example.net", "änne@example.net")
    assert told(report) == [f"10 bounced {NEEDS}", f"11 bounced {NEEDS}"]
    assert commands(here, "MAIL") == []


async def test_a_sender_that_needs_smtputf8_decides_for_all(world):
    here = await world(FakeMx(offer=ASCII_ONLY))
    report = await here.send(sender="jürgen@example.org", smtputf8=True)
    assert told(report) == [f"10 bounced {NEEDS}"]


async def test_a_sender_of_u_labels_is_spelt_with_a_labels(world):
    here = await world(FakeMx(offer=ASCII_ONLY))
    report = await here.send(sender="alice@exämple.org", smtputf8=True)
    assert told(report) == [f"10 sent {SENT} 0"]
    assert commands(here, "MAIL") == ["MAIL FROM:<alice@xn--exmple-cua.org>"]


async def test_addresses_are_left_alone_where_smtputf8_is_offered(world):
    here = await world()
    report = await here.send("example.net", "bob@exämple.net", sender="jürgen@example.org")
    assert told(report) == [f"10 sent {SENT} 0"]
    assert commands(here, "MAIL") == ["MAIL FROM:<jürgen@example.org> SIZE=35 SMTPUTF8"]
    assert commands(here, "RCPT") == ["RCPT TO:<bob@exämple.net>"]


# DELIVERBY, MT-PRIORITY --------------------------------------------------------------------------


class Noon:
    """A clock that stands still."""

    def __call__(self) -> float:
        return 1_000_000.0


def within(seconds: float, mode: ByMode = ByMode.NOTIFY, *, trace: bool = False) -> DeliverBy:
    return DeliverBy(1_000_000.0 + seconds, mode, trace)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (within(60.9), "BY=60;N"),
        (within(-5.5, trace=True), "BY=-6;NT"),
        (within(60, ByMode.RETURN), "BY=60;R"),
        (within(1e12), "BY=999999999;N"),
    ],
)
async def test_the_time_that_is_left_is_passed_on(world, by, words):
    here = await world(FakeMx(offer=(*OFFER, "DELIVERBY 30")), now=Noon())
    report = await here.send(deliver_by=by)
    assert told(report) == [f"10 sent {SENT} 0"]
    assert commands(here, "MAIL")[0].endswith(f" {words}")
    assert report.outcomes[0].by_passed


@pytest.mark.parametrize(
    ("offer", "seconds", "words"),
    [
        (
            OFFER,
            600,
            "DELIVERBY is required, but was not offered by host mx.example.net[127.0.0.1]",
        ),
        (
            (*OFFER, "DELIVERBY 60"),
            59.5,
            (
                "the message cannot be delivered in time: 59 seconds are left, host "
                "mx.example.net[127.0.0.1] wants at least 60"
            ),
        ),
        (
            (*OFFER, "DELIVERBY"),
            0.5,
            (
                "the message cannot be delivered in time: 0 seconds are left, host "
                "mx.example.net[127.0.0.1] wants at least 1"
            ),
        ),
    ],
)
async def test_mode_return_is_not_relayed_blindly(world, offer, seconds, words):
    here = await world(FakeMx(offer=offer), now=Noon())
    report = await here.send(deliver_by=within(seconds, ByMode.RETURN))
    assert told(report) == [f"10 bounced 554 5.4.7 {words}"]
    assert commands(here, "MAIL") == []


async def test_mode_notify_becomes_notices_of_delay_where_only_dsn_is_known(world):
    here = await world(FakeMx(offer=(*OFFER, "DSN")), now=Noon())
    wanted = (
        recipient(1, "a@example.net"),
        recipient(2, "b@example.net", notify=Notify.NEVER),
        recipient(3, "c@example.net", notify=Notify.FAILURE),
    )
    report = await here.send(stored=wanted, deliver_by=within(60))
    assert commands(here, "RCPT") == [
        "RCPT TO:<a@example.net> NOTIFY=FAILURE,DELAY",
        "RCPT TO:<b@example.net> NOTIFY=NEVER",
        "RCPT TO:<c@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;c@example.net",
    ]
    assert not report.outcomes[0].by_passed


@pytest.mark.parametrize(
    ("offer", "priority", "words"),
    [
        ((*OFFER, "MT-PRIORITY STANAG4406"), -3, " MT-PRIORITY=-3"),
        ((*OFFER, "MT-PRIORITY"), 0, ""),
        (OFFER, 5, ""),
    ],
)
async def test_the_priority_is_passed_on_where_it_is_known(world, offer, priority, words):
    here = await world(FakeMx(offer=offer))
    await here.send(priority=priority)
    assert commands(here, "MAIL") == [f"MAIL FROM:<alice@example.org> SIZE=35{words}"]


# LIMITS ------------------------------------------------------------------------------------------

FIVE = ("a@x.net", "b@y.net", "c@x.net", "d@z.net", "e@y.net")


@pytest.mark.parametrize(
    ("limits", "transactions"),
    [
        ("RCPTMAX=5", [FIVE]),
        ("RCPTMAX=2", [FIVE[:2], FIVE[2:4], FIVE[4:]]),
        ("RCPTDOMAINMAX=1", [("a@x.net", "c@x.net"), ("b@y.net", "e@y.net"), ("d@z.net",)]),
        ("RCPTDOMAINMAX=2 RCPTMAX=3", [("a@x.net", "b@y.net", "c@x.net"), ("d@z.net", "e@y.net")]),
    ],
)
async def test_recipients_are_spread_over_transactions(world, limits, transactions):
    here = await world(FakeMx(offer=(*OFFER, f"LIMITS {limits}")))
    report = await here.send("example.net", *FIVE)
    assert [tuple(each.recipients) for each in here.server.messages] == transactions
    expected = {address: at for at, addresses in enumerate(transactions) for address in addresses}
    assert told(report) == [
        f"{10 + number} sent {SENT} {expected[address]}" for number, address in enumerate(FIVE)
    ]
    assert here.server.connections == 1


async def test_what_was_taken_is_known_before_the_next_transaction(world):
    here = await world(FakeMx(offer=(*OFFER, "LIMITS RCPTMAX=2")))
    known: list[list[int]] = []

    def parted(outcomes):
        known.append([each.recipient_id for each in outcomes])

    await here.transport.deliver(replace(delivery("example.net", *FIVE), parted=parted))
    assert known == [[10, 11], [10, 11, 12, 13]]


async def test_no_more_messages_in_a_session_than_it_takes(world):
    here = await world(FakeMx(offer=(*OFFER, "LIMITS MAILMAX=2 RCPTMAX=2")))
    report = await here.send("example.net", *FIVE)
    assert [outcome.status.value for outcome in report.outcomes] == ["sent"] * 5
    assert (len(here.server.messages), here.server.connections) == (3, 2)


async def test_our_own_bound_on_messages_stays(world):
    server = FakeMx(offer=(*OFFER, "LIMITS MAILMAX=10"))
    here = await world(server, delivery={"messages_per_connection": 1})
    await here.send()
    await here.send()
    assert server.connections == 2


class TwoHosts:
    """A session with another host each time; each takes one recipient of a transaction."""

    is_usable = False
    source = None
    tls = ""

    def __init__(self, relay: str) -> None:
        self.relay = relay
        self.core = SimpleNamespace(
            extensions=Extensions(limits=Limits(recipients=1)), answered=True, is_idle=True
        )

    async def send(self, transaction, content):
        return (Answer(Reply.of(550, "5.1.1", f"no such user at {self.relay}")),)

    def close(self) -> None:
        """There is nothing to close."""

    abort = close


async def test_each_recipient_has_the_next_hop_that_took_or_refused_it():
    relays = [f"mx{number}.example.net[192.0.2.{number}]:25" for number in (1, 2, 3)]
    hosts = iter(relays)

    async def open_session(road):
        return TwoHosts(next(hosts))

    to = recipients("a@example.net", "b@example.net", "c@example.net")
    courier = Courier(
        lambda road, _: OneSession(open_session, road), DeliverySettings(), lambda: 0.0
    )
    report = await courier.deliver(Delivery(message(), to, "example.net"))
    assert report.relay == relays[0]
    assert [one.relay or report.relay for one in report.outcomes] == relays


async def test_a_next_hop_that_is_gone_between_two_transactions(world):
    said = {"CONNECT": ["220 mx", "421 4.3.2 too busy"]}
    here = await world(FakeMx(offer=(*OFFER, "LIMITS MAILMAX=1 RCPTMAX=3"), said=said))
    report = await here.send("example.net", *FIVE)
    states = [outcome.status.value for outcome in report.outcomes]
    assert states == ["sent"] * 3 + ["deferred"] * 2
    assert not report.unreachable


# AUTH= -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("switched_on", "words"), [(False, ""), (True, " AUTH=<>")])
async def test_the_submitter_is_not_vouched_for(world, switched_on, words):
    here = await world(
        FakeMx(offer=(*OFFER, "AUTH PLAIN")),
        smarthost="[mx.example.net]",
        tls="none",
        auth_parameter=switched_on,
        credentials=Credentials("john", "summersun"),
    )
    await here.send("[mx.example.net]")
    await here.send("example.net")  # another road: no login, no parameter
    mail = "MAIL FROM:<alice@example.org> SIZE=35"
    assert commands(here, "MAIL") == [f"{mail}{words}", mail]
