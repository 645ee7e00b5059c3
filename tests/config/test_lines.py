"""The locator finds the keys that tomllib finds, each on its line."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.config.lines import line_of, locate

KITCHEN_SINK = '''\
# a comment with = and [brackets]
title = "a # no comment" # a comment
"quoted key" = 1
'literal key' = 2
a.b . "c.d" = 3

[table]  # comment
plain = [1, 2,
  3, # with ] in a comment
  [ "]", 'x]' ],
]
inline = { x = 1, "y z" = { deep = [ { q = 1 } ] } }
multi = """
[not.a.table]
key = "no key"
\\""" still inside
"""
literal = \'\'\'
# no comment \\
[nor this]\'\'\'
date = 1979-05-27T07:32:00Z
spaced = 1979-05-27 07:32:00
float = -1.5e+3

  [ table . "sub table" ]
  indented = true

[[array]]
name = "first"
[array.inside]
of = 1
[[array]]
name = "second"
[array.inside]
of = 2
[[array.list]]
n = 1
[[array.list]]
n = 2
[late.child]
x = 1
[late]
y = 2
'''

EXPECTED = {
    ("title",): 2,
    ("quoted key",): 3,
    ("literal key",): 4,
    ("a",): 5,
    ("a", "b"): 5,
    ("a", "b", "c.d"): 5,
    ("table",): 7,
    ("table", "plain", 2): 9,
    ("table", "plain", 3): 10,
    ("table", "plain", 3, 1): 10,
    ("table", "inline", "y z", "deep", 0, "q"): 12,
    ("table", "multi"): 13,
    ("table", "literal"): 18,
    ("table", "date"): 21,
    ("table", "spaced"): 22,
    ("table", "float"): 23,
    ("table", "sub table"): 25,
    ("table", "sub table", "indented"): 26,
    ("array",): 28,
    ("array", 0): 28,
    ("array", 0, "name"): 29,
    ("array", 0, "inside"): 30,
    ("array", 1): 32,
    ("array", 1, "inside", "of"): 35,
    ("array", 1, "list", 1, "n"): 39,
    ("late", "child"): 40,
    ("late",): 42,
    ("late", "y"): 43,
}


def paths(value: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {path} if path else set()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return found
    for part, inner in items:
        found |= paths(inner, (*path, part))
    return found


@pytest.mark.parametrize(("path", "line"), EXPECTED.items())
def test_line_of_each_kind_of_key(path: tuple[str | int, ...], line: int) -> None:
    assert locate(KITCHEN_SINK)[path] == line


@pytest.mark.parametrize(
    "text",
    [
        KITCHEN_SINK,
        KITCHEN_SINK.replace("\n", "\r\n"),
        "",
        "# nothing",
        "a = 1",
        'a = ""',
        "a = ''",
        'a = """"""',
        'a = """x"""""',
        "a = ''''x'''''",
        "a = '''\\'''",
        'a = """\\""""',
        'a = "\\\\"',
        "a = []\nb = {}",
        "a = [[], [[]], {}]",
        "a = [ # x ]\n]",
        "[a]\n[b]",
        "[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\n[[a.b]]",
        "[a.b]\nx=1\n[a]\ny.z=1",
        '"" = 1\n"\\u00e9" = 2\n"a\\"b" = 3',
        "3.14 = 1\n-_ = 2",
        "x=1#c\ny=2 # c",
    ],
)
def test_it_finds_exactly_the_keys_that_tomllib_finds(text: str) -> None:
    assert set(locate(text)) == paths(tomllib.loads(text))


def test_an_absent_key_gets_the_line_of_its_table_or_none() -> None:
    lines = locate("\n[relay]\nusername = 1")
    assert line_of(lines, ("relay", "smarthost")) == 2
    assert line_of(lines, ("relay", "username")) == 3
    assert line_of(lines, ("hostname",)) is None


BARE = st.text("abcXYZ019_-", min_size=1, max_size=4)
KEYS = st.one_of(
    BARE,
    BARE.map(lambda key: f"'{key} #'"),
    BARE.map(lambda key: f'"[{key}] = \\""'),
)
SCALARS = st.sampled_from(
    [
        "1",
        "-2.5",
        "true",
        '"text # ] }"',
        "'lit [ {'",
        '"""\nmulti\n[x]\n"""',
        "'''\nmulti = 1\n'''",
        "2026-01-01",
    ]
)


def arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    gaps = st.sampled_from([" ", "\n  ", " # ] comment\n"])
    return st.tuples(st.lists(inner, max_size=3), gaps).map(
        lambda both: f"[{both[1]}{f',{both[1]}'.join(both[0])}{both[1]}]"
    )


def inline_tables(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(KEYS, inner), max_size=3, unique_by=lambda pair: pair[0]).map(
        lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
    )


VALUES = st.recursive(SCALARS, lambda inner: arrays(inner) | inline_tables(inner), max_leaves=6)
TABLES = st.lists(
    st.tuples(KEYS, st.lists(st.tuples(KEYS, VALUES), max_size=4, unique_by=lambda pair: pair[0])),
    max_size=4,
    unique_by=lambda table: table[0],
)


@given(tables=TABLES)
def test_every_key_of_any_document_is_found_on_its_line(
    tables: list[tuple[str, list[tuple[str, str]]]],
) -> None:
    text, expected = "", {}
    for header, pairs in tables:
        table = next(iter(tomllib.loads(f"[{header}]")))
        expected[(table,)] = text.count("\n") + 1
        text += f"[{header}]\n"
        for key, value in pairs:
            name = next(iter(tomllib.loads(f"{key} = 1")))
            expected[(table, name)] = text.count("\n") + 1
            text += f"{key} = {value}\n"
    lines = locate(text)
    assert set(lines) == paths(tomllib.loads(text))
    assert {path: lines[path] for path in expected} == expected


def test_a_large_file_is_located_in_one_pass() -> None:
    text = "".join(f"[t{n}]\nkey = [\n1,\n2]\n" for n in range(5_000))
    assert locate(text)["t4999", "key", 1] == 4 * 4_999 + 4
