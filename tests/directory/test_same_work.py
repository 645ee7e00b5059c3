"""The work that a login takes tells nobody who has an account, or which app passwords there are.

What is counted is the questions to the database and what is computed with the answers.
"""

from __future__ import annotations

import hashlib

import pytest

from postroad.directory import CHEAP, DirectoryEditor, DirectorySettings, EmbeddedDirectory, Scope
from postroad.directory.embedded import app_password as app_passwords
from postroad.directory.passwords import credentials
from postroad.directory.passwords.schemes import StoredHash
from postroad.sasl import SecretKind

NAMES = [
    "john@example.org",
    "nobody@example.org",
    "old@example.org",
    "imported@example.org",
    "sales@example.org",
]
ABSENT = "zzzz-zzzz-zzzz-zzzz-zzzz-zzzz"
KINDS = (SecretKind.SCRAM_SHA_1, SecretKind.SCRAM_SHA_256, SecretKind.CRAM_MD5)


class Work:
    """What was done since `begin`."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def counting(self, what: str, function):
        def call(*arguments, **named):
            self.steps.append(what)
            return function(*arguments, **named)

        return call

    def begin(self, directory: EmbeddedDirectory) -> None:
        self.steps.clear()
        directory._connection.set_trace_callback(self.asked)

    def asked(self, sql: str) -> None:
        if (
            "ORDER BY lot" not in sql or "WHERE" in sql
        ):  # the ring's end: a matter of the name alone
            self.steps.append(sql.partition(" WHERE ")[0])


@pytest.fixture
def work(monkeypatch):
    work = Work()
    read = work.counting("read a verifier", credentials.read_verifier)
    monkeypatch.setattr(credentials, "read_verifier", read)
    kept = work.counting("read a hash", credentials.read_hash)
    monkeypatch.setattr(credentials, "read_hash", kept)
    digest = work.counting("digest of an app password", app_passwords.digest_of)
    monkeypatch.setattr(app_passwords, "digest_of", digest)
    made = work.counting("secret of CRAM-MD5", credentials.CramSecret.of)
    monkeypatch.setattr(credentials.CramSecret, "of", made)
    return work


@pytest.fixture
def editor(tmp_path):
    with DirectoryEditor.open(
        tmp_path / "directory.db", domains=["example.org"], profile=CHEAP
    ) as editor:
        yield editor


@pytest.fixture
async def directory(tmp_path, editor, work, monkeypatch):
    editor.add_user("john@example.org", "summersun")
    editor.add_user("old@example.org", "retired")
    editor.set_enabled("old@example.org", enabled=False)
    editor.add_alias("sales@example.org", ["john@example.org"])
    digest = hashlib.sha256(b"winter").hexdigest()
    editor.add_user_with_hash("imported@example.org", f"{{SHA256.HEX}}{digest}")
    directory = EmbeddedDirectory.open(
        tmp_path / "directory.db",
        domains=["example.org"],
        settings=DirectorySettings(rehash=False),
        clock=lambda: 0.0,
        profile=CHEAP,
    )
    monkeypatch.setattr(directory._verifier, "_check", work.counting("check", StoredHash.check))
    await directory.authenticate("john@example.org", ABSENT)  # so that the key has been read
    yield directory
    directory.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows_of_ours", [False, True])
async def test_a_challenge_takes_the_same_work_for_every_name(
    directory, editor, work, kind, rows_of_ours
):
    """Also in a domain that is in the database and not in the configuration."""
    domain = "example.org"
    if rows_of_ours:
        domain = "example.net"
        editor.add_domain(domain)
        editor.add_user("john@example.net", "summersun")
    done = []
    for name in NAMES:
        work.begin(directory)
        await directory.secret(name.replace("example.org", domain), kind)
        done.append(sorted(work.steps))
    assert done[0]
    assert done == [done[0]] * len(NAMES)


@pytest.mark.parametrize("kind", [SecretKind.SCRAM_SHA_256, SecretKind.CRAM_MD5])
async def test_a_secret_is_made_for_a_name_that_has_none(directory, editor, work, kind):
    editor.add_user_with_hash("clear@example.org", "{PLAIN}summersun")
    for name in ("john@example.org", "imported@example.org", "old@example.org"):
        editor.remove_user(name)
    done = []
    for name in ("clear@example.org", "nobody@example.org"):
        work.begin(directory)
        await directory.secret(name, kind)
        done.append(sorted(work.steps))
    assert done[0] == done[1]
    assert {"read a verifier", "secret of CRAM-MD5"} & set(done[1])


@pytest.mark.parametrize("kind", KINDS)
async def test_an_alias_domain_a_forward_and_a_right_tell_nobody_more(
    directory, editor, work, kind
):
    editor.add_domain("example.net", alias_of="example.org")
    editor.set_forward("john@example.org", ["ann@elsewhere.test"])
    editor.grant("old@example.org", ["boss@elsewhere.test"])
    editor.add_group("staff@example.org", ["john@example.org"])
    done = []
    for domain in ("example.org", "example.net"):
        for name in [*NAMES, "staff@example.org"]:
            login = name.replace("example.org", domain)
            work.begin(directory)
            await directory.secret(login, kind)
            challenge = sorted(work.steps)
            work.begin(directory)
            assert await directory.authenticate(login, "wrong") is None
            assert work.steps.count("check") == 1
            done.append((domain, challenge, len(work.steps)))
    for domain in ("example.org", "example.net"):
        (first, *others) = [each for each in done if each[0] == domain]
        assert first[1]
        assert others == [first] * len(others)


async def test_app_passwords_take_the_same_work_whichever_there_are(directory, editor, work):
    made = editor.add_app_password("john@example.org", "phone", Scope.ALL)
    other = editor.add_app_password("old@example.org", "phone", Scope.ALL)
    reading = editor.add_app_password("john@example.org", "tablet", Scope.READ)
    wrong = "7777-7777-7777-7777-7777"
    tries = [
        ("john@example.org", ABSENT),  # no such identifier
        ("john@example.org", f"{made.text[:4]}-{wrong}"),  # there is one
        ("john@example.org", other.text),  # somebody else's
        ("john@example.org", reading.text),  # for another purpose
        ("old@example.org", ABSENT),
        ("old@example.org", other.text),  # right, of a disabled account
        ("nobody@example.org", ABSENT),
        ("nobody@example.org", made.text),
        ("sales@example.org", made.text),
    ]
    done = []
    for name, text in tries:
        work.begin(directory)
        assert await directory.authenticate(name, text) is None
        done.append([step for step in work.steps if step != "check"])
        assert work.steps.count("check") <= 1
    assert done[0].count("digest of an app password") == 1
    assert done == [done[0]] * len(tries)


async def test_who_is_barred_learns_nothing_from_a_right_password(directory, editor, work):
    phone = editor.add_app_password("john@example.org", "phone", Scope.ALL)
    assert await directory.authenticate("john@example.org", "summersun")  # is remembered now
    done = []
    for password in ("summersun", "wrong", phone.text, ABSENT):
        work.begin(directory)
        assert await directory.authenticate("john@example.org", password, barred=True) is None
        done.append(work.steps.count("check"))
    assert done == [1] * 4
