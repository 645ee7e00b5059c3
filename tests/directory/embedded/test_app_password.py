from __future__ import annotations

import asyncio
import re
import sqlite3
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.directory import (
    CHEAP,
    DirectoryEditor,
    DirectorySettings,
    EmbeddedDirectory,
    Purpose,
    Scope,
)
from postroad.directory.embedded.app_password import digest_of, fits, generate, parse_typed
from postroad.directory.embedded.app_password_editing import MOST
from postroad.directory.embedded.last_use import INTERVAL, MOST_NOTED, LastUse
from postroad.directory.embedded.mistake import (
    LabelTaken,
    UnknownAppPassword,
    UnknownUser,
    UnusableLabel,
)
from postroad.directory.embedded.writer import DirectoryWriter

JOHN = "john@example.org"
SHAPE = r"([0-9abcdefghjkmnpqrstvwxyz]{4}-){5}[0-9abcdefghjkmnpqrstvwxyz]{4}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "directory.db"


@pytest.fixture
def editor(path):
    with DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP) as editor:
        editor.add_user(JOHN, "summersun")
        editor.add_user("ann@example.org", "winter")
        yield editor


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def now():
    return Clock()


@pytest.fixture
async def directory(path, editor, now):
    directory = opened(path, now)
    yield directory
    directory.close()


def opened(path, now):
    return EmbeddedDirectory.open(
        path,
        domains=["example.org"],
        settings=DirectorySettings(),
        clock=lambda: 0.0,
        profile=CHEAP,
        now=now,
    )


def test_one_is_long_random_and_in_groups():
    made = [generate() for _ in range(100)]
    assert all(re.fullmatch(SHAPE, each.text) for each in made)
    assert all(each.text.startswith(f"{each.tag}-") for each in made)
    assert len({each.rest for each in made}) == 100
    assert not any(each.rest in repr(each) for each in made)


@pytest.mark.parametrize(
    "change",
    [
        str,
        str.upper,
        lambda text: text.replace("-", ""),
        lambda text: text.replace("-", " "),
        lambda text: text.replace("0", "o").replace("1", "l"),
        lambda text: text.replace("0", "O").replace("1", "I"),
        lambda text: f" {text} ",
    ],
)
def test_it_is_understood_however_it_is_typed(change):
    for _ in range(20):
        made = generate()
        assert parse_typed(change(made.text)) == made


@pytest.mark.parametrize(
    "text",
    ["", "summersun", "x" * 23, "x" * 25, "u" * 24, "x" * 23 + "ü", "x-" * 100, "x" * 23 + "\n"],
)
def test_what_cannot_be_one_is_none(text):
    assert parse_typed(text) is None


@given(st.text(max_size=80))
def test_nothing_that_is_typed_raises(text):
    found = parse_typed(text)
    assert found is None or len(found.tag + found.rest) == 24


def test_it_fits_its_own_digest_and_no_other():
    one, other, salt = generate(), generate(), b"salt"
    digest = digest_of(one, salt)
    assert fits(one, salt, digest)
    assert not fits(other, salt, digest)
    assert not fits(one, b"pepper", digest)
    assert not fits(one, salt, b"")


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("purpose", Purpose)
def test_what_a_scope_allows(scope, purpose):
    assert scope.allows(purpose) is (scope is Scope.ALL or scope.value == purpose.value)


def test_they_are_listed_without_the_password(editor, path):
    phone = editor.add_app_password("John@Example.org", " phone ", Scope.SEND)
    editor.add_app_password(JOHN, "reader", Scope.READ)
    editor.add_app_password("ann@example.org", "phone", Scope.ALL)
    entries = editor.app_passwords(JOHN)
    assert [(each.user, each.label, each.scope) for each in entries] == [
        (JOHN, "phone", Scope.SEND),
        (JOHN, "reader", Scope.READ),
    ]
    assert (entries[0].id, phone.user) == (phone.id, JOHN)
    assert (entries[0].used, entries[0].used_from) == (None, "")
    secret = phone.text.replace("-", "")[4:]
    assert secret.encode() not in path.read_bytes()
    assert phone.text.encode() not in path.read_bytes()
    assert phone.text not in repr(phone)


@pytest.mark.parametrize("label", ["", "  ", "x" * 65, "a\nb", "\x1b[2J"])
def test_labels_that_cannot_be_shown(editor, label):
    with pytest.raises(UnusableLabel):
        editor.add_app_password(JOHN, label, Scope.ALL)


def test_mistakes(editor):
    editor.add_app_password(JOHN, "phone", Scope.ALL)
    with pytest.raises(LabelTaken, match="has an app password 'phone' already"):
        editor.add_app_password(JOHN, "phone", Scope.SEND)
    with pytest.raises(UnknownAppPassword, match="has no app password 'printer'"):
        editor.remove_app_password(JOHN, "printer")
    for call in (
        lambda: editor.add_app_password("nobody@example.org", "phone", Scope.ALL),
        lambda: editor.app_passwords("nobody@example.org"),
        lambda: editor.remove_app_password("nobody@example.org", "phone"),
    ):
        with pytest.raises(UnknownUser):
            call()


def test_there_is_a_limit(editor):
    for number in range(MOST):
        editor.add_app_password(JOHN, f"device {number}", Scope.ALL)
    assert len({each.id for each in editor.app_passwords(JOHN)}) == MOST
    with pytest.raises(LabelTaken, match="remove some first"):
        editor.add_app_password(JOHN, "one more", Scope.ALL)


@pytest.mark.parametrize("which", ["phone", "id", "ID"])
async def test_one_that_was_removed_is_good_for_nothing_at_once(directory, editor, which):
    made = editor.add_app_password(JOHN, "phone", Scope.ALL)
    other = editor.add_app_password(JOHN, "tablet", Scope.ALL)
    assert await directory.authenticate(JOHN, made.text) == JOHN
    name = {"id": made.id, "ID": made.id.upper()}.get(which, which)
    assert editor.remove_app_password(JOHN, name).label == "phone"
    assert await directory.authenticate(JOHN, made.text) is None
    assert await directory.authenticate(JOHN, other.text) == JOHN


def test_a_label_goes_before_an_id(editor):
    first = editor.add_app_password(JOHN, "phone", Scope.ALL)
    editor.add_app_password(JOHN, first.id, Scope.ALL)
    assert editor.remove_app_password(JOHN, first.id).label == first.id
    assert editor.remove_app_password(JOHN, first.id).label == "phone"


async def test_they_end_with_the_account_and_not_with_its_password(directory, editor):
    made = editor.add_app_password(JOHN, "phone", Scope.ALL)
    editor.set_password(JOHN, "moonlight")
    assert await directory.authenticate(JOHN, made.text) == JOHN
    editor.remove_user(JOHN)
    assert await directory.authenticate(JOHN, made.text) is None
    editor.add_user(JOHN, "summersun")
    assert await directory.authenticate(JOHN, made.text) is None
    assert editor.app_passwords(JOHN) == ()


async def test_a_wrong_one_is_checked_like_any_password(directory, editor, monkeypatch):
    made = editor.add_app_password(JOHN, "phone", Scope.READ)
    asked = []
    verify = directory._verifier.verify

    async def counted(*words, **more):
        asked.append(words)
        return await verify(*words, **more)

    monkeypatch.setattr(directory._verifier, "verify", counted)
    same_tag = made.text[:5] + generate().text[5:]
    for name in (JOHN, "ann@example.org", "nobody@example.org", "no address"):
        for text in (same_tag, generate().text, "winters"):
            assert await directory.authenticate(name, text) is None
    assert len(asked) == 12
    assert await directory.authenticate(JOHN, made.text, Purpose.SEND) is None
    assert len(asked) == 13
    assert await directory.authenticate(JOHN, made.text, Purpose.READ) == JOHN
    assert len(asked) == 13


def uses(path):
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT label, used, used_from FROM app_passwords").fetchall()
    connection.close()
    return rows


async def test_the_last_use_is_written_by_the_end_at_the_latest(path, editor, now):
    directory = opened(path, now)
    made = editor.add_app_password(JOHN, "phone", Scope.ALL)
    assert await directory.authenticate(JOHN, made.text, address="192.0.2.1") == JOHN
    directory.close()
    assert uses(path) == [("phone", 1_000_000, "192.0.2.1")]
    assert editor.app_passwords(JOHN)[0].used_from == "192.0.2.1"


class Pauses:
    """Lets time pass when the test says so."""

    def __init__(self):
        self.asked = asyncio.Queue()
        self.over = asyncio.Queue()

    async def __call__(self, seconds):
        self.asked.put_nowait(seconds)
        await self.over.get()


async def test_uses_are_written_together_and_not_by_the_minute(path, editor, now):
    editor.add_app_password(JOHN, "phone", Scope.ALL)
    editor.add_app_password(JOHN, "tablet", Scope.ALL)
    writer, pauses = DirectoryWriter(path), Pauses()
    last_use = LastUse(writer, now, pauses)

    last_use.note(1, "192.0.2.1")
    assert await pauses.asked.get() == INTERVAL
    assert uses(path) == [("phone", 1_000_000, "192.0.2.1"), ("tablet", None, "")]

    now.now += 10
    last_use.note(1, "192.0.2.2")
    last_use.note(2, "192.0.2.3")
    pauses.over.put_nowait(None)
    await pauses.asked.get()
    # That of the same minute as the one before was not worth a line.
    assert uses(path) == [("phone", 1_000_000, "192.0.2.1"), ("tablet", 1_000_010, "192.0.2.3")]

    now.now += INTERVAL
    last_use.note(1, "2001:db8::1")
    pauses.over.put_nowait(None)
    await pauses.asked.get()
    assert uses(path)[0] == ("phone", 1_000_070, "2001:db8::1")

    writing = last_use._writing
    pauses.over.put_nowait(None)
    await writing
    assert last_use._writing is None
    last_use.note(2, "192.0.2.9")
    last_use.close()
    writer.close()


async def test_one_written_by_another_worker_a_moment_ago_is_not_written_again(path, editor, now):
    editor.add_app_password(JOHN, "phone", Scope.ALL)
    counters = []
    for _ in range(2):
        writer = DirectoryWriter(path)
        last_use = LastUse(writer, now)
        last_use.note(1, "192.0.2.1")
        last_use.close()
        writer.close()
        counters.append(path.read_bytes()[24:28])  # SQLite's change counter
    assert counters[0] == counters[1]


async def test_what_is_noted_is_bounded(path, editor, now):
    writer = DirectoryWriter(path)
    last_use = LastUse(writer, now, Pauses())
    for number in range(MOST_NOTED + 5):
        last_use.note(number, "192.0.2.1")
    assert len(last_use._noted) == MOST_NOTED
    last_use.note(0, "192.0.2.2")
    assert last_use._noted[0][1] == "192.0.2.2"
    last_use.close()
    writer.close()


def test_the_alphabet_has_no_look_alikes():
    letters = set("".join(generate().text for _ in range(200))) - {"-"}
    assert letters == set(string.digits + string.ascii_lowercase) - set("ilou")
