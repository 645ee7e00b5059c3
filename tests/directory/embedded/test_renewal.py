"""What becomes of old hashes when their owners log in."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading

import pytest

from postroad.directory import (
    CHEAP,
    DirectoryEditor,
    DirectorySettings,
    EmbeddedDirectory,
    PasswordProfile,
)
from postroad.directory.embedded.logins import Account
from postroad.directory.embedded.renewal import MOST_AT_ONCE, Renewal, replace_credentials
from postroad.directory.embedded.schema import open_for_update
from postroad.directory.embedded.writer import DirectoryWriter
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.passwords.password import hash_password, is_current
from postroad.directory.passwords.verifier import PasswordVerifier
from postroad.sasl import SecretKind

JOHN = "john@example.org"
KINDS = frozenset({SecretKind.SCRAM_SHA_256})
SHA1 = "{SHA}Ap5TVNW58HqFzaJttpTA9LG+U+8="


@pytest.fixture
def path(tmp_path):
    return tmp_path / "directory.db"


@pytest.fixture
def editor(path):
    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        editor.add_user_with_hash(JOHN, SHA1)
        yield editor


def opened(path, **settings):
    return EmbeddedDirectory.open(
        path,
        domains=["example.org"],
        settings=DirectorySettings(**settings),
        clock=lambda: 0.0,
        profile=CHEAP,
    )


def stored(path):
    connection = sqlite3.connect(path)
    row = connection.execute(
        "SELECT password, scram_sha_256 FROM users WHERE name = ?", (JOHN,)
    ).fetchone()
    connection.close()
    return row


async def settled(directory):
    while directory._renewal._under_way:
        await asyncio.gather(*directory._renewal._under_way.values())


async def test_a_login_makes_the_hash_todays(path, editor):
    directory = opened(path)
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    assert stored(path)[0] == SHA1  # the login did not wait for it
    await settled(directory)
    password, scram = stored(path)
    assert is_current(password, CHEAP)
    assert scram
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    assert await directory.all_have_verifiers()
    await settled(directory)
    assert stored(path) == (password, scram)
    directory.close()


@pytest.mark.parametrize("password", ["winter", ""])
async def test_a_wrong_password_changes_nothing(path, editor, password):
    directory = opened(path)
    assert await directory.authenticate(JOHN, password) is None
    assert not directory._renewal._under_way
    directory.close()
    assert stored(path)[0] == SHA1


async def test_a_disabled_account_is_left_alone(path, editor):
    editor.set_enabled(JOHN, enabled=False)
    directory = opened(path)
    assert await directory.authenticate(JOHN, "summersun") is None
    assert not directory._renewal._under_way
    directory.close()


async def test_an_app_password_does_not_become_the_accounts_own(path, editor):
    from postroad.directory import Scope

    text = editor.add_app_password(JOHN, "phone", Scope.ALL).text
    directory = opened(path)
    assert await directory.authenticate(JOHN, text) == JOHN
    assert not directory._renewal._under_way
    directory.close()


async def test_it_can_be_switched_off(path, editor):
    directory = opened(path, rehash=False)
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    directory.close()
    assert stored(path)[0] == SHA1


async def test_cram_md5_keeps_the_password_it_needs(path, editor):
    editor.set_hash(JOHN, "{PLAIN}summersun")
    directory = opened(path, secrets=("CRAM-MD5", "SCRAM-SHA-1"))
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    await settled(directory)
    assert stored(path) == ("{PLAIN}summersun", "")
    assert await directory.secret(JOHN, SecretKind.SCRAM_SHA_1) is not None
    directory.close()


async def test_two_workers_at_once_are_one_change(path, editor):
    directories = [opened(path) for _ in range(2)]
    await asyncio.gather(*(each.authenticate(JOHN, "summersun") for each in directories))
    for each in directories:
        await settled(each)
    password, scram = stored(path)
    assert is_current(password, CHEAP)
    for each in directories:
        assert await each.authenticate(JOHN, "summersun") == JOHN
        each.close()
    assert stored(path) == (password, scram)


def account(password):
    return Account(JOHN, usable=True, credentials=Credentials(password))


class Gate:
    """A writer that waits before each change, so that something can come between."""

    def __init__(self, path):
        self.writer = DirectoryWriter(path)
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def write(self, change):
        self.reached.set()
        await self.open.wait()
        return await self.writer.write(change)


async def test_a_password_changed_meanwhile_stays(path, editor):
    verifier = PasswordVerifier(profile=CHEAP, threads=1, remember=0, clock=lambda: 0.0)
    gate = Gate(path)
    renewal = Renewal(verifier, gate, CHEAP, KINDS, lambda _: None)
    renewal.consider(account(SHA1), "summersun")
    await gate.reached.wait()
    editor.set_password(JOHN, "winter")
    before = stored(path)
    gate.open.set()
    await asyncio.gather(*renewal._under_way.values())
    assert stored(path) == before
    verifier.close()
    gate.writer.close()


def test_what_is_replaced_is_what_was_held(path, editor):
    connection = open_for_update(path)
    held = Credentials(SHA1)
    for other in (Credentials("{PLAIN}x"), Credentials(SHA1, scram_sha_1="x")):
        assert not replace_credentials(connection, JOHN, other, Credentials("{PLAIN}y"))
    assert not replace_credentials(connection, "ann@example.org", held, Credentials("{PLAIN}y"))
    assert replace_credentials(connection, JOHN, held, Credentials("{PLAIN}y"))
    assert stored(path) == ("{PLAIN}y", "")
    connection.close()


async def test_only_some_are_under_way_at_once(path, editor):
    verifier = PasswordVerifier(profile=CHEAP, threads=1, remember=0, clock=lambda: 0.0)
    gate = Gate(path)
    renewal = Renewal(verifier, gate, CHEAP, KINDS, lambda _: None)
    for number in range(MOST_AT_ONCE + 5):
        one = Account(f"{number}@example.org", usable=True, credentials=Credentials(SHA1))
        renewal.consider(one, "summersun")
        renewal.consider(one, "summersun")
    assert len(renewal._under_way) == MOST_AT_ONCE
    renewal.close()
    await asyncio.gather(*renewal._under_way.values(), return_exceptions=True)
    renewal.consider(account(SHA1), "summersun")
    assert not renewal._under_way
    verifier.close()
    gate.writer.close()


async def test_a_directory_that_cannot_be_written_is_left_alone(path, editor, monkeypatch):
    from postroad.directory.embedded import writer

    def read_only(path):
        return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)

    monkeypatch.setattr(writer, "open_for_update", read_only)
    said = []
    directory = EmbeddedDirectory.open(
        path,
        domains=["example.org"],
        settings=DirectorySettings(),
        clock=lambda: 0.0,
        profile=CHEAP,
        report=said.append,
    )
    for _ in range(3):
        assert await directory.authenticate(JOHN, "summersun") == JOHN
        await settled(directory)
    assert len(said) == 1
    assert "password hashes are not renewed" in said[0]
    directory.close()
    assert stored(path)[0] == SHA1


async def test_a_locked_directory_is_tried_again_at_the_next_login(path, editor, monkeypatch):
    from postroad.directory.embedded import schema

    monkeypatch.setattr(schema, "CHANGE_TIMEOUT", 0.0)
    directory = opened(path)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    await settled(directory)
    lock.execute("ROLLBACK")
    lock.close()
    assert stored(path)[0] == SHA1
    assert await directory.authenticate(JOHN, "summersun") == JOHN
    await settled(directory)
    assert is_current(stored(path)[0], CHEAP)
    directory.close()


def test_the_profile_of_yesterday_is_not_todays():
    old = PasswordProfile(memory=16, passes=1, lanes=1)
    assert is_current(hash_password("x", CHEAP), CHEAP)
    assert not is_current(hash_password("x", old), CHEAP)
    assert not is_current("{PLAIN}x", CHEAP)


async def test_an_unusable_hash_is_reported_once_and_by_name(path, editor):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE users SET password = '{NOPE}x'")
    connection.close()
    said = []
    directory = EmbeddedDirectory.open(
        path,
        domains=["example.org"],
        settings=DirectorySettings(),
        clock=lambda: 0.0,
        profile=CHEAP,
        report=said.append,
    )
    for _ in range(3):
        assert await directory.authenticate(JOHN, "x") is None
    assert said == [
        "the password of john@example.org cannot be checked: an unknown password scheme, 'NOPE'"
    ]
    directory.close()


def test_threads_end_with_the_directory(path, editor):
    async def use():
        directory = opened(path)
        assert await directory.authenticate(JOHN, "summersun") == JOHN
        directory.close()

    before = threading.active_count()
    asyncio.run(use())
    assert threading.active_count() == before
    assert os.path.exists(path)
