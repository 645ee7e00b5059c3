"""Dovecot's authentication protocol as a client sees it: dialogues, and clients that are broken."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from fake_directory import FakeDirectory
from postroad.directory import Scope
from postroad.server.authorization import ActAs
from postroad.server.logins import Logins
from scram_client import ScramClient
from served_world import ServedWorld

HELLO = b"VERSION\t1\t1\nCPID\t77\n"
JOHN = "john@example.org"


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def plain(name: str = JOHN, password: str = "summersun", authzid: str = "") -> str:
    return encoded(f"{authzid}\0{name}\0{password}")


def auth(number: int, mechanism: str = "PLAIN", *fields: str) -> bytes:
    told = "\t".join((f"AUTH\t{number}\t{mechanism}\tservice=smtp\tnologin", *fields))
    return f"{told}\n".encode()


@pytest.fixture
def directory():
    return FakeDirectory(
        users={JOHN: "summersun", "mary@example.org": "pässword"},
        app_passwords={
            "for reading": (JOHN, Scope.READ),
            "for sending": (JOHN, Scope.SEND),
        },
    )


@pytest.fixture
async def world(tmp_path, directory):
    logins = Logins(secrets=directory, mechanisms=("PLAIN", "LOGIN", "SCRAM-SHA-256"))
    async with ServedWorld(tmp_path, "dovecot-auth", directory, logins=logins) as made:
        yield made


@pytest.fixture
async def client(world):
    async with world.client() as connected:
        connected.say(HELLO)
        while await connected.line() != "DONE":
            pass
        yield connected


async def test_the_greeting_is_what_postfix_and_dovecot_read(world):
    async with world.client() as connected:
        said = []
        while not said or said[-1] != "DONE":
            said.append(await connected.line())
    cookie = said[-2].partition("\t")[2]
    identity = said[-3].partition("\t")[2]
    assert len(bytes.fromhex(cookie)) == 16
    assert identity.isdecimal()
    assert said == [
        "VERSION\t1\t1",
        "MECH\tPLAIN\tplaintext",
        "MECH\tLOGIN\tplaintext",
        "MECH\tSCRAM-SHA-256\tmutual-auth",
        "SPID\t4711",
        f"CUID\t{identity}",
        f"COOKIE\t{cookie}",
        "DONE",
    ]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (auth(1, "PLAIN", "secured", f"resp={plain()}"), f"OK\t1\tuser={JOHN}"),
        (auth(2, "plain", "secured", f"resp={plain('JOHN@Example.org')}"), f"OK\t2\tuser={JOHN}"),
        (
            auth(3, "PLAIN", "secured", f"resp={plain('mary@example.org', 'pässword')}"),
            "OK\t3\tuser=mary@example.org",
        ),
        (auth(4, "PLAIN", "secured", f"resp={plain(password='x')}"), f"FAIL\t4\tuser={JOHN}"),
        (
            auth(5, "PLAIN", "secured", f"resp={plain('nobody@example.org')}"),
            "FAIL\t5\tuser=nobody@example.org",
        ),
        (auth(6, "PLAIN", "secured", f"resp={encoded('no parts')}"), "FAIL\t6"),
        (auth(7, "PLAIN", "rip=127.0.0.1", f"resp={plain()}"), f"OK\t7\tuser={JOHN}"),
        (
            auth(8, "PLAIN", "lip=192.0.2.1", "rip=192.0.2.1", f"resp={plain()}"),
            f"OK\t8\tuser={JOHN}",
        ),
        (
            auth(9, "PLAIN", "rip=192.0.2.7", f"resp={plain()}"),
            "FAIL\t9\treason=Plaintext authentication disallowed on non-secure connections",
        ),
        (
            auth(10, "DIGEST-MD5", "secured"),
            "FAIL\t10\treason=Authentication mechanism not supported",
        ),
        (
            auth(11, "PLAIN", "secured", "resp=n*t base64"),
            "FAIL\t11\treason=Invalid base64 data in initial response",
        ),
        (
            # Whatever stands behind the response is no field.
            auth(12, "PLAIN", "rip=192.0.2.7", f"resp={plain()}\tsecured"),
            "FAIL\t12\treason=Plaintext authentication disallowed on non-secure connections",
        ),
        (
            auth(13, "PLAIN", "secured", f"resp={plain(password='for sending')}"),
            f"OK\t13\tuser={JOHN}",
        ),
        (
            auth(14, "PLAIN", "secured", f"resp={plain(password='for reading')}"),
            f"FAIL\t14\tuser={JOHN}",
        ),
        (
            auth(15, "PLAIN", "secured", f"resp={plain(password='for reading')}").replace(
                b"=smtp", b"=imap"
            ),
            f"OK\t15\tuser={JOHN}",
        ),
    ],
)
async def test_a_login_in_one_line(client, line, answer):
    client.say(line)
    assert await client.line() == answer


async def test_login_asks_for_name_and_password(client):
    client.say(auth(1, "LOGIN", "secured"))
    assert await client.line() == f"CONT\t1\t{encoded('Username:')}"
    client.say(f"CONT\t1\t{encoded(JOHN)}\n".encode())
    assert await client.line() == f"CONT\t1\t{encoded('Password:')}"
    client.say(f"CONT\t1\t{encoded('summersun')}\n".encode())
    assert await client.line() == f"OK\t1\tuser={JOHN}"


async def test_scram_proves_a_password_without_saying_it(client):
    scram = ScramClient()
    client.say(auth(1, "SCRAM-SHA-256", f"resp={b64encode(scram.first()).decode()}"))
    challenge = (await client.line()).removeprefix("CONT\t1\t")
    answer = b64encode(scram.final(b64decode(challenge))).decode()
    client.say(f"CONT\t1\t{answer}\n".encode())
    final = (await client.line()).removeprefix("CONT\t1\t")
    assert scram.believes(b64decode(final))
    client.say(b"CONT\t1\t\n")
    assert await client.line() == f"OK\t1\tuser={JOHN}"


async def test_exchanges_are_independent_of_each_other(client):
    client.say(auth(1, "LOGIN", "secured"))
    client.say(auth(2, "PLAIN", "secured"))
    assert await client.line() == f"CONT\t1\t{encoded('Username:')}"
    assert await client.line() == "CONT\t2\t"
    client.say(f"CONT\t2\t{plain()}\n".encode())
    assert await client.line() == f"OK\t2\tuser={JOHN}"
    client.say(f"CONT\t1\t{encoded('mary@example.org')}\n".encode())
    assert await client.line() == f"CONT\t1\t{encoded('Password:')}"
    client.say(f"CONT\t1\t{encoded('pässword')}\n".encode())
    assert await client.line() == "OK\t1\tuser=mary@example.org"


async def test_a_directory_that_is_away_is_a_temporary_failure(client, directory):
    directory.unavailable = True
    client.say(auth(1, "PLAIN", "secured", f"resp={plain()}"))
    answer = await client.line()
    assert answer.startswith("FAIL\t1\ttemp\tcode=temp_fail\t")
    assert "user" not in answer


async def test_a_failure_waits_and_is_logged_with_the_clients_address(client, world):
    client.say(auth(1, "PLAIN", "secured", "rip=::ffff:192.0.2.7", f"resp={plain(password='x')}"))
    await client.line()
    assert world.pauses == [1.0]
    assert "unknown[192.0.2.7]: SASL PLAIN authentication failed" in world.log
    assert "summersun" not in world.log


async def test_acting_as_another_is_for_those_who_may(tmp_path, directory):
    act_as = ActAs.of({JOHN: ("mary@example.org",)})
    logins = Logins(secrets=directory, act_as=act_as)
    async with (
        ServedWorld(tmp_path, "dovecot-auth", directory, logins=logins) as world,
        world.client() as client,
    ):
        while await client.line() != "DONE":
            pass
        client.say(auth(1, "PLAIN", "secured", f"resp={plain(authzid='mary@example.org')}"))
        assert await client.line() == "OK\t1\tuser=mary@example.org"
        client.say(
            auth(2, "PLAIN", "secured", f"resp={plain('mary@example.org', 'pässword', JOHN)}")
        )
        assert (await client.line()).startswith("FAIL\t2")


@pytest.mark.parametrize("frozen", [JOHN, "mary@example.org"])
async def test_a_frozen_account_is_not_let_in_to_send(tmp_path, directory, frozen):
    """Whoever asks only who somebody is would take its mail."""
    act_as = ActAs.of({JOHN: ("mary@example.org",)})
    logins = Logins(secrets=directory, act_as=act_as)
    async with (
        ServedWorld(tmp_path, "dovecot-auth", directory, logins=logins) as world,
        world.client() as client,
    ):
        world.frozen.add(frozen)
        while await client.line() != "DONE":
            pass
        client.say(auth(1, "PLAIN", "secured", f"resp={plain(authzid='mary@example.org')}"))
        assert await client.line() == f"FAIL\t1\treason=sending from {frozen} is suspended"
        read = f"AUTH\t2\tPLAIN\tservice=imap\tsecured\tresp={plain()}\n"
        client.say(read.encode())
        assert await client.line() == f"OK\t2\tuser={JOHN}"
        assert f"sending from {frozen} is suspended" in world.log


async def test_where_nobody_knows_who_is_frozen_the_login_waits(world, client):
    world.freezes_away = True
    client.say(auth(1, "PLAIN", "secured", f"resp={plain()}"))
    assert (await client.line()).startswith("FAIL\t1\ttemp\tcode=temp_fail")


async def test_a_name_cannot_forge_a_line(client):
    client.say(auth(1, "PLAIN", "secured", f"resp={plain('a' + chr(9) + 'b' + chr(10) + 'OK')}"))
    assert await client.line() == "FAIL\t1\tuser=a\x01tb\x01nOK"


@pytest.mark.parametrize(
    "octets",
    [
        b"\n",
        b"HELO there\n",
        b"AUTH\n",
        b"AUTH\tone\tPLAIN\tservice=smtp\n",
        b"AUTH\t99999999999\tPLAIN\tservice=smtp\n",
        b"CONT\n",
        b"VERSION\t2\t0\n",
        b"\xff\xfe\n",
        b"A" * 40_000,
    ],
)
async def test_who_does_not_speak_the_protocol_is_hung_up_on(client, world, octets):
    client.say(octets)
    assert await client.is_hung_up_on()
    assert "hung up on" in world.log


async def test_a_number_in_use_is_nobody_elses(client):
    client.say(auth(1, "LOGIN", "secured"))
    assert (await client.line()).startswith("CONT\t1")
    client.say(auth(1, "LOGIN", "secured"))
    assert await client.is_hung_up_on()


async def test_an_answer_that_nobody_waits_for_is_passed_over(client):
    client.say(b"CONT\t7\tYQ==\n")
    client.say(auth(8, "PLAIN", "secured", f"resp={plain()}"))
    assert await client.line() == f"OK\t8\tuser={JOHN}"


async def test_an_exchange_that_is_cancelled_ends(client):
    client.say(auth(1, "LOGIN", "secured"))
    await client.line()
    client.say(b"CANCEL\t1\n")
    client.say(auth(1, "PLAIN", "secured", f"resp={plain()}"))
    assert await client.line() == f"OK\t1\tuser={JOHN}"


async def test_as_many_clients_as_the_setting_says(tmp_path, directory):
    async with (
        ServedWorld(tmp_path, "dovecot-auth", directory, clients=1) as world,
        world.client() as first,
    ):
        assert await first.line() == "VERSION\t1\t1"
        async with world.client() as second:
            assert await second.is_hung_up_on()
        assert "1 connections are served, and no more" in world.log
