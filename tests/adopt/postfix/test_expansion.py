"""`$name` in all the forms of postconf(5)."""

from __future__ import annotations

import pytest

from postroad.adopt.postfix.expansion import ExpansionMistake, expanded

VALUES = {
    "host": "mail.example.org",
    "origin": "$host",
    "empty": "",
    "points_at_empty": "$empty",
    "round": "$about",
    "about": "$round",
    "level": "3.6",
    "big": "$big1$big1",
    **{f"big{n}": f"$big{n + 1}" * 10 for n in range(1, 9)},
    "big9": "x",
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$host, x", "mail.example.org, x"),
        ("a${host}b$(host)c", "amail.example.orgbmail.example.orgc"),
        ("$origin", "mail.example.org"),
        ("$nobody", ""),
        ("$$host $$$$", "$host $$"),
        ("${host?yes}|${empty?yes}|${nobody?yes}", "yes||"),
        ("${host:no}|${empty:no}", "|no"),
        # What is written counts, before it is expanded.
        ("${points_at_empty?yes}", "yes"),
        ("${host?{a}:{b}}${empty?{a}:{b}}", "ab"),
        ("${host?{a $origin}:{b}}", "a mail.example.org"),
        ("${host??odd:{t}ext}", "?odd:{t}ext"),
        ("${{$host} == {mail.example.org} ? {same} : {other}}", "same"),
        ("${{$host} != {mail.example.org} ? {same} : {other}}", "other"),
        ("${{$level} <level {3.10} ? {older} : {newer}}", "older"),
        ("${{$level} >=level {3.6} ? {y} : {n}}", "y"),
        ("${{b} > {a} ? {y}}", "y"),
        ("${{a} == {b}}", ""),
    ],
)
def test_a_value_is_expanded(text: str, result: str) -> None:
    assert expanded(text, VALUES.get) == result


@pytest.mark.parametrize(
    "text",
    [
        *("${host", "$(host", "$", "a $ b", "${a-b}", "${{a} = {b}}", "${{a} == b}", "${{a}"),
        *("${host?{a}x}", "${host?{a}:{b}c}", "$round", "$big", "${{x} <level {3}}"),
    ],
)
def test_what_cannot_be_expanded_says_why(text: str) -> None:
    with pytest.raises(ExpansionMistake, match=r"."):
        expanded(text, VALUES.get)
