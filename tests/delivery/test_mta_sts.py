"""Mail to a domain with an MTA-STS policy: a real web server, real handshakes (RFC 8461)."""

from __future__ import annotations

import itertools
import ssl
from contextlib import AsyncExitStack

import pytest

from chains import Issued, issue, root
from deliveries import MESSAGE, delivery, told
from fake_dns import FakeDns
from fake_mx import OFFER, FakeMx
from fake_sts import MemoryFile
from policy_web_server import WebServer, served, server_tls
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.delivery.sts import MtaSts
from postroad.delivery.sts_fetch import PolicyFetch
from postroad.delivery.sts_file import StsFile
from postroad.delivery.tls_policies import TlsPolicyFinder
from postroad.delivery.tls_policy import TlsResult, TlsSeen
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.model.journal import Event
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings

TLS_OFFER = (*OFFER, "STARTTLS")
POLICY = "version: STSv1\nmode: enforce\nmx: mx.example.net\nmax_age: 604800\n"
TESTING = POLICY.replace("enforce", "testing")
ELSEWHERE = POLICY.replace("mx.example.net", "other.example.net")
ROOT = root()
WEB = issue(ROOT, "mta-sts.example.net")
GOOD = issue(ROOT, "mx.example.net")
EXPIRED = issue(ROOT, "mx.example.net", valid=(-9, -1))
SELF_SIGNED = issue(None, "mx.example.net")
WRONG_NAME = issue(ROOT, "other.example.net")
SENT = "10 sent 250 2.0.0 Ok: queued as"


def zone(txt: str = "v=STSv1; id=1;"):
    return {
        "example.net": {"MX": ("10 mx.example.net.",)},
        "mx.example.net": {"A": ("127.0.0.1",)},
        "mta-sts.example.net": {"A": ("127.0.0.1",)},
        "_mta-sts.example.net": {"TXT": (txt,) if txt else ()},
    }


class World:
    """A mail exchanger, a web server, and a transport."""

    def __init__(self, mx: FakeMx, web: WebServer, ca_file, **settings: object) -> None:
        self.mx, self.web = mx, web
        self.logged: list[Event] = []
        self.seen: list[TlsSeen] = []
        self.dns = FakeDns(zone())
        self.time = 1_000_000.0
        resolver = Resolver(DnsSettings(), lambda: self.time, query=self.dns)
        self.file = MemoryFile()
        self.sts = MtaSts(
            resolver,
            PolicyFetch(resolver, _trusting(ROOT), 20.0, web.port),
            StsFile(self.file),
            now=lambda: self.time,
            journal=self.logged.append,
            refresh=86_400.0,
        )
        finder = TlsPolicyFinder(
            OutboundTlsSettings(ca_file=ca_file, **settings),
            resolver,
            sts=self.sts,
            seeing=self.seen.append,
        )
        ticks = itertools.count()
        self.transport = SmtpTransport(
            "relay.example.org",
            RelaySettings(),
            DeliverySettings(mx_port=mx.port, idle_timeout=0.0),
            resolver=resolver,
            credentials=None,
            journal=self.logged.append,
            clock=lambda: float(next(ticks)),
            policies=finder,
            seeing=self.seen.append,
        )

    async def send(self, content: bytes = MESSAGE, **asked: object) -> str:
        report = await self.transport.deliver(delivery("example.net", content=content, **asked))
        return told(report)[0]

    @property
    def results(self) -> list[tuple[str, TlsResult]]:
        """What reports would hear, and forget it."""
        found = [(each.basis.kind, each.result) for each in self.seen]
        self.seen.clear()
        return found

    def trust(self) -> str:
        lines = [each.text for each in self.logged if "TLS connection established" in each.text]
        return lines[-1].split()[0] if lines else ""


def _trusting(authority: Issued) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pem.decode())


@pytest.fixture
async def world(tmp_path):
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(ROOT.pem)
    async with AsyncExitStack() as exits:

        async def make(
            policy: str = POLICY,
            leaf: Issued = GOOD,
            *,
            web: Issued = WEB,
            offer=TLS_OFFER,
            **settings: object,
        ) -> World:
            mx = await FakeMx(offer=offer, context=server_tls(leaf)).start()
            exits.push_async_callback(mx.stop)
            server = await WebServer(server_tls(web), served(policy)).start()
            exits.push_async_callback(server.stop)
            made = World(mx, server, ca_file, **settings)
            exits.push_async_callback(made.sts.close)
            exits.callback(made.transport.close)
            return made

        yield make


async def test_the_right_certificate(world):
    here = await world()
    assert await here.send() == f"{SENT} 0"
    assert here.trust() == "Verified"
    assert here.results == [("sts", TlsResult.SUCCESS)]
    assert await here.send() == f"{SENT} 1"
    assert len(here.web.asked) == 1


@pytest.mark.parametrize(
    ("leaf", "result", "words"),
    [
        (EXPIRED, TlsResult.CERTIFICATE_EXPIRED, "certificate has expired"),
        (SELF_SIGNED, TlsResult.CERTIFICATE_NOT_TRUSTED, "self-signed certificate"),
        (
            issue(root("Other"), "mx.example.net"),
            TlsResult.CERTIFICATE_NOT_TRUSTED,
            "unable to get local issuer certificate",
        ),
        (WRONG_NAME, TlsResult.CERTIFICATE_HOST_MISMATCH, "it is for other.example.net, and not"),
        (  # RFC 8461 §4.2
            issue(ROOT, common_name="mx.example.net"),
            TlsResult.CERTIFICATE_HOST_MISMATCH,
            "it has a common name, and MTA-STS wants a DNS name",
        ),
    ],
)
async def test_a_certificate_that_does_not_vouch_keeps_the_mail(world, leaf, result, words):
    here = await world(leaf=leaf)
    said = await here.send()
    assert said.startswith("10 deferred 451 4.7.5 ")
    assert words in said
    assert here.mx.messages == []
    assert here.mx.connections == 1
    assert here.results == [("sts", result)]


@pytest.mark.parametrize("leaf", [EXPIRED, SELF_SIGNED, WRONG_NAME])
async def test_a_policy_under_test_reports_and_delivers(world, leaf):
    """RFC 8461 §5."""
    here = await world(TESTING, leaf)
    assert await here.send() == f"{SENT} 0"
    assert here.trust() == "Untrusted"
    ((kind, result),) = here.results
    assert (kind, result is TlsResult.SUCCESS) == ("sts", False)
    assert here.mx.connections == 2


async def test_no_tls_is_no_delivery(world):
    here = await world(offer=OFFER)
    assert "4.7.4 TLS is required, but was not offered" in await here.send()
    assert here.results == [("sts", TlsResult.STARTTLS_NOT_SUPPORTED)]
    assert here.mx.messages == []


async def test_no_tls_under_test_is_plain_text(world):
    here = await world(TESTING, offer=OFFER)
    assert await here.send() == f"{SENT} 0"
    assert here.results == [("sts", TlsResult.STARTTLS_NOT_SUPPORTED)]
    assert here.mx.connections == 1


async def test_a_host_that_the_policy_does_not_list(world):
    here = await world(ELSEWHERE)
    assert "does not list host mx.example.net" in await here.send()
    assert here.mx.connections == 0
    assert here.results == [("sts", TlsResult.VALIDATION_FAILURE)]


@pytest.mark.parametrize("web", [EXPIRED, issue(None, "mta-sts.example.net"), WRONG_NAME])
async def test_a_web_server_that_nobody_vouches_for_has_no_policy(world, web):
    here = await world(leaf=SELF_SIGNED, web=web)
    assert await here.send() == f"{SENT} 0"
    assert here.results == [
        ("sts", TlsResult.STS_WEBPKI_INVALID),
        ("no-policy-found", TlsResult.SUCCESS),
    ]


async def test_who_strips_the_record_and_the_server_cannot_strip_the_policy(world):
    here = await world()
    await here.send()
    here.dns.zone = zone(txt="")
    await here.web.stop()
    here.mx.context = server_tls(SELF_SIGNED)
    here.time += 2 * 86_400
    assert "self-signed certificate" in await here.send()
    assert len(here.mx.messages) == 1


async def test_a_policy_taken_back(world):
    here = await world()
    await here.send()
    here.dns.zone = zone("v=STSv1; id=2;")
    here.web.answer = served("version: STSv1\nmode: none\nmax_age: 86400\n")
    here.mx.context = server_tls(SELF_SIGNED)
    here.time += 3600
    assert await here.send() == f"{SENT} 1"


async def test_it_is_switched_off_by_the_operator(world):
    here = await world(leaf=SELF_SIGNED, security_level="encrypt")
    assert await here.send() == f"{SENT} 0"
    assert here.web.asked == []


RELAXED = b"Subject: hello\r\ntls-required: no\r\n\r\nWe lost our certificate.\r\n"


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (RELAXED, f"{SENT} 0"),
        (RELAXED.replace(b": no", b": yes"), "10 deferred 451 4.7.5 "),
        (RELAXED.replace(b"tls-required: no\r\n", b"tls-required: no\r\n" * 2), "10 deferred "),
        (MESSAGE + b"TLS-Required: No\r\n", "10 deferred "),
    ],
)
async def test_mail_that_would_rather_arrive(world, content, result):
    """RFC 8689 §5: how else could one write that the certificate is broken?"""
    here = await world(leaf=SELF_SIGNED)
    assert (await here.send(content)).startswith(result)


async def test_such_mail_does_not_soften_what_the_operator_wants(world):
    here = await world(leaf=SELF_SIGNED, security_level="verify")
    assert (await here.send(RELAXED)).startswith("10 deferred 451 4.7.5 ")


async def test_mail_with_requiretls_goes_where_the_policy_vouches(world):
    here = await world(
        POLICY.replace("mx.example.net", "*.elsewhere.example"),
        issue(ROOT, "mx.elsewhere.example"),
        offer=(*TLS_OFFER, "REQUIRETLS"),
    )
    here.dns.zone = {
        **zone(),
        "example.net": {"MX": ("10 mx.elsewhere.example.",)},
        "mx.elsewhere.example": {"A": ("127.0.0.1",)},
    }
    assert await here.send(require_tls=True) == f"{SENT} 0"
    assert here.trust() == "Verified"
