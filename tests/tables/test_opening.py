"""Names of tables, and every mistake in them and in their files, in one line for the operator."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peers import needs
from postroad.tables import TYPES, TableMistake, files_of, open_table
from postroad.tables import source as source_module


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", 'expected "TYPE:REST"'),
        ("hash", 'expected "TYPE:REST"'),
        ("/etc/postroad/senders", "did you mean hash:/etc/postroad/senders?"),
        ("hsh:/etc/x", 'no tables of type "hsh"; did you mean hash:?'),
        ("Hash:/etc/x", "did you mean hash:?"),
        ("mariadb:/etc/x", 'no tables of type "mariadb"'),
        ("postgres:/etc/x", "did you mean pgsql:?"),
        ("regex:/etc/x", "did you mean regexp:?"),
        ("nis:passwd", 'no tables of type "nis"'),
        ("environ:x", 'no tables of type "environ"'),
        ("randmap:{a,b}", "did you mean unionmap:?"),
        ("memcache:/etc/x", 'no tables of type "memcache"'),
        ("proxy:hsh:/etc/x", "did you mean hash:?"),
        ("hash:", "says nothing after the type"),
        ("hash:senders", "expected an absolute path"),
        ("inline:{a}", 'expected "key=value"'),
        ("inline:{a=b", "every brace closed"),
        ("inline:{}", "expected entries"),
        ("inline:" + "x" * 100_000, "use a file"),
        ("static:{x", "every brace closed"),
        ("cidr:{10.0.0.0/8 x}", 'expected "{…}"'),
        ("cidr:{{10.0.0.0/33 x}}", "rule 1: expected a length of 0 to 32 bits"),
        ("cidr:{{1.2.3.4 ok}, {10.0.0.1/8 x}}", "rule 2: "),
        ("regexp:{{/x/}}", None),
        ("regexp:{}", "expected rules"),
        ("unionmap:{}", "expected tables"),
        ("unionmap:{hsh:/x}", "did you mean hash:?"),
    ],
)
def test_names(name: str, said: str | None) -> None:
    if said is None:
        open_table(name)
        return
    with pytest.raises(TableMistake) as raised:
        open_table(name)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_tower_of_tables_is_refused_and_not_climbed() -> None:
    name = "inline:{a=b}"
    for _ in range(50):
        name = f"unionmap:{{{name}}}"
    with pytest.raises(TableMistake, match="within each other"):
        open_table(name)


def test_the_types_of_postfix_are_known() -> None:
    postfix = {"hash", "btree", "texthash", "lmdb", "dbm", "cdb", "cidr", "regexp", "pcre"}
    postfix |= {"inline", "static", "unionmap", "pipemap", "socketmap", "tcp", "sqlite"}
    assert postfix | {"mysql", "pgsql", "ldap", "sql", "union"} == set(TYPES)


def test_the_files_of_a_table() -> None:
    name = "unionmap:{hash:/a, pipemap:{proxy:cidr:/b, inline:{x=hash:/no}} regexp:{{/x/ y}}}"
    assert list(files_of(name)) == [Path("/a"), Path("/b")]


FILES = {
    "hash": [
        ("key", 't:1: expected "key value", and "key" has no value'),
        ("a b\n\nkey  \n", "t:3: "),
        ('"a b c', "t:1: a double quote is not closed"),
        (b"a b\n\xe9 c\n", "t:2: is not UTF-8"),
        ("a b\nc\0 d\n", "t:2: holds a NUL"),
        ("  a b\n", "t:1: begins with white space"),
    ],
    "cidr": [
        ("10.0.0.0/8", 't:1: expected "network value"'),
        ("10.0.0.1/8 x", '"10.0.0.1/8" has bits beyond its length; did you mean 10.0.0.0/8?'),
        ("10.0.0.0/33 x", "t:1: expected a length of 0 to 32 bits"),
        ("::/129 x", "t:1: expected a length of 0 to 128 bits"),
        ("10.0.0.0/-1 x", "t:1: expected a length"),
        ("10.0.0.0/0000000032 x", "t:1: expected a length"),
        ("10.0.0 x", "t:1: expected an address or a network"),
        ("example.org x", "t:1: expected an address or a network"),
        ("[10.0.0.1 x", 't:1: expected "[address]"'),
        ("fe80::1%eth0 x", "t:1: expected an address"),
        ("! 10.0.0.1 x", "t:1: expected an address"),
        ("if 10.0.0.0/8\n10.0.0.1 x\n", 't:1: this "if" has no "endif"'),
        ("10.0.0.1 x\nendif\n", 't:2: this "endif" has no "if"'),
        ("if 10.0.0.0/8\nendif x\n", 't:2: nothing may follow "endif"'),
        ("if\nendif\n", "t:1: expected an address"),
        ("if ::/0\n" * 51, "t:51: more than 50 blocks"),
    ],
    "regexp": [
        ("word value", 't:1: expected "/pattern/ value"'),
        ("/pattern", 't:1: the pattern is not closed with another "/"'),
        ("!", "t:1: expected a pattern"),
        ("/x/q y", '"q" is no flag of regexp: these are i, m, x'),
        ("/(/ x", "cannot be used: a parenthesis is not closed"),
        ("/)/ x", "a parenthesis is closed that was not opened"),
        ("/*/ x", 'nothing stands before "*"'),
        ("/[a/ x", "a bracket is not closed"),
        ("/[[:nope:]]/ x", "no class of characters"),
        ("/[z-a]/ x", "cannot be used"),
        (r"/\d/ x", "has no meaning in a POSIX expression"),
        ("/a{3,1}/ x", "repeats less often"),
        ("/a{99999,}{99999}{99999}/ x", "cannot be used"),
        ("/(a)\\2/ x", "cannot be used"),
        ("/a/ $1", "the pattern has no $1"),
        ("/(a)/ $2", "the pattern has no $2; its groups: 1"),
        ("/(a)/ ${x}", "expected the number of a group"),
        ("/(a)/ costs $", "expected the number of a group"),
        ("!/(a)/ $1", "what does not match has no $1"),
        ("if /a/ x\nendif", 'nothing may follow "if"'),
        ("/" + "(" * 5000 + ")" * 5000 + "/ x", "cannot be used"),
    ],
    "pcre": [
        ("/x/q y", "no flag of pcre"),
        ("/x/X y", "no flag of pcre"),
        (r"/\p{L}/ x", "not understood here"),
        (r"/(?R)/ x", "not understood here"),
        (r"/a\K/ x", "not understood here"),
        (r"/(?<=a*)b/ x", "cannot be used"),
        ("/a**/ x", "repeats a repeat"),
    ],
    "sqlite": [
        ("query = SELECT %s", "t: dbpath is required"),
        ("dbpath = /x", "t: query is required"),
        ("dbpath = x\nquery = SELECT %s", "t:1: dbpath: expected an absolute path"),
        ("dbpath = /x\nquery = SELECT 1", "t:2: query: has no %s"),
        ("dbpath = /x\nquery = SELECT %q", 't:2: query: "%q" means nothing'),
        ("dbpath = /x\nquery = SELECT %", "t:2: query: "),
        ("dbpath = /x\nquery = SELECT `%s`", "a key cannot be one"),
        ("dbpath = /x\nquery = SELECT \u2018%s\u2019", "a quotation mark of print"),
        ("dbpath = /x\nquery = SELECT %s\nresult_format = %z", "t:3: result_format: "),
        ("dbpath = /x\nquery = SELECT %s\nexpansion_limit = many", "t:3: expansion_limit: "),
        ("dbpath = /x\nquery = SELECT %s\ntimeout = soon", "t:3: timeout: expected a time"),
        ("dbpath = /x\nquery = SELECT %s\ndomain = /etc/names", "t:3: domain: "),
        ("dbpath = /x\nquery = SELECT %s\ndomain = hash:/no/x", "/no/x: no such file"),
        ("dbpath = /x\nquery = SELECT %s\nhosts = x", 't:3: "hosts" is not known here'),
        ("dbpath", 't:1: expected "name = value"'),
        ("table = t\nselect_field = x\ndbpath = /x", "t: where_field is required"),
    ],
    "mysql": [
        ("query = SELECT %s", "t: dbname is required"),
        ("dbname = x\nquery = SELECT %s\nhosts = a:b:c", "t:3: hosts: "),
        ("dbname = x\nquery = SELECT %s\nhosts = a:99999", "t:3: hosts: "),
        ("dbname = x\nquery = SELECT %s\npasword = x", "did you mean password?"),
        ("dbname = x\nquery = SELECT %s\ntls_CAfile = /no/file", "t:3: tls_CAfile: "),
        ("dbname = x\nquery = SELECT %s\ntls_verify_cert = maybe", "t:3: tls_verify_cert: "),
    ],
    "pgsql": [
        ("query = SELECT %s", "t: dbname is required"),
        ('dbname = x\nquery = SELECT "%s"', "use single quotes"),
        ("dbname = x\nquery = SELECT %s\nencoding = LATIN1", "t:3: encoding: "),
    ],
    "sql": [
        ("query = SELECT %s", "t: url is required"),
        ("url = oracle://x\nquery = SELECT %s", "t:1: url: expected"),
        ("url = mysql://x:port/\nquery = SELECT %s", "t:1: url: the port is no number"),
        ("url = sqlite:relative\nquery = SELECT %s", "t:1: url: expected an absolute path"),
    ],
}
CASES = [(kind, text, said) for kind, cases in FILES.items() for text, said in cases]


@pytest.mark.parametrize(("kind", "text", "said"), CASES, ids=range(len(CASES)))
def test_files(tmp_path: Path, kind: str, text: str | bytes, said: str) -> None:
    file = tmp_path / "t"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(TableMistake) as raised:
        open_table(f"{kind}:{file}")
    assert said in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path)) or "/no/" in said
    assert "\n" not in str(raised.value)


LDAP_FILES = [
    ("query_filter = (mail=%s)", "t: search_base is required"),
    ("search_base = dc=x\nquery_filter = (mail=x)", "t:2: query_filter: has no %s"),
    ("search_base = dc=x\nscope = tree", "t:2: scope: expected one of sub, one, base"),
    ("search_base = dc=x\nversion = 2", "t:2: version: "),
    ("search_base = dc=x\nbind = sasl", "t:2: bind: expected one of"),
    ("search_base = dc=x\nbind_dn = cn=x", "t:2: bind_dn: needs bind_pw"),
    ("search_base = dc=x\nserver_host = a b/c", "t:2: server_host: "),
    ("search_base = dc=x\nspecial_result_attribute = member", "is not known here"),
]


@pytest.mark.parametrize(("text", "said"), LDAP_FILES, ids=range(len(LDAP_FILES)))
def test_files_of_directories(tmp_path: Path, text: str, said: str) -> None:
    needs.library("bonsai")
    file = tmp_path / "t"
    file.write_text(text)
    with pytest.raises(TableMistake) as raised:
        open_table(f"ldap:{file}")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [("mysql", "asyncmy", "mysql"), ("pgsql", "asyncpg", "postgresql"), ("ldap", "bonsai", "ldap")],
)
def test_a_library_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, library: str, extra: str
) -> None:
    file = tmp_path / "t"
    file.write_text("search_base = dc=x" if kind == "ldap" else "dbname = x\nquery = SELECT '%s'\n")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == library else found(name)
    )
    with pytest.raises(TableMistake, match=rf"{library}.*pip install 'postroad\[{extra}\]'"):
        open_table(f"{kind}:{file}")


def test_libraries_are_imported_only_for_those_who_name_such_tables() -> None:
    code = (
        "import sys, postroad.tables as t; t.open_table('inline:{a=b}');"
        "print([each for each in ('asyncmy', 'asyncpg', 'bonsai') if each in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TableMistake, match="no such file"):
        open_table(f"hash:{tmp_path}/none")
    with pytest.raises(TableMistake, match="is a directory"):
        open_table(f"hash:{tmp_path}")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableMistake, match="is not a plain file"):
        open_table(f"hash:{tmp_path}/pipe")
    (tmp_path / "only.db").touch()
    with pytest.raises(TableMistake, match=r"only\.db that was made of it"):
        open_table(f"hash:{tmp_path}/only")


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t"
    with file.open("wb") as opened:
        opened.truncate(source_module.MAX_FILE + 1)
    with pytest.raises(TableMistake, match="is longer than 64 MiB"):
        open_table(f"hash:{file}")


async def test_a_large_file(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_text("".join(f"{n >> 8 & 255}.{n & 255}.0.0/16 {n}\n" for n in range(65_536)))
    table = open_table(f"cidr:{file}")
    assert await table.find("1.2.3.4") == "258"
    file.write_text("".join(f"user{n}@example.org OK {n}\n" for n in range(20_000)))
    table = open_table(f"hash:{file}")
    assert await table.find("USER19999@example.org") == "OK 19999"


def test_warnings(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_text("a one\nA two\npostmaster: root\n")
    said: list[str] = []
    open_table(f"hash:{file}", said.append)
    assert said == [
        f'{file}:2: "A" is given twice; the first one counts',
        f'{file}:3: the key "postmaster:" ends with a colon; is this a file of aliases?',
    ]
    said.clear()
    open_table("regexp:{{/(a+)+$/ x}, {/b/ }, {/^.*-.*-.+$/ x}}", said.append)
    assert said == [
        'rule 1: "(a+)+$" repeats what can match in several ways; some keys may take very long',
        "rule 2: the pattern has no value; it finds an empty one",
        'rule 3: "^.*-.*-.+$" holds .* 3 times; some keys may take long',
    ]
