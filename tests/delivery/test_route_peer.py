"""Routes as Postfix's trivial-rewrite(8) has them, asked over its own socket.

Postfix and the router have the same tables and settings. What differs on purpose is translated in
one place, `ours`: names of transports, and what a mailbox of ours is.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.postfix import Postfix
from postroad.delivery.routing import Route, Router, Ways
from postroad.delivery.transport_settings import RoutingSettings
from postroad.delivery.ways import BUILT_IN
from postroad.directory import Standing
from postroad.model import Address
from postroad.tables import Tables

pytestmark = pytest.mark.peer

TRANSPORT = """
john+lists@plain.test    smtp:[whole]
john@plain.test          :[stripped]
ann@plain.test           relay:
bob@plain.test           :
moved@plain.test         error:5.1.2 it moved
gone@plain.test          error:
asleep@plain.test        retry:4.3.2 back at noon
later@plain.test         retry:
noise@plain.test         discard:as agreed
plain.test               smtp:
sub.plain.test           smtp:[sub]:2525
.plain.test              relay:[below]
both.test                smtp:[both]
.both.test               smtp:[belowboth]
a.b.deep.test            smtp:[abdeep]
.deep.test               smtp:[belowdeep]
ours.test                smtp:[ours]
keeper@kept.test         :[elsewhere]:26
.test2                   :[top]
Mixed@Case.Test          smtp:[MIXED]:25
relayed.test             :[rely]
two.test                 smtp:[a]:25, [b]:25
"""
SENDER_TRANSPORT = """
john@from.test           relay:[own]
ann@from.test            relay:
@from.test               DUNNO
@all.test                smtp:[allown]
<>                       relay:[null]
"""
SENDER_SMARTHOSTS = """
john@from.test           [johnshost]:587
bulk@hosts.test          [bulkhost]:587
@hosts.test              [hostshost]
dunno@hosts.test         DUNNO
<>                       [nullhost]
"""
RECIPIENTS = [
    "john+lists@plain.test",
    "john+other@plain.test",
    "john@plain.test",
    "ann@plain.test",
    "bob@plain.test",
    "moved@plain.test",
    "gone@plain.test",
    "asleep@plain.test",
    "later@plain.test",
    "noise@plain.test",
    "any@plain.test",
    "any@sub.plain.test",
    "any@x.plain.test",
    "any@x.sub.plain.test",
    "any@both.test",
    "any@x.both.test",
    "any@a.b.deep.test",
    "any@c.b.deep.test",
    "any@deep.test",
    "any@ours.test",
    "keeper@kept.test",
    "any@kept.test",
    "any@x.test2",
    "any@test2",
    "mixed@case.test",
    "Mixed@Case.Test",
    "any@relayed.test",
    "any@x.relayed.test",
    "any@two.test",
    "any@unknown.test",
    "any@[192.0.2.1]",
    '"a b"@plain.test',
]
SENDERS = [
    "any@unknown.test",
    "john@from.test",
    "john+ext@from.test",
    "ann@from.test",
    "other@from.test",
    "x@all.test",
    "bulk@hosts.test",
    "other@hosts.test",
    "dunno@hosts.test",
    "",
]
CASES = [
    *((to, "any@unknown.test") for to in RECIPIENTS),
    *((to, sender) for sender in SENDERS for to in ("any@unknown.test", "any@relayed2.test")),
    *((to, "john@from.test") for to in ("any@plain.test", "bob@plain.test", "any@kept.test")),
    *((to, "") for to in ("keeper@kept.test", "bob@plain.test", "any@x.test2")),
]
SETTINGS = {
    "a smarthost": {"smarthost": "[smart]:587"},
    "none": {},
    "transports of one's own": {
        "smarthost": "[smart]:587",
        "default_transport": "smtp:[default]",
        "relay_transport": "smtp:[relaydefault]",
    },
    "nothing leaves": {"default_transport": "error:5.7.1 nothing leaves"},
}


class Ours:
    async def standing(self, domain: str) -> Standing | None:
        return Standing.LOCAL if domain in ("ours.test", "kept.test") else None


@pytest.fixture(scope="module", params=list(SETTINGS))
def world(request: pytest.FixtureRequest) -> Iterator[tuple[Postfix, dict[str, str]]]:
    settings = SETTINGS[request.param]
    main_cf = {
        "transport_maps": "texthash:%(folder)s/transport",
        "sender_dependent_default_transport_maps": "texthash:%(folder)s/sender_transport",
        "sender_dependent_relayhost_maps": "texthash:%(folder)s/sender_smarthosts",
        "relayhost": settings.get("smarthost", ""),
        "default_transport": settings.get("default_transport", "smtp"),
        "relay_transport": settings.get("relay_transport", "relay"),
        "relay_domains": "relayed.test, relayed2.test",
        "parent_domain_matches_subdomains": "",
        "virtual_mailbox_domains": "ours.test, kept.test",
        "virtual_transport": "virtual",
        "recipient_delimiter": "+",
    }
    server = Postfix(
        main_cf,
        files={
            "transport": TRANSPORT,
            "sender_transport": SENDER_TRANSPORT,
            "sender_smarthosts": SENDER_SMARTHOSTS,
        },
    )
    yield server, settings
    server.stop()


def resolved(server: Postfix, sender: str, recipient: str) -> Route:
    """The answer of trivial-rewrite: attributes with their values, each ended by a NUL."""
    words = ["request", "resolve", "sender", sender, "address", recipient]
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(server.folder / "queue" / "private" / "rewrite"))
        answers = _attributes(client)
        next(answers)  # the name of the protocol
        client.sendall(b"".join(word.encode() + b"\0" for word in words) + b"\0")
        answer = next(answers)
    assert answer["flags"], answer
    return Route(answer["transport"], answer["nexthop"])


def _attributes(client: socket.socket) -> Iterator[dict[str, str]]:
    octets = b""
    while True:
        while b"\0\0" not in octets:
            more = client.recv(4096)
            assert more, octets
            octets += more
        # Values may be empty; a name may not, so the list ends where one would be.
        words = octets.decode().split("\0")
        found, at = {}, 0
        while words[at]:
            found[words[at]] = words[at + 1]
            at += 2
        yield found
        octets = "\0".join(words[at + 1 :]).encode()


def ours(route: Route, recipient: str) -> Route:
    """What Postfix says, in our words."""
    domain = Address.parse(recipient).domain.lower()
    if route.transport == "virtual":
        # A next hop that is no host means nothing to a store on this machine; both keep it.
        return Route("local", route.nexthop.lower())
    if route.transport in ("error", "retry", "discard"):
        words = route.nexthop
        if route.transport == "discard" and words == domain:
            words = "discarded, as a route says"
        return Route(route.transport, words)
    return Route(route.transport, ",".join(route.nexthop.lower().replace(",", " ").split()))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    (folder / "transport").write_text(TRANSPORT)
    (folder / "sender_transport").write_text(SENDER_TRANSPORT)
    (folder / "sender_smarthosts").write_text(SENDER_SMARTHOSTS)
    return folder


async def test_every_route_is_postfixes(world, files):
    server, settings = world
    tables = Tables(report=print)
    router = Router(
        Ours(),
        smarthost=settings.get("smarthost", ""),
        capture=False,
        ways=Ways(
            routing=RoutingSettings(
                transport=(f"hash:{files}/transport",),
                sender_transport=(f"hash:{files}/sender_transport",),
                default_transport=settings.get("default_transport", "smtp"),
                relay_domains=("relayed.test", "relayed2.test"),
                relay_transport=settings.get("relay_transport", "relay"),
            ),
            kinds=BUILT_IN,
            sender_smarthosts=(f"hash:{files}/sender_smarthosts",),
            delimiters="+",
        ),
        tables=tables,
    )
    assert len(CASES) > 50
    differences = []
    for recipient, sender in CASES:
        theirs = ours(resolved(server, sender, recipient), recipient)
        whose = Address.parse(sender) if sender else None
        found = await router.route(Address.parse(recipient), sender=whose)
        if found != theirs:
            differences.append(f"{sender or '<>'} -> {recipient}: {theirs} here {found}")
    await tables.close()
    assert not differences, "\n".join(differences)
