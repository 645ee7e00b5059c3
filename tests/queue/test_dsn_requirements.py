"""Where each requirement of RFC 3461, 3464, 6522 and 6533 that concerns a relay is tested.

`dsn_requirements.txt` is the map; the tests are where the code is. One that is renamed or goes is
missed here.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

REQUIREMENTS = [
    tuple(line.split(" | "))
    for line in (Path(__file__).parent / "dsn_requirements.txt").read_text().splitlines()
    if not line.startswith("#")
]


@cache
def names(file: str) -> frozenset[str]:
    """The tests in a file, `function` or `Class.function`."""
    found: set[str] = set()
    for node in ast.parse((TESTS / file).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if hasattr(each, "name"))
            found |= {f"{node.name}.{each.name}" for each in inner}
    return frozenset(found)


@pytest.mark.parametrize(("section", "requirement", "test"), REQUIREMENTS)
def test_it_is_tested(section: str, requirement: str, test: str) -> None:
    file, _, name = test.partition("::")
    assert name in names(file), f"RFC {section}, {requirement}"
