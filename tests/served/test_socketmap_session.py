"""Postfix's socketmap protocol: what each map answers, and clients that are broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_directory import FakeDirectory
from postroad.directory.embedded.groups import Senders
from postroad.served.incoming import netstring
from served_world import ServedWorld


@pytest.fixture
def directory():
    return FakeDirectory(
        domains=("example.org", "müller.example"),
        relayed=("relayed.example",),
        users={"john@example.org": "x", "mary@example.org": "x", "jörg@müller.example": "x"},
        aliases={
            "sales@example.org": ["john@example.org", "Other@elsewhere.test"],
            "all@example.org": ["sales@example.org", "mary@example.org"],
            "abroad@example.org": ["one@elsewhere.test"],
            "@müller.example": ["jörg@müller.example"],
        },
    )


@pytest.fixture
async def world(tmp_path, directory):
    async with ServedWorld(tmp_path, "socketmap", directory) as made:
        yield made


@pytest.fixture
async def client(world):
    async with world.client() as connected:
        yield connected


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("domains example.org", "OK example.org"),
        ("domains EXAMPLE.org", "OK example.org"),
        ("domains müller.example", "OK xn--mller-kva.example"),
        ("domains relayed.example", "NOTFOUND "),
        ("domains elsewhere.test", "NOTFOUND "),
        ("domains ", "NOTFOUND "),
        ("domains", "NOTFOUND "),
        ("domains john@example.org", "NOTFOUND "),
        ("relay_domains relayed.example", "OK relayed.example"),
        ("relay_domains example.org", "NOTFOUND "),
        ("mailboxes john@example.org", "OK john@example.org"),
        ("mailboxes John+lists@Example.org", "OK john@example.org"),
        ("mailboxes sales@example.org", "NOTFOUND "),
        ("mailboxes nobody@example.org", "NOTFOUND "),
        ("mailboxes @example.org", "NOTFOUND "),
        ("mailboxes john", "NOTFOUND "),
        ("aliases sales@example.org", "OK john@example.org,Other@elsewhere.test"),
        ("aliases whoever@müller.example", "OK jörg@müller.example"),
        ("aliases john@example.org", "NOTFOUND "),
        ("aliases nobody@example.org", "NOTFOUND "),
        ("senders john@example.org", "OK john@example.org"),
        ("senders john+x@example.org", "OK john@example.org"),
        ("senders sales@example.org", "OK john@example.org"),
        ("senders all@example.org", "OK mary@example.org,john@example.org"),
        ("senders abroad@example.org", "OK -"),
        ("senders whoever@müller.example", "OK -"),
        ("senders nobody@example.org", "NOTFOUND "),
        ("senders someone@elsewhere.test", "NOTFOUND "),
        ("senders ", "NOTFOUND "),
    ],
)
async def test_an_answer(client, question, answer):
    client.say(netstring(question.encode()))
    assert await client.netstring() == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("groups staff@example.org", "OK permit_sasl_authenticated, reject"),
        (
            "groups board@example.org",
            "OK REJECT only its members may send to this group, and not by way of here",
        ),
        ("groups all@example.org", "NOTFOUND "),
        ("groups nobody@example.org", "NOTFOUND "),
        ("groups example.org", "NOTFOUND "),
        ("groups board@", "NOTFOUND "),
    ],
)
async def test_who_may_send_to_a_group(world, client, question, answer):
    world.closed = {"staff@example.org": Senders.LOGGED_IN, "board@example.org": Senders.MEMBERS}
    client.say(netstring(question.encode()))
    assert await client.netstring() == answer


async def test_a_group_that_nobody_knows_now_is_not_open(world, client):
    world.freezes_away = True
    client.say(netstring(b"groups board@example.org"))
    assert await client.netstring() == "TEMP the directory does not answer now"


@pytest.mark.parametrize(
    "question", ["domains example.org", "mailboxes a@example.org", "senders a@example.org"]
)
async def test_a_directory_that_is_away_defers(client, directory, world, question):
    directory.unavailable = True
    client.say(netstring(question.encode()))
    assert await client.netstring() == "TEMP the directory does not answer now"
    assert question.partition(" ")[2] in world.log


async def test_a_map_that_is_not_there_is_the_operators_mistake(client, world):
    client.say(netstring(b"mailbox john@example.org"))
    assert (await client.netstring()).startswith("PERM there is no such map; there are domains")
    assert "there is no map 'mailbox'" in world.log


async def test_questions_one_behind_the_other(client):
    asked = [b"domains example.org", b"domains elsewhere.test"] * 20
    client.say(b"".join(map(netstring, asked)))
    answers = [await client.netstring() for _ in asked]
    assert answers == ["OK example.org", "NOTFOUND "] * 20


@pytest.mark.parametrize(
    "octets",
    [b"GET / HTTP/1.1\r\n\r\n", b"99999:", b"05:hello,", b"3:abcd", b"-1:,", b"\xff" * 20],
)
async def test_who_does_not_speak_netstrings_is_hung_up_on(client, world, octets):
    client.say(octets)
    assert await client.is_hung_up_on()
    assert "hung up on" in world.log


@given(st.binary(max_size=300))
def test_a_netstring_holds_whatever_it_holds(octets):
    framed = netstring(octets)
    size, _, rest = framed.partition(b":")
    assert rest == octets + b","
    assert int(size) == len(octets)
