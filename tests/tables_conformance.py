"""What every `Table` promises, as tests; a subclass says how one is made, of which entries."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from postroad.tables import Table, TableUnavailable

ENTRIES = {"john@example.org": "OK", "example.org": "REJECT go away", "10.1.2.3": "550 5.7.1 no"}
"""What the table holds."""

ODD_KEYS = (
    "",
    " ",
    "@",
    "x" * 300,
    "x" * 100_000,
    "\0",
    "john@example.org\0",
    "john@example.org\n",
    "\r\n",
    "\udcff@example.org",
    "\u202ejohn@example.org",
    "%s",
    "$1",
    "{}",
    "'",
    "*",
    "jo%",
)


class TablesConformance:
    """Needs a fixture `made`, which gives a table of `ENTRIES`."""

    holds_patterns = False

    @pytest.fixture
    async def table(self, made: Table) -> AsyncIterator[Table]:
        yield made
        await made.close()

    @pytest.mark.parametrize("key", ENTRIES)
    async def test_it_finds_what_it_holds(self, table: Table, key: str) -> None:
        assert await table.find(key) == ENTRIES[key]

    @pytest.mark.parametrize(
        "key", ["mary@example.org", "john", "org", "10.1.2", "10.1.2.4", "x.example.org"]
    )
    async def test_it_finds_nothing_else(self, table: Table, key: str) -> None:
        assert await table.find(key) is None

    async def test_case_does_not_matter(self, table: Table) -> None:
        assert await table.find("JOHN@Example.ORG") == "OK"

    @pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
    async def test_odd_keys_are_not_found_or_cannot_be_said(self, table: Table, key: str) -> None:
        with contextlib.suppress(TableUnavailable):
            assert await table.find(key) is None

    async def test_it_goes_on_after_odd_keys(self, table: Table) -> None:
        for key in ODD_KEYS:
            with contextlib.suppress(TableUnavailable):
                await table.find(key)
        assert await table.find("john@example.org") == "OK"

    async def test_it_names_itself(self, table: Table) -> None:
        assert ":" in table.name

    async def test_its_values_hold_every_answer(self, table: Table) -> None:
        values = table.values()
        assert values is None or values >= set(ENTRIES.values())

    async def test_parts_are_looked_up_unless_it_holds_patterns(self, table: Table) -> None:
        assert table.takes_parts is not self.holds_patterns

    async def test_it_can_be_closed_twice(self, made: Table) -> None:
        await made.close()
        await made.close()
