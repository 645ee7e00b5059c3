"""Which hosts are tried, and what is said where there are none."""

from __future__ import annotations

import pytest

from deliveries import told
from fake_mx import DROP, FakeMx
from postroad.delivery.settings import DeliverySettings


@pytest.mark.parametrize("domain", ["two.example", "loose.example", "unsure.example"])
async def test_the_next_exchanger_is_tried(world, domain):
    here = await world()
    report = await here.send(domain)
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]


NOT_FOUND = "Host or domain name not found. Name service error for"


@pytest.mark.parametrize(
    ("nexthop", "result", "unreachable"),
    [
        (
            "null.example",
            "10 bounced 556 5.1.10 Domain null.example does not accept mail (null MX)",
            False,
        ),
        (
            "absent.example",
            f"10 bounced 550 5.4.4 {NOT_FOUND} name=absent.example type=MX: Host not found",
            False,
        ),
        (
            "gone.example",
            f"10 bounced 550 5.4.4 {NOT_FOUND} name=nowhere.example type=A: Host not found",
            False,
        ),
        (
            "hopeless.example",
            (
                f"10 deferred 451 4.4.3 {NOT_FOUND} name=broken.example type=A: "
                "Host not found, try again"
            ),
            True,
        ),
        (
            "broken.example",
            (
                f"10 deferred 451 4.4.3 {NOT_FOUND} name=broken.example type=MX: "
                "Host not found, try again"
            ),
            True,
        ),
        ("", "10 bounced 550 5.1.2 Bad destination domain: none", False),
    ],
)
async def test_next_hops_that_lead_nowhere(world, nexthop, result, unreachable):
    here = await world()
    report = await here.send(nexthop)
    assert told(report) == [result]
    assert (report.relay, report.unreachable) == ("none", unreachable)


async def test_nobody_answers(world):
    here = await world()
    report = await here.send("[127.0.0.3]")
    port = here.server.port
    assert told(report) == [
        f"10 deferred 451 4.4.1 connect to 127.0.0.3[127.0.0.3]:{port}: Connection refused"
    ]
    assert (report.relay, report.unreachable) == ("none", True)


async def test_only_so_many_addresses_are_tried(world, monkeypatch):
    tried = []

    async def refuse(host: str, port: int, **_: object) -> None:
        tried.append(host)
        raise ConnectionRefusedError(111, "Connect call failed")

    monkeypatch.setattr("postroad.delivery.dialling.connect", refuse)
    here = await world()
    await here.send("crowd.example")
    assert len(tried) == DeliverySettings().address_limit == 5


REFUSED = "host mx.example.net[127.0.0.1] refused to talk to me"


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ({"CONNECT": ["421 4.3.2 Busy"]}, f"10 deferred 451 4.3.2 {REFUSED}: 421 4.3.2 Busy"),
        ({"CONNECT": ["554 5.7.1 No"]}, f"10 deferred 451 4.7.1 {REFUSED}: 554 5.7.1 No"),
        ({"EHLO": ["450 4.7.1 No"], "HELO": ["450 4.7.1 No"]}, "10 deferred 450 4.7.1 No"),
        ({"CONNECT": [DROP]}, "10 deferred 451 4.4.2 lost connection with "),
        ({"CONNECT": ["what?"]}, "10 deferred 451 4.5.0 not an SMTP reply"),
    ],
)
async def test_a_server_that_does_not_let_us_begin(world, said, result):
    here = await world(FakeMx(said=said))
    report = await here.send()
    assert told(report)[0].startswith(result)
    assert report.relay == f"mx.example.net[127.0.0.1]:{here.server.port}"


@pytest.mark.parametrize("greeting", ["421 4.3.2 Busy", "554 5.7.1 Go away"])
async def test_a_bad_greeting_leads_to_the_next_host(world, greeting):
    here = await world(FakeMx(said={"CONNECT": [greeting]}))
    second = await here.beside(FakeMx())
    assert told(await here.send("pair.example")) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert (here.server.connections, second.connections) == (1, 1)


@pytest.mark.parametrize(
    "nexthop", ["[mx.example.net]", "[127.0.0.1]", "example.net:{port}", "[localhost]:{port}"]
)
async def test_spellings_of_a_smarthost(world, nexthop):
    here = await world()
    report = await here.send(nexthop.format(port=here.server.port))
    assert told(report) == ["10 sent 250 2.0.0 Ok: queued as 0"]
