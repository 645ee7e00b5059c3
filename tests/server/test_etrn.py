"""ETRN: who may start which queue, and what is answered (RFC 1985)."""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_network

import pytest

from postroad.model import Client, Login
from postroad.server.etrn import FlushError, QueueStarting
from postroad.server.extensions import Extensions
from postroad.server.settings import EtrnSettings
from session_world import World, talk

PLAIN = b64encode(b"\0john@example.org\0summersun").decode()
BRANCH = Client("192.0.2.7", 4711)
STARTED = "250 2.0.0 Queuing started\r\n"


class Queues:
    """The queues of all workers: how many recipients wait for each domain."""

    def __init__(self) -> None:
        self.waiting = {"branch.example": 3, "shop.branch.example": 2, "other.example": 1}
        self.flushed: list[str] = []
        self.broken = False

    async def flush(self, domain: str) -> int:
        if self.broken:
            raise FlushError
        self.flushed.append(domain)
        return self.waiting.pop(domain, 0)


@pytest.fixture
def queues() -> Queues:
    return Queues()


def etrn(queues: Queues) -> Extensions:
    by_address = EtrnSettings(networks=(ip_network("192.0.2.0/24"),))
    sites = {
        "branch.example": by_address,
        "shop.Branch.example": by_address,
        "other.example": EtrnSettings(users=("john@example.org",)),
    }
    return Extensions(etrn=QueueStarting.of(sites, queues.flush))


@pytest.mark.parametrize(
    ("node", "answer", "flushed"),
    [
        ("branch.example", STARTED, ["branch.example"]),
        ("Branch.Example", STARTED, ["branch.example"]),
        ("@branch.example", STARTED, ["branch.example", "shop.branch.example"]),
        ("@example", STARTED, ["branch.example", "shop.branch.example"]),
        ("other.example", "459 4.7.1 <other.example>: service unavailable\r\n", []),
        ("nobody.example", "459 4.7.1 <nobody.example>: service unavailable\r\n", []),
        ("#branch.example", "459 4.7.1 <#branch.example>: service unavailable\r\n", []),
        ("", "500 5.5.4 Syntax: ETRN domain\r\n", []),
        ("-x-", "501 5.5.4 Error: invalid parameter syntax\r\n", []),
    ],
)
async def test_by_address(
    world: World, queues: Queues, node: str, answer: str, flushed: list[str]
) -> None:
    client, _, _ = await world.connect(client=BRANCH, extensions=etrn(queues))
    assert "250-ETRN\r\n" in await talk(client, "EHLO branch.example")

    assert await talk(client, f"ETRN {node}") == answer
    assert queues.flushed == flushed


async def test_where_nothing_waits(world: World, queues: Queues) -> None:
    queues.waiting.clear()
    client, _, _ = await world.connect(client=BRANCH, extensions=etrn(queues))

    answer = await talk(client, "EHLO branch.example", "ETRN branch.example")

    assert answer == "251 2.0.0 No messages waiting for branch.example\r\n"


async def test_a_queue_that_cannot_be_started(world: World, queues: Queues) -> None:
    queues.broken = True
    client, _, _ = await world.connect(client=BRANCH, extensions=etrn(queues))

    answer = await talk(client, "EHLO branch.example", "ETRN branch.example")

    assert answer == "458 4.3.0 Unable to queue messages\r\n"


async def test_a_stranger_sees_no_etrn(world: World, queues: Queues) -> None:
    stranger = Client("198.51.100.1", 1)
    client, _, _ = await world.connect(client=stranger, extensions=etrn(queues))

    assert "ETRN" not in await talk(client, "EHLO x")
    assert (await talk(client, "ETRN branch.example")).startswith("502 5.5.1 ")
    assert queues.flushed == []


async def test_by_login(world: World, queues: Queues) -> None:
    extensions = etrn(queues)
    away = Client("198.51.100.1", 1)
    client, _, _ = await world.connect("submission", client=away, extensions=extensions)
    await talk(client, "EHLO x", "STARTTLS")
    assert "250-ETRN\r\n" in await talk(client, "EHLO x")
    # The listener's list of clients has nobody in who has not logged in.
    assert (await talk(client, "ETRN other.example")).startswith("554 5.7.1 <mua.example.net[")
    await talk(client, f"AUTH PLAIN {PLAIN}")

    assert await talk(client, "ETRN other.example") == STARTED
    assert (await talk(client, "ETRN branch.example")).startswith("459 4.7.1 ")
    assert queues.flushed == ["other.example"]


async def test_not_in_a_transaction(world: World, queues: Queues) -> None:
    client, _, _ = await world.connect(client=BRANCH, extensions=etrn(queues))

    answer = await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "ETRN branch.example")

    assert answer == "503 5.5.1 Error: MAIL transaction in progress\r\n"


async def test_who_was_refused_is_in_the_log(world: World, queues: Queues) -> None:
    client, _, _ = await world.connect(client=BRANCH, extensions=etrn(queues))

    await talk(client, "EHLO x", "ETRN other.example")

    assert (
        "NOQUEUE: reject: ETRN from mua.example.net[192.0.2.7]: 459 4.7.1 <other.example>: "
        "service unavailable; proto=ESMTP helo=<x>"
    ) in world.log


@pytest.mark.parametrize(
    ("listed", "user", "allowed"),
    [
        ("John@Example.org", "john@example.org", True),
        ("john@example.org", "John@EXAMPLE.org", True),
        ("john@b\u00fccher.example", "john@xn--bcher-kva.example", True),
        ("john@example.org", "johnny@example.org", False),
        ("john@example.org", "john@example.com", False),
    ],
)
def test_names_of_users_are_compared_as_everywhere(listed: str, user: str, allowed: bool) -> None:
    settings = {"other.example": EtrnSettings(users=(listed,))}
    site = QueueStarting.of(settings, Queues().flush).sites["other.example"]
    assert site.allows(Client("198.51.100.1", 4711), Login(user, "PLAIN")) is allowed
