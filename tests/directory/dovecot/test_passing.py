"""Logins that are passed on to a Dovecot: one of ours that errs, and a real one."""

from __future__ import annotations

import time
from base64 import b64encode

import pytest

from fake_dovecot import FakeDovecot
from peers.dovecot import Dovecot
from postroad.directory import DirectoryUnavailable
from postroad.directory.backend import Account
from postroad.directory.dovecot.backend import DovecotBackend
from postroad.directory.dovecot.settings import DovecotSettings
from postroad.directory.interface import Origin
from postroad.directory.passed import JudgedLogin
from postroad.sasl import Challenge, CramSecret, Malformed, Proved, Refuted, SecretKind
from scram_client import ScramClient

JOHN, WORD = "john@example.org", "summersun"
GREETING = b"VERSION\t1\t2\nMECH\tCRAM-MD5\nSPID\t9\nCUID\t1\nCOOKIE\tab\nDONE\n"
HERE = Origin(
    address="192.0.2.7",
    port=4321,
    server_address="192.0.2.1",
    server_port=587,
    secured=True,
    session="s1",
)


def passed(path, origin=HERE, mechanism="CRAM-MD5", timeout=30.0):
    settings = DovecotSettings(socket=str(path), mechanisms=("CRAM-MD5", "SCRAM-SHA-256"))
    backend = DovecotBackend(settings, timeout, lambda: 0.0, "example.org")
    return backend, backend.pass_login(mechanism, origin)


async def steps(path, *answers, greeting=GREETING, said=(b"one", b"two", b""), origin=HERE):
    """What comes of an exchange in which Dovecot gives these answers in turn."""
    left = iter(answers)

    def answer(asked):
        if asked[0] == "CANCEL":
            return b""
        return next(left).replace(b"#", asked[1].encode()) + b"\n"

    async with FakeDovecot(path, greeting, answer) as dovecot:
        backend, login = passed(path, origin)
        try:
            found = [await login.step(each) for each in said[: len(answers)]]
        finally:
            login.abandon()
            await backend.check(JOHN, "")  # nothing is asked; the loop turns
            await backend.close()
    return found, login.user, dovecot.questions


async def test_what_dovecot_is_told(tmp_path):
    found, user, asked = await steps(
        tmp_path / "auth", b"CONT\t#\t" + b64encode(b"<1@here>"), b"OK\t#\tuser=" + JOHN.encode()
    )
    assert found == [Challenge(b"<1@here>"), Proved(JOHN, "")]
    assert user == JOHN
    assert asked[0] == [
        "AUTH", "1", "CRAM-MD5", "service=smtp", "nologin", "rip=192.0.2.7", "rport=4321",
        "lip=192.0.2.1", "lport=587", "session=s1", "final-resp-ok", "secured", "resp=b25l",
    ]  # fmt: skip
    assert asked[1] == ["CONT", "1", "dHdv"]


async def test_who_has_no_address_makes_nobody_wait(tmp_path):
    _, _, asked = await steps(tmp_path / "auth", b"FAIL\t#", said=(None,), origin=Origin())
    assert asked[0][2:] == ["CRAM-MD5", "service=smtp", "nologin", "no-penalty", "final-resp-ok"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"FAIL\t#\tuser=john@example.org", Refuted("john@example.org")),
        (b"FAIL\t#", Refuted("")),
        (b"OK\t#\tuser=John", Proved(JOHN, "")),
        (b"OK\t#\tuser=john\tnologin", Refuted("john")),
        (b"OK\t#\tuser=john\tresp=dj0x\tnologin", Refuted("john")),
        (b"OK\t#\tuser=john\tnologin\tproxy\thost=192.0.2.1", Proved(JOHN, "")),
        (b"OK\t#\tuser=john\tresp=dj0x", Challenge(b"v=1", proved=True)),
        (b"FAIL\t#\ttemp", None),
        (b"FAIL\t#\tcode=temp_fail", None),
        (b"OK\t#", None),
        (b"OK\t#\tuser=a b", None),
        (b"OK\t#\tuser=john\tresp=*", None),
        (b"CONT\t#\t*", None),
        (b"USER\t#\tjohn", None),
        (b"OK\t99\tuser=john", None),
    ],
)
async def test_an_answer(tmp_path, answer, expected):
    question = steps(tmp_path / "auth", answer)
    if expected is None:
        with pytest.raises(DirectoryUnavailable):
            await question
    else:
        found, _, _ = await question
        assert found == [expected]


async def test_nothing_follows_the_last_words(tmp_path):
    last = b"OK\t#\tuser=john\tresp=dj0x"
    async with FakeDovecot(
        tmp_path / "auth", GREETING, lambda asked: last.replace(b"#", asked[1].encode()) + b"\n"
    ):
        backend, login = passed(tmp_path / "auth")
        await login.step(b"one")
        assert isinstance(await login.step(b"more"), Malformed)
        assert await login.step(b"") == Proved(JOHN, "")
        await backend.close()


async def test_a_mechanism_that_dovecot_has_not_is_the_operators_mistake(tmp_path):
    with pytest.raises(DirectoryUnavailable, match="does not offer CRAM-MD5"):
        await steps(tmp_path / "auth", b"FAIL\t#", greeting=GREETING.replace(b"CRAM", b"OTHER"))


async def test_an_exchange_does_not_outlive_its_connection(tmp_path):
    def answer(asked):
        return b"CONT\t%s\t\n" % asked[1].encode() if asked[0] == "AUTH" else None

    async with FakeDovecot(tmp_path / "auth", GREETING, answer) as dovecot:
        backend, login = passed(tmp_path / "auth")
        await login.step(None)
        with pytest.raises(DirectoryUnavailable):
            await login.step(b"two")
        assert dovecot.connections == 1
        await backend.close()


@pytest.mark.parametrize("allowed", [True, False])
async def test_whose_it_is_has_to_be_the_directorys_to_say(tmp_path, allowed):
    async def judge(user, address):
        assert (user, address) == (JOHN, "192.0.2.7")
        return user if allowed else None

    def answer(asked):
        return b"OK\t%s\tuser=john\tresp=dj0x\n" % asked[1].encode()

    async with FakeDovecot(tmp_path / "auth", GREETING, answer):
        backend, login = passed(tmp_path / "auth")
        judged = JudgedLogin(login, judge, HERE.address)
        step = await judged.step(b"one")
        assert step == Challenge(b"v=1", proved=True) if allowed else isinstance(step, Refuted)
        assert judged.user == (JOHN if allowed else "")
        await backend.close()


# A real one


@pytest.fixture(scope="module")
def dovecot():
    eve = f"{WORD}::::::allow_nets=192.0.2.0/24"
    users = {JOHN: WORD, "jane@example.org": WORD, "eve@example.org": eve}
    server = Dovecot(users, "plain login cram-md5 scram-sha-256")
    yield server
    server.stop()


@pytest.fixture
async def real(dovecot):
    mechanisms = ("CRAM-MD5", "SCRAM-SHA-256", "DIGEST-MD5")
    settings = DovecotSettings(socket=str(dovecot.socket), mechanisms=mechanisms)
    backend = DovecotBackend(settings, 60.0, time.monotonic)
    yield backend
    await backend.close()


@pytest.mark.peer
@pytest.mark.parametrize(("word", "good"), [(WORD, True), ("wrong", False)])
async def test_cram_md5(real, word, good):
    login = real.pass_login("CRAM-MD5", Origin())
    challenge = await login.step(None)
    digest = CramSecret.of(word.encode()).digest(challenge.data).hex()
    step = await login.step(f"{JOHN} {digest}".encode())
    assert step == (Proved(JOHN, "") if good else Refuted(JOHN))


@pytest.mark.peer
@pytest.mark.parametrize(("word", "good"), [(WORD, True), ("wrong", False)])
async def test_scram_sha_256(real, word, good):
    client = ScramClient(JOHN, word, kind=SecretKind.SCRAM_SHA_256)
    login = real.pass_login("SCRAM-SHA-256", Origin(session="s1"))
    challenge = await login.step(client.first())
    step = await login.step(client.final(challenge.data))
    if good:
        assert step == Challenge(step.data, proved=True)
        assert client.believes(step.data)
        assert await login.step(b"") == Proved(JOHN, "")
    else:
        assert isinstance(step, Refuted)


@pytest.mark.peer
async def test_dovecot_has_no_digest_md5_here(real):
    with pytest.raises(DirectoryUnavailable, match="does not offer DIGEST-MD5"):
        await real.pass_login("DIGEST-MD5", Origin()).step(None)


@pytest.mark.peer
async def test_allow_nets_knows_the_client(dovecot):
    settings = DovecotSettings(socket=str(dovecot.socket))
    backend = DovecotBackend(settings, 60.0, time.monotonic)
    assert await backend.check("eve@example.org", WORD, "192.0.2.7") is True
    assert await backend.check("eve@example.org", WORD, "198.51.100.7") is False
    assert await backend.account("eve@example.org") == Account("eve@example.org", receives=False)
    await backend.close()
