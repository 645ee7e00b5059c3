from __future__ import annotations

import sqlite3
import stat

import pytest

from postroad.directory import (
    CHEAP,
    AliasEntry,
    DirectoryEditor,
    DirectoryUnavailable,
    DomainEntry,
    SchemaTooNew,
    UserEntry,
)
from postroad.directory.embedded import mistake
from postroad.directory.passwords.schemes import matches


@pytest.fixture
def editor(tmp_path):
    opened = DirectoryEditor.open(tmp_path / "directory.db", domains=["example.org"], profile=CHEAP)
    with opened as editor:
        editor.add_domain("example.net")
        editor.add_user("john@example.org", "summersun")
        editor.add_alias("sales@example.org", ["john@example.org", "Ann@elsewhere.test"])
        yield editor


MISTAKES = [
    (lambda e: e.add_domain("a b"), mistake.InvalidName, "'a b' is not a domain name"),
    (lambda e: e.add_domain(""), mistake.InvalidName, "'' is not a domain name"),
    (lambda e: e.add_domain("\u0378.example"), mistake.InvalidName, "is not a domain name"),
    (
        lambda e: e.add_domain("EXAMPLE.net"),
        mistake.DomainExists,
        "the domain example.net is there already",
    ),
    (
        lambda e: e.add_domain("example.org"),
        mistake.DomainConfigured,
        "the domain example.org stands in the configuration file; change it there",
    ),
    (
        lambda e: e.remove_domain("example.org"),
        mistake.DomainConfigured,
        "the domain example.org stands in the configuration file; change it there",
    ),
    (
        lambda e: e.remove_domain("gone.example"),
        mistake.UnknownDomain,
        "there is no domain gone.example in the directory",
    ),
    (
        lambda e: (e.add_user("a@example.net", "pw"), e.remove_domain("example.net")),
        mistake.DomainInUse,
        "the domain example.net is in use (accounts: 1, aliases: 0); remove them first",
    ),
    (
        lambda e: (
            e.add_alias("@example.net", ["john@example.org", "a@elsewhere.test"]),
            e.remove_domain("example.net"),
        ),
        mistake.DomainInUse,
        "the domain example.net is in use (accounts: 0, aliases: 1); remove them first",
    ),
    (
        lambda e: e.add_user("john", "pw"),
        mistake.InvalidName,
        "'john' is not an address: an address needs an @",
    ),
    (lambda e: e.add_user("a/../b@example.org", "pw"), mistake.InvalidName, "is not an address"),
    (lambda e: e.add_user("a/b@example.org", "pw"), mistake.InvalidName, "holds no slash"),
    (lambda e: e.add_user('".."@example.org', "pw"), mistake.InvalidName, "needs no quotes"),
    (lambda e: e.add_user("a@[192.0.2.1]", "pw"), mistake.InvalidName, "needs a domain name"),
    (
        lambda e: e.add_user("john@gone.example", "pw"),
        mistake.UnknownDomain,
        "gone.example is not one of our domains; add it with: postroad domain add gone.example",
    ),
    (
        lambda e: e.add_user("JOHN@example.org", "pw"),
        mistake.UserExists,
        "there is an account john@example.org already",
    ),
    (
        lambda e: e.add_user("sales@example.org", "pw"),
        mistake.AliasExists,
        "sales@example.org is an alias; remove it first",
    ),
    (
        lambda e: e.add_user("new@example.org", ""),
        mistake.UnusablePassword,
        "the password is empty",
    ),
    (lambda e: e.add_user("new@example.org", "a\0b"), mistake.UnusablePassword, "holds a NUL"),
    (
        lambda e: e.set_password("john@example.org", "x" * 1025),
        mistake.UnusablePassword,
        "the password is longer than 1024 characters",
    ),
    (
        lambda e: e.set_password("gone@example.org", "pw"),
        mistake.UnknownUser,
        "there is no account gone@example.org",
    ),
    (
        lambda e: e.remove_user("sales@example.org"),
        mistake.UnknownUser,
        "there is no account sales@example.org",
    ),
    (
        lambda e: e.set_enabled("gone@example.org", enabled=False),
        mistake.UnknownUser,
        "there is no account gone@example.org",
    ),
    (
        lambda e: e.add_alias("john@example.org", ["a@elsewhere.test"]),
        mistake.UserExists,
        "there is an account john@example.org already",
    ),
    (
        lambda e: e.add_alias("a@gone.example", ["john@example.org"]),
        mistake.UnknownDomain,
        "gone.example is not one of our domains; add it with: postroad domain add gone.example",
    ),
    (
        lambda e: e.add_alias("@gone.example", ["john@example.org"]),
        mistake.UnknownDomain,
        "gone.example is not one of our domains; add it with: postroad domain add gone.example",
    ),
    (
        lambda e: e.add_alias("new@example.org", []),
        mistake.InvalidName,
        "an alias needs a target",
    ),
    (
        lambda e: e.add_alias("new@example.org", ["john"]),
        mistake.InvalidName,
        "'john' is not an address: an address needs an @",
    ),
    (
        lambda e: e.add_alias("sales@example.org", ["John@example.org"]),
        mistake.AliasExists,
        "sales@example.org already delivers to John@example.org",
    ),
    (
        lambda e: e.add_alias("new@example.org", ["nobody@example.org"]),
        mistake.UnknownTarget,
        "nobody has the address nobody@example.org; add it first",
    ),
    (
        lambda e: e.add_alias("@example.org", ["nobody@example.org"]),
        mistake.UnknownTarget,
        "nobody has the address nobody@example.org; add it first",
    ),
    (
        lambda e: e.add_alias("new@example.org", ["New+x@example.org"]),
        mistake.AliasLoop,
        "mail would go round for ever: new@example.org -> new+x@example.org -> new+x@example.org",
    ),
    (
        lambda e: e.add_alias("new@example.org", ["new@example.org", "john@example.org"]),
        mistake.AliasLoop,
        "mail would go round for ever: new@example.org -> new@example.org",
    ),
    (
        lambda e: (
            e.add_alias("first@example.org", ["sales@example.org"]),
            e.add_alias("second@example.org", ["first@example.org"]),
            e.add_alias("first@example.org", ["second@example.org"]),
        ),
        mistake.AliasLoop,
        "first@example.org -> second@example.org -> first@example.org",
    ),
    (
        lambda e: (
            e.add_alias("back@example.org", ["a@elsewhere.test"]),
            e.add_alias("@example.net", ["back@example.org"]),
            e.add_alias("back@example.org", ["any@example.net"]),
        ),
        mistake.AliasLoop,
        "mail would go round for ever: back@example.org -> any@example.net -> back@example.org",
    ),
    (
        lambda e: e.remove_alias("gone@example.org"),
        mistake.UnknownAlias,
        "there is no alias gone@example.org",
    ),
    (
        lambda e: e.remove_alias("sales@example.org", ["john@example.org", "b@elsewhere.test"]),
        mistake.UnknownAlias,
        "sales@example.org does not deliver to b@elsewhere.test",
    ),
]


@pytest.mark.parametrize(("change", "kind", "text"), MISTAKES)
def test_a_mistake_is_typed_said_in_one_line_and_changes_nothing(editor, change, kind, text):
    users = editor.users()
    with pytest.raises(kind) as caught:
        change(editor)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, mistake.DirectoryMistake)
    if "new@" in text or "sales@" in text:
        assert (editor.users(), editor.aliases()) == (
            users,
            (AliasEntry("sales@example.org", ("john@example.org", "Ann@elsewhere.test")),),
        )


def test_domains(editor):
    assert editor.add_domain("MÜLLER.example.") == "xn--mller-kva.example"
    assert editor.domains() == (
        DomainEntry("example.org", configured=True),
        DomainEntry("example.net", configured=False),
        DomainEntry("xn--mller-kva.example", configured=False),
    )
    assert editor.remove_domain("müller.example") == "xn--mller-kva.example"
    assert [entry.name for entry in editor.domains()] == ["example.org", "example.net"]


def test_users(editor):
    assert editor.add_user("Ann@Example.NET", "winter") == "ann@example.net"
    assert editor.set_enabled("ANN@example.net", enabled=False) == "ann@example.net"
    assert editor.users() == (
        UserEntry("ann@example.net", enabled=False),
        UserEntry("john@example.org", enabled=True),
    )
    assert editor.remove_user("John@example.org") == ("sales@example.org",)
    assert editor.users() == (UserEntry("ann@example.net", enabled=False),)


def test_aliases_keep_order_and_spelling(editor):
    added = editor.add_alias("Sales@example.org", ["B@elsewhere.test", "a@elsewhere.test"])
    assert added.targets == (
        "john@example.org",
        "Ann@elsewhere.test",
        "B@elsewhere.test",
        "a@elsewhere.test",
    )
    assert editor.add_alias("@EXAMPLE.net", ["sales@example.org"]).source == "@example.net"
    assert editor.aliases() == (AliasEntry("@example.net", ("sales@example.org",)), added)
    left = editor.remove_alias("sales@example.org", ["JOHN@example.org", "b@ELSEWHERE.test"])
    assert left == AliasEntry("sales@example.org", ("Ann@elsewhere.test", "a@elsewhere.test"))
    assert editor.remove_alias("sales@example.org") is None
    assert editor.remove_alias("@example.net") is None
    assert editor.aliases() == ()


def test_an_alias_with_a_target_given_twice_has_it_once(editor):
    entry = editor.add_alias("new@example.org", ["a@elsewhere.test", "A@elsewhere.test"])
    assert len(entry.targets) == 1


def test_a_diamond_of_aliases_is_no_loop(editor):
    editor.add_alias("left@example.org", ["sales@example.org"])
    editor.add_alias("right@example.org", ["sales@example.org"])
    editor.add_alias("top@example.org", ["left@example.org", "right@example.org"])


def test_a_password_is_stored_as_dovecot_reads_it(editor, tmp_path):
    editor.set_password("john@example.org", "winter")
    with sqlite3.connect(tmp_path / "directory.db") as connection:
        (stored,) = connection.execute("SELECT password FROM users").fetchone()
    connection.close()
    assert stored.startswith("{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$")
    assert matches(stored, "winter")
    assert not matches(stored, "summersun")


def test_a_new_file_is_for_its_owner_alone(editor, tmp_path):
    assert stat.S_IMODE((tmp_path / "directory.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory.db"]


def test_what_was_written_is_there_when_opened_again(editor, tmp_path):
    editor.close()
    with DirectoryEditor.open(tmp_path / "directory.db", domains=["example.org"]) as again:
        assert again.users() == (UserEntry("john@example.org", enabled=True),)


@pytest.mark.parametrize(
    ("statements", "kind", "text"),
    [
        ("PRAGMA user_version = 9", SchemaTooNew, "has version 9, this Postroad reads up to"),
        ("PRAGMA application_id = 7", DirectoryUnavailable, "is not a directory database"),
    ],
)
def test_a_file_of_another_kind_is_refused(editor, tmp_path, statements, kind, text):
    editor.close()
    connection = sqlite3.connect(tmp_path / "directory.db")
    connection.execute(statements)
    connection.close()
    with pytest.raises(kind, match=text):
        DirectoryEditor.open(tmp_path / "directory.db", domains=[])


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "directory.db"
    path.write_text("john:{PLAIN}summersun\n" * 100)
    with pytest.raises(DirectoryUnavailable, match="file is not a database"):
        DirectoryEditor.open(path, domains=[])


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(DirectoryUnavailable, match=r"missing/directory\.db"):
        DirectoryEditor.open(tmp_path / "missing" / "directory.db", domains=[])


def test_a_reader_that_goes_on_reading_makes_the_change_fail_as_a_value(editor, tmp_path):
    editor._connection.execute("PRAGMA busy_timeout = 0")
    reader = sqlite3.connect(tmp_path / "directory.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM users").fetchall()
    with pytest.raises(DirectoryUnavailable, match="locked"):
        editor.add_user("new@example.org", "pw")
    reader.execute("COMMIT")
    reader.close()
    assert editor.add_user("new@example.org", "pw") == "new@example.org"
