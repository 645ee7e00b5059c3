"""DANE with a signed zone (nsd) and a resolver that validates it (unbound).

Each case is a domain of the zone, and a server with some certificate at an address of its own.
What Postfix makes of the same servers is asked of its `posttls-finger`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from chains import Issued, issue, root
from deliveries import delivery, told
from fake_mx import OFFER, FakeMx
from peers import needs
from peers.dns import NameServer
from peers.dnssec import SignedZone, sign
from peers.ports import free_port
from peers.postfix import environment
from peers.unbound import Validator
from policy_web_server import server_tls
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.delivery.tls_policies import TlsPolicyFinder
from postroad.delivery.tls_policy import TlsResult, TlsSeen
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.model.journal import Event
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings

pytestmark = pytest.mark.peer

PORT = free_port()
ROOT = root("Test root")


def record(usage: int, of: Issued, selector: int = 1) -> str:
    octets = of.spki if selector else of.der
    return f"{usage} {selector} 1 {hashlib.sha256(octets).hexdigest()}"


@dataclass(frozen=True)
class Host:
    """A mail exchanger: its certificate, what its TLSA record says, and whether it has TLS."""

    leaf: Issued
    chain: tuple[Issued, ...] = ()
    tlsa: str = ""
    starttls: bool = True


def _host(*names: str, tlsa: Issued | None = None, valid=(-2, 40)) -> Host:
    """One with a self-signed certificate."""
    leaf = issue(None, *names, valid=valid)
    return Host(leaf, tlsa=record(3, tlsa or leaf))


def _by_root(name: str) -> Host:
    return Host(issue(ROOT, name), (ROOT,), record(2, ROOT, 0))


WRONG = root("Somebody else")
HOSTS = {
    "mx.ee.signed.test": _host("whatever.example"),
    "mx.ta.signed.test": _by_root("mx.ta.signed.test"),
    "mx.wrong.signed.test": _host("mx.wrong.signed.test", tlsa=WRONG),
    "mx.expired.signed.test": _host("mx.expired.signed.test", valid=(-9, -1)),
    "mx.name.signed.test": _by_root("elsewhere.test"),
    "mx.none.signed.test": Host(issue(None, "mx.none.signed.test"), starttls=False),
    "mx.notls.signed.test": Host(ROOT, tlsa=record(3, ROOT), starttls=False),
    "mx.hidden.signed.test": _host("mx.hidden.signed.test"),
    "mx.plain.test": _host("mx.plain.test", tlsa=WRONG),
    "mx.below.signed.test": _host("mx.below.signed.test", tlsa=WRONG),
}
ADDRESSES = {name: f"127.0.0.{at}" for at, name in enumerate(HOSTS, 31)}
UNSIGNED = ("plain.test.", "below.signed.test.")


def _records(name: str) -> list[str]:
    host = HOSTS[name]
    lines = [
        f"{name.removeprefix('mx.')}. MX 10 {name}.",
        f"{name}. A {ADDRESSES[name]}",
    ]
    if host.tlsa:
        lines.append(f"_{PORT}._tcp.{name}. TLSA {host.tlsa}")
    return lines


def _signed() -> SignedZone:
    lines = [
        "two.signed.test. MX 10 mx.wrong.signed.test.",
        "two.signed.test. MX 20 mx.ee.signed.test.",
        "outward.signed.test. MX 10 mx.plain.test.",
        "false.signed.test. MX 10 mx.ee.signed.test.",
        "below.signed.test. NS ns.invalid.",
    ]
    for name in HOSTS:
        if name not in ("mx.plain.test", "mx.below.signed.test"):
            lines += _records(name)

    def spoil(line: str) -> str:
        """Somebody changes two answers on their way."""
        if line.startswith(f"_{PORT}._tcp.mx.hidden") and " TLSA " in line and "RRSIG" not in line:
            return line.replace(" 3 1 1 ", " 3 0 1 ")
        if line.startswith("false.") and " MX " in line and "RRSIG" not in line:
            return line.replace(" 10 mx.ee.", " 10 mx.none.")
        return line

    return sign("signed.test.", lines).spoiled(spoil)


class Dns(NamedTuple):
    """Where the zones are, and the resolver that validates them."""

    server: NameServer
    zone: SignedZone
    validator: Validator


@pytest.fixture(scope="module")
def names() -> Iterator[Dns]:
    zone = _signed()
    unsigned = [*_records("mx.plain.test"), *_records("mx.below.signed.test")]
    server = NameServer(unsigned, UNSIGNED, {zone.name: zone.text})
    try:
        validator = Validator(("signed.test.", *UNSIGNED), server.port, [zone.anchor])
        yield Dns(server, zone, validator)
        validator.stop()
    finally:
        server.stop()


@pytest.fixture
async def servers():
    async with AsyncExitStack() as exits:
        started: dict[str, FakeMx] = {}
        for name, host in HOSTS.items():
            offer = (*OFFER, "STARTTLS") if host.starttls else OFFER
            mx = FakeMx(offer=offer, context=server_tls(host.leaf, *host.chain))
            started[name] = await mx.start(host=ADDRESSES[name], port=PORT)
            exits.push_async_callback(mx.stop)
        yield started


VERIFIED, UNTRUSTED, PLAIN = "Verified", "Untrusted", ""

CASES = {
    # RFC 7672: what is right
    "ee.signed.test": ("sent", VERIFIED),
    "ta.signed.test": ("sent", VERIFIED),
    "expired.signed.test": ("sent", VERIFIED),  # §3.1.1
    "two.signed.test": ("sent", VERIFIED),  # the next host, where the first one is wrong
    # what must not be delivered to
    "wrong.signed.test": ("4.7.5 Server certificate not verified: it matches none", UNTRUSTED),
    "name.signed.test": ("4.7.5 Server certificate not verified: it is for elsewhere", UNTRUSTED),
    "notls.signed.test": ("4.7.4 TLS is required, but was not offered", PLAIN),
    "hidden.signed.test": (f"4.7.5 TLSA lookup error for mx.hidden.signed.test:{PORT}", PLAIN),
    "false.signed.test": ("4.4.3 Host or domain name not found", PLAIN),
    # where DNSSEC proves nothing, records do not count
    "none.signed.test": ("sent", PLAIN),
    "plain.test": ("sent", UNTRUSTED),
    "below.signed.test": ("sent", UNTRUSTED),
    "outward.signed.test": ("sent", UNTRUSTED),
}


class World:
    """A transport that asks the real resolver."""

    def __init__(self, names: Dns, **dns: object) -> None:
        self.logged: list[Event] = []
        self.seen: list[TlsSeen] = []
        address = names.validator.address
        self.resolver = Resolver(DnsSettings(servers=(address,), **dns), lambda: 0.0)
        finder = TlsPolicyFinder(OutboundTlsSettings(), self.resolver, seeing=self.seen.append)
        self.transport = SmtpTransport(
            "relay.example.org",
            RelaySettings(),
            DeliverySettings(mx_port=PORT),
            resolver=self.resolver,
            credentials=None,
            journal=self.logged.append,
            clock=lambda: 0.0,
            policies=finder,
            seeing=self.seen.append,
        )

    async def send(self, domain: str) -> str:
        sent = await self.transport.deliver(delivery(domain, f"bob@{domain}"))
        return told(sent)[0]

    async def close(self) -> None:
        self.transport.close()
        await self.resolver.close()

    def trust(self) -> str:
        """What the last handshake came to, in the log's word."""
        lines = [each.text for each in self.logged if "TLS connection established" in each.text]
        return lines[-1].split()[0] if lines else ""


@pytest.mark.parametrize("domain", CASES)
async def test_it_goes_by_what_dnssec_proves(names, servers, domain):
    result, trust = CASES[domain]
    world = World(names)
    said = await world.send(domain)
    await world.close()
    assert result in said
    assert ("10 sent" in said) is (result == "sent")
    assert world.trust() == trust
    taken = sum(len(each.messages) for each in servers.values())
    assert taken == (1 if result == "sent" else 0)


async def test_reports_hear_of_it(names, servers):
    world = World(names)
    for domain in ("ee.signed.test", "wrong.signed.test", "notls.signed.test"):
        await world.send(domain)
    for domain in ("hidden.signed.test", "plain.test", "none.signed.test"):
        await world.send(domain)
    await world.close()
    told_of = [(each.basis.kind, each.domain, each.result) for each in world.seen]
    assert told_of == [
        ("tlsa", "ee.signed.test", TlsResult.SUCCESS),
        ("tlsa", "wrong.signed.test", TlsResult.CERTIFICATE_NOT_TRUSTED),
        ("tlsa", "notls.signed.test", TlsResult.STARTTLS_NOT_SUPPORTED),
        ("tlsa", "hidden.signed.test", TlsResult.DNSSEC_INVALID),
        ("no-policy-found", "plain.test", TlsResult.SUCCESS),
        ("no-policy-found", "none.signed.test", TlsResult.STARTTLS_NOT_SUPPORTED),
    ]
    first = world.seen[0]
    assert first.basis.strings == (HOSTS["mx.ee.signed.test"].tlsa,)
    assert (first.host, first.receiving) == ("mx.ee.signed.test", ADDRESSES["mx.ee.signed.test"])
    assert first.sending.startswith("127.0.0.")


async def test_the_word_of_a_resolver_that_is_not_trusted_does_not_count(names, servers):
    world = World(names, validating=False)
    assert "10 sent" in await world.send("wrong.signed.test")
    assert world.trust() == UNTRUSTED
    await world.close()


POSTFIX = {
    "ee.signed.test": VERIFIED,
    "ta.signed.test": VERIFIED,
    "expired.signed.test": VERIFIED,
    "wrong.signed.test": UNTRUSTED,
    "name.signed.test": UNTRUSTED,
    "plain.test": UNTRUSTED,
    "below.signed.test": UNTRUSTED,
    "hidden.signed.test": PLAIN,
}


async def test_postfix_finds_the_same(names, servers, tmp_path):
    """Its programs ask the system's resolver, so they get a file system with another one."""
    finger = needs.program("posttls-finger")
    needs.root("a mount of resolv.conf")
    unshare = needs.program("unshare")
    tried = await asyncio.to_thread(subprocess.run, [unshare, "-m", "true"], check=False)
    if tried.returncode:
        pytest.skip("no name space for mounts here")
    host = f"127.{os.getpid() >> 8 & 127}.{os.getpid() & 255}.53"
    zones = ("signed.test.", *UNSIGNED)
    validator = Validator(zones, names.server.port, [names.zone.anchor], host=host, port=53)
    try:
        resolv = tmp_path / "resolv.conf"
        resolv.write_text(f"nameserver {host}\n")
        for domain, trust in POSTFIX.items():
            said = await _finger(unshare, finger, resolv, domain)
            assert _trust(said) == trust, said
            assert ("Verified" in said) is (trust == VERIFIED)
    finally:
        validator.stop()


async def _finger(unshare: str, finger: str, resolv: Path, domain: str) -> str:
    mount = f"mount --bind {resolv} /etc/resolv.conf"
    command = f"{mount} && exec {finger} -c -t 20 -T 20 -l dane -L summary {domain}:{PORT}"
    process = await asyncio.create_subprocess_exec(
        unshare,
        "-m",
        "sh",
        "-c",
        command,
        env=environment(resolv.parent),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


def _trust(said: str) -> str:
    lines = [line for line in said.splitlines() if "TLS connection established" in line]
    return lines[-1].split(": ")[1].split()[0] if lines else ""
