"""XCLIENT and XFORWARD: a trusted peer speaks for a client, or tells of one."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from ipaddress import ip_network

import pytest

import fake_limits
from fake_connection import FakeConnection
from postroad.model import Client
from postroad.policy import Networks
from postroad.server.extensions import Extensions
from session_world import World, talk

PROXY = Client("198.51.100.9", 40_000)
PROXIES = Networks([ip_network("198.51.100.9/32")])
PLAIN = b64encode(b"\0john@example.org\0summersun").decode()
GREETING = "220 mail.example.org ESMTP Postroad\r\n"
EXTENSIONS = Extensions(impostors=PROXIES, forwarders=PROXIES, future_release=86_400)


async def connected(world: World, preset: str = "mx", **changes: object) -> FakeConnection:
    changes = {"extensions": EXTENSIONS, **changes}
    client, _, _ = await world.connect(preset, client=PROXY, **changes)
    await talk(client, "EHLO proxy.example.net")
    return client


async def test_it_is_announced_to_the_proxy_only(world: World) -> None:
    proxy = await connected(world)
    stranger, _, _ = await world.connect(extensions=EXTENSIONS)

    heard = await talk(proxy, "EHLO x")
    announced = "NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"
    assert f"250-XCLIENT {announced}\r\n" in heard
    assert "250-XFORWARD NAME ADDR " in heard
    heard = await talk(stranger, "EHLO x")
    assert "XCLIENT" not in heard
    assert "XFORWARD" not in heard


@pytest.mark.parametrize("command", ["XCLIENT ADDR=10.1.2.3", "XFORWARD ADDR=10.1.2.3"])
async def test_others_are_refused(world: World, command: str) -> None:
    stranger, _, _ = await world.connect(extensions=EXTENSIONS)
    await talk(stranger, "EHLO x")

    answer = await talk(stranger, command)

    assert answer == "550 5.7.0 Error: insufficient authorization\r\n"
    await talk(stranger, "MAIL FROM:<a@b.example>")
    assert (await talk(stranger, "RCPT TO:<lisa@example.com>")).startswith("554 5.7.1 ")
    assert any("reject: XCLIENT from" in line or "reject: XFORWARD" in line for line in world.log)


async def test_everything_begins_again(world: World) -> None:
    proxy = await connected(world)

    assert await talk(proxy, "XCLIENT NAME=c.example ADDR=192.0.2.1 PORT=77") == GREETING
    assert (await talk(proxy, "MAIL FROM:<a@b.example>")).startswith("503 5.5.1 ")
    await talk(proxy, "EHLO proxy", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    await proxy.say(b"Subject: x\r\n\r\n.\r\n")

    assert "Q1: client=c.example[192.0.2.1]" in world.log
    octets = world.spool.drafts[0].octets
    assert octets.startswith(b"Received: from proxy (c.example [192.0.2.1])")
    assert (
        "mua.example.net[198.51.100.9] speaks for c.example[192.0.2.1]: "
        "NAME=c.example ADDR=192.0.2.1 PORT=77"
    ) in world.log


async def test_who_has_no_name_is_looked_up(world: World) -> None:
    proxy = await connected(world)

    await talk(proxy, "XCLIENT ADDR=192.0.2.1")

    assert any("speaks for mua.example.net[192.0.2.1]:" in line for line in world.log)


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ("ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE]", "unknown[unknown]"),
        ("ADDR=192.0.2.1 NAME=[TEMPUNAVAIL]", "unknown[192.0.2.1]"),
        ("ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE]", "unknown[2001:db8::1]"),
        ("ADDR=::ffff:192.0.2.1 NAME=a.example", "a.example[192.0.2.1]"),
        ("NAME=a.example", "a.example[198.51.100.9]"),
    ],
)
async def test_addresses(world: World, attributes: str, shown: str) -> None:
    proxy = await connected(world)

    assert await talk(proxy, f"XCLIENT {attributes}") == GREETING
    assert any(f"speaks for {shown}:" in line for line in world.log)


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ("NAME=a.example", ("a.example", "a.example", False, False)),
        ("NAME=a.example REVERSE_NAME=b.example", ("a.example", "b.example", False, False)),
        ("REVERSE_NAME=b.example NAME=a.example", ("a.example", "b.example", False, False)),
        ("NAME=[UNAVAILABLE]", ("unknown", "unknown", False, False)),
        ("NAME=[tempunavail]", ("unknown", "unknown", True, False)),
        ("NAME=[TEMPUNAVAIL] REVERSE_NAME=b.example", ("unknown", "b.example", True, False)),
        ("NAME=[UNAVAILABLE] REVERSE_NAME=[TEMPUNAVAIL]", ("unknown", "unknown", False, True)),
        ("NAME=a.example REVERSE_NAME=[UNAVAILABLE]", ("a.example", "unknown", False, False)),
        ("REVERSE_NAME=b.example", ("mua.example.net", "b.example", False, False)),
    ],
)
async def test_names(world: World, attributes: str, names: tuple[str, str, bool, bool]) -> None:
    client, session, _ = await world.connect(client=PROXY, extensions=EXTENSIONS)
    await talk(client, "EHLO x")

    assert await talk(client, f"XCLIENT ADDR=192.0.2.1 {attributes}") == GREETING

    seen = session._peer.client
    assert (seen.name, seen.reverse_name, seen.name_unsure, seen.reverse_unsure) == names


async def test_names_of_the_next_client_are_its_own(world: World) -> None:
    client, session, _ = await world.connect(client=PROXY, extensions=EXTENSIONS)
    await talk(client, "EHLO x", "XCLIENT ADDR=192.0.2.1 NAME=a.example REVERSE_NAME=b.example")
    await talk(client, "XCLIENT ADDR=192.0.2.2 NAME=[TEMPUNAVAIL]")
    assert session._peer.client == Client("192.0.2.2", 0, name_unsure=True)

    await talk(client, "XCLIENT NAME=c.example")
    assert session._peer.client == Client("192.0.2.2", 0, "c.example", "c.example")


@pytest.mark.parametrize(
    ("attributes", "server"),
    [
        ("PORT=1", ("198.51.100.1", 25)),
        ("DESTADDR=192.0.2.25 DESTPORT=587", ("192.0.2.25", 587)),
        ("DESTADDR=IPV6:::ffff:192.0.2.25", ("192.0.2.25", 0)),
        ("DESTADDR=IPV6:2001:db8::1 DESTPORT=[UNAVAILABLE]", ("2001:db8::1", 0)),
        ("DESTADDR=[UNAVAILABLE]", ("unknown", 0)),
        ("DESTPORT=587", ("unknown", 587)),
    ],
)
async def test_what_it_connected_to(world: World, attributes: str, server: tuple[str, int]) -> None:
    client, session, _ = await world.connect(client=PROXY, extensions=EXTENSIONS)
    await talk(client, "EHLO x", f"XCLIENT {attributes}", "XCLIENT ADDR=192.0.2.1")

    assert session._peer.server == server


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("10.1.2.3", "250 2.1.5 Ok\r\n"),
        ("192.0.2.1", "554 5.7.1 "),
        ("[UNAVAILABLE]", "554 5.7.1 "),
    ],
)
async def test_trust_is_the_new_clients(world: World, address: str, answer: str) -> None:
    """The world trusts 10.0.0.0/8."""
    proxy = await connected(world)
    await talk(proxy, f"XCLIENT ADDR={address}", "EHLO x", "MAIL FROM:<a@b.example>")

    assert (await talk(proxy, "RCPT TO:<lisa@example.com>")).startswith(answer)


async def test_a_trusted_proxy_loses_its_trust(world: World) -> None:
    proxy = await connected(world, trusted=PROXIES)
    assert "FUTURERELEASE" in await talk(proxy, "EHLO x")
    await talk(proxy, "XCLIENT ADDR=192.0.2.1")

    assert "FUTURERELEASE" not in await talk(proxy, "EHLO x")
    await talk(proxy, "MAIL FROM:<a@b.example>")
    assert (await talk(proxy, "RCPT TO:<lisa@example.com>")).startswith("554 5.7.1 ")


async def test_a_login_by_xclient_counts(world: World) -> None:
    proxy = await connected(world)
    await talk(proxy, "XCLIENT ADDR=192.0.2.1 LOGIN=JOHN@Example.org", "EHLO x")
    await talk(proxy, "MAIL FROM:<john@example.org>")

    assert await talk(proxy, "RCPT TO:<lisa@example.com>") == "250 2.1.5 Ok\r\n"
    await talk(proxy, "DATA")
    await proxy.say(b"Subject: x\r\n\r\n.\r\n")
    assert (
        "Q1: client=mua.example.net[192.0.2.1], sasl_method=XCLIENT, sasl_username=john@example.org"
    ) in world.log
    assert b"with ESMTPA id Q1" in world.spool.drafts[0].octets


async def test_a_login_by_xclient_sends_as_himself_only(world: World) -> None:
    proxy = await connected(world)
    await talk(proxy, "XCLIENT LOGIN=john@example.org", "EHLO x", "MAIL FROM:<lisa@example.com>")

    assert (await talk(proxy, "RCPT TO:<paul@example.net>")).startswith("553 5.7.1 ")


async def test_the_next_client_is_not_logged_in(world: World) -> None:
    proxy = await connected(world)
    await talk(proxy, "XCLIENT ADDR=192.0.2.1 LOGIN=john@example.org")
    await talk(proxy, "XCLIENT ADDR=192.0.2.2 LOGIN=[UNAVAILABLE]", "EHLO x")
    await talk(proxy, "MAIL FROM:<john@example.org>")

    assert (await talk(proxy, "RCPT TO:<lisa@example.com>")).startswith("554 5.7.1 ")


async def test_what_one_command_has_no_room_for_comes_in_two(world: World) -> None:
    proxy = await connected(world)
    await talk(proxy, "XCLIENT LOGIN=john@example.org", "XCLIENT NAME=a.example ADDR=192.0.2.1")
    await talk(proxy, "EHLO x", "MAIL FROM:<john@example.org>")

    assert await talk(proxy, "RCPT TO:<lisa@example.com>") == "250 2.1.5 Ok\r\n"


async def test_the_proxys_own_login_is_not_the_clients(world: World) -> None:
    proxy = await connected(world, "submission")
    await talk(proxy, "STARTTLS", "EHLO x", f"AUTH PLAIN {PLAIN}")
    await talk(proxy, "XCLIENT ADDR=192.0.2.1", "EHLO x", "MAIL FROM:<john@example.org>")

    assert (await talk(proxy, "RCPT TO:<lisa@example.com>")).startswith("554 5.7.1 ")


async def test_tls_stays(world: World) -> None:
    """Postfix's README: it is the connection's, and cannot be taken back."""
    proxy = await connected(world, "submission")
    await talk(proxy, "STARTTLS", "EHLO x", "XCLIENT ADDR=192.0.2.1")

    heard = await talk(proxy, "EHLO x")

    assert "STARTTLS" not in heard
    assert "AUTH PLAIN LOGIN" in heard


async def test_hello_and_protocol_outlive_the_proxys_own(world: World) -> None:
    """Postfix's README: what the last XCLIENT told is not reset."""
    proxy = await connected(world)
    await talk(proxy, "XCLIENT NAME=c.example ADDR=192.0.2.1 HELO=real.example PROTO=SMTP")
    await talk(proxy, "EHLO proxy", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    await proxy.say(b"Subject: x\r\n\r\n.\r\n")

    octets = world.spool.drafts[0].octets
    assert octets.startswith(b"Received: from real.example (c.example [192.0.2.1])")
    assert b"with SMTP id Q1" in octets


async def test_not_in_a_transaction(world: World) -> None:
    proxy = await connected(world)
    await talk(proxy, "MAIL FROM:<a@b.example>")

    answer = await talk(proxy, "XCLIENT ADDR=192.0.2.1")

    assert answer == "503 5.5.1 Error: MAIL transaction in progress\r\n"


@pytest.mark.parametrize(
    ("attributes", "answer"),
    [
        ("", "501 5.5.4 Syntax: XCLIENT attribute=value..."),
        ("ADDR", "501 5.5.4 Error: attribute=value expected"),
        ("ADDR=1.2.3", "501 5.5.4 Bad ADDR syntax: 1.2.3"),
        ("ADDR=fe80::1%eth0", "501 5.5.4 Bad ADDR syntax: fe80::1%eth0"),
        ("COLOUR=red", "501 5.5.4 Bad XCLIENT attribute name: COLOUR"),
        ("PORT=65536", "501 5.5.4 Bad PORT syntax: 65536"),
        ("REVERSE_NAME=a..b", "501 5.5.4 Bad REVERSE_NAME syntax: a..b"),
        ("DESTADDR=[TEMPUNAVAIL]x", "501 5.5.4 Bad DESTADDR syntax: [TEMPUNAVAIL]x"),
        ("DESTPORT=smtp", "501 5.5.4 Bad DESTPORT syntax: smtp"),
    ],
)
async def test_wrong_attributes_change_nothing(world: World, attributes: str, answer: str) -> None:
    proxy = await connected(world, trusted=PROXIES)

    assert await talk(proxy, f"XCLIENT {attributes}") == f"{answer}\r\n"
    await talk(proxy, "MAIL FROM:<a@b.example>")
    assert await talk(proxy, "RCPT TO:<lisa@example.com>") == "250 2.1.5 Ok\r\n"


# XFORWARD ---------------------------------------------------------------------------------------


async def test_what_xforward_told_is_in_the_log_and_nowhere_else(world: World) -> None:
    proxy = await connected(world)

    await talk(proxy, "XFORWARD NAME=far.example ADDR=10.1.2.3 PORT=9 PROTO=ESMTP")
    answer = await talk(proxy, "XFORWARD HELO=far IDENT=4ABC SOURCE=REMOTE")
    assert answer == "250 2.0.0 Ok\r\n"
    await talk(proxy, "MAIL FROM:<a@b.example>")

    assert (await talk(proxy, "RCPT TO:<lisa@example.com>")).startswith("554 5.7.1 ")
    await talk(proxy, "RCPT TO:<john@example.org>", "DATA")
    await proxy.say(b"Subject: x\r\n\r\n.\r\n")
    assert (
        "Q1: client=mua.example.net[198.51.100.9], orig_queue_id=4ABC, "
        "orig_client=far.example[10.1.2.3]:9, orig_helo=far, orig_proto=ESMTP, orig_source=REMOTE"
    ) in world.log
    assert b"far.example" not in world.spool.drafts[0].octets


async def test_the_next_message_came_from_elsewhere(world: World) -> None:
    proxy = await connected(world)
    await talk(proxy, "XFORWARD NAME=far.example ADDR=10.1.2.3")
    for _ in range(2):
        await talk(proxy, "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
        await proxy.say(b"Subject: x\r\n\r\n.\r\n")

    first, second = (line for line in world.log if ": client=" in line)
    assert "orig_client=far.example[10.1.2.3]" in first
    assert "orig_client" not in second


# Limits -----------------------------------------------------------------------------------------


async def test_limits_are_the_new_clients(world: World) -> None:
    limits = replace(fake_limits.UNLIMITED, sessions_per_address=1)
    gate = fake_limits.gate(limits)
    one = await connected(world, gate=gate)
    other = await connected(world, gate=gate)
    await talk(one, "XCLIENT ADDR=192.0.2.1")

    assert await talk(other, "XCLIENT ADDR=192.0.2.1") == (
        "421 4.7.0 mail.example.org Error: too many connections from 192.0.2.1\r\n"
    )
    assert other.closed
    await talk(one, "QUIT")
    third = await connected(world, gate=gate)
    assert await talk(third, "XCLIENT ADDR=192.0.2.1") == GREETING
    assert await talk(third, "XCLIENT ADDR=192.0.2.2") == GREETING
    fourth = await connected(world, gate=gate)
    assert await talk(fourth, "XCLIENT ADDR=192.0.2.1") == GREETING
