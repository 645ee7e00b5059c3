from __future__ import annotations

import pytest

from postroad.delivery.nexthop import LmtpTarget, Nexthop
from postroad.delivery.routing import FILTER, Route, Router, Ways
from postroad.directory import Standing
from postroad.model import Address, ContentFilter


class Ours:
    async def standing(self, domain: str) -> Standing | None:
        return Standing.LOCAL if domain == "example.org" else None


@pytest.mark.parametrize(
    ("options", "address", "route"),
    [
        ({}, "a@example.org", Route("local", "example.org")),
        ({}, "a@EXAMPLE.org", Route("local", "example.org")),
        ({}, "a@Example.NET", Route("smtp", "example.net")),
        ({}, "a@[192.0.2.1]", Route("smtp", "[192.0.2.1]")),
        ({"mailbox": "lmtp:unix:/run/lmtp"}, "a@example.org", Route("lmtp", "unix:/run/lmtp")),
        ({"mailbox": "lmtp:inet:store:24"}, "a@example.org", Route("lmtp", "inet:store:24")),
        ({"smarthost": "[mx.x.net]:587"}, "a@example.net", Route("smtp", "[mx.x.net]:587")),
        ({"smarthost": "[mx.x.net]:587"}, "a@example.org", Route("local", "example.org")),
        ({"capture": True}, "a@example.net", Route("capture", "capture")),
        ({"capture": True, "smarthost": "x.net"}, "a@b.c", Route("capture", "capture")),
        ({"capture": True}, "a@example.org", Route("local", "example.org")),
    ],
)
async def test_routes(options, address, route):
    router = Router(Ours(), **{"capture": False, **options})
    assert await router.route(Address.parse(address)) == route


@pytest.mark.parametrize(
    ("options", "content_filter", "routes"),
    [
        ({}, "smtp [127.0.0.1]:26", [Route(FILTER, "[127.0.0.1]:26")] * 2),
        ({"smarthost": "x.net"}, "smtp [127.0.0.1]:26", [Route(FILTER, "[127.0.0.1]:26")] * 2),
        ({}, "lmtp unix:/run/x", [Route("lmtp", "unix:/run/x")] * 2),
        ({"capture": True}, "lmtp unix:/run/x", [Route("lmtp", "unix:/run/x")] * 2),
        ({"smarthost": "x.net"}, "smtp ", [Route("smtp", "example.org"), Route("smtp", "b.c")]),
        ({}, "local ", [Route("local", "example.org"), Route("local", "b.c")]),
        ({}, "capture ", [Route("capture", "capture")] * 2),
        ({"capture": True}, "smtp [127.0.0.1]:26", [Route("capture", "capture")] * 2),
        ({"capture": True}, "smtp ", [Route("capture", "capture")] * 2),
    ],
)
async def test_routes_through_a_filter(options, content_filter, routes):
    """It goes before what the configuration says, here as well as elsewhere."""
    router = Router(Ours(), **{"capture": False, **options})
    through = ContentFilter(*content_filter.split(" "))
    found = [await router.route(Address.parse(to), through) for to in ("a@example.org", "d@B.c")]
    assert found == routes


@pytest.mark.parametrize(
    "options",
    [
        {"mailbox": "dovecot"},
        {"mailbox": "lmtp:"},
        {"mailbox": "lmtp:unix:relative"},
        {"mailbox": "lmtp:inet:"},
        {"mailbox": "lmtp:inet:host:port"},
        {"smarthost": "host:"},
        {"smarthost": "[host"},
        {"smarthost": "host:99999"},
    ],
)
def test_misspellings_are_told_at_once(options):
    with pytest.raises(ValueError, match=r"expected "):
        Router(Ours(), capture=False, **options)


@pytest.mark.parametrize(
    ("text", "nexthop"),
    [
        ("example.net", Nexthop("example.net", None, exchangers=True)),
        ("example.net:26", Nexthop("example.net", 26, exchangers=True)),
        ("[mx.example.net]", Nexthop("mx.example.net", None, exchangers=False)),
        ("[mx.example.net]:587", Nexthop("mx.example.net", 587, exchangers=False)),
        ("[192.0.2.1]", Nexthop("192.0.2.1", None, exchangers=False)),
        ("[2001:db8::1]:465", Nexthop("2001:db8::1", 465, exchangers=False)),
        ("[IPv6:2001:db8::1]", Nexthop("2001:db8::1", None, exchangers=False)),
        ("bücher.example", Nexthop("xn--bcher-kva.example", None, exchangers=True)),
    ],
)
def test_next_hops(text, nexthop):
    assert Nexthop.parse(text) == nexthop


@pytest.mark.parametrize(
    "text", ["", ":25", "[]", "[a", "[a]b", "[a]:", "a:", "a:b", "a:0", "a:65536", "a:1:2", "a:²"]
)
def test_what_is_no_next_hop(text):
    with pytest.raises(ValueError, match="is no next hop"):
        Nexthop.parse(text)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("unix:/run/dovecot/lmtp", LmtpTarget(path="/run/dovecot/lmtp")),
        ("inet:127.0.0.1:2424", LmtpTarget(host="127.0.0.1", port=2424)),
        ("inet:[::1]:2424", LmtpTarget(host="::1", port=2424)),
        ("inet:store.example", LmtpTarget(host="store.example", port=24)),
    ],
)
def test_lmtp_targets(text, target):
    assert LmtpTarget.parse(text) == target


class Several:
    async def standing(self, domain: str) -> Standing | None:
        known = {"passed.test": Standing.RELAYED}
        return known.get(domain, Standing.LOCAL if domain.endswith("example.org") else None)


OWN_WAYS = {
    "store.example.org": "lmtp:unix:/run/store",
    "files.example.org": "local",
    "passed.test": ":[10.0.0.1]:2525",
    "tagged.test": "relay:[10.0.0.2]",
}


@pytest.mark.parametrize(
    ("address", "route"),
    [
        ("a@example.org", Route("lmtp", "unix:/run/lmtp")),
        ("a@Store.example.org", Route("lmtp", "unix:/run/store")),
        ("a@files.example.org", Route("local", "files.example.org")),
        ("a@passed.test", Route("relay", "[10.0.0.1]:2525")),
        ("a@tagged.test", Route("relay", "[10.0.0.2]")),
        ("a@elsewhere.test", Route("smtp", "elsewhere.test")),
    ],
)
async def test_domains_with_ways_of_their_own(address, route):
    ways = Ways(domains=OWN_WAYS)
    router = Router(Several(), mailbox="lmtp:unix:/run/lmtp", capture=False, ways=ways)
    assert await router.route(Address.parse(address)) == route
