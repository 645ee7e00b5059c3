"""Tests of what tags of signatures may hold."""

import pytest

from postroad.mailauth.dkim.canonicalization import Canonicalization, ways_of
from postroad.mailauth.dkim.tag_values import (
    LONGEST_NAME,
    MOST_NAMES,
    domain_name,
    is_domain_name,
    signed_names,
)

RELAXED, SIMPLE = Canonicalization.RELAXED, Canonicalization.SIMPLE
LONG = ".".join(["a" * 49] * 5) + ".abc"  # 253 characters


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("example.org", "example.org"),
        ("EXAMPLE.org", "example.org"),
        ("m\u00fcller.example", "xn--mller-kva.example"),
        ("a_b.example", "a_b.example"),
        ("", ""),
        ("a..b", ""),
        ("a b", ""),
        ("-" * 64, ""),
        (LONG, LONG),
        (f"{LONG}d", ""),
    ],
)
def test_names_of_domains(text: str, name: str) -> None:
    assert len(LONG) == LONGEST_NAME
    assert domain_name(text) == name
    assert is_domain_name(text) == (bool(name) and text.isascii())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("From:To", ("From", "To")),
        (" From :\r\n\tTo : Subject", ("From", "To", "Subject")),
        ("", ("",)),
        ("From:", ("From", "")),
    ],
)
def test_names_that_are_signed(text: str, names: tuple[str, ...]) -> None:
    assert signed_names(text) == names


def test_too_many_names_are_not_cut_apart() -> None:
    assert len(signed_names(":".join(["a"] * MOST_NAMES))) == MOST_NAMES
    assert len(signed_names(":".join(["a"] * 9 * MOST_NAMES))) == MOST_NAMES + 1


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("relaxed/relaxed", (RELAXED, RELAXED)),
        ("Simple / RELAXED", (SIMPLE, RELAXED)),
        ("relaxed", (RELAXED, SIMPLE)),
        ("relaxed/", (RELAXED, SIMPLE)),
        ("", None),
        ("/relaxed", None),
        ("nowsp/simple", None),
        ("simple/simple/simple", None),
    ],
)
def test_ways(text: str, ways: tuple[Canonicalization, Canonicalization] | None) -> None:
    assert ways_of(text) == ways
