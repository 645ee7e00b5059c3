"""Patterns in Python's words: what they find, and that no pattern means something by accident."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postroad.tables.dialect import Dialect, Manner, PatternError, translate

EXTENDED, BASIC, PCRE = Manner(Dialect.EXTENDED), Manner(Dialect.BASIC), Manner(Dialect.PCRE)


@pytest.mark.parametrize(
    ("manner", "pattern", "found", "not_found"),
    [
        (EXTENDED, "^[[:alnum:]_]+$", ["a_1"], ["a-1", "", "a\n"]),
        (EXTENDED, "^[^[:space:]]$", ["a"], [" ", "\t"]),
        (EXTENDED, r"^[\.]$", ["\\", "."], ["a"]),
        (EXTENDED, "^[]-]$", ["]", "-"], ["a"]),
        (EXTENDED, "^[^]]$", ["a"], ["]"]),
        (EXTENDED, "^[a-]$", ["a", "-"], ["b"]),
        (EXTENDED, "^[[.-.]x]$", ["-", "x"], ["."]),
        (EXTENDED, "^[+--]$", ["+", ",", "-"], ["*", "."]),
        (EXTENDED, "^[a&&b||c~~d[]$", ["&", "|", "~", "["], ["e"]),
        (EXTENDED, "a$", ["a"], ["a\n", "ab"]),
        (EXTENDED, "^a{2}$", ["aa"], ["a", "a{2}"]),
        (EXTENDED, "^a{x$", ["a{x"], ["a"]),
        (EXTENDED, "^a+?$", ["a", ""], ["b"]),
        (EXTENDED, "^a**$", ["", "aa"], ["b"]),
        (EXTENDED, r"\<word\>", ["a word"], ["words", "sword"]),
        (EXTENDED, r"^(a)\1$", ["aa"], ["a", "ab"]),
        (EXTENDED, "^(a|b)(|c)$", ["a", "bc"], ["c"]),
        (EXTENDED, "a.c", ["a\nc", "abc"], ["ac"]),
        (BASIC, "^a+$", ["a+"], ["a", "aa"]),
        (BASIC, r"^a\+$", ["a", "aa"], [""]),
        (BASIC, r"^\(a\|b\)\{2\}$", ["ab"], ["a", "abc"]),
        (BASIC, "^*a$", ["*a"], ["a"]),
        (BASIC, "a^b$c", ["a^b$c"], ["ab"]),
        (BASIC, "^(a)$", ["(a)"], ["a"]),
        (PCRE, r"^\d+(?=x)", ["1x"], ["1", "x"]),
        (PCRE, r"^[\w.]+$", ["a.b_1"], ["a b"]),
        (PCRE, r"^\Qa.b\E$", ["a.b"], ["axb"]),
        (PCRE, r"^\h\R\z", [" \n", "\t\r\n"], ["\n"]),
        (PCRE, r"^(?<x>a)\1(?#comment)b\z", ["aab"], ["ab"]),
        (PCRE, r"(?i)^A$", ["a"], ["b"]),
        (PCRE, r"^(?>a+)b", ["aab"], ["a"]),
        (PCRE, r"^a++b", ["aab"], ["a"]),
        (PCRE, r"^\x41\x{42}[\x43]$", ["ABC"], ["x41"]),
        (PCRE, "^[[:^digit:]]$", ["a"], ["1"]),
        (Manner(Dialect.PCRE, spaced=True), "^ a b # c", ["ab"], ["a b"]),
    ],
)
def test_what_patterns_find(
    manner: Manner, pattern: str, found: list[str], not_found: list[str]
) -> None:
    compiled = re.compile(translate(pattern, manner).text, re.ASCII | re.DOTALL)
    assert [text for text in found if not compiled.search(text)] == []
    assert [text for text in not_found if compiled.search(text)] == []


@pytest.mark.parametrize(("ungreedy", "found"), [(False, "aaa"), (True, "a")])
def test_greed(ungreedy: bool, found: str) -> None:
    text = translate("a+", Manner(Dialect.PCRE, ungreedy=ungreedy)).text
    match = re.match(text, "aaa")
    assert match is not None
    assert match.group() == found


@pytest.mark.parametrize(
    ("pattern", "explosive"),
    [
        ("(a+)+", True),
        ("(a*)*", True),
        ("((a+)b?)*", True),
        ("(a|b+){2,}", True),
        ("(a+)?", False),
        ("(a+){3}", False),
        ("(a{1,9})+", True),
        ("(a{3})+", False),
        ("(a|a)*", True),
        ("(a|ab?)*", True),
        ("((a|a)b)*", True),
        ("(A|a){2,}", True),
        ("([a-z]|b)*", True),
        ("(x|.)+", True),
        ("(a|)*", True),
        ("(foo|foobar)*", True),
        ("(a|b)*", False),
        ("(foo|fob|bar)+", False),
        ("([0-9]|[a-f])*", False),
        (r"(\.|-)*", False),
        ("(a|a)", False),
        ("a+b+c*", False),
        ("(abc)+", False),
        ("[a+]+", False),
    ],
)
def test_repeats_of_repeats_are_noticed(pattern: str, explosive: bool) -> None:
    assert translate(pattern, EXTENDED).explosive is explosive


@pytest.mark.parametrize(
    ("pattern", "wildcards"),
    [
        ("^.*-.+$", 2),
        ("^(.*)-(.*)-(.*)$", 3),
        ("^(.*a|.*b|.*c)$", 1),
        (".*a|.*b.*c", 2),
        ("(.*a|b).*", 2),
        (r"\.*[.]*.?.{3}", 0),
    ],
)
def test_wildcards_are_counted_along_one_way(pattern: str, wildcards: int) -> None:
    assert translate(pattern, EXTENDED).wildcards == wildcards


PIECES = st.sampled_from(
    [
        *"ab.*+?{}()[]|^$\\-:!=<>1,#& &~",
        "[[:alpha:]]",
        "\\(",
        "\\)",
        "(?:",
        "{1,2}",
        "\\1",
        "[^",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from([EXTENDED, BASIC, PCRE]))
@example("[[.", EXTENDED)
@example("(?#", PCRE)
@example("\\x{110000}", PCRE)
def test_every_pattern_is_refused_or_can_be_searched(pattern: str, manner: Manner) -> None:
    try:
        translated = translate(pattern, manner)
    except PatternError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compiled = re.compile(translated.text, re.ASCII)
        except (re.error, OverflowError):
            return
    compiled.search("ab")


@given(st.text(max_size=20))
def test_a_quoted_text_finds_itself(text: str) -> None:
    quoted = re.sub(r"([^0-9A-Za-z])", r"\\\1", text)
    for manner in (EXTENDED, PCRE):
        if manner is EXTENDED and re.search(r"\\[<>`']", quoted):
            continue  # where a backslash gives a meaning
        assert re.fullmatch(translate(quoted, manner).text, text)
