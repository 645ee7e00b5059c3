"""SPF beside Debian's policyd-spf, over the same real DNS; and the guide's server without it.

Whatever both are asked must come to the same, but for `DIFFERENCES`, each with its reason. The
client of the server's own sessions is at another address, for which a trusted peer speaks by
XCLIENT.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from typing import NamedTuple

import pytest

from dkim_signer import signature
from peers.dns import NameServer
from peers.policyd_spf import PolicydSpf
from peers.postroad import Postroad
from postroad.mailauth.dkim.signing_key import new_key
from postroad.mailauth.spf.checking import SpfChecker
from postroad.model import Address, Client
from postroad.model.fields import Fields
from postroad.net.delegation import Delegations
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings
from postroad.policy import Facts, Oracle, PolicySettings, Surroundings, build
from postroad.policy.facts import Accounts

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
HOSTNAME = "mail.example.org"
KEY = new_key("strict.test", "june", "ed25519", 0)

POLICIES = {
    "strict": "v=spf1 ip4:192.0.2.1 -all",
    "soft": "v=spf1 ip4:192.0.2.1 ~all",
    "unsure": "v=spf1 ip4:192.0.2.1 ?all",
    "open": "v=spf1 ip4:192.0.2.1",
    "everybody": "v=spf1 +all",
    "nobody": "v=spf1 -all",
    "upper": "V=SPF1 IP4:192.0.2.1 -ALL",
    "net": "v=spf1 ip4:192.0.2.0/28 -all",
    "six": "v=spf1 ip6:2001:db8::/32 -all",
    "a": "v=spf1 a -all",
    "a-net": "v=spf1 a:host.a.test/28 -all",
    "mx": "v=spf1 mx -all",
    "mx-none": "v=spf1 mx:nothing.test -all",
    "ptr": "v=spf1 ptr:mx.test -all",
    "exists": "v=spf1 exists:%{i}.list.test -all",
    "local": "v=spf1 exists:%{l}.users.test -all",
    "reversed": "v=spf1 exists:%{ir}.rlist.test -all",
    "include": "v=spf1 include:strict.test -all",
    "include-soft": "v=spf1 include:soft.test -all",
    "include-none": "v=spf1 include:nothing.test -all",
    "include-wrong": "v=spf1 include:wrong.test -all",
    "redirect": "v=spf1 redirect=strict.test",
    "redirect-none": "v=spf1 redirect=nothing.test",
    "loop": "v=spf1 include:loop.test -all",
    "ten": f"v=spf1 {' '.join(f'a:h{n}.test' for n in range(10))} ip4:192.0.2.1 -all",
    "eleven": f"v=spf1 {' '.join(f'a:h{n}.test' for n in range(11))} ip4:192.0.2.1 -all",
    "voids": "v=spf1 a:void1.test a:void2.test a:void3.test -all",
    "two-voids": "v=spf1 a:void1.test a:void2.test ip4:192.0.2.1 -all",
    "wrong": "v=spf1 ip5:192.0.2.1 -all",
    "typo": "v=spf1 ip4:192.0.2.1 -al",
    "bad-ip": "v=spf1 ip4:192.0.2.300 -all",
    "late": "v=spf1 ip4:192.0.2.1 -all oops:",
    "modifier": "v=spf1 ip4:192.0.2.1 later=unknown -all",
    "nearly": "v=spf10 ip4:192.0.2.1 -all",
    "explained": "v=spf1 -all exp=why.test",
}
RECORDS = [
    *[f'{name}.test. TXT "{text}"' for name, text in POLICIES.items()],
    'twice.test. TXT "v=spf1 ip4:192.0.2.1 -all"',
    'twice.test. TXT "v=spf1 +all"',
    'split.test. TXT "v=spf1 ip4:192" ".0.2.1 -all"',
    "alias.test. CNAME strict.test.",
    "a.test. A 192.0.2.1",
    "host.a.test. A 192.0.2.1",
    "mx.test. A 192.0.2.1",
    "mx.test. MX 10 mx.test.",
    *[f"h{n}.test. A 198.51.100.{n + 1}" for n in range(11)],
    "192.0.2.1.list.test. A 127.0.0.2",
    "1.2.0.192.rlist.test. A 127.0.0.2",
    "paul.users.test. A 127.0.0.2",
    'why.test. TXT "%{i} is none of ours"',
    "1.2.0.192.in-addr.arpa. PTR mx.test.",
    f'{KEY.name}. TXT "{KEY.record}"',
]
ZONES = ("test.", "2.0.192.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.")

ADDRESSES = ("192.0.2.1", "192.0.2.200")
DOMAINS = [*POLICIES, "twice", "split", "alias", "nothing"]


class Case(NamedTuple):
    """A question to both."""

    address: str
    sender: str
    helo: str = "mx.test"

    def __str__(self) -> str:
        return f"{self.address} <{self.sender}> {self.helo}"


CASES = [
    *[Case(address, f"paul@{domain}.test") for domain in DOMAINS for address in ADDRESSES],
    Case("2001:db8::1", "paul@six.test"),
    Case("2001:db9::1", "paul@six.test"),
    Case("2001:db8::1", "paul@strict.test"),
    Case("192.0.2.200", "lisa@local.test"),
    Case("192.0.2.1", "paul@open.test", "nobody.test"),
    Case("192.0.2.1", "", "nobody.test"),
    *[Case(address, "", f"{domain}.test") for domain in POLICIES for address in ADDRESSES],
    Case("192.0.2.1", "paul@[192.0.2.1]"),
    Case("192.0.2.1", "paul@strict.test", "[192.0.2.1]"),
    Case("192.0.2.1", "paul@strict.test", "localhost"),
    Case("192.0.2.1", "paul@strict.refused.invalid"),
]

DIFFERENCES = {
    Case(
        "192.0.2.1", "paul@strict.refused.invalid"
    ): "a name server that refuses to answer (rcode 5)"
    " is a temperror (RFC 7208 §4.4); pyspf takes it for no record",
}
"""Where the two say different things, and why."""


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    server = NameServer(RECORDS, ZONES)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def policyd(names: NameServer) -> Iterator[PolicydSpf]:
    service = PolicydSpf(names.port)
    yield service
    service.stop()


def theirs(action: str) -> tuple[str, str]:
    """The result and the identity that policyd-spf says, as far as its words tell."""
    if found := re.match(r"prepend Received-SPF: (\w+) \(.*?identity=(\w+);", action):
        return found[1].lower(), found[2]
    if found := re.match(r"550 5\.7\.2[34] Message rejected due to: .*[?]s=(\w+);", action):
        return "refused", {"mfrom": "mailfrom"}.get(found[1], found[1])
    return action, ""


async def ours(checker: SpfChecker, case: Case) -> tuple[str, str]:
    """The result and the identity as policyd-spf would show them, by the real restriction."""
    policy = build("mx", PolicySettings(relay=(), recipient=("check_spf",)), Surroundings())
    sender = Address(*case.sender.rsplit("@", 1)) if case.sender else None
    facts = Facts(
        Client(case.address, 4711, "unknown", "unknown"),
        helo=case.helo,
        mail=True,
        sender=sender,
        recipient=Address("john", "example.org"),
    )
    nobody: Accounts = _Everybody()
    oracle = Oracle(nobody, None, None, None, checker)  # type: ignore[arg-type]
    verdict = await policy.recipient(facts, oracle)
    if verdict.reply is not None:
        assert verdict.reply.enhanced == "5.7.23", verdict.reply
        found = re.search(r"[?]s=(\w+);", str(verdict.reply))
        assert found is not None
        return "refused", {"mfrom": "mailfrom"}.get(found[1], found[1])
    by_helo = await checker.spf(case.address, "", case.helo)
    if not case.sender:
        return by_helo.result.value, "helo"
    by_sender = await checker.spf(case.address, case.sender, case.helo)
    if by_sender.result.value == "none" and by_helo.result.value != "none":
        return by_helo.result.value, "helo"
    return by_sender.result.value, "mailfrom"


class _Everybody:
    async def is_local(self, domain: str) -> bool:
        return True

    async def is_listed(self, address: Address) -> bool:
        return True

    async def owns(self, user: str, address: Address) -> bool:
        return False

    async def has_owner(self, address: Address) -> bool:
        return False


async def test_policyd_spf_says_the_same(names: NameServer, policyd: PolicydSpf) -> None:
    def fail(words: str) -> None:
        raise AssertionError(words)

    asking = Delegations(fail, clock=time.monotonic)
    resolver = Resolver(DnsSettings(servers=(names.address,)), time.monotonic)
    checker = SpfChecker(resolver, "mail.example.org", time.monotonic)
    gate = asyncio.Semaphore(4)

    async def compare(case: Case) -> tuple[tuple[str, str], tuple[str, str]]:
        attributes = {
            "request": "smtpd_access_policy",
            "protocol_state": "RCPT",
            "client_address": case.address,
            "helo_name": case.helo,
            "sender": case.sender,
            "recipient": JOHN,
            "instance": str(case),
        }
        async with gate:
            return theirs(await asking.ask(policyd.service, attributes)), await ours(checker, case)

    try:
        found = dict(zip(CASES, await asyncio.gather(*map(compare, CASES)), strict=True))
    finally:
        asking.close()
        await checker.close()
        await resolver.close()
    different = {case: pair for case, pair in found.items() if pair[0] != pair[1]}
    assert len(CASES) >= 100
    assert set(different) == set(DIFFERENCES), "\n".join(
        f"{case}: policyd-spf {pair[0]}, here {pair[1]}" for case, pair in different.items()
    )


# The guide's server, without policyd-spf ---------------------------------------------------------


@pytest.fixture(scope="module")
def server(names: NameServer, module_started) -> Postroad:
    settings = {
        "dns": {"servers": [names.address]},
        "listeners": {
            "mx": {
                "xclient": ["127.0.0.1/32"],
                "policy": {"recipient": ["reject_unlisted_recipient", "check_spf"]},
            }
        },
    }
    return module_started(Postroad(settings, listeners=["mx"], accounts={JOHN: "summersun"}))


@contextmanager
def client_at(server: Postroad, address: str) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.ehlo("proxy.test")
        code, words = client.docmd("XCLIENT", f"ADDR={address} NAME=mx.test HELO=client.test")
        assert code == 220, words
        client.ehlo("client.test")
        yield client


def test_forged_mail_is_refused_in_the_guides_words(server: Postroad) -> None:
    with client_at(server, "192.0.2.2") as client:
        client.mail("paul@strict.test")
        code, words = client.rcpt(JOHN)
    assert code == 550
    assert words.decode() == (
        "5.7.23 <john@example.org>: Recipient address rejected: Message rejected due to: "
        "SPF fail - not authorized. Please see http://www.openspf.net/Why?"
        "s=mfrom;id=paul@strict.test;ip=192.0.2.2;r=example.org"
    )
    server.wait_log("NOQUEUE: reject: RCPT from mx.test[192.0.2.2]: 550 5.7.23")


def test_real_mail_gets_its_results_on_top(server: Postroad) -> None:
    header = Fields.of(
        b"Authentication-Results: (forged) MAIL.example.org 1; dmarc=pass\r\n"
        b"Authentication-Results: mx.elsewhere.example; dkim=pass header.d=kept.example\r\n"
        b"From: paul@strict.test\r\nSubject: real\r\n"
    )
    signed = header.above(signature(header, b"hello\r\n", KEY))
    with client_at(server, "192.0.2.1") as client:
        client.sendmail("paul@strict.test", [JOHN], signed.octets + b"\r\nhello\r\n")
    message = message_from_bytes(server.maildir(JOHN).wait("Subject: real"))
    ours, other = message.get_all("Authentication-Results")
    assert other.startswith("mx.elsewhere.example;")
    text = " ".join(ours.split())
    assert text.startswith(f"{HOSTNAME}; iprev=pass (mx.test) policy.iprev=192.0.2.1; spf=pass")
    assert "smtp.mailfrom=paul@strict.test; dkim=pass (256-bit key)" in text
    assert "header.d=strict.test" in text
    (field,) = message.get_all("Received-SPF")
    assert " ".join(field.split()).startswith(
        f"pass ({HOSTNAME}: 192.0.2.1 may send for strict.test"
    )
    names = [name.lower() for name in message]
    assert names.index("authentication-results") < names.index("received")
    server.wait_log("spf=pass (192.0.2.1 may send for strict.test (ip4:192.0.2.1))")
