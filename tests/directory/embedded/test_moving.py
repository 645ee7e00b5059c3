"""Export and import: what goes out comes in again, all of it or nothing."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroad.directory import CHEAP, DirectoryEditor, Scope
from postroad.directory.embedded.groups import Senders
from postroad.directory.embedded.mistake import Unimportable
from postroad.directory.embedded.moved_files import (
    MOST_SHOWN,
    Faults,
    from_csv,
    from_json,
    to_csv,
    to_json,
)
from postroad.directory.embedded.quota import Quota
from postroad.directory.passwords.schemes import matches

FORMS = {"json": (to_json, from_json), "csv": (to_csv, from_csv)}
HASH = "{SSHA}y6aYU6MQ4j9v1ORb/CwTOuUkKEeK2wZO"


def open_editor(path):
    return DirectoryEditor.open(path, domains=["example.org"], profile=CHEAP, patterns=True)


def bring(editor, text, form="json", **options):
    faults = Faults("in")
    return editor.import_contents(FORMS[form][1](text, faults), faults, **options)


def dump(path):
    """Everything in the file but what is chosen by chance."""
    connection = sqlite3.connect(path)
    tables = {
        "domains": "SELECT * FROM domains ORDER BY name",
        "users": "SELECT name, domain, password, scram_sha_1, scram_sha_256, enabled,"
        " quota_bytes, quota_messages FROM users ORDER BY id",
        "aliases": "SELECT source, domain, target, target_key FROM aliases ORDER BY source, id",
        "groups": "SELECT * FROM groups ORDER BY name",
        "send_as": "SELECT * FROM send_as ORDER BY user, address",
        "patterns": "SELECT pattern, target FROM patterns ORDER BY id",
        "app_passwords": "SELECT user, label FROM app_passwords ORDER BY id",
    }
    rows = {name: connection.execute(sql).fetchall() for name, sql in tables.items()}
    connection.close()
    return rows


LOCALS = st.from_regex(r"[a-z0-9]{1,6}([.-][a-z0-9]{1,4})?", fullmatch=True)
ELSEWHERE = st.sampled_from(["Ann@elsewhere.test", '"o d"@elsewhere.test', "jörg@müller.test"])
NUMBERS = st.none() | st.integers(0, (1 << 63) - 1)


@st.composite
def worlds(draw):
    """Names that stand for different things, and what is said of each."""
    names = draw(st.lists(LOCALS, min_size=1, max_size=8, unique=True))
    cut = draw(st.integers(1, len(names)))
    return names[:cut], names[cut:], draw(st.randoms(use_true_random=False)), draw(NUMBERS)


@pytest.mark.parametrize("form", FORMS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(world=worlds(), abroad=ELSEWHERE)
def test_a_round_trip_is_identity(tmp_path_factory, form, world, abroad):
    users, others, chance, quota = world
    folder = tmp_path_factory.mktemp("round")
    with open_editor(folder / "one.db") as editor:
        editor.add_domain("example.net")
        editor.add_domain("example.com", alias_of="example.net")
        editor.add_domain("relayed.example", recipients=chance.choice(["any", "verify"]))
        for name in users:
            user = f"{name}@example.org"
            if chance.random() < 0.5:
                editor.add_user(user, "summersun", scheme=chance.choice(["PLAIN", "SSHA512"]))
            else:
                editor.add_user_with_hash(user, HASH)
            editor.set_enabled(user, enabled=chance.random() < 0.5)
            editor.set_quota(user, Quota(quota, chance.choice([None, 0, 7])))
            if chance.random() < 0.5:
                editor.grant(user, ["@example.net", abroad])
            if chance.random() < 0.5:
                editor.set_forward(user, [abroad], keep=chance.random() < 0.5)
        for name in others:
            source, first = f"{name}@example.net", f"{users[0]}@example.org"
            if chance.random() < 0.5:
                editor.add_alias(source, [abroad, first])
            else:
                senders = chance.choice(list(Senders))
                editor.add_group(source, [first, abroad], owner=first, senders=senders)
        editor.add_alias("@example.net", [f"{users[0]}+caught@example.org"])
        editor.add_pattern(r"/^x, ; (\w+)@/", [r"\1@example.org", "a@elsewhere.test"])
        text = "".join(FORMS[form][0](editor.contents(secrets=True)))
        bare = "".join(FORMS[form][0](editor.contents()))
    assert HASH not in bare
    assert "summersun" not in bare
    with open_editor(folder / "two.db") as editor:
        bring(editor, text, form)
        assert "".join(FORMS[form][0](editor.contents(secrets=True))) == text
        assert dump(folder / "two.db") == dump(folder / "one.db")
        for replace in (True, False):  # what is there already stays as it is
            bring(editor, bare, form, replace=replace)
            assert dump(folder / "two.db") == dump(folder / "one.db")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "directory.db"


@pytest.fixture
def editor(path):
    with open_editor(path) as editor:
        editor.add_user("john@example.org", "summersun")
        editor.add_app_password("john@example.org", "phone", Scope.ALL)
        editor.add_user("mary@example.org", "moonlight")
        editor.add_alias("info@example.org", ["mary@example.org"])
        editor.add_group("staff@example.org", ["john@example.org"])
        yield editor


def test_an_entry_takes_the_place_of_what_has_its_name(editor, path):
    before = dump(path)
    text = json.dumps(
        {
            "users": [
                {
                    "name": "john@example.org",
                    "enabled": False,
                    "quota_bytes": 5,
                    "quota_messages": None,
                }
            ],
            "aliases": [{"source": "info@example.org", "targets": ["john@example.org"]}],
        }
    )
    done = bring(editor, text)
    assert (done.users, done.aliases, done.removed) == (1, 1, 0)
    after = dump(path)
    assert after["users"][0][2:] == (*before["users"][0][2:5], 0, 5, None)
    assert after["users"][1] == before["users"][1]
    assert [row for row in after["aliases"] if row[0] == "info@example.org"] == [
        ("info@example.org", "example.org", "john@example.org", "john@example.org")
    ]
    assert after["app_passwords"] == before["app_passwords"]
    assert after["groups"] == before["groups"]


def test_replacing_removes_what_is_not_in_the_file(editor, path):
    before = dump(path)
    done = bring(editor, json.dumps({"users": [{"name": "john@example.org"}]}), replace=True)
    assert done.removed == 1
    after = dump(path)
    assert after["users"] == before["users"][:1]
    assert after["app_passwords"] == before["app_passwords"]
    assert after["aliases"] == after["groups"] == []


class Watched(DirectoryEditor):
    """Looks into the file by another connection when everything is written and not yet kept."""

    def _check(self, prepared, faults):
        super()._check(prepared, faults)
        (self.file,) = [row[2] for row in self._rows("PRAGMA database_list")]
        reader = sqlite3.connect(self.file, timeout=0.0)
        self.seen = reader.execute("SELECT count(*) FROM aliases").fetchone()[0]
        reader.close()


def test_readers_are_not_shut_out_while_very_much_is_written(path):
    """More than SQLite's cache holds, which would then lock the file."""
    with Watched.open(path, domains=["example.org"], profile=CHEAP) as editor:
        editor._rows("PRAGMA cache_size = 10")
        targets = [f"{'x' * 60}{number}@elsewhere.test" for number in range(5)]
        rows = [{"source": f"{number}@example.org", "targets": targets} for number in range(1000)]
        bring(editor, json.dumps({"aliases": rows}))
        assert editor.seen == 0
        assert len(editor.aliases()) == 1000


@pytest.mark.parametrize("dry", [True, False])
def test_a_dry_run_changes_nothing(editor, path, dry):
    before = dump(path)
    text = json.dumps({"users": [{"name": "new@example.org", "hash": HASH}]})
    assert bring(editor, text, dry_run=dry).users == 1
    assert (dump(path) == before) is dry


def test_passwords_are_hashed_and_hashes_kept(editor, path):
    text = (
        "kind,name,password,hash\nuser,a@example.org,sum mer,\nuser,b@example.org,,"
        f"{HASH}\nuser,c@example.org,moonlight,\n"
    )
    told = []
    bring(editor, text, "csv", progress=lambda done, whole: told.append((done, whole)))
    assert told == [(1, 2), (2, 2)]
    stored = {row[0]: row[2] for row in dump(path)["users"]}
    assert stored["a@example.org"].startswith("{ARGON2ID}")
    assert stored["b@example.org"] == HASH
    bring(editor, f"kind,name,password\nuser,a@example.org,{HASH}\n", "csv", hashed=True)
    assert {row[0]: row[2] for row in dump(path)["users"]}["a@example.org"] == HASH


def test_each_account_gets_its_own_password_though_all_stand_on_one_line(editor, path):
    users = {f"u{number}@example.org": f"word {number}" for number in range(5)}
    rows = [{"name": name, "password": password} for name, password in users.items()]
    rows += [{"name": f"x{name}", "hash": f"{{PLAIN}}{text}"} for name, text in users.items()]
    text = json.dumps({"users": rows})
    assert "\n" not in text
    bring(editor, text)
    stored = {row[0]: row[2:5] for row in dump(path)["users"]}
    for name, password in users.items():
        assert matches(stored[name][0], password)
        assert stored[f"x{name}"][0] == f"{{PLAIN}}{password}"
        for verifiers in (stored[name], stored[f"x{name}"]):
            assert matches(f"{{SCRAM-SHA-256}}{verifiers[2]}", password)


USER = {"name": "a@example.org", "hash": HASH}


@pytest.mark.parametrize(
    ("contents", "reasons"),
    [
        ({"users": [{"name": "a@example.org"}]}, ["a@example.org is new and has neither"]),
        ({"users": [{"name": "a"}]}, ["'a' is not an address"]),
        ({"users": [{"hash": HASH}]}, ["a user needs the field 'name'"]),
        ({"users": [{**USER, "nick": "x"}]}, ["a user has no field 'nick'; it has name,"]),
        (
            {"users": [{**USER, "passwrd": "x"}]},
            ["a user has no field 'passwrd'; did you mean password?"],
        ),
        ({"users": [{**USER, "enabled": 1}]}, ["enabled is true or false"]),
        ({"users": [{**USER, "quota_bytes": True}]}, ["quota_bytes is a number"]),
        ({"users": [{**USER, "quota_bytes": -1}]}, ["quota_bytes is 0 (no limit) or more"]),
        ({"users": [{**USER, "forward": ["x", 1]}]}, ["forward is a list of texts"]),
        ({"users": [{**USER, "password": "x"}]}, ["a hash or a password, not both"]),
        ({"users": [{**USER, "scram_sha_1": "x"}]}, ["a verifier of SCRAM-SHA-1"]),
        ({"users": [{"name": "a@example.org", "hash": "{NO}x"}]}, ["unknown password scheme"]),
        ({"users": [{"name": "a@example.org", "password": "\0"}]}, ["holds a NUL"]),
        ({"users": [{"name": "a@example.org", "password": "\ud800"}]}, ["what is no character"]),
        ({"users": [USER, USER]}, ["a@example.org is there already, on line 2"]),
        ({"users": [{**USER, "name": "a@else.test"}]}, ["else.test is not one of our domains"]),
        ({"users": [{**USER, "name": "info@example.org"}]}, ["already, as an alias"]),
        ({"users": [{**USER, "name": "staff@example.org"}]}, ["already, as a group"]),
        ({"users": [7]}, ["a user is an object of fields"]),
        ({"aliases": [{"source": "x@example.org"}]}, ["an alias needs a target"]),
        (
            {"aliases": [{"source": "mary@example.org", "targets": ["a@b.example"]}]},
            ["mary@example.org is there already, as an account"],
        ),
        ({"groups": [{"name": "x@example.org", "senders": "all"}]}, ["senders is one of"]),
        ({"domains": [{"name": "x..y"}]}, ["'x..y' is not a domain name"]),
        ({"domains": [{"name": "x.test", "alias_of": "y.test"}]}, ["y.test is not one of our"]),
        ({"domains": [{"name": "x.test", "recipients": "some"}]}, ["any, verify or a table"]),
        (
            {"domains": [{"name": "example.org", "recipients": "any"}]},
            ["example.org stands in the configuration file"],
        ),
        ({"patterns": [{"pattern": "/(a+)*/", "targets": ["a@b.example"]}]}, ["very long"]),
        ({"nonsense": []}, ["expected one of domains, users"]),
    ],
)
def test_bad_lines_are_named_and_nothing_is_changed(editor, path, contents, reasons):
    before = dump(path)
    lines = ",\n".join(
        f'"{kind}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "]"
        for kind, rows in contents.items()
    )
    with pytest.raises(Unimportable) as refused:
        bring(editor, f"{{{lines}}}")
    text = str(refused.value)
    assert text.startswith("in:")
    for reason in reasons:
        assert reason in text
    assert text.endswith("nothing was imported")
    assert HASH not in text
    assert dump(path) == before


X, Y, NO = "x@example.org", "y@example.org", "no@example.org"


@pytest.mark.parametrize(
    ("contents", "warning"),
    [
        ({"users": [{**USER, "forward": [NO]}]}, f"nobody has the address {NO}"),
        ({"aliases": [{"source": X, "targets": [NO]}]}, f"nobody has the address {NO}"),
        (
            {"groups": [{"name": X, "members": ["john@example.org"], "owner": NO}]},
            f"nobody has the address {NO}",
        ),
        (
            {"groups": [{"name": X, "members": ["john@example.org"], "owner": "x+1@example.org"}]},
            "the owner x+1@example.org gets mail by the group itself",
        ),
        (
            {
                "aliases": [
                    {"source": X, "targets": ["y+1@example.org"]},
                    {"source": Y, "targets": [X]},
                ]
            },
            f"mail would go round for ever: {X} -> y+1@example.org -> {Y} -> {X}",
        ),
    ],
)
def test_what_removing_may_leave_comes_in_with_a_warning(editor, contents, warning):
    done = bring(editor, json.dumps(contents))
    assert warning in done.warnings[0]
    assert done.warnings[0].startswith("in:1: ")
    exported = "".join(to_json(editor.contents(secrets=True)))
    bring(editor, exported, replace=True)
    assert "".join(to_json(editor.contents(secrets=True))) == exported


def test_the_warnings_are_bounded(editor):
    rows = [{"source": f"x{n}@example.org", "targets": [NO]} for n in range(MOST_SHOWN + 7)]
    warnings = bring(editor, json.dumps({"aliases": rows})).warnings
    assert len(warnings) == MOST_SHOWN + 1
    assert warnings[-1] == "in: 7 more such lines"


def test_each_bad_line_has_its_number(editor):
    text = '{"users": [\n\n{"name": "x"},\n{"name": "john@example.org"},\n{"name":\n"y"}]}'
    with pytest.raises(Unimportable) as refused:
        bring(editor, text)
    lines = str(refused.value).splitlines()
    assert [line.partition(" ")[0] for line in lines[:2]] == ["in:3:", "in:5:"]
    table = 'kind,name,targets\nuser,"x\ny",\nalias,,a@b.example\nuser,z,\n'
    with pytest.raises(Unimportable) as refused:
        bring(editor, table, "csv")
    lines = str(refused.value).splitlines()
    assert [line.partition(" ")[0] for line in lines[:3]] == ["in:2:", "in:4:", "in:5:"]


def test_the_lines_named_are_bounded(editor):
    rows = [{"name": "x"}] * (MOST_SHOWN + 7)
    with pytest.raises(Unimportable) as refused:
        bring(editor, json.dumps({"users": rows}))
    assert len(str(refused.value).splitlines()) == MOST_SHOWN + 2
    assert "in: 7 more bad lines" in str(refused.value)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", f"kind,name\n{'k' * 1_000_000},x\n"),
        ("csv", f"kind,name\nuser,{'n' * 1_000_000}\n"),
        ("csv", f"kind,{'c' * 1_000_000}\n"),
        ("csv", f"kind,name,enabled\nuser,john@example.org,{'b' * 1_000_000}\n"),
        ("json", json.dumps({"users": [{"x" * 1_000_000: 1}]})),
        (
            "json",
            json.dumps({"aliases": [{"source": "a@example.org", "targets": ["t" * 1_000_000]}]}),
        ),
    ],
)
def test_what_is_said_of_a_long_cell_is_short(editor, form, text):
    with pytest.raises(Unimportable) as refused:
        bring(editor, text, form)
    assert len(str(refused.value)) < 2_000


def test_an_object_that_says_a_thing_twice_is_refused(editor):
    text = '{"users": [\n{"name": "x@example.org", "hash": "a", "hash": "b"}]}'
    with pytest.raises(Unimportable, match="in:2: 'hash' is there twice"):
        bring(editor, text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("json", ""),
        ("json", "[]"),
        ("json", '{"users": [}'),
        ("json", '{"users": []} x'),
        ("json", '{"users": ' + "[" * 100_000),
        ("json", '{"users": [' + '{"name":' * 100_000),
        ("json", '{"users": [], "users": []}'),
        ("json", '{"aliases": [{"source": "a@b.example", "targets": [], "source": "x"}]}'),
        ("csv", ""),
        ("csv", "name\njohn@example.org\n"),
        ("csv", "kind,nonsense\n"),
        ("csv", "kind,passwrd\n"),
        ("csv", "kind,kind\n"),
        ("csv", 'kind,"name'),
        ("csv", 'kind,name\nuser,"a\n'),
        ("csv", "kind,name\nuser,a,b,c\n"),
        ("csv", "kind,name\nnobody,a@example.org\n"),
        ("csv", "kind,name,enabled\nuser,john@example.org,perhaps\n"),
        ("csv", "kind,name,quota_bytes\nuser,john@example.org,5G\n"),
    ],
)
def test_a_file_that_is_none_is_refused(editor, path, form, text):
    before = dump(path)
    with pytest.raises(Unimportable, match=r"\Ain:"):
        bring(editor, text, form)
    assert dump(path) == before


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("kind,passwrd", "there is none named 'passwrd'; did you mean password?"),
        ("kind,zzz", "there is none named 'zzz'; there are kind, name, "),
        ("kind,kind", "kind stands there twice"),
        ("name", "kind, which says what a line is, is not among them"),
    ],
)
def test_what_is_wrong_with_columns(header, said):
    with pytest.raises(Unimportable) as refused:
        from_csv(f"{header}\n", Faults("in"))
    assert str(refused.value).startswith(f"in:1: the first line names the columns: {said}")


@given(text=st.text(max_size=200), form=st.sampled_from(list(FORMS)))
def test_any_text_is_contents_or_a_mistake(text, form):
    faults = Faults("in")
    refused = ""
    try:
        FORMS[form][1](text, faults)
        faults.end()
    except Unimportable as error:
        refused = str(error)
    assert not refused or refused.startswith("in:")
