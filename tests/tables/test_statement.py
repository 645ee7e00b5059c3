"""A key is a parameter of a query and never a part of it."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.tables.expansion import Expansion, TemplateError, filled, template
from postroad.tables.statement import Flavour, StatementError, statement


@pytest.mark.parametrize(
    ("text", "marked", "parameters"),
    [
        ("SELECT a WHERE b='%s'", "SELECT a WHERE b=?", ("joe@mail.example.org",)),
        ("SELECT a WHERE b=%s", "SELECT a WHERE b=?", ("joe@mail.example.org",)),
        ("x='%u' AND y='%d'", "x=? AND y=?", ("joe", "mail.example.org")),
        ("x='%u@%2.%1'", "x=?", ("joe@example.org",)),
        ("x LIKE '%%@%d'", "x LIKE ?", ("%@mail.example.org",)),
        ("x LIKE '%%' AND 5 %% 2", "x LIKE '%' AND 5 % 2", ()),
        ("x = 'it''s %u'", "x = ?", ("it's joe",)),
        ("x = '' OR y = '%S'", "x = '' OR y = ?", ("joe@mail.example.org",)),
        ("x -- it's %q\n= '%s'", "x -- it's %q\n= ?", ("joe@mail.example.org",)),
        ("x /* '%q' */ = '%U'", "x /* '%q' */ = ?", ("joe",)),
        ('x = "%D"', "x = ?", ("mail.example.org",)),
        ("a'%s", "a'?", ("joe@mail.example.org",)),
    ],
)
def test_places(text: str, marked: str, parameters: tuple[str, ...]) -> None:
    asked = statement(text, Flavour.SQLITE)
    assert asked.marked(("?",) * len(parameters)) == marked
    assert asked.parameters("joe@mail.example.org") == parameters


def test_backslashes_in_mysql() -> None:
    asked = statement(r"x = 'a\'%s\\' AND y = '\%%'", Flavour.MYSQL)
    assert asked.parameters("k") == ("a'k\\",)
    assert asked.texts[-1] == r" AND y = '\%'"


@pytest.mark.parametrize(
    ("text", "flavour"),
    [
        ("x = `%s`", Flavour.MYSQL),
        ('x = "%s"', Flavour.POSTGRESQL),
        ("x = '%q'", Flavour.SQLITE),
        ("x = '%'", Flavour.SQLITE),
        ("x = \u2018%s\u2019", Flavour.MYSQL),
        ("%s" * 101, Flavour.MYSQL),
    ],
)
def test_refused(text: str, flavour: Flavour) -> None:
    with pytest.raises(StatementError):
        statement(text, flavour)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_literal_with_a_key_in_it_is_that_key(key: str) -> None:
    asked = statement("SELECT 'a''%s%%', '%s' = %s", Flavour.SQLITE)
    connection = sqlite3.connect(":memory:")
    row = connection.execute(asked.marked(("?",) * 3), asked.parameters(key)).fetchone()
    connection.close()
    assert row == (f"a'{key}%", 1)


@given(st.text(), st.sampled_from(list(Flavour)))
def test_any_text_is_refused_or_has_places(text: str, flavour: Flavour) -> None:
    try:
        asked = statement(text, flavour)
    except StatementError:
        return
    assert len(asked.texts) == len(asked.places) + 1


@given(st.text())
def test_templates(text: str) -> None:
    assert filled(template(text.replace("%", "%%")), "v", "k") == text
    with contextlib.suppress(TemplateError):
        assert template(text) or not text


@pytest.mark.parametrize(
    ("query", "result", "key", "takes"),
    [
        ("%s", "%s", "x", True),
        ("%s", "%s", "", False),
        ("%u", "%s", "x", True),
        ("%u", "%s", "@x", False),
        ("%d", "%s", "x", False),
        ("%d", "%s", "x@", False),
        ("%d", "%s", "@x", True),
        ("%s", "%D", "x", False),
        ("%s", "%U", "@x", False),
        ("%3", "%s", "x@a.b", False),
        ("%3", "%s", "x@a.b.c", True),
        ("%s", "%2", "x@a", False),
        ("%2", "%s", "x@a.", False),
        ("%2", "%s", "x@.a", False),
        ("%s", "%d", "x", True),
    ],
)
def test_keys_that_a_query_is_asked_for(query: str, result: str, key: str, takes: bool) -> None:
    assert Expansion(template(query), template(result)).takes(key) is takes


@pytest.mark.parametrize(
    ("form", "value", "shown"),
    [
        ("%s", "a@b", "a@b"),
        ("smtp:[%s]", "h", "smtp:[h]"),
        ("%u", "a@b", "a"),
        ("%u", "a", "a"),
        ("%u", "@b", None),
        ("%d", "a", None),
        ("%d", "a@", None),
        ("%d", "a@b", "b"),
        ("%s", "", None),
        ("%U %1 %%", "v", "joe org %"),
    ],
)
def test_results(form: str, value: str, shown: str | None) -> None:
    expansion = Expansion(template("%s"), template(form))
    assert expansion.result(value, "joe@example.org") == shown
