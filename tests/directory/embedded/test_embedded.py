from __future__ import annotations

import sqlite3

import pytest

from postroad.directory import (
    CHEAP,
    Alias,
    DirectoryEditor,
    DirectorySettings,
    DirectoryUnavailable,
    EmbeddedDirectory,
    Mailbox,
    Unknown,
)
from postroad.directory.embedded.directory import BUSY_TRIES
from postroad.directory.embedded.logins import Logins
from postroad.directory.embedded.lookups import MAX_OWNER_STEPS, Lookups
from postroad.directory.embedded.memory import Memory
from postroad.directory.embedded.schema import open_for_reading
from postroad.directory.embedded.writer import DirectoryWriter
from postroad.directory.passwords.verifier import PasswordVerifier
from postroad.model import Address

JOHN = Address("john", "example.org")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "directory.db"


@pytest.fixture
def editor(path):
    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        editor.add_user("john@example.org", "summersun")
        yield editor


@pytest.fixture
async def directory(path, editor):
    directory = open_directory(path)
    yield directory
    directory.close()


def open_directory(path, domains=("example.org",), **settings):
    return EmbeddedDirectory.open(
        path,
        domains=domains,
        settings=DirectorySettings(**settings),
        clock=lambda: 0.0,
        profile=CHEAP,
    )


async def test_a_change_is_seen_by_the_next_call(directory, editor):
    for _ in range(2):
        assert await directory.authenticate("john@example.org", "summersun") is not None
    editor.set_password("john@example.org", "winter")
    assert await directory.authenticate("john@example.org", "summersun") is None
    assert await directory.authenticate("john@example.org", "winter") is not None
    editor.set_enabled("john@example.org", enabled=False)
    assert await directory.authenticate("john@example.org", "winter") is None
    assert await directory.resolve(JOHN) == Mailbox("john@example.org")
    editor.remove_user("john@example.org")
    assert await directory.resolve(JOHN) == Unknown()
    editor.add_alias("john@example.org", ["ann@elsewhere.test"])
    assert await directory.resolve(JOHN) == Alias((Address("ann", "elsewhere.test"),))
    assert not await directory.is_local("example.net")
    editor.add_domain("example.net")
    assert await directory.is_local("example.net")


async def test_keys_are_the_same_for_all_workers_and_differ_by_use(path, editor, tmp_path):
    workers = [open_directory(path) for _ in range(2)]
    keys = [await worker.key_for(use) for use in ("one", "two") for worker in workers]
    with DirectoryEditor.open(tmp_path / "other.db", domains=["example.org"]):
        workers.append(open_directory(tmp_path / "other.db"))
    keys.append(await workers[2].key_for("one"))
    for worker in workers:
        worker.close()

    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert len({keys[0], keys[2], keys[4]}) == 3
    assert {len(key) for key in keys} == {32}


async def test_a_domain_that_left_the_configuration_takes_its_accounts_with_it(path, editor):
    directory = open_directory(path, domains=["example.com"])
    assert await directory.resolve(JOHN) == Unknown()
    assert await directory.authenticate("john@example.org", "summersun") is None
    assert not await directory.owns("john@example.org", JOHN)
    directory.close()


@pytest.mark.parametrize("delimiters", ["", "-"])
async def test_the_delimiter_is_the_one_that_was_set(path, editor, delimiters):
    directory = open_directory(path, recipient_delimiter=delimiters)
    assert await directory.resolve(Address("john+x", "example.org")) == Unknown()
    expected = Mailbox("john@example.org") if delimiters else Unknown()
    assert await directory.resolve(Address("john-x", "example.org")) == expected
    directory.close()


async def test_postmaster_without_domain_is_that_of_the_first_domain(path, editor):
    editor.add_domain("aaa.example")
    editor.add_user("ann@aaa.example", "pw")
    for domains, user in ((["example.org"], "john@example.org"), ([], "ann@aaa.example")):
        directory = open_directory(path, domains=domains)
        assert await directory.resolve(Address("Postmaster", "")) == Mailbox(user)
        directory.close()


async def test_postmaster_prefers_an_account_that_can_log_in(directory, editor):
    postmaster = Address("postmaster", "example.org")
    editor.add_user("ann@example.org", "pw")
    editor.set_enabled("john@example.org", enabled=False)
    assert await directory.resolve(postmaster) == Mailbox("ann@example.org")
    editor.remove_user("ann@example.org")
    assert await directory.resolve(postmaster) == Unknown()
    editor.add_alias("postmaster@example.org", ["chief@elsewhere.test"])
    assert await directory.resolve(postmaster) == Alias((Address("chief", "elsewhere.test"),))


async def test_a_target_of_a_catchall_that_is_gone_is_not_caught_by_it(directory, editor):
    editor.add_alias("@example.org", ["john@example.org"])
    editor.remove_user("john@example.org")
    assert await directory.resolve(JOHN) == Unknown()
    assert isinstance(await directory.resolve(Address("x", "example.org")), Alias)


async def test_ownership_through_a_long_list_ends(directory, editor):
    others = [f"a{number}@elsewhere.test" for number in range(MAX_OWNER_STEPS * 2)]
    editor.add_alias("all@example.org", [*others, "john@example.org"])
    editor.add_alias("others@example.org", others)
    assert await directory.owns("john@example.org", Address("all", "example.org"))
    assert not await directory.owns("john@example.org", Address("others", "example.org"))


async def test_ownership_through_a_ring_made_by_hand_ends(directory, editor, path):
    editor.add_alias("a@example.org", ["x@elsewhere.test"])
    editor.add_alias("b@example.org", ["a@example.org"])
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "UPDATE aliases SET target = 'b@example.org', target_key = 'b@example.org' "
            "WHERE source = 'a@example.org'"
        )
    connection.close()
    assert not await directory.owns("john@example.org", Address("a", "example.org"))


class Lock:
    """Another process that holds the file until it was waited for `waits` times."""

    def __init__(self, path, waits):
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("BEGIN EXCLUSIVE")
        self.waits = waits
        self.waited = 0

    async def pause(self, seconds):
        self.waited += 1
        if self.waited == self.waits:
            self.connection.execute("COMMIT")


@pytest.mark.parametrize(("waits", "answers"), [(1, True), (3, True), (BUSY_TRIES + 1, False)])
async def test_a_locked_file_is_waited_for_but_not_for_ever(path, editor, waits, answers):
    connection = open_for_reading(path)
    lock = Lock(path, waits)
    verifier = PasswordVerifier(profile=CHEAP, threads=1, remember=0, clock=lambda: 0.0)
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
        pause=lock.pause,
    )
    if answers:
        assert await directory.resolve(JOHN) == Mailbox("john@example.org")
        assert lock.waited == waits
    else:
        with pytest.raises(DirectoryUnavailable, match="stays locked"):
            await directory.resolve(JOHN)
    lock.connection.close()
    directory.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda directory: directory.is_local("example.net"),
        lambda directory: directory.resolve(JOHN),
        lambda directory: directory.authenticate("john@example.org", "summersun"),
        lambda directory: directory.owns("john@example.org", JOHN),
    ],
)
async def test_a_file_that_cannot_be_read_is_not_an_unknown_account(path, directory, editor, call):
    editor.close()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(DirectoryUnavailable):
        await call(directory)


async def test_a_target_broken_by_hand_is_named(directory, editor, path):
    editor.add_alias("sales@example.org", ["ann@elsewhere.test"])
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE aliases SET target = 'ann'")
    connection.close()
    with pytest.raises(DirectoryUnavailable, match=r"sales@example.org: target 'ann'"):
        await directory.resolve(Address("sales", "example.org"))


async def test_the_reader_cannot_write(path, editor):
    connection = open_for_reading(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM users")
    connection.close()


def test_a_reader_finishes_what_a_killed_editor_left(path, editor, tmp_path):
    """A journal that is still there is rolled back by whoever opens the file next."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE users SET name = 'half@example.org'")
    for number in range(2000):
        connection.execute(
            "INSERT INTO domains (name) VALUES (?)", (f"{number}{'x' * 200}.example",)
        )
    crashed = tmp_path / "crashed.db"
    crashed.write_bytes(path.read_bytes())
    journal = path.with_name("directory.db-journal").read_bytes()
    crashed.with_name("crashed.db-journal").write_bytes(journal)
    connection.close()
    assert journal.rstrip(b"\0")
    reader = open_for_reading(crashed)
    assert reader.execute("SELECT name FROM users").fetchall() == [("john@example.org",)]
    assert reader.execute("SELECT count(*) FROM domains").fetchall() == [(0,)]
    reader.close()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "the directory database does not exist"),
        (b"", "the file is empty, not a directory database"),
        (b"no database" * 1000, "file is not a database"),
    ],
)
def test_a_file_that_is_no_directory_is_refused_by_name(path, content, text):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DirectoryUnavailable, match=rf"directory\.db: {text}"):
        open_directory(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda editor: editor.set_enabled("john@example.org", enabled=False),
        lambda editor: editor.remove_user("john@example.org"),
    ],
)
async def test_an_account_that_goes_while_its_password_is_checked_does_not_get_in(
    directory, editor, monkeypatch, change
):
    verify = directory._verifier.verify

    async def slowly(*words, **more):
        verdict = await verify(*words, **more)
        change(editor)
        return verdict

    monkeypatch.setattr(directory._verifier, "verify", slowly)
    assert await directory.authenticate("john@example.org", "summersun") is None


async def test_a_key_for_each_use_is_the_same_on_every_worker(path, directory):
    other = open_directory(path)
    assert await directory.key_for("one") == await other.key_for("one")
    assert await directory.key_for("one") != await directory.key_for("two")
    assert len(await directory.key_for("one")) == 32
    other.close()
