"""SMTP to a next hop that the operator named, a content filter: a mistake there bounces nothing."""

from __future__ import annotations

import pytest

from deliveries import told
from fake_mx import FakeMx


async def test_all_recipients_in_one_transaction(world):
    here = await world(chosen=True)
    nexthop = f"[127.0.0.1]:{here.server.port}"
    report = await here.send(nexthop, "a@example.net", "b@example.org", "c@example.com")
    assert len(told(report)) == 3
    (taken,) = here.server.messages
    assert taken.recipients == ["a@example.net", "b@example.org", "c@example.com"]


NO_HOST = "Host or domain name not found. Name service error for name={} type=A: Host not found"


@pytest.mark.parametrize(
    ("nexthop", "result"),
    [
        ("[nowhere.example]:26", NO_HOST.format("nowhere.example")),
        ("gone.example", NO_HOST.format("nowhere.example")),
        ("null.example", "Domain null.example does not accept mail (null MX)"),
    ],
)
async def test_one_that_cannot_be_found_means_later(world, nexthop, result):
    here = await world(chosen=True)
    assert told(await here.send(nexthop)) == [f"10 deferred 451 4.3.5 {result}"]


async def test_one_that_is_ourselves_means_later(world):
    here = await world(chosen=True, own_port=0)
    assert told(await here.send(f"[127.0.0.1]:{here.server.port}")) == [
        "10 deferred 451 4.3.5 mail for 127.0.0.1 loops back to myself"
    ]


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO"])
async def test_one_that_refuses_the_session_means_later(world, verb):
    refused = ["554 5.3.2 not now"] * 2
    here = await world(FakeMx(said={verb: refused, "HELO": refused}), chosen=True)
    (said,) = told(await here.send(f"[127.0.0.1]:{here.server.port}"))
    assert said.startswith("10 deferred 451 ")
    assert "554 5.3.2 not now" in said


async def test_what_it_says_of_a_recipient_counts(world):
    here = await world(FakeMx(said={"RCPT": ["550 5.7.1 spam"]}), chosen=True)
    assert told(await here.send(f"[127.0.0.1]:{here.server.port}")) == ["10 bounced 550 5.7.1 spam"]


async def test_a_message_that_needs_tls_is_returned_where_there_is_none(world):
    here = await world(chosen=True)
    (said,) = told(await here.send(f"[127.0.0.1]:{here.server.port}", require_tls=True))
    assert said.startswith("10 bounced 554 5.7.10 REQUIRETLS: ")
