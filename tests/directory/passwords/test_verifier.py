from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from postroad.directory import (
    CHEAP,
    OWASP,
    DirectoryEditor,
    DirectoryUnavailable,
    EmbeddedDirectory,
    PasswordProfile,
)
from postroad.directory.embedded.logins import Logins
from postroad.directory.embedded.lookups import Lookups
from postroad.directory.embedded.memory import Memory
from postroad.directory.embedded.schema import open_for_reading
from postroad.directory.embedded.writer import DirectoryWriter
from postroad.directory.passwords.checker import LOW_PRIORITY
from postroad.directory.passwords.password import MAX_PASSWORD, dummy_hash, hash_password
from postroad.directory.passwords.schemes import matches
from postroad.directory.passwords.verdict import RIGHT
from postroad.directory.passwords.verifier import MAX_REMEMBERED, MAX_WAITING, PasswordVerifier
from postroad.directory.settings import DirectorySettings

STORED = hash_password("summersun", CHEAP)


class Counted:
    """The real check, counting the parameters of each hash it is asked about."""

    def __init__(self):
        self.costs = []

    def __call__(self, stored, password, user):
        self.costs.append(stored.octets.decode().split("$")[3])
        return stored.check(password, user)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def check():
    return Counted()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def verifier(check, clock):
    verifier = PasswordVerifier(profile=CHEAP, threads=1, remember=60, clock=clock, check=check)
    yield verifier
    verifier.close()


def test_the_profile_of_a_server_is_owasps():
    assert PasswordProfile(memory=19 * 1024, passes=2, lanes=1) == OWASP
    stored = hash_password("summersun", OWASP)
    assert stored.startswith("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$")
    assert matches(stored, "summersun")


def test_a_dummy_costs_the_same_and_matches_nothing():
    real, dummy = hash_password("", OWASP), dummy_hash(OWASP)
    assert [len(part) for part in real.split("$")] == [len(part) for part in dummy.split("$")]
    assert real.split("$")[:4] == dummy.split("$")[:4]
    assert not matches(dummy, "")
    assert dummy_hash(OWASP) != dummy


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "summersun",
        "{ARGON2ID}",
        "{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$x$y",
        STORED[:-4],
        STORED.removeprefix("{ARGON2ID}"),
    ],
    ids=["nothing", "a password", "only a scheme", "no base64", "cut", "no scheme"],
)
def test_a_hash_that_is_not_understood_matches_nothing(stored):
    assert not matches(stored, "summersun")


@pytest.mark.parametrize(
    ("password", "stored", "right"),
    [
        ("summersun", STORED, True),
        ("winter", STORED, False),
        ("summersun", None, False),
        ("", None, False),
        ("x" * (MAX_PASSWORD + 1), STORED, False),
    ],
)
async def test_every_answer_takes_one_check_of_the_same_cost(
    verifier, check, password, stored, right
):
    assert bool(await verifier.verify("john@example.org", password, stored)) is right
    assert check.costs == ["m=8,t=1,p=1"]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("john@example.org", "wrong"),
        ("old@example.org", "retired"),
        ("old@example.org", "wrong"),
        ("sales@example.org", "summersun"),
        ("nobody@example.org", "summersun"),
        ("nobody@elsewhere.test", "summersun"),
        ("no address", "summersun"),
        ("", ""),
        ("john@example.org", "x" * (MAX_PASSWORD + 1)),
    ],
)
async def test_a_refused_login_takes_one_check_whoever_it_is(
    tmp_path, verifier, check, name, password
):
    path = tmp_path / "directory.db"
    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        editor.add_user("john@example.org", "summersun")
        editor.add_user("old@example.org", "retired")
        editor.set_enabled("old@example.org", enabled=False)
        editor.add_alias("sales@example.org", ["john@example.org"])
    connection = open_for_reading(path)
    lookups = Lookups(connection, ["example.org"], "+")
    directory = EmbeddedDirectory(
        connection,
        lookups=lookups,
        logins=Logins(connection, lookups),
        verifier=verifier,
        memory=Memory(path),
        writer=DirectoryWriter(path),
        settings=DirectorySettings(),
        profile=CHEAP,
    )
    for count in (1, 2):  # the second time as well: failures are not remembered
        assert await directory.authenticate(name, password) is None
        assert check.costs == ["m=8,t=1,p=1"] * count
    directory.close()


async def test_a_success_is_remembered_for_its_time(verifier, check, clock):
    for now, checks in ((0, 1), (59.9, 1), (60, 2), (119, 2)):
        clock.now = now
        assert await verifier.verify("john@example.org", "summersun", STORED)
        assert len(check.costs) == checks


async def test_what_is_remembered_is_one_name_one_password_one_hash(verifier, check):
    other = hash_password("summersun", CHEAP)
    for name, password, stored, right in (
        ("john@example.org", "summersun", STORED, True),
        ("ann@example.org", "summersun", STORED, True),
        ("john@example.org", "summersun", other, True),
        ("john@example.org", "winter", STORED, False),
        ("john@example.org", "summersun", None, False),
    ):
        assert bool(await verifier.verify(name, password, stored)) is right
    assert len(check.costs) == 5


async def test_a_changed_password_ends_the_memory(verifier):
    assert await verifier.verify("john@example.org", "summersun", STORED)
    assert not await verifier.verify(
        "john@example.org", "summersun", hash_password("winter", CHEAP)
    )


async def test_nothing_readable_is_kept(verifier):
    await verifier.verify("john@example.org", "summersun", STORED)
    kept = repr(verifier._successes)
    assert "summersun" not in kept
    assert "john" not in kept


async def test_zero_seconds_remember_nothing(check, clock):
    verifier = PasswordVerifier(profile=CHEAP, threads=1, remember=0, clock=clock, check=check)
    for _ in range(2):
        assert await verifier.verify("john@example.org", "summersun", STORED)
    assert len(check.costs) == 2
    verifier.close()


async def test_the_memory_is_bounded_and_loses_the_oldest(clock):
    verifier = PasswordVerifier(
        profile=CHEAP, threads=1, remember=60, clock=clock, check=lambda *_: RIGHT
    )
    for number in range(MAX_REMEMBERED + 5):
        verifier._store(f"{number}@example.org", "pw", STORED)
    assert len(verifier._successes) == MAX_REMEMBERED
    assert not verifier._is_remembered("4@example.org", "pw", STORED)
    assert verifier._is_remembered("5@example.org", "pw", STORED)
    verifier.close()


async def test_more_checks_than_may_wait_are_put_off(clock):
    gate = threading.Event()
    verifier = PasswordVerifier(
        profile=CHEAP,
        threads=1,
        remember=0,
        clock=clock,
        check=lambda *_: RIGHT if gate.wait() else None,
    )
    waiting = [
        asyncio.ensure_future(verifier.verify(f"{number}@example.org", "pw", STORED))
        for number in range(MAX_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(DirectoryUnavailable, match="too many passwords"):
        await verifier.verify("last@example.org", "pw", STORED)
    gate.set()
    assert all(await asyncio.gather(*waiting))
    assert await verifier.verify("last@example.org", "pw", STORED)
    verifier.close()


async def test_a_login_that_is_given_up_leaves_its_place(clock):
    gate = threading.Event()
    verifier = PasswordVerifier(
        profile=CHEAP,
        threads=1,
        remember=0,
        clock=clock,
        check=lambda *_: RIGHT if gate.wait() else None,
    )
    login = asyncio.ensure_future(verifier.verify("john@example.org", "pw", STORED))
    await asyncio.sleep(0)
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login
    assert verifier._waiting == 0
    gate.set()
    verifier.close()


MD5_CRYPT = "{MD5-CRYPT}$1$2Rl3aPyr$TPx2EgCuFpYLQjLHUVQ7D."


class Seen:
    """The real check, telling which schemes it is asked about."""

    def __init__(self):
        self.names = []

    def __call__(self, stored, password, user):
        self.names.append(stored.name)
        return stored.check(password, user)


async def test_each_lane_says_what_is_right(clock):
    seen = Seen()
    verifier = PasswordVerifier(profile=CHEAP, threads=1, remember=0, clock=clock, check=seen)
    for stored in ("{PLAIN}summersun", STORED, MD5_CRYPT):
        assert await verifier.verify("john@example.org", "summersun", stored)
        assert not await verifier.verify("john@example.org", "winter", stored)
    assert seen.names == ["PLAIN"] * 2 + ["ARGON2ID"] * 2  # the third was asked in its process
    assert [checker._process is not None for checker in verifier._checkers] == [True]
    verifier.close()


@pytest.mark.parametrize(
    ("stored", "imitated", "checked"),
    [
        (STORED, "{PLAIN}x", ["ARGON2ID"]),
        ("{PLAIN}x", STORED, ["PLAIN"]),
        (None, "{PLAIN}x", ["PLAIN"]),
        (None, "{SSHA}y6aYU6MQ4j9v1ORb/CwTOuUkKEeK2wZO", ["SSHA"]),
        (None, "", ["ARGON2ID"]),
        (None, "{NOPE}x", ["ARGON2ID"]),
        ("{NOPE}x", "{PLAIN}x", ["PLAIN"]),
        ("{NOPE}x", "{NOPE}x", ["ARGON2ID"]),
        ("{BLF-CRYPT}$2y$31$" + "a" * 53, "{PLAIN}x", ["BLF-CRYPT", "PLAIN"]),
    ],
)
async def test_who_has_no_hash_takes_the_time_of_somebody_who_has(clock, stored, imitated, checked):
    seen = Seen()
    verifier = PasswordVerifier(profile=CHEAP, threads=1, remember=60, clock=clock, check=seen)
    assert not await verifier.verify("john@example.org", "wrong", stored, imitated=imitated)
    assert seen.names == checked
    verifier.close()


@pytest.mark.parametrize(("usable", "right"), [(True, True), (False, False)])
async def test_the_right_password_of_a_disabled_account_is_checked_and_wrong(
    verifier, check, usable, right
):
    for count in (1, 1 if usable else 2):
        found = await verifier.verify("john@example.org", "summersun", STORED, usable=usable)
        assert bool(found) is right
        assert len(check.costs) == count


async def test_the_imitated_password_is_never_right(verifier):
    assert not await verifier.verify("nobody@example.org", "summersun", None, imitated=STORED)


async def test_an_unusable_hash_is_named(verifier):
    verdict = await verifier.verify("john@example.org", "summersun", "{NOPE}x")
    assert verdict.objection == "an unknown password scheme, 'NOPE'"


async def test_what_is_computed_waits_its_turn(verifier, monkeypatch):
    assert await verifier.compute(lambda: 42) == 42
    monkeypatch.setattr(verifier, "_waiting", MAX_WAITING)
    with pytest.raises(DirectoryUnavailable, match="too many passwords"):
        await verifier.compute(lambda: 42)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has nice values of threads")
async def test_checks_have_a_low_priority(verifier):
    def priority():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own = priority()
    assert await verifier.compute(priority) == min(own + LOW_PRIORITY, 19)
    assert priority() == own
