"""A real Dovecot is asked, by its authentication socket and by the one for look-ups of users."""

from __future__ import annotations

import asyncio
import time

import pytest

from peers.dovecot import Dovecot
from postroad.directory import DirectoryUnavailable, Place
from postroad.directory.dovecot.backend import LONGEST_NAME, LONGEST_PROOF, DovecotBackend
from postroad.directory.dovecot.settings import DovecotSettings

pytestmark = pytest.mark.peer

USERS = {
    "john@example.org": "summersun",
    "mary@example.org": "pässword",
    "plain": "system",
    "barred@example.org": "retired",
    "jo+hn@example.org": "plus",
}
PLACES = {
    "john@example.org": "1001:1002::/srv/mail/john::userdb_quota_rule=*:storage=1G"
    " userdb_mail=maildir:~/Mail",
    "mary@example.org": "1001:1002::/srv/mail/mary",
    "plain": "1001:1002::/home/plain",
    "barred@example.org": "1001:1002::/srv/mail/barred::nologin",
    "jo+hn@example.org": "1001:1002::/srv/mail/plus",
}


@pytest.fixture(scope="module")
def dovecot():
    server = Dovecot(USERS, places=PLACES)
    yield server
    server.stop()


@pytest.fixture
async def asked(dovecot):
    made = []

    def make(timeout=60.0, **settings):
        sockets = {"socket": str(dovecot.socket), "userdb_socket": str(dovecot.userdb)}
        said = DovecotSettings(**{**sockets, **settings})
        made.append(DovecotBackend(said, timeout, time.monotonic))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        ("john@example.org", "summersun", True),
        ("mary@example.org", "pässword", True),
        ("john@example.org", "wrong", False),
        ("nobody@example.org", "summersun", False),
        ("barred@example.org", "retired", False),
        ("john@example.org", "", False),
        ("john@example.org", "summersun\0", False),
        ("john@example.org\tsecured", "summersun", False),
        ("john@example.org\nAUTH\t9\tPLAIN", "summersun", False),
    ],
)
async def test_a_password(asked, name, password, expected):
    assert await asked().check(name, password) is expected


async def test_many_at_once_over_one_connection(asked, dovecot):
    backend = asked()
    checks = [backend.check("john@example.org", "summersun") for _ in range(100)]
    checks += [backend.check("mary@example.org", "wrong") for _ in range(3)]
    assert await asyncio.gather(*checks) == [True] * 100 + [False] * 3


async def test_an_account_and_where_its_mail_is(asked):
    account = await asked().account("john@example.org")
    assert account.place == Place(
        home="/srv/mail/john",
        mail="maildir:~/Mail",
        uid=1001,
        gid=1002,
        quota_bytes=1 << 30,
    )
    assert account.receives
    assert await asked().account("nobody@example.org") is None
    assert await asked().account("nobody\t@example.org") is None


async def test_what_dovecot_takes_for_no_name_is_nobodys(asked):
    """As it comes, `auth_username_chars` has no `+` in it: that is no failure of Dovecot's."""
    assert await asked().account("jo+hn@example.org") is None
    assert await asked().check("jo+hn@example.org", "plus") is False


@pytest.mark.parametrize("octet", ["x", "\x01"])
@pytest.mark.parametrize("octets", [LONGEST_NAME, LONGEST_NAME + 1, 5000])
async def test_a_long_name_ends_nobody_elses_look_up(asked, octet, octets):
    backend = asked()
    name = octet * (octets - len("@example.org")) + "@example.org"
    questions = [backend.account(each) for each in ("john@example.org", name, "mary@example.org")]
    found = await asyncio.gather(*questions)
    assert [each is not None for each in found] == [True, False, True]


@pytest.mark.parametrize("octets", [LONGEST_PROOF, LONGEST_PROOF + 1, 100_000])
async def test_a_long_password_ends_nobody_elses_login(asked, octets):
    backend = asked()
    password = "x" * (octets - len("\0john@example.org\0"))
    questions = [backend.check("john@example.org", each) for each in (password, "summersun")]
    assert await asyncio.gather(*questions) == [False, True]


async def test_system_users_have_no_domain(asked):
    backend = asked(username_format="%n", default_domain="example.org")
    assert await backend.named("Plain") == "plain@example.org"
    assert await backend.named("plain@example.org") is None
    assert await backend.check("plain@example.org", "system") is True
    assert (await backend.account("plain@example.org")).place.home == "/home/plain"


async def test_without_a_socket_for_look_ups_an_account_only_logs_in(asked):
    account = await asked(userdb_socket="").account("whoever@example.org")
    assert not account.receives
    assert account.credentials is None


async def test_the_wrong_socket_is_said_to_be_wrong(asked, dovecot):
    backend = asked(socket=str(dovecot.userdb), userdb_socket=str(dovecot.socket))
    with pytest.raises(DirectoryUnavailable, match="look-ups of users, not one for logins"):
        await backend.check("john@example.org", "summersun")
    with pytest.raises(DirectoryUnavailable, match="for logins, not one for look-ups"):
        await backend.account("john@example.org")


async def test_a_dovecot_that_was_started_anew(asked, dovecot):
    backend = asked()
    assert await backend.check("john@example.org", "summersun") is True
    assert await backend.account("john@example.org") is not None
    dovecot.end()
    try:
        away = asked()  # what is connected may be served to the end
        for question in (away.check("john@example.org", "x"), away.account("a@example.org")):
            with pytest.raises(DirectoryUnavailable):
                await question
    finally:
        dovecot.start()
    assert await backend.check("john@example.org", "summersun") is True
    assert await backend.account("john@example.org") is not None
