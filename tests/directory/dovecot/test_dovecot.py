"""A Dovecot that errs, lies, hangs and hangs up; nothing of it lets anybody in, or bounces mail."""

from __future__ import annotations

import asyncio
from base64 import b64decode

import pytest

from fake_dovecot import FakeDovecot
from postroad.directory import DirectoryUnavailable, Place
from postroad.directory.dovecot.backend import DovecotBackend, endpoint_of
from postroad.directory.dovecot.connection import DovecotSocket, Role
from postroad.directory.dovecot.settings import DovecotSettings
from postroad.tables import TableMistake

LOGINS = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t9\nCUID\t1\nCOOKIE\tab\nDONE\n"
USERS = b"VERSION\t1\t1\nSPID\t9\n"


def backend_of(path, *, timeout=30.0, users=False, clock=lambda: 0.0):
    key = "userdb_socket" if users else "socket"
    return DovecotBackend(DovecotSettings(**{key: str(path)}), timeout, clock)


async def checked(path, greeting, answer, **options):
    async with FakeDovecot(path, greeting, answer):
        backend = backend_of(path, **options)
        try:
            return await backend.check("john@example.org", "secret word")
        finally:
            await backend.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("OK\t{}\tuser=john@example.org", True),
        ("OK\t{}", True),
        ("OK\t{}\tuser=John@Example.org", True),
        ("OK\t{}\tuser=john", True),
        ("OK\t{}\tuser=mary@example.org\toriginal_user=john@example.org", "mary@example.org"),
        ("OK\t{}\tuser=mary", "mary@example.org"),
        ("OK\t{}\tuser=john\tnologin", False),
        ("OK\t{}\tuser=mary\treason=later\tnologin", False),
        ("OK\t{}\tuser=john\tnologin\tproxy\thost=192.0.2.1", True),
        ("OK\t{}\tuser=john\tnologin\thost=192.0.2.1", True),
        ("OK\t{}\tuser=a b@example.org", None),
        ("FAIL\t{}\tuser=john@example.org", False),
        ("FAIL\t{}\tcode=user_disabled", False),
        ("FAIL\t{}\tuser_disabled", False),
        ("FAIL\t{}\tcode=authz_fail", False),
        ("FAIL\t{}\treason=temp", False),
        ("FAIL\t{}\ttemp", None),
        ("FAIL\t{}\tcode=temp_fail", None),
        ("CONT\t{}\tYWJj", None),
        ("NOTFOUND\t{}", None),
        ("USER\t{}\tjohn", None),
    ],
)
async def test_an_answer(tmp_path, answer, expected):
    question = checked(
        tmp_path / "auth", LOGINS, lambda asked: answer.format(asked[1]).encode() + b"\n"
    )
    if expected is None:
        with pytest.raises(DirectoryUnavailable) as raised:
            await question
        assert "secret" not in str(raised.value)
    else:
        assert await question == expected


@pytest.mark.parametrize(
    "answer",
    [
        b"\n",
        b"OK\n",
        b"OK\t\n",
        b"OK\t999\n",
        b"OK\t-1\tuser=john\n",
        b"OK\tone\tuser=john\n",
        b"\xff\xfe\t\x00\n",
        b"OK" * 100_000 + b"\n",
        b"x" * 200_000,
        None,
    ],
)
async def test_what_is_no_answer_lets_nobody_in(tmp_path, answer):
    with pytest.raises(DirectoryUnavailable) as raised:
        await checked(tmp_path / "auth", LOGINS, lambda _: answer)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "greeting",
    [
        b"VERSION\t2\t0\nMECH\tPLAIN\nDONE\n",
        b"MECH\tPLAIN\nDONE\n",
        b"220 mail.example.org ESMTP\r\n" * 200,
        USERS,
        b"x" * 200_000,
    ],
)
async def test_who_greets_otherwise_is_no_dovecot(tmp_path, greeting):
    with pytest.raises(DirectoryUnavailable):
        await checked(
            tmp_path / "auth", greeting, lambda asked: b"OK\t" + asked[1].encode() + b"\n"
        )


@pytest.mark.parametrize("greeting", [b"", LOGINS.removesuffix(b"DONE\n"), LOGINS])
async def test_who_says_nothing_is_not_waited_for(tmp_path, greeting):
    with pytest.raises(DirectoryUnavailable, match=r"no answer in 0\.2 seconds"):
        await checked(tmp_path / "auth", greeting, lambda _: b"", timeout=0.2)


@pytest.mark.jumps
async def test_a_connection_that_hangs_is_given_up(tmp_path):
    connections = []

    def answer(asked):
        connections.append(dovecot.connections)
        return b"" if dovecot.connections == 1 else b"OK\t%s\n" % asked[1].encode()

    async with FakeDovecot(tmp_path / "auth", LOGINS, answer) as dovecot:
        backend = backend_of(tmp_path / "auth")
        with pytest.raises(DirectoryUnavailable, match="no answer in"):
            await backend.check("john@example.org", "a")
        assert await backend.check("john@example.org", "a") is True
        assert connections == [1, 2]
        await backend.close()


async def test_one_slow_question_does_not_end_a_connection_that_answers(tmp_path):
    def answer(asked):
        return b"OK\t%s\n" % asked[1].encode()

    async with FakeDovecot(tmp_path / "auth", LOGINS, answer) as dovecot:
        asked = DovecotSocket(endpoint_of(str(tmp_path / "auth")), Role.CLIENT, 60.0, lambda: 0.0)
        assert (await asked.ask("AUTH", "PLAIN"))[0] == "OK"
        with pytest.raises(DirectoryUnavailable, match="no answer in 60 seconds"):
            async with asked.in_time(60.0):
                raise TimeoutError  # another question's time is over, just after that answer
        assert (await asked.ask("AUTH", "PLAIN"))[0] == "OK"
        assert dovecot.connections == 1
        asked.close()


@pytest.mark.parametrize(
    ("said", "home", "asked", "expected"),
    [
        ("john", "", "john@example.net", "john@example.net"),
        ("john", "example.org", "john@example.net", "john@example.org"),
        ("John@Example.org", "", "john@example.net", "john@example.org"),
        ("john@example.org", "example.net", "john@example.org", "john@example.org"),
    ],
)
async def test_an_account_has_the_name_that_dovecot_says(tmp_path, said, home, asked, expected):
    def answered(question):
        return f"USER\t{question[1]}\t{said}\n".encode()

    async with FakeDovecot(tmp_path / "userdb", USERS, answered):
        settings = DovecotSettings(userdb_socket=str(tmp_path / "userdb"))
        backend = DovecotBackend(settings, 30.0, lambda: 0.0, home)
        account = await backend.account(asked)
        assert account is not None
        assert account.name == expected
        await backend.close()


async def test_answers_in_any_order_reach_those_who_asked(tmp_path):
    held = []

    def answer(asked):
        password = b64decode(asked[-1].removeprefix("resp=")).split(b"\0")[2]
        held.append(b"%s\t%s\n" % (b"OK" if password == b"right" else b"FAIL", asked[1].encode()))
        return b"".join(reversed(held)) if len(held) == 6 else b""

    async with FakeDovecot(tmp_path / "auth", LOGINS, answer) as dovecot:
        backend = backend_of(tmp_path / "auth")
        words = ["right", "wrong"] * 3
        checks = [backend.check("john@example.org", word) for word in words]
        assert await asyncio.gather(*checks) == [True, False] * 3
        assert dovecot.connections == 1
        await backend.close()


async def test_who_gives_up_does_not_disturb_the_others(tmp_path):
    asked_first = asyncio.Event()

    def answer(asked):
        asked_first.set()
        if asked[1] == "1":
            return b""
        return b"FAIL\t1\nOK\t%s\n" % asked[1].encode()

    async with FakeDovecot(tmp_path / "auth", LOGINS, answer):
        backend = backend_of(tmp_path / "auth")
        first = asyncio.create_task(backend.check("john@example.org", "a"))
        await asked_first.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await backend.check("mary@example.org", "b") is True
        await backend.close()


async def test_a_connection_that_ended_is_made_anew_once(tmp_path):
    answers = iter([b"OK\t1\n", None, b"OK\t1\n", None, None])
    async with FakeDovecot(tmp_path / "auth", LOGINS, lambda _: next(answers)) as dovecot:
        backend = backend_of(tmp_path / "auth")
        assert await backend.check("john@example.org", "a") is True
        assert await backend.check("john@example.org", "a") is True
        assert dovecot.connections == 2
        with pytest.raises(DirectoryUnavailable):
            await backend.check("john@example.org", "a")
        await backend.close()


async def test_who_cannot_be_reached_is_left_alone_for_a_while(tmp_path):
    now = [0.0]
    backend = backend_of(tmp_path / "auth", clock=lambda: now[0])
    with pytest.raises(DirectoryUnavailable, match="no such file"):
        await backend.check("john@example.org", "a")

    def answer(asked):
        return b"OK\t" + asked[1].encode() + b"\n"

    async with FakeDovecot(tmp_path / "auth", LOGINS, answer):
        with pytest.raises(DirectoryUnavailable):
            await backend.check("john@example.org", "a")
        now[0] = 6.0
        assert await backend.check("john@example.org", "a") is True
    await backend.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("NOTFOUND\t{}", "nobody"),
        ("USER\t{}\tjohn", Place()),
        (
            "USER\t{}\tjohn\tuid=1001\tgid=1002\thome=/srv/a\x01tb\tquota_rule=*:storage=10M",
            Place("/srv/a\tb", "", 1001, 1002, 10 << 20),
        ),
        ("FAIL\t{}", None),
        ("FAIL\t{}\treason=gone", None),
        ("USER\t{}", None),
        ("USER\t{}\tjohn\tuid=no-such-user-here", None),
        ("USER\t{}\tjohn\tquota_rule=*:storage=lots", None),
        ("OK\t{}", None),
    ],
)
async def test_a_look_up(tmp_path, answer, expected):
    def answered(asked):
        assert asked[0] == "USER"
        assert asked[2:] == ["john@example.org", "service=lmtp"]
        return answer.format(asked[1]).encode() + b"\n"

    async with FakeDovecot(tmp_path / "userdb", USERS, answered):
        backend = backend_of(tmp_path / "userdb", users=True)
        if expected is None:
            with pytest.raises(DirectoryUnavailable):
                await backend.account("john@example.org")
        elif expected == "nobody":
            assert await backend.account("john@example.org") is None
        else:
            account = await backend.account("john@example.org")
            assert account.place == expected
            assert account.credentials is None
        assert await backend.check("john@example.org", "a") is None
        await backend.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/run/auth", "/run/auth"),
        ("unix:/run/auth", "/run/auth"),
        ("127.0.0.1:2525", "127.0.0.1:2525"),
        ("inet:[::1]:2525", "::1:2525"),
    ],
)
def test_where_it_is(text, shown):
    assert str(endpoint_of(text)) == shown


@pytest.mark.parametrize("text", ["private/auth", "unix:auth", "127.0.0.1", "host:0", ""])
def test_what_is_no_place(text):
    with pytest.raises(TableMistake):
        endpoint_of(text)
