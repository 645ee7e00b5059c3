"""Mail with REQUIRETLS (RFC 8689): by verified TLS, to servers that promise the same, or back."""

from __future__ import annotations

import pytest

from deliveries import told
from fake_mx import DROP, OFFER, FakeMx
from peers.certificates import Authority
from postroad.delivery.credentials import Credentials
from smtp_world import TLS_OFFER, server_context

OFFERED = (*TLS_OFFER, "REQUIRETLS")
SENT = "10 sent 250 2.0.0 Ok: queued as"
HOST = "mx.example.net[127.0.0.1]"


@pytest.fixture
def proved(world):
    """A world in which DNSSEC proves what the DNS says of example.net."""

    async def make(server, **more):
        here = await world(server, **more)
        here.dns.signed = ("example.net",)
        return here

    return make


@pytest.fixture
def secure(proved, authority):
    """A world whose server has a certificate for these names, with an authority we trust."""

    async def make(*names: str, offer=OFFERED, trusted=authority, **more):
        context = server_context(authority, *(names or ("mx.example.net",)))
        server = FakeMx(
            offer=offer,
            context=context,
            implicit=more.pop("implicit", False),
            said=more.pop("said", {}),
        )
        return await proved(server, ca_file=trusted.certificate, **more)

    return make


def mails(here) -> list[str]:
    return [line for line in here.server.commands if line.startswith("MAIL")]


@pytest.mark.parametrize("level", [None, "none", "may", "encrypt", "verify"])
async def test_it_goes_by_verified_tls_whatever_the_settings_say(secure, level):
    here = await secure(tls=level)
    assert told(await here.send(require_tls=True)) == [f"{SENT} 0"]
    assert mails(here) == ["MAIL FROM:<alice@example.org> SIZE=35 REQUIRETLS"]
    assert "STARTTLS" in here.server.commands
    assert here.logged[0].text.startswith(f"Verified TLS connection established to {HOST}:")


async def test_other_mail_does_not_speak_of_it(secure):
    here = await secure()
    assert told(await here.send()) == [f"{SENT} 0"]
    assert mails(here) == ["MAIL FROM:<alice@example.org> SIZE=35"]


async def test_by_tls_from_the_first_octet_to_a_smarthost_with_a_login(secure):
    smarthost = "[mx.example.net]"
    offer = (*OFFER, "REQUIRETLS", "AUTH PLAIN")
    here = await secure(
        offer=offer,
        implicit=True,
        tls_wrapper=True,
        smarthost=smarthost,
        credentials=Credentials("john", "summersun"),
    )
    assert told(await here.send(smarthost, require_tls=True)) == [f"{SENT} 0"]
    assert mails(here)[0].endswith(" REQUIRETLS")


@pytest.mark.parametrize(
    ("offer", "reply"),
    [
        (
            OFFER,
            f"554 5.7.10 REQUIRETLS: TLS is required, but was not offered by host {HOST}",
        ),
        (
            (*OFFER, "REQUIRETLS"),
            f"554 5.7.10 REQUIRETLS: TLS is required, but was not offered by host {HOST}",
        ),
        (
            TLS_OFFER,
            f"554 5.7.30 REQUIRETLS support required, but was not offered by host {HOST}",
        ),
    ],
)
async def test_a_server_that_lacks_something_is_not_used(secure, offer, reply):
    here = await secure(offer=offer)
    report = await here.send(require_tls=True)
    assert told(report) == [f"10 bounced {reply}"]
    assert not report.unreachable
    assert mails(here) == []
    assert told(await here.send()) == [f"{SENT} 0"]


async def test_the_next_host_may_promise_what_this_one_does_not(secure, authority):
    here = await secure("mx.pair.example", offer=TLS_OFFER)
    here.dns.zone = {
        "pair.example": {"MX": ("10 mx.pair.example.", "20 second.pair.example.")},
        "mx.pair.example": {"A": ("127.0.0.1",)},
        "second.pair.example": {"A": ("127.0.0.2",)},
    }
    here.dns.signed = ("pair.example",)
    context = server_context(authority, "second.pair.example")
    second = await here.beside(FakeMx(offer=OFFERED, context=context))
    assert told(await here.send("pair.example", require_tls=True)) == [f"{SENT} 0"]
    assert (here.server.connections, len(second.messages)) == (1, 1)
    assert mails(here) == []
    assert " REQUIRETLS" in " ".join(second.commands)


class Promises(FakeMx):
    """Announces REQUIRETLS before TLS only."""

    async def _talk(self, reader, writer):
        self.offer = OFFERED
        await super()._talk(reader, writer)

    async def _say(self, writer, verb, default):
        said = await super()._say(writer, verb, default)
        if verb == "STARTTLS":
            self.offer = OFFER
        return said


async def test_what_was_announced_in_plain_text_does_not_count(proved, authority):
    server = Promises(context=server_context(authority, "mx.example.net"))
    here = await proved(server, ca_file=authority.certificate)
    (result,) = told(await here.send(require_tls=True))
    assert result.startswith("10 bounced 554 5.7.30 ")


@pytest.mark.parametrize("known", [True, False])
async def test_a_certificate_that_does_not_vouch_for_the_host(secure, tmp_path, known):
    names = ("example.net",) if known else ("mx.example.net",)
    here = await (secure(*names) if known else secure(*names, trusted=Authority(tmp_path)))
    report = await here.send(require_tls=True)
    (result,) = told(report)
    assert result.startswith(f"10 bounced 554 5.7.10 REQUIRETLS: cannot start TLS with host {HOST}")
    assert not report.unreachable
    assert here.server.connections == 1
    assert told(await here.send()) == [f"{SENT} 0"]


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (
            {"STARTTLS": ["454 4.7.0 Not now"]},
            (
                f"10 deferred 451 4.7.4 TLS is required, but host {HOST} refused to start TLS: "
                "454 4.7.0 Not now"
            ),
        ),
        (
            {"STARTTLS": ["502 5.5.1 Never"]},
            (
                f"10 bounced 554 5.7.10 REQUIRETLS: TLS is required, but host {HOST} refused to "
                "start TLS: 502 5.5.1 Never"
            ),
        ),
        (
            {"STARTTLS": [DROP]},
            f"10 deferred 451 4.4.2 lost connection with {HOST} while sending STARTTLS",
        ),
    ],
)
async def test_what_may_be_better_later_is_tried_again(secure, said, result):
    here = await secure(said=said)
    assert told(await here.send(require_tls=True)) == [result]


async def test_a_handshake_that_breaks_is_tried_again(proved, authority):
    class NoHandshake(FakeMx):
        async def _say(self, writer, verb, default):
            if verb == "STARTTLS":
                writer.write(b"220 Go\r\n")
                await writer.drain()
                raise ConnectionAbortedError
            return await super()._say(writer, verb, default)

    here = await proved(NoHandshake(offer=OFFERED), ca_file=authority.certificate)
    report = await here.send(require_tls=True)
    assert told(report)[0].startswith("10 deferred 451 4.7.5 REQUIRETLS: cannot start TLS")
    assert not report.unreachable
    assert here.server.connections == 1


async def test_nobody_answers(secure):
    here = await secure()
    report = await here.send("dead.example.net", require_tls=True)
    assert told(report)[0].startswith("10 deferred 451 4.4.1 ")
    assert report.unreachable


async def test_a_host_that_only_an_mx_record_names_proves_nothing(secure):
    here = await secure()
    assert told(await here.send("away.example", require_tls=True)) == [
        (
            "10 bounced 554 5.7.10 REQUIRETLS: only an MX record without DNSSEC names host "
            "mx.example.net, and no MTA-STS policy does"
        )
    ]
    assert here.server.connections == 0
    here.dns.signed = ("nothing",)
    report = await here.send("example.net", require_tls=True)  # be it a host of the domain's own
    assert told(report)[0].startswith("10 bounced 554 5.7.10 REQUIRETLS: only an MX record")
    assert here.server.connections == 0
    assert told(await here.send("[mx.example.net]", require_tls=True)) == [f"{SENT} 0"]


async def test_sessions_are_not_shared_with_mail_that_needs_less(secure):
    here = await secure()
    for require_tls in (True, False, True, False):
        await here.send(require_tls=require_tls)
    assert here.server.connections == 2
    assert (
        mails(here)
        == [
            "MAIL FROM:<alice@example.org> SIZE=35 REQUIRETLS",
            "MAIL FROM:<alice@example.org> SIZE=35",
        ]
        * 2
    )
