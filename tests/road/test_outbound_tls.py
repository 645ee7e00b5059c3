"""A whole server that sends by DANE and MTA-STS: nsd, unbound, a web server, Postfix."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import smtplib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from chains import issue, root
from fake_mx import OFFER, FakeMx
from peers import needs, postfix
from peers.certificates import Authority, Certificate
from peers.dns import NameServer
from peers.dnssec import sign
from peers.postfix import Postfix
from peers.postroad import Postroad
from peers.unbound import Validator
from policy_web_server import WebServer, served, server_tls

pytestmark = pytest.mark.peer

POLICY = "version: STSv1\nmode: enforce\nmx: mx.elsewhere.test\nmax_age: 604800\n"
LEAF = issue(None, "mx.signed.test")
WRONG = root("Somebody else")
HOST = f"127.{os.getpid() >> 8 & 127}.{os.getpid() & 255}.43"


@dataclass
class World:
    """What runs."""

    server: Postroad
    exchanger: Postfix
    web: WebServer
    signed: FakeMx

    async def send(self, recipient: str) -> None:
        def talk() -> None:
            with smtplib.SMTP("127.0.0.1", self.server.port("mx")) as client:
                client.sendmail("john@example.org", [recipient], f"Subject: {recipient}\r\n\r\nHi")

        await asyncio.to_thread(talk)

    async def logged(self, text: str) -> str:
        return await asyncio.to_thread(self.server.wait_log, text)

    async def run(self, *arguments: str) -> str:
        return await asyncio.to_thread(self.server.run, *arguments)


def tlsa(of) -> str:
    return f"3 1 1 {hashlib.sha256(of.spki).hexdigest()}"


def web_tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


@pytest.fixture
async def world(authority: Authority) -> AsyncIterator[World]:
    needs.root("a web server at port 443")
    async with AsyncExitStack() as exits:

        def started(peer):
            exits.callback(peer.stop)
            return peer

        exchanger = started(
            postfix.mail_exchanger("elsewhere.test", ["lisa"], authority.issue("mx.elsewhere.test"))
        )
        port = exchanger.port
        signed = FakeMx(offer=(*OFFER, "STARTTLS"), context=server_tls(LEAF))
        await signed.start(host="127.0.0.61", port=port)
        exits.push_async_callback(signed.stop)
        web = WebServer(web_tls(authority.issue("mta-sts.elsewhere.test")), served(POLICY))
        await web.start(HOST, 443)
        exits.push_async_callback(web.stop)
        zone = sign(
            "signed.test.",
            [
                "signed.test. MX 10 mx.signed.test.",
                "mx.signed.test. A 127.0.0.61",
                f"_{port}._tcp.mx.signed.test. TLSA {tlsa(LEAF)}",
                "bad.signed.test. MX 10 mx.bad.signed.test.",
                "mx.bad.signed.test. A 127.0.0.61",
                f"_{port}._tcp.mx.bad.signed.test. TLSA {tlsa(WRONG)}",
            ],
        )
        records = [
            "elsewhere.test. MX 10 mx.elsewhere.test.",
            "mx.elsewhere.test. A 127.0.0.1",
            '_mta-sts.elsewhere.test. TXT "v=STSv1; id=1;"',
            f"mta-sts.elsewhere.test. A {HOST}",
        ]
        names = started(NameServer(records, ("elsewhere.test.",), {zone.name: zone.text}))
        zones = ("elsewhere.test.", "signed.test.")
        validator = started(Validator(zones, names.port, [zone.anchor]))
        settings = {
            "dns": {"servers": [validator.address]},
            "delivery": {"mx_port": port},
            "outbound_tls": {"ca_file": str(authority.certificate)},
            "queue": {"minimal_backoff": 5, "maximal_backoff": 5},
        }
        server = started(await asyncio.to_thread(_start, settings))
        yield World(server, exchanger, web, signed)


def _start(settings) -> Postroad:
    return Postroad(settings, accounts={"john@example.org": "summersun"})


async def test_it_goes_by_what_domains_publish(world):
    await world.send("lisa@elsewhere.test")
    line = await world.logged("TLS connection established to mx.elsewhere.test")
    assert "Verified TLS connection established" in line
    await world.logged("to=<lisa@elsewhere.test>")
    assert "status=sent" in await world.logged("to=<lisa@elsewhere.test>")

    await world.send("bob@signed.test")
    line = await world.logged("TLS connection established to mx.signed.test")
    assert "Verified TLS connection established" in line
    assert "status=sent" in await world.logged("to=<bob@signed.test>")

    await world.send("eve@bad.signed.test")
    line = await world.logged("to=<eve@bad.signed.test>")
    assert "status=deferred" in line
    assert "Server certificate not verified: it matches none of the TLSA records" in line
    assert len(world.signed.messages) == 1

    # Whoever takes the web server away does not take the policy, nor does a new start.
    await world.web.stop()
    await asyncio.to_thread(world.server.end)
    await asyncio.to_thread(world.server.start)
    await world.send("lisa@elsewhere.test")
    await asyncio.to_thread(_verified_twice, world.server)

    await _commands(world)


def _verified_twice(server: Postroad) -> None:
    from peers.waiting import until

    words = "Verified TLS connection established to mx.elsewhere.test"
    until(lambda: server.log().count(words) >= 2, within=30, what="a second handshake")


async def _commands(world: World) -> None:
    (shown,) = json.loads(await world.run("tls-policy", "elsewhere.test", "--json"))
    assert shown["mta_sts"]["mode"] == "enforce"
    assert shown["mx_validated"] is False
    assert shown["hosts"] == [
        {
            "preference": 10,
            "host": "mx.elsewhere.test",
            "level": "verify",
            "names": ["mx.elsewhere.test"],
            "tlsa": [],
            "testing": False,
            "policy": "sts",
        }
    ]
    words = await world.run("tls-policy", "signed.test")
    assert "DNSSEC proves its mail exchangers" in words
    assert f"matches TLSA {tlsa(LEAF)}" in words
    words = await world.run("tls-policy", "example.org")
    assert "does not leave by SMTP" in words
