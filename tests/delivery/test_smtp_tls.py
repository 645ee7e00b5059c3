"""TLS to a next hop, by the level of `[relay]`."""

from __future__ import annotations

import pytest

from deliveries import told
from fake_mx import OFFER, FakeMx
from peers.certificates import Authority
from postroad.delivery.credentials import Credentials
from postroad.delivery.smtp import PLAIN_AFTER
from postroad.model.session_events import TlsEstablished
from smtp_world import TLS_OFFER, server_context


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


class Breaks(FakeMx):
    """Hangs up at a verb that comes under TLS."""

    at = "EHLO"

    async def _say(self, writer, verb, default):
        if verb == self.at and writer.get_extra_info("ssl_object") is not None:
            raise ConnectionAbortedError
        return await super()._say(writer, verb, default)


def at_age(seconds: float) -> dict[str, object]:
    """The clock, for a message that came at the epoch's beginning."""
    return {"now": lambda: seconds}


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_tls_session_that_breaks_is_tried_in_plain_text_once_the_mail_has_waited(
    world, authority, verb
):
    context = server_context(authority, "mx.example.net")
    server = Breaks(offer=TLS_OFFER, context=context)
    server.at = verb
    here = await world(server, **at_age(PLAIN_AFTER))
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert server.connections == 2
    assert len(server.messages) == 1


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "DATA"])
async def test_a_tls_session_that_breaks_and_mail_that_has_not_waited(world, authority, verb):
    context = server_context(authority, "mx.example.net")
    server = Breaks(offer=TLS_OFFER, context=context)
    server.at = verb
    here = await world(server, **at_age(PLAIN_AFTER - 1))
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.4.2 lost connection with mx.example.net[127.0.0.1]")
    assert server.connections == 1


async def test_a_message_that_may_have_arrived_by_tls_does_not_go_again(world, authority):
    context = server_context(authority, "mx.example.net")
    server = Breaks(offer=TLS_OFFER, context=context)
    server.at = "END"
    here = await world(server, **at_age(PLAIN_AFTER))
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.4.2 ")
    assert server.connections == 1


async def test_a_host_that_speaks_before_it_goes_has_no_trouble_with_tls(world, authority):
    context = server_context(authority, "mx.example.net")
    said = {"MAIL": ["421 4.3.0 Going down"]}
    here = await world(FakeMx(offer=TLS_OFFER, context=context, said=said), **at_age(PLAIN_AFTER))
    assert told(await here.send()) == ["10 deferred 421 4.3.0 Going down"]
    assert here.server.connections == 1


async def test_a_new_message_waits_for_tls(world):
    here = await world(NoHandshake(offer=TLS_OFFER), **at_age(PLAIN_AFTER - 1))
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.7.5 Cannot start TLS: ")
    assert here.server.connections == 1


async def test_a_new_message_does_not_share_the_plain_session_of_an_old_one(world):
    age = [PLAIN_AFTER]
    here = await world(NoHandshake(offer=TLS_OFFER), now=lambda: age[0])
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    age[0] -= 1
    (result,) = told(await here.send())
    assert result.startswith("10 deferred 451 4.7.5 Cannot start TLS: ")
    age[0] += 1
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]
    assert here.server.connections == 3


async def test_a_login_does_not_go_on_without_tls(world):
    here = await world(
        NoHandshake(offer=(*TLS_OFFER, "AUTH PLAIN")),
        tls="may",
        login_without_tls=True,
        smarthost="[mx.example.net]",
        credentials=Credentials("john", "summersun"),
        **at_age(PLAIN_AFTER),
    )
    (result,) = told(await here.send("[mx.example.net]"))
    assert result.startswith("10 deferred 451 4.7.5 Cannot start TLS: ")
    assert here.server.connections == 1


async def test_opportunistic_tls_falls_back_after_a_failed_handshake(world):
    here = await world(NoHandshake(offer=TLS_OFFER), **at_age(PLAIN_AFTER))
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
    words = "Cannot start TLS: the peer's certificate is"
    if trusted is authority:
        words = "Server certificate not verified: it is for other.example.net"
    assert result.startswith(f"10 deferred 451 4.7.5 {words}")
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
