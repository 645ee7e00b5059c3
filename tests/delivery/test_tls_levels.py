"""The levels of TLS in real handshakes: who is asked for what, and what the log calls it."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from contextlib import AsyncExitStack

import pytest

from chains import Issued, issue, root
from deliveries import delivery, told
from fake_dns import FakeDns
from fake_mx import OFFER, FakeMx
from peers import needs
from peers.certificates import Authority
from peers.postfix import environment
from policy_web_server import server_tls
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.delivery.tls_policies import TlsPolicyFinder
from postroad.delivery.tls_policy import HostTls
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.model.journal import Event
from postroad.net.dns import Exchanger, Resolver
from postroad.net.settings import DnsSettings

TLS_OFFER = (*OFFER, "STARTTLS")
ROOT = root("Test root")
HOST = issue(ROOT, "mx.example.net")
DOMAIN = issue(ROOT, "example.net")
BELOW = issue(ROOT, "mail.example.net")
SELF_SIGNED = issue(None, "mx.example.net")
SENT = "10 sent"
ZONE = {"example.net": {"MX": ("10 mx.example.net.",)}, "mx.example.net": {"A": ("127.0.0.1",)}}


def digest(of: Issued, *, key: bool = False) -> str:
    return hashlib.sha256(of.spki if key else of.der).hexdigest()


class Tables:
    def __init__(self, entry: str) -> None:
        self.entry = entry

    async def find(self, table: str, key: str) -> str | None:
        return self.entry if key == "example.net" else None


@pytest.fixture
async def send(tmp_path):
    """Sends a message to a server with a certificate; the result, and what was logged."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(ROOT.pem)
    async with AsyncExitStack() as exits:

        async def go(leaf: Issued, entry: str, context: ssl.SSLContext | None = None, **settings):
            mx = await FakeMx(offer=TLS_OFFER, context=context or server_tls(leaf)).start()
            exits.push_async_callback(mx.stop)
            resolver = Resolver(DnsSettings(), lambda: 0.0, query=FakeDns(ZONE))
            logged: list[Event] = []
            finder = TlsPolicyFinder(
                OutboundTlsSettings(policy=("hash:/x",), ca_file=ca_file, **settings),
                resolver,
                tables=Tables(entry),
            )
            transport = SmtpTransport(
                "relay.example.org",
                RelaySettings(),
                DeliverySettings(mx_port=mx.port),
                resolver=resolver,
                credentials=None,
                journal=logged.append,
                clock=lambda: 0.0,
                policies=finder,
            )
            exits.callback(transport.close)
            report = await transport.deliver(delivery("example.net"))
            words = [each.text.split()[0] for each in logged if "established" in each.text]
            return told(report)[0].partition(" 250 ")[0], words, report

        yield go


@pytest.mark.parametrize(
    ("leaf", "entry", "result", "trust"),
    [
        (HOST, "verify", "10 sent", ["Verified"]),
        (DOMAIN, "verify", "it is for example.net, and not for mx.example.net", ["Trusted"]),
        (DOMAIN, "secure", "10 sent", ["Verified"]),
        (BELOW, "secure", "10 sent", ["Verified"]),
        (HOST, "secure", "10 sent", ["Verified"]),
        (BELOW, "secure match=nexthop", "it is for mail.example.net, and not for", ["Trusted"]),
        (BELOW, "verify match=other.example:mail.example.net", "10 sent", ["Verified"]),
        (SELF_SIGNED, "verify", "4.7.5 Cannot start TLS: the peer's certificate is not", []),
        (SELF_SIGNED, "encrypt", "10 sent", ["Untrusted"]),
        (SELF_SIGNED, "may", "10 sent", ["Untrusted"]),
        (SELF_SIGNED, f"fingerprint match={digest(SELF_SIGNED)}", "10 sent", ["Verified"]),
        (SELF_SIGNED, f"fingerprint match={digest(SELF_SIGNED, key=True)}", SENT, ["Verified"]),
        (SELF_SIGNED, f"fingerprint match={digest(HOST)}", "its sha256 fingerprint", ["Untrusted"]),
        (HOST, "encrypt protocols=TLSv1.2", "10 sent", ["Untrusted"]),
        (HOST, "none", "10 sent", []),
    ],
    ids=lambda each: str(each).split("=", maxsplit=1)[0],  # fingerprints are new in each run
)  # fmt: skip
async def test_levels(send, leaf, entry, result, trust):
    said, words, report = await send(leaf, entry)
    assert result in said
    assert words == trust
    sent = result == "10 sent"
    assert report.tls.partition("/")[0] == (trust[0] if sent and trust else "")
    if "protocols" in entry:
        assert report.tls == "Untrusted/TLSv1.2"


async def test_the_server_name_that_is_asked_for(send):
    asked: list[str | None] = []
    context = server_tls(issue(ROOT, "front.example"))
    context.sni_callback = lambda _, name, __: asked.append(name)
    said, _, _ = await send(HOST, "verify servername=front.example match=front.example", context)
    assert said == "10 sent"
    assert asked == ["front.example"]


@pytest.mark.parametrize("shown", [True, False])
async def test_a_certificate_of_ours(send, tmp_path, shown):
    authority = Authority(tmp_path)
    ours = authority.issue("relay.example.org", client=True)
    context = server_tls(HOST)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where its lack ends the handshake itself
    context.load_verify_locations(authority.certificate)
    settings = {"certificate": ours.chain, "key": ours.key} if shown else {}
    said, words, _ = await send(HOST, "encrypt", context, **settings)
    assert (said == "10 sent") is shown
    assert words == (["Untrusted"] if shown else [])


NAMES = [
    (("mx.example.net",), "mx.example.net"),
    (("*.example.net",), "mx.example.net"),
    (("*.example.net",), "a.b.example.net"),
    (("*.net",), "example.net"),
    (("example.net",), "mx.example.net"),
    (("mx.example.net",), ".example.net"),
    (("a.b.example.net",), ".example.net"),
    (("*.example.net",), ".example.net"),
    (("example.net",), ".example.net"),
    (("notexample.net",), ".example.net"),
    (("MX.Example.Net",), "mx.example.net"),
    (("other.example", "mx.example.net"), "mx.example.net"),
    (("m*.example.net",), "mx.example.net"),
]


@pytest.mark.peer
async def test_postfix_matches_the_same_names(tmp_path):
    """`posttls-finger` at the level secure, with the same certificates and patterns."""
    finger = needs.program("posttls-finger")
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(ROOT.pem)
    theirs, ours = [], []
    for names, pattern in NAMES:
        leaf = issue(ROOT, *names)
        mx = await FakeMx(offer=TLS_OFFER, context=server_tls(leaf)).start()
        process = await asyncio.create_subprocess_exec(
            *(finger, "-c", "-l", "secure", "-F", str(ca_file), "-L", "summary"),
            *(f"[127.0.0.1]:{mx.port}", pattern),
            env=environment(tmp_path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        await mx.stop()
        theirs.append((names, pattern, b"Verified TLS connection" in output))
        ours.append((names, pattern, _is_ours(leaf, pattern)))
    assert ours == theirs
    assert len({verified for _, _, verified in theirs}) == 2


def _is_ours(leaf: Issued, pattern: str) -> bool:
    from postroad.delivery.matching import mismatch

    return mismatch([leaf.der], HostTls("verify", names=(pattern,))) is None


async def test_each_host_has_its_own_name():
    """At `verify` the name is the mail exchanger's, whoever named it."""
    resolver = Resolver(DnsSettings(), lambda: 0.0, query=FakeDns(ZONE))
    finder = TlsPolicyFinder(OutboundTlsSettings(security_level="verify"), resolver)
    policy = await finder.policy(Nexthop.parse("example.net"))
    for host in ("mx.example.net", "b.example.net"):
        found = await finder.for_host(policy, Exchanger(1, host), 25)
        assert found.names == (host,)
