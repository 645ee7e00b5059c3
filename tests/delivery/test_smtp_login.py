"""The login at a smarthost, and who never gets it."""

from __future__ import annotations

import pytest

from deliveries import MESSAGE, told
from fake_mx import OFFER, FakeMx
from postroad.delivery.credentials import Credentials
from postroad.model.session_events import TlsEstablished
from smtp_world import server_context

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
