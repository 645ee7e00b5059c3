from __future__ import annotations

import asyncio
import threading

import pytest

from deliveries import MESSAGE, Pieces, broken_delivery, delivery, told
from fake_mx import DROP, HANG, OFFER, FakeMx
from peers.certificates import Authority
from postroad.delivery.credentials import Credentials
from postroad.delivery.smtp import MAX_ADDRESSES
from postroad.model import BodyType
from postroad.model.journal import TlsEstablished
from smtp_world import TLS_OFFER, server_context

# The message -------------------------------------------------------------------------------------


async def test_a_message_arrives_and_the_report_says_where(world):
    here = await world()
    report = await here.send("example.net", "bob@example.net", "eve@example.net")
    assert told(report) == [
        "10 sent 250 2.0.0 Ok: queued as 0",
        "11 sent 250 2.0.0 Ok: queued as 0",
    ]
    assert report.relay == f"mx.example.net[127.0.0.1]:{here.server.port}"
    assert (report.setup, report.transfer, report.unreachable) == (1.0, 1.0, False)
    assert all(outcome.from_peer for outcome in report.outcomes)
    (taken,) = here.server.messages
    assert taken.sender == "alice@example.org"
    assert taken.recipients == ["bob@example.net", "eve@example.net"]
    assert taken.content == b"Subject: hello\r\n\r\n..dots and lines\r\n"


async def test_recipients_have_their_own_outcomes(world):
    said = {"RCPT": ["250 Ok", "550 5.1.1 Unknown", "450 4.2.0 Greylisted"]}
    here = await world(FakeMx(said=said))
    report = await here.send("example.net", "a@x.net", "b@x.net", "c@x.net")
    assert told(report) == [
        "10 sent 250 2.0.0 Ok: queued as 0",
        "11 bounced 550 5.1.1 Unknown",
        "12 deferred 450 4.2.0 Greylisted",
    ]


async def test_a_long_message_streams(world):
    here = await world()
    line = b"x" * 998 + b"\r\n"
    report = await here.send(content=tuple([line * 100] * 30))
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.messages[0].content == line * 3000


async def test_a_bare_line_feed_never_leaves(world):
    here = await world()
    report = await here.send(content=b"a\r\n\n.\r\nMAIL FROM:<x@y>\r\n")
    assert told(report) == [
        "10 bounced 554 5.6.0 the content has a CR or LF that is not a line end"
    ]
    await here.server.closed.get()
    assert here.server.messages == []
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (b"plain\r\n", "10 sent 250 2.0.0 Ok: queued as 0"),
        ("é\r\n".encode(), "10 bounced 554 5.6.3 8BITMIME is required, but was not offered"),
    ],
)
async def test_eight_bit_content_and_a_server_that_lacks_it(world, content, result):
    here = await world(FakeMx(offer=("PIPELINING",)))
    report = await here.send(content=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(report)[0].startswith(result)


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("kept", [False, True])
async def test_the_content_cannot_be_read(world, size, kept):
    here = await world()
    if kept:
        await here.send()
    report = await here.transport.deliver(broken_delivery("example.net", size))
    assert told(report) == [
        "10 deferred 451 4.3.0 the message cannot be read from the queue at present"
    ]
    assert not report.unreachable
    assert "/spool" not in told(report)[0]
    await here.server.closed.get()
    assert len(here.server.messages) == kept
    assert told(await here.send())[0].startswith("10 sent")


@pytest.mark.parametrize("size", [10, 200_000])
async def test_the_content_cannot_be_read_to_see_whether_it_is_ascii(world, size):
    here = await world(FakeMx(offer=("PIPELINING",)))
    broken = broken_delivery("example.net", size, body=BodyType.EIGHT_BIT_MIME)
    assert told(await here.transport.deliver(broken))[0].startswith("10 deferred 451 4.3.0")
    assert here.server.messages == []


class Watched(Pieces):
    """Tells who read it."""

    readings = 0
    threads: frozenset[int] = frozenset()

    def chunks(self):
        object.__setattr__(self, "readings", self.readings + 1)
        for piece in self.pieces:
            object.__setattr__(self, "threads", self.threads | {threading.get_ident()})
            yield piece


@pytest.mark.parametrize(("pieces", "in_loop"), [(1, True), (30, False)])
async def test_a_large_content_is_read_beside_the_event_loop(world, pieces, in_loop):
    here = await world()
    content = Watched((b"x" * 9_998 + b"\r\n",) * pieces)
    await here.transport.deliver(delivery("example.net", of=content))
    assert here.server.messages[0].content == b"".join(content.pieces)
    assert (threading.get_ident() in content.threads) is in_loop
    assert content.readings == 1


@pytest.mark.parametrize(
    ("last", "result"),
    [
        (b"plain\r\n", "10 sent 250 2.0.0 Ok: queued as 0"),
        (
            "é\r\n".encode(),
            "10 bounced 554 5.6.3 8BITMIME is required, but was not offered by host",
        ),
    ],
)
async def test_a_large_content_is_not_read_twice_to_see_whether_it_is_ascii(world, last, result):
    here = await world(FakeMx(offer=("PIPELINING",)))
    content = Watched((*[b"x" * 9_998 + b"\r\n"] * 30, last))
    labelled = delivery("example.net", of=content, body=BodyType.EIGHT_BIT_MIME)
    assert told(await here.transport.deliver(labelled))[0].startswith(result)
    assert content.readings == 1
    assert len(here.server.messages) == ("sent" in result)
    assert "BODY=8BITMIME" not in " ".join(here.server.commands)


# Next hops ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["two.example", "loose.example", "unsure.example"])
async def test_the_next_exchanger_is_tried(world, domain):
    here = await world()
    report = await here.send(domain)
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]


NOT_FOUND = "Host or domain name not found. Name service error for"


@pytest.mark.parametrize(
    ("nexthop", "result", "unreachable"),
    [
        (
            "null.example",
            "10 bounced 556 5.1.10 Domain null.example does not accept mail (null MX)",
            False,
        ),
        (
            "absent.example",
            f"10 bounced 550 5.4.4 {NOT_FOUND} name=absent.example type=MX: Host not found",
            False,
        ),
        (
            "gone.example",
            f"10 bounced 550 5.4.4 {NOT_FOUND} name=nowhere.example type=A: Host not found",
            False,
        ),
        (
            "hopeless.example",
            (
                f"10 deferred 451 4.4.3 {NOT_FOUND} name=broken.example type=A: "
                "Host not found, try again"
            ),
            True,
        ),
        (
            "broken.example",
            (
                f"10 deferred 451 4.4.3 {NOT_FOUND} name=broken.example type=MX: "
                "Host not found, try again"
            ),
            True,
        ),
        ("", "10 bounced 550 5.1.2 Bad destination domain: none", False),
    ],
)
async def test_next_hops_that_lead_nowhere(world, nexthop, result, unreachable):
    here = await world()
    report = await here.send(nexthop)
    assert told(report) == [result]
    assert (report.relay, report.unreachable) == ("none", unreachable)


async def test_nobody_answers(world):
    here = await world()
    report = await here.send("[127.0.0.3]")
    port = here.server.port
    assert told(report) == [
        f"10 deferred 451 4.4.1 connect to 127.0.0.3[127.0.0.3]:{port}: Connection refused"
    ]
    assert (report.relay, report.unreachable) == ("none", True)


async def test_only_so_many_addresses_are_tried(world, monkeypatch):
    tried = []

    async def refuse(host: str, port: int, **_: object) -> None:
        tried.append(host)
        raise ConnectionRefusedError(111, "Connect call failed")

    monkeypatch.setattr("postroad.delivery.dialling.connect", refuse)
    here = await world()
    await here.send("crowd.example")
    assert len(tried) == MAX_ADDRESSES


REFUSED = "host mx.example.net[127.0.0.1] refused to talk to me"


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ({"CONNECT": ["421 4.3.2 Busy"]}, f"10 deferred 451 4.3.2 {REFUSED}: 421 4.3.2 Busy"),
        ({"CONNECT": ["554 5.7.1 No"]}, f"10 deferred 451 4.7.1 {REFUSED}: 554 5.7.1 No"),
        ({"EHLO": ["450 4.7.1 No"], "HELO": ["450 4.7.1 No"]}, "10 deferred 450 4.7.1 No"),
        ({"CONNECT": [DROP]}, "10 deferred 451 4.4.2 lost connection with "),
        ({"CONNECT": ["what?"]}, "10 deferred 451 4.5.0 not an SMTP reply"),
    ],
)
async def test_a_server_that_does_not_let_us_begin(world, said, result):
    here = await world(FakeMx(said=said))
    report = await here.send()
    assert told(report)[0].startswith(result)
    assert report.relay == f"mx.example.net[127.0.0.1]:{here.server.port}"


@pytest.mark.parametrize("greeting", ["421 4.3.2 Busy", "554 5.7.1 Go away"])
async def test_a_bad_greeting_leads_to_the_next_host(world, greeting):
    here = await world(FakeMx(said={"CONNECT": [greeting]}))
    here.dns.zone = {
        "example.net": {"MX": ("10 mx.example.net.", "20 mx.example.net.")},
        "mx.example.net": {"A": ("127.0.0.1",)},
    }
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.connections == 2


@pytest.mark.parametrize(
    "nexthop", ["[mx.example.net]", "[127.0.0.1]", "example.net:{port}", "[localhost]:{port}"]
)
async def test_spellings_of_a_smarthost(world, nexthop):
    here = await world()
    report = await here.send(nexthop.format(port=here.server.port))
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]


# Ourselves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["ours.example", "equal.example", "relay.example.org"])
async def test_mail_whose_best_exchanger_has_our_name_is_returned(world, domain):
    here = await world()
    report = await here.send(domain)
    assert told(report) == [f"10 bounced 554 5.4.6 mail for {domain} loops back to myself"]
    assert (report.relay, report.outcomes[0].from_peer) == ("none", False)
    assert here.server.connections == 0


@pytest.mark.parametrize("nexthop", ["example.net", "[127.0.0.1]", "[mx.example.net]:{port}"])
async def test_mail_that_would_reach_our_own_listener_is_returned(world, nexthop):
    here = await world(own_port=0)
    (result,) = told(await here.send(nexthop.format(port=here.server.port)))
    host = nexthop.partition(":")[0].strip("[]")
    assert result == f"10 bounced 554 5.4.6 mail for {host} loops back to myself"
    assert here.server.connections == 0


async def test_another_port_of_this_machine_is_not_ourselves(world):
    here = await world(own_port=25)
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]


@pytest.mark.parametrize("nexthop", ["[relay.example.org]", "relay.example.org:{port}"])
async def test_our_name_in_brackets_or_with_a_port_is_not_ourselves(world, nexthop):
    here = await world()
    here.dns.zone = {"relay.example.org": {"A": ("127.0.0.1",)}}
    (result,) = told(await here.send(nexthop.format(port=here.server.port)))
    assert result == "10 sent 250 2.0.0 Ok: queued as 0"


async def test_only_better_exchangers_than_ourselves_are_tried(world):
    here = await world()
    assert told(await here.send("behind.example")) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    dead = await world()
    (result,) = told(await dead.send("backup.example"))
    assert result.startswith("10 deferred 451 4.4.1 connect to dead.example.net[127.0.0.3]:")
    assert here.server.connections + dead.server.connections == 1


async def test_mail_waits_while_the_better_exchanger_has_no_address(world):
    here = await world()
    assert told(await here.send("lost.example")) == [
        "10 deferred 451 4.4.4 unable to find primary relay for lost.example"
    ]


@pytest.mark.parametrize("smarthost", ["[mx.example.net]", "example.net", "ours.example"])
async def test_a_smarthost_that_is_ourselves_waits_for_the_operator(world, smarthost):
    here = await world(own_port=0, smarthost=smarthost)
    report = await here.send(smarthost)
    host = smarthost.strip("[]")
    assert told(report) == [f"10 deferred 451 4.4.6 mail for {host} loops back to myself"]
    assert report.unreachable


# Connections used again --------------------------------------------------------------------------


async def test_a_connection_is_used_again(world):
    here = await world()
    for _ in range(3):
        await here.send()
    assert here.server.connections == 1
    assert len(here.server.messages) == 3
    assert here.server.commands.count("EHLO relay.example.org") == 1
    assert "RSET" not in here.server.commands


async def test_each_next_hop_has_its_own(world):
    here = await world()
    await here.send("example.net")
    await here.send("[127.0.0.1]")
    assert here.server.connections == 2


async def test_a_reset_follows_a_transaction_that_broke_off(world):
    here = await world(FakeMx(said={"RCPT": ["550 5.1.1 Unknown"]}))
    await here.send()
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.connections == 1
    assert "RSET" in here.server.commands


async def test_deliveries_at_once_have_connections_of_their_own(world):
    here = await world()
    await asyncio.gather(*(here.send() for _ in range(4)))
    assert here.server.connections == 4
    await asyncio.gather(*(here.send() for _ in range(4)))
    assert here.server.connections == 4


async def test_messages_per_connection(world):
    here = await world(delivery={"messages_per_connection": 2})
    for _ in range(5):
        await here.send()
    assert here.server.connections == 3
    assert here.server.commands.count("QUIT") == 2


async def test_an_idle_connection_is_closed_in_time(world):
    here = await world(delivery={"idle_timeout": 0.001})
    await here.send()
    await here.server.closed.get()
    assert here.server.commands[-1] == "QUIT"
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]


async def test_connections_may_be_closed_at_once(world):
    here = await world(delivery={"idle_timeout": 0})
    await here.send()
    await here.server.closed.get()
    assert here.server.commands[-1] == "QUIT"


@pytest.mark.parametrize("end", [DROP, "421 4.4.2 Idle for too long"])
async def test_a_kept_connection_that_died_is_replaced(world, end):
    here = await world(FakeMx(said={"MAIL": ["250 Ok", end]}))
    await here.send()
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]
    assert here.server.connections == 2


async def test_a_fresh_connection_that_dies_is_not(world):
    here = await world(FakeMx(said={"MAIL": [DROP]}))
    assert told(await here.send())[0].startswith("10 deferred 451 4.4.2 lost connection with")
    assert here.server.connections == 1


async def test_a_kept_connection_that_died_later_is_not_replaced(world):
    here = await world(FakeMx(said={"END": ["250 Ok", DROP]}))
    await here.send()
    report = await here.send()
    assert told(report)[0].endswith("end of data -- message may be sent more than once")
    assert here.server.connections == 2 - 1


async def test_close_ends_idle_connections_and_keeps_no_new_ones(world):
    here = await world()
    await here.send()
    here.transport.close()
    await here.server.closed.get()
    await here.send()
    await here.server.closed.get()
    assert here.server.commands.count("QUIT") == 2


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "END"])
async def test_cancelling_closes_the_connection(world, verb):
    here = await world(FakeMx(said={verb: [HANG]}))
    task = asyncio.ensure_future(here.send())
    await here.server.hanging.wait()
    assert len(here.server.peers) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (peer,) = here.server.peers
    assert await asyncio.StreamReader.read(_reader_of(peer)) is not None
    assert _reader_of(peer).at_eof() or _reader_of(peer).exception() is not None


def _reader_of(writer: asyncio.StreamWriter) -> asyncio.StreamReader:
    return writer.transport.get_protocol()._stream_reader


@pytest.mark.parametrize("verb", ["CONNECT", "MAIL", "END"])
async def test_a_silent_server_is_not_waited_for(world, verb):
    here = await world(
        FakeMx(said={verb: [HANG]}), delivery={"command_timeout": 0.05, "data_timeout": 0.05}
    )
    (result,) = told(await here.send())
    assert result.startswith(
        "10 deferred 451 4.4.2 conversation with mx.example.net[127.0.0.1] timed out while "
    )


# TLS ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [None, "may", "encrypt", "verify"])
async def test_tls_is_used_where_it_is_offered(world, authority, level):
    context = server_context(authority, "mx.example.net")
    here = await world(
        FakeMx(offer=TLS_OFFER, context=context), tls=level, ca_file=authority.certificate
    )
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    (event,) = here.logged
    assert isinstance(event, TlsEstablished)
    trust = "Verified" if level == "verify" else "Untrusted"
    assert event.text.startswith(
        f"{trust} TLS connection established to mx.example.net[127.0.0.1]:{here.server.port}: TLSv1"
    )


async def test_tls_may_be_switched_off(world, authority):
    here = await world(FakeMx(offer=TLS_OFFER), tls="none")
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert "STARTTLS" not in here.server.commands


@pytest.mark.parametrize("level", ["encrypt", "verify"])
@pytest.mark.parametrize(
    ("offer", "said", "result"),
    [
        (OFFER, [], "4.7.4 TLS is required, but was not offered by host mx.example.net[127.0.0.1]"),
        (
            TLS_OFFER,
            ["454 4.7.0 Not now"],
            (
                "4.7.4 TLS is required, but host mx.example.net[127.0.0.1] refused to start TLS: "
                "454 4.7.0 Not now"
            ),
        ),
    ],
)
async def test_tls_that_is_required_and_not_there(world, level, offer, said, result):
    here = await world(FakeMx(offer=offer, said={"STARTTLS": said}), tls=level)
    report = await here.send()
    assert told(report) == [f"10 deferred 451 {result}"]
    assert report.unreachable
    assert here.server.messages == []


async def test_opportunistic_tls_does_without(world):
    here = await world(FakeMx(offer=TLS_OFFER, said={"STARTTLS": ["454 4.7.0 Not now"]}))
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.connections == 1


class NoHandshake(FakeMx):
    """Says 220 to STARTTLS and goes away."""

    async def _say(self, writer, verb, default):
        if verb == "STARTTLS":
            writer.write(b"220 Go\r\n")
            await writer.drain()
            raise ConnectionAbortedError
        return await super()._say(writer, verb, default)


async def test_opportunistic_tls_falls_back_after_a_failed_handshake(world):
    here = await world(NoHandshake(offer=TLS_OFFER))
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.connections == 2
    assert "SSL_connect error to mx.example.net[127.0.0.1]" in here.logged[0].text


async def test_required_tls_does_not_fall_back(world):
    here = await world(NoHandshake(offer=TLS_OFFER), tls="encrypt")
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.7.5 Cannot start TLS: ")
    assert here.server.connections == 1


@pytest.mark.parametrize("names", [("other.example.net",), ("mx.example.net",)])
async def test_a_certificate_that_is_not_trusted(world, authority, tmp_path, names):
    trusted = Authority(tmp_path) if names == ("mx.example.net",) else authority
    context = server_context(authority, *names)
    here = await world(
        FakeMx(offer=TLS_OFFER, context=context), tls="verify", ca_file=trusted.certificate
    )
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.7.5 Cannot start TLS: the peer's certificate is")
    assert here.server.messages == []


async def test_tls_from_the_first_octet(world, authority):
    context = server_context(authority, "mx.example.net")
    here = await world(
        FakeMx(context=context, implicit=True),
        tls="verify",
        tls_wrapper=True,
        ca_file=authority.certificate,
        smarthost="[mx.example.net]",
    )
    assert told(await here.send("[mx.example.net]")) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert "STARTTLS" not in here.server.commands
    assert len(here.logged) == 1


async def test_plain_text_where_tls_is_from_the_first_octet(world):
    here = await world(tls="may", tls_wrapper=True, smarthost="[mx.example.net]")
    (result,) = told(await here.send("[mx.example.net]"))
    assert result.startswith("10 deferred 451 4.7.5 Cannot start TLS: ")


# Login -------------------------------------------------------------------------------------------

LOGIN = Credentials("john", "summersun")
SMARTHOST = "[mx.example.net]"
AUTH_OFFER = (*OFFER, "AUTH PLAIN LOGIN")
PLAIN_LOGIN = "AUTH PLAIN AGpvaG4Ac3VtbWVyc3Vu"


async def test_login_under_tls(world, authority):
    context = server_context(authority, "mx.example.net")
    here = await world(
        FakeMx(offer=(*AUTH_OFFER, "STARTTLS"), context=context),
        smarthost=SMARTHOST,
        username="john",
        ca_file=authority.certificate,
        credentials=LOGIN,
    )
    assert told(await here.send(SMARTHOST)) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    commands = here.server.commands
    assert commands.index("STARTTLS") < commands.index(PLAIN_LOGIN)
    assert isinstance(here.logged[0], TlsEstablished)
    assert here.logged[0].trust == "Verified"


async def test_only_the_smarthost_gets_the_login(world):
    here = await world(FakeMx(offer=AUTH_OFFER), smarthost=SMARTHOST, tls="none", credentials=LOGIN)
    await here.send("example.net")
    assert PLAIN_LOGIN not in here.server.commands


@pytest.mark.parametrize(
    ("smarthost", "sent"),
    [("example.net", True), ("mx.example.net", True), ("away.example", False)],
)
async def test_the_password_follows_no_foreign_mx_record(world, smarthost, sent):
    here = await world(FakeMx(offer=AUTH_OFFER), smarthost=smarthost, tls="none", credentials=LOGIN)
    (result,) = told(await here.send(smarthost))
    assert (PLAIN_LOGIN in here.server.commands) is sent
    if not sent:
        assert result == (
            "10 deferred 451 4.7.0 the password is not sent to mx.example.net, which is outside "
            "away.example: write [mx.example.net]"
        )


async def test_the_password_is_not_sent_in_plain_text(world):
    here = await world(FakeMx(offer=AUTH_OFFER), smarthost=SMARTHOST, tls="may", credentials=LOGIN)
    assert told(await here.send(SMARTHOST)) == [
        (
            "10 deferred 451 4.7.0 no TLS with host mx.example.net[127.0.0.1], and the "
            "password is not sent without it"
        )
    ]
    assert PLAIN_LOGIN not in here.server.commands


async def test_a_refused_login_waits_for_the_operator(world):
    said = {"AUTH": ["535 5.7.8 Error: authentication failed: AGpvaG4Ac3VtbWVyc3Vu"]}
    here = await world(
        FakeMx(offer=AUTH_OFFER, said=said), smarthost=SMARTHOST, tls="none", credentials=LOGIN
    )
    report = await here.send(SMARTHOST)
    assert told(report) == [
        (
            "10 deferred 454 4.7.0 SASL authentication failed; server "
            "mx.example.net[127.0.0.1] said: 535 5.7.8 Error: authentication failed: [hidden]"
        )
    ]
    assert report.unreachable
    assert here.server.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        {"AUTH": [f"421 4.7.0 Too many errors: {PLAIN_LOGIN}"]},
        {"AUTH": [PLAIN_LOGIN]},
        {"AUTH": [f"235 Ok\r\n{PLAIN_LOGIN}"]},
        {"MAIL": [f"550 5.7.1 {PLAIN_LOGIN}, summersun, c3VtbWVyc3Vu"]},
        {"END": ["554 5.7.1 the password is summersun"]},
    ],
)
async def test_a_server_that_repeats_the_login(world, said):
    here = await world(
        FakeMx(offer=AUTH_OFFER, said=said), smarthost=SMARTHOST, tls="none", credentials=LOGIN
    )
    report = await here.send(SMARTHOST)
    seen = repr(report) + repr(here.logged)
    assert "[hidden]" in seen
    for secret in ("summersun", "c3VtbWVyc3Vu", "AGpvaG4Ac3VtbWVyc3Vu"):
        assert secret not in seen


async def test_a_smarthost_without_a_mechanism(world):
    here = await world(smarthost=SMARTHOST, tls="none", credentials=LOGIN)
    assert told(await here.send(SMARTHOST)) == [
        (
            "10 deferred 454 4.7.0 SASL authentication failed; cannot authenticate to server "
            "mx.example.net[127.0.0.1]: no mechanism available"
        )
    ]


async def test_the_message_in_the_tests_has_a_dot_to_stuff():
    assert b"\r\n." in MESSAGE
