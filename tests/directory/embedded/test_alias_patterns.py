from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.directory.embedded.alias_patterns import MAX_ADDRESS, AliasPattern, AliasPatterns
from postroad.directory.embedded.mistake import UnusablePattern
from postroad.model import Address


@pytest.mark.parametrize(
    ("pattern", "targets", "address", "expected"),
    [
        (r"/^info-(.*)$/", [r"\1"], "info-john@example.org", ["john@example.org"]),
        (r"/^(a)-(b)@/", [r"\2.\1@x.example"], "a-b@y.example", ["b.a@x.example"]),
        ("/^info-(.*)$/", ["$1"], "INFO-John@example.org", ["John@example.org"]),
        ("/^info-(.*)$/", ["${1}"], "info-j@example.org", ["j@example.org"]),
        ("/^info/i", ["a@b.example"], "INFO@example.org", []),
        ("/^info/i", ["a@b.example"], "info@example.org", ["a@b.example"]),
        ("/^a(b)?@/", [r"x\1@y.example"], "a@example.org", ["x@y.example"]),
        (r"/\/x@/", ["a@b.example"], "a/x@example.org", ["a@b.example"]),
        ("/^x/", ["a$$b@c.example"], "x@example.org", ["a$b@c.example"]),
        # What makes no address of a target is left out; an odd address cannot do more.
        ("/^info-(.*)@/", [r"\1@x.example"], "info-@example.org", []),
        ("/^info-(.*)@/", [r"\1@x.example", "a@b.example"], "info-@e.example", ["a@b.example"]),
    ],
)
def test_answers(pattern, targets, address, expected):
    found = AliasPattern.of(pattern, targets).answer(address)
    assert [str(each) for each in found] == expected


@pytest.mark.parametrize(
    ("pattern", "target", "complaint"),
    [
        ("info", "a@b.example", "between slashes"),
        ("/info", "a@b.example", "between slashes"),
        ("//", "a@b.example", "between slashes"),
        ("/info/x", "a@b.example", "between slashes"),
        (f"/{'a' * 600}/", "a@b.example", "between slashes"),
        ("/(a/", "a@b.example", "cannot be used"),
        ("/(a+)*$/", "a@b.example", "very long"),
        ("/(a|a)*$/", "a@b.example", "very long"),
        ("/.*a.*b.*c/", "a@b.example", "very long"),
        ("/a/", "nobody", "is not an address"),
        ("/a/", r"\1@b.example", "has no group 1"),
        ("/(a)/", r"\2@b.example", "has no group 2"),
        ("/(a)/", r"\0@b.example", "has no group 0"),
        ("/(a)/", r"\1 b@b.example", "holds blanks"),
    ],
)
def test_what_is_not_taken(pattern, target, complaint):
    with pytest.raises(UnusablePattern, match=complaint):
        AliasPattern.of(pattern, [target])


@pytest.mark.parametrize(
    "address",
    [
        Address("a" * MAX_ADDRESS, "example.org"),  # too long to be searched
        Address("john", "example.org"),  # would stand for itself
    ],
)
def test_what_a_pattern_says_nothing_about(address):
    assert AliasPatterns().answer([("/^(.*)$/", r"\1")], address) == ()


def test_the_first_that_makes_an_address_answers():
    rows = [("/^a(.*)@/", r"\1@b.example"), ("/a/", "c@d.example"), ("/a/", "e@f.example")]
    patterns = AliasPatterns()
    assert patterns.answer(rows, Address("ax", "y.example")) == (Address("x", "b.example"),)
    both = (Address("c", "d.example"), Address("e", "f.example"))
    assert patterns.answer(rows, Address("a", "y.example")) == both
    assert patterns.answer(rows[1:], Address("ax", "y.example")) == both


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_pattern_or_a_mistake(pattern, target):
    try:
        read = AliasPattern.of(f"/{pattern}/", [target])
    except UnusablePattern:
        return
    assert all(isinstance(each, Address) for each in read.answer("john@example.org"))
