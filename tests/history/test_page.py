"""Pages: what goes in comes out, and what is no page is said to be none."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.history.page import (
    PAGE_RECORDS,
    PAGE_TEXT,
    DamagedPage,
    line_of,
    pages_of,
    read_page,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
RECORDS = st.lists(st.dictionaries(st.text(), VALUES), max_size=8)


@given(RECORDS)
def test_what_goes_in_comes_out(records: list[dict[str, object]]) -> None:
    pages = list(pages_of([line_of(record) for record in records]))
    assert [record for page in pages for record in read_page(page.content)] == records


def test_a_line_knows_its_names_and_its_time() -> None:
    line = line_of({"session": "S", "queue_id": "Q", "at": 5, "ended": 7.5, "sender": "a\nb"})
    assert line.names == ("S", "Q")
    assert line.at == 7.5
    assert "\n" not in line.text
    assert line_of({"notification": "N", "at": 5}).names == ("N",)
    assert line_of({"session": "", "queue_id": 7}).names == ()


def test_pages_are_bounded() -> None:
    many = list(pages_of([line_of({"at": at}) for at in range(3 * PAGE_RECORDS)]))
    assert [page.records for page in many] == [PAGE_RECORDS] * 3
    assert (many[1].first, many[1].last) == (PAGE_RECORDS, 2 * PAGE_RECORDS - 1)
    long = [line_of({"text": "x" * (PAGE_TEXT // 2)}) for _ in range(6)]
    assert [page.records for page in pages_of(long)] == [2, 2, 2]


def test_only_records_that_mention_something() -> None:
    (page,) = pages_of([line_of({"to": "John@Example.org"}), line_of({"to": "lisa@example.org"})])
    assert list(read_page(page.content, "john@example.ORG")) == [{"to": "John@Example.org"}]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no page",
        zlib.compress(b"{}")[:-3],
        zlib.compress(b'"text"'),
        zlib.compress(b"{"),
        zlib.compress(b"\xff"),
        zlib.compress(b" " * 70_000_000),
    ],
    ids=["empty", "other", "cut", "no object", "no JSON", "no text", "a bomb"],
)
def test_what_is_no_page_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(DamagedPage):
        list(read_page(content))
