"""The table of Postfix's parameters: whole, without contradictions, and documented."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from pathlib import Path

import pytest

from postroad.adopt.postfix.defaults import DEFAULTS
from postroad.adopt.postfix.parameter_table import parameter_rows
from postroad.adopt.postfix.parameters import MISSING, NEEDLESS, SIMPLE, TRANSLATED
from postroad.config import Configuration

PAGE = Path(__file__).parents[2] / "docs/adopt.md"
LISTS = {"simple": SIMPLE, "translated": TRANSLATED, "needless": NEEDLESS, "missing": MISSING}


def test_a_parameter_is_in_one_list_only() -> None:
    for (_, one), (_, other) in combinations(LISTS.items(), 2):
        assert not set(one) & set(other)


def test_all_of_them_are_postfixs() -> None:
    for names in LISTS.values():
        assert set(names) <= set(DEFAULTS)


@pytest.mark.parametrize("name", SIMPLE)
def test_a_key_exists(name: str) -> None:
    section, _, key = SIMPLE[name].key.partition(".")
    fields = {each.name: each for each in dataclasses.fields(Configuration)}
    value = fields[section].default_factory()  # type: ignore[misc]
    assert key in {each.name for each in dataclasses.fields(value)}


def test_the_page_has_the_table_of_the_code() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    own = list(parameter_rows())
    assert rows[-len(own) :] == own
