"""Every kind of table, asked here and by the real `postmap -q`: the answers are the same.

`DIFFERENCES` are all that are known, each with its reason; they are in docs/reference/tables.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.postmap import Postmap
from peers.processes import peer_folder, remove_folder
from postroad.tables import TableMistake, open_table

pytestmark = pytest.mark.peer

KEYS = (
    "john@example.org",
    "JOHN@Example.ORG",
    "mary@example.org",
    "example.org",
    "Example.Org",
    ".example.org",
    "mail.example.org",
    "john",
    "john@",
    "@example.org",
    '"john doe"@example.org',
    "postmaster@example.org",
    "list-outgoing@example.org",
    "owner-list@example.org",
    "a+b@example.org",
    "a%b@example.org",
    "a%b@c@example.org",
    "o'brien@example.org",
    "x' OR '1'='1@example.org",
    'x" OR "1"="1@example.org',
    "x\\@example.org",
    "100%@example.org",
    "_@example.org",
    "%@example.org",
    "*",
    "*)(mail=*",
    "user@mail.sub.example.org",
    "user@org",
    "müller@example.org",
    "MÜLLER@example.org",
    "jörg@müller.example",
    "10.0.0.1",
    "10.1.2.3",
    "10.1.2",
    "192.168.1.1",
    "192.168.1.2",
    "192.168.1.255",
    "192.0.2.1",
    "010.0.0.1",
    "10.0.0.1 ",
    "::1",
    "2001:db8::1",
    "2001:DB8:0:0::1",
    "2001:db8:1::",
    "2001:db9::1",
    "::ffff:10.0.0.1",
    "fe80::1",
    "aaaaab",
    "foo.bar",
    "fooxbar",
    "a]b",
    "a\\b",
    "tab\tbed",
    "two words",
    "$1",
    "dns.example",
    "0",
    "x",
)

TEXT = """\
# a comment
john@example.org    OK
MARY@example.org\tREJECT no
   more    of it

   # another comment

example.org  550 5.7.1  go away
 and stay
.example.org DUNNO
"john doe"@example.org  quoted
o'brien@example.org 450 later
müller@example.org umlaut
example.org  second
10.1.2  net
a\\b backslash
x' quote
"""

CIDR = """\
10.0.0.1 one
10.0.0.0/8 ten
!192.168.0.0/16 elsewhere
if 192.168.1.0/24
192.168.1.1 first
if !192.168.1.2
192.168.1.128/25 upper half
endif
endif
[192.168.1.0]/24  bracketed
2001:db8::1  REJECT  with spaces
2001:db8::/32 documentation
[fe80::/10] link
::ffff:0:0/96 mapped
if ::/0
!2001:db8::/32 other
ENDIF
"""

REGEXP = """\
# comments
/^postmaster@/  OK
!/@/  not an address: $$1
if !/^owner-/
/^(.*)-outgoing@(.*)$/  550 Use ${1}@$(2) instead, $1 $2
endif
if /example\\.org$/
/^(a)(b)?(.*)/  [$1][$2][$3]
/[%!@].*[%!@]/  550 Sender-specified routing rejected
IF /^o'/
~^[[:alpha:]]'~  apostrophe
EndIf
/^john@/!/^JOHN@E/i  small john
/^JOHN@EXAMPLE/i  big john
/^x\\\\/  backslash
/[\\]@/  backslash or at
/^(mary|m)/  <$1>
endif
/^tab[[:space:]]bed$/  white
/two\\s+words/  words
/^[]a]]b/  brackets
/a{3,}b+?/  many
/^[+--]/  range
/^\\$1$/  dollar
|^\\||  pipe
/^x$/  x
"""

BASIC = (
    "/^\\(a*\\)b/x <$1>\n/^*$/x star\n/foo.bar/x dot\n/^a+b/x plus\n/^[0-9]\\{1,3\\}$/x number\n"
)

PCRE = """\
/^postmaster@/  OK
/^(?<who>\\w+)@(?:mail\\.)?example\\.org$/  who ${1}
/(?i)^MARY/  Mary
/\\d+\\.\\d+\\.(\\d+)\\.(?=1)/  three $1
/^\\Q*\\E$/  star
/^ x  # comment
/x  spaced
/^a(.*?)b/  lazy <$1>
/^t(.*)d$/U  turned <$1>
/o.b/A  anchored
/^[\\w.]+x\\w+$/  set
/^2001:(?!db9)/  documentation
/dns\\.example\\z/  end
/\\x{6d}üller/  umlaut
/^[[:^digit:]]$/  no digit
"""

TABLES = {
    "hash": TEXT,
    "texthash": TEXT,
    "btree": TEXT,
    "lmdb": TEXT,
    "cidr": CIDR,
    "regexp": REGEXP,
    "pcre": PCRE.replace("/^ x  # comment\n", "/^ x/x spaced\n").replace("/x  spaced\n", ""),
}

INLINE = (
    "inline:{john@example.org=OK, {Example.ORG = REJECT, with commas}, x=,{10.1.2 = a b}}",
    "inline:{john@example.org=OK,john@example.org=last {two=found}}",
    "inline:{{a\\b = c = d}, {$1={nested}}}",
    "static:OK",
    "static:{ REJECT with spaces, and commas }",
    "cidr:{{10.0.0.0/8 ten}, {if ::/0},{ ::1 one },{endif}, {192.168.1.1  two words}}",
    "regexp:{{/^john/ OK}, {/a{3,}b/ REJECT}}",
    "pcre:{{/^(\\w)ohn/ $1}}",
    "unionmap:{inline:{x=1},static:2}",
    "unionmap:{inline:{x=1 john@example.org=OK}, inline:{x=2}}",
    "unionmap:{static:2 inline:{x=1}}",
    "pipemap:{inline:{john@example.org=mary@example.org},inline:{mary@example.org=OK}}",
    "pipemap:{regexp:{{/@(.*)$/ $1}},inline:{example.org=local}}",
    "pipemap:{static:x,inline:{x=found}}",
)

DIFFERENCES: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = peer_folder("postmap")
    yield made
    remove_folder(made)


@pytest.fixture(scope="module")
def postmap(folder: Path) -> Postmap:
    return Postmap(folder)


async def _compare(postmap: Postmap, name: str) -> None:
    theirs, warnings = postmap.find(name, KEYS)
    table = open_table(name)
    kind = name.partition(":")[0]
    wrong = []
    for key in KEYS:
        ours = await table.find(key)
        if ours != theirs.get(key) and (kind, key) not in DIFFERENCES:
            wrong.append(f"{key!r}: postmap {theirs.get(key)!r}, here {ours!r}")
    assert not wrong, "\n".join([*wrong, warnings])


@pytest.mark.parametrize("kind", TABLES)
async def test_files(postmap: Postmap, folder: Path, kind: str) -> None:
    if kind not in postmap.types():
        pytest.skip(f"this Postfix has no {kind}")
    file = folder / f"table.{kind}"
    file.write_text(TABLES[kind])
    if kind in {"hash", "btree", "lmdb"}:
        postmap.compile(f"{kind}:{file}")
    await _compare(postmap, f"{kind}:{file}")


async def test_basic_expressions(postmap: Postmap, folder: Path) -> None:
    file = folder / "basic"
    file.write_text(BASIC)
    await _compare(postmap, f"regexp:{file}")


@pytest.mark.parametrize("name", INLINE)
async def test_names(postmap: Postmap, name: str) -> None:
    await _compare(postmap, name)


QUERIES = {
    "whole": "query = SELECT answer FROM t WHERE address = '%s'",
    "two": "query = SELECT answer, extra FROM t WHERE address = '%s' OR address = '%d'",
    "pasted": "query = SELECT answer FROM t WHERE address = '%u@%d'",
    "like": "query = SELECT answer FROM t WHERE address LIKE '%%@%d' ORDER BY address",
    "labels": "query = SELECT '%2.%1' || ' %% ' || '%u'",
    "format": "query = SELECT address FROM t WHERE address = '%s'\n"
    "result_format = %u at %d (%S %%)",
    "keyed": "query = SELECT answer FROM t WHERE address = '%s'\nresult_format = %U-%D-%1:%s",
    "domain": "query = SELECT answer FROM t WHERE address='%s'\ndomain = example.org, other.test",
    "legacy": "table = t\nselect_field = answer\nwhere_field = address\n"
    "additional_conditions = AND answer <> ''",
    "number": "query = SELECT number FROM t WHERE number = '%s'",
}


@pytest.mark.parametrize("query", QUERIES)
async def test_sqlite(postmap: Postmap, folder: Path, query: str) -> None:
    if "sqlite" not in postmap.types():
        pytest.skip("this Postfix has no sqlite")
    database = folder / "database"
    if not database.exists():
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE t (address TEXT, answer TEXT, extra TEXT, number INT)")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", ROWS)
        connection.close()
    file = folder / f"{query}.cf"
    file.write_text(f"dbpath = {database}\n{QUERIES[query]}\n")
    await _compare(postmap, f"sqlite:{file}")


ROWS = [
    ("john@example.org", "OK", "extra", 0),
    ("mary@example.org", "REJECT", None, 1),
    ("mary@example.org", "second", "", 2),
    ("example.org", "local", "of it", 3),
    ("o'brien@example.org", "quote", None, 4),
    ("x\\@example.org", "backslash", None, 5),
    ("100%@example.org", "percent", None, 6),
    ("müller@example.org", "umlaut", None, 7),
    ("", "empty", None, 8),
    ("two words", "", "x", 9),
]


REFUSED = (
    "inline:{john@example.org}",
    "inline:{x=1, y = 2}",
    "inline:{{two words=found}}",
    "inline:{}",
    "inline:x=1",
    "inline:{x=1",
    "cidr:{10.0.0.1 x}",
    "unionmap:inline:{x=1}",
    "unionmap:{}",
    "pipemap:{x}",
    "static:{x",
    "socketmap:inet:host",
    "hsah:/etc/x",
)


@pytest.mark.parametrize("name", REFUSED)
async def test_neither_takes(postmap: Postmap, name: str) -> None:
    found, said = postmap.find(name, ["x"])
    assert not found
    assert "error" in said or "fatal" in said
    with pytest.raises(TableMistake):
        open_table(name)


MISTAKES = {
    "hash": "key\nright value\n",
    "cidr": "10.0.0.1/8 x\nright value\n",
    "regexp": "/(/ x\n/right/ value\n",
}


@pytest.mark.parametrize("kind", MISTAKES)
async def test_what_postmap_skips_with_a_warning_is_a_mistake_here(
    postmap: Postmap, folder: Path, kind: str
) -> None:
    file = folder / f"wrong.{kind}"
    file.write_text(MISTAKES[kind])
    asked = "texthash" if kind == "hash" else kind
    _, warnings = postmap.find(f"{asked}:{file}", ["right"])
    assert "warning" in warnings
    with pytest.raises(TableMistake):
        open_table(f"{kind}:{file}")
