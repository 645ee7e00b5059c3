"""Dovecot's dict protocol: where a user's mail lies, and nothing else."""

from __future__ import annotations

import json

import pytest

from fake_directory import FakeDirectory
from postroad.directory import Place
from served_world import ServedWorld

PLACE = Place("/srv/john", "maildir:/srv/john/Maildir", 1001, 1002, 1 << 20, 500)


@pytest.fixture
def directory():
    return FakeDirectory(
        users={"john@example.org": "summersun", "a/b@example.org": "x"},
        aliases={"sales@example.org": ["john@example.org"]},
        places={"john@example.org": PLACE},
    )


@pytest.fixture
async def world(tmp_path, directory):
    async with ServedWorld(tmp_path, "dovecot-dict", directory) as made:
        yield made


@pytest.fixture
async def client(world):
    async with world.client() as connected:
        connected.say(b"H3\t2\t0\t\tpostroad\n")
        yield connected


@pytest.mark.parametrize("key", ["john@example.org", "JOHN@example.org"])
async def test_an_account(client, key):
    client.say(f"Lshared/userdb/{key}\t{key}\n".encode())
    answer = await client.line()
    assert answer[0] == "O"
    assert json.loads(answer[1:]) == {
        "user": "john@example.org",
        "home": "/srv/john",
        "mail": "maildir:/srv/john/Maildir",
        "uid": "1001",
        "gid": "1002",
        "quota_rule": "*:bytes=1048576:messages=500",
    }


async def test_a_slash_within_a_name(client):
    client.say(b"Lshared/userdb/a\\|b@example.org\n")
    assert json.loads((await client.line())[1:]) == {"user": "a/b@example.org"}


@pytest.mark.parametrize(
    "key",
    [
        "userdb/nobody@example.org",
        "userdb/sales@example.org",
        "userdb/john+x@example.org",
        "userdb/john",
        "userdb/",
    ],
)
async def test_what_is_no_account(client, key):
    client.say(f"Lshared/{key}\n".encode())
    assert await client.line() == "N"


@pytest.mark.parametrize("key", ["shared/passdb/john@example.org", "priv/userdb/john", ""])
async def test_nothing_else_is_told_and_no_password(client, key):
    client.say(f"L{key}\n".encode())
    answer = await client.line()
    assert answer.startswith("F")
    assert "summersun" not in answer


async def test_a_directory_that_is_away(client, directory):
    directory.unavailable = True
    client.say(b"Lshared/userdb/john@example.org\n")
    assert await client.line() == "Fthe directory does not answer now"


@pytest.mark.parametrize("verb", ["I0\t0\tshared/userdb/", "C1", "D1"])
async def test_only_look_ups_are_answered(client, verb):
    client.say(b"B1\nS1\tshared/userdb/x\ty\n" + f"{verb}\n".encode())
    assert await client.line() == "Fonly look-ups are answered here"


@pytest.mark.parametrize("octets", [b"H9\t0\n", b"\n", b"nonsense\n", b"L" * 5000])
async def test_who_does_not_speak_the_protocol_is_hung_up_on(client, octets):
    client.say(octets)
    assert await client.is_hung_up_on()
