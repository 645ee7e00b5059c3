"""Whom a login may act as: itself by any of its names, others only where that is said."""

from __future__ import annotations

import pytest

from postroad.server.authorization import ActAs, is_same_user, name_form

JOHN = ("john@example.org", "john@example.org")


@pytest.mark.parametrize(
    ("authzid", "names", "same"),
    [
        ("", JOHN, True),
        ("john@example.org", JOHN, True),
        ("JOHN@Example.ORG", JOHN, True),
        ("john", JOHN, True),
        ("JOHN", JOHN, True),
        ("john@example.org", ("john", "john@example.org"), True),
        ("john", ("john", "john@example.org"), True),
        ("john@xn--mller-kva.example", ("john@müller.example",) * 2, True),
        ("ju\u0308rgen@example.org", ("jürgen@example.org",) * 2, True),
        ("joh", JOHN, False),
        ("jane", JOHN, False),
        ("@example.org", JOHN, False),
        ("example.org", JOHN, False),
        ("john@example.com", JOHN, False),
        ("john@example.org ", JOHN, False),
        ("john+lists@example.org", JOHN, False),
        ("@", ("@example.org",), False),
    ],
)
def test_the_same_user(authzid, names, same):
    assert is_same_user(authzid, *names) is same


@pytest.mark.parametrize("name", ["", "@", "john", "a@b@c", "john@", "\ud800", "\0"])
def test_every_name_has_a_form(name):
    assert name_form(name) == name_form(name.upper())


RULE = ActAs.of(
    {
        "Admin@example.org": ("*@example.org", "lisa@example.com"),
        "helper@example.org": ("john@example.org",),
    }
)


@pytest.mark.parametrize(
    ("user", "other", "allowed"),
    [
        ("admin@example.org", "john@example.org", True),
        ("admin@example.org", "JOHN@EXAMPLE.ORG", True),
        ("admin@example.org", "lisa@example.com", True),
        ("admin@example.org", "jane@example.com", False),
        ("admin@example.org", "john@sub.example.org", False),
        ("admin@example.org", "john@notexample.org", False),
        ("admin@example.org", "john", False),
        ("helper@example.org", "john@example.org", True),
        ("helper@example.org", "jane@example.org", False),
        ("john@example.org", "helper@example.org", False),
        ("john@example.org", "admin@example.org", False),
    ],
)
def test_acting_as_others(user, other, allowed):
    assert RULE.allows(user, other) is allowed


@pytest.mark.parametrize(
    "given",
    [
        {"admin": ("john@example.org",)},
        {"admin@example.org": ("john",)},
        {"admin@example.org": ("*",)},
        {"admin@example.org": ("*@",)},
        {"admin@example.org": ("*@a@b",)},
        {"admin@example.org": ("j*@example.org",)},
        {"*@example.org": ("john@example.org",)},
    ],
)
def test_what_names_nobody_is_a_mistake(given):
    with pytest.raises(ValueError, match=r'expected an account such as "john@example.org"'):
        ActAs.of(given)
