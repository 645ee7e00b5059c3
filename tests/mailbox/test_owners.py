from __future__ import annotations

import os

import pytest

from postroad.mailbox.owners import HIGHEST, OWN_GROUP, Allowed, Owner, Owners, parse_numbers

NAMES = {"vmail": 110, "root": 0}


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        ((), ()),
        (("500-",), ((500, HIGHEST),)),
        (("2000-2999", "8"), ((2000, 2999), (8, 8))),
        (("vmail",), ((110, 110),)),
    ],
)
def test_numbers(texts, numbers):
    assert parse_numbers(texts, NAMES.__getitem__) == numbers


@pytest.mark.parametrize("text", ["", "0", "0-", "0-5", "5-4", "-5", "4294967295", "1-2-3", "5x"])
def test_no_numbers(text):
    with pytest.raises(ValueError, match=r"number"):
        parse_numbers((text,), NAMES.__getitem__)


def test_names_are_looked_up_only_where_that_is_wanted():
    assert parse_numbers(("vmail", "7")) == ((7, 7),)
    with pytest.raises(KeyError):
        parse_numbers(("nobody-of-this-name",), NAMES.__getitem__)


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (Owner(500, 500), ""),
        (Owner(500, OWN_GROUP), ""),
        (Owner(500, 100), ""),  # its own group
        (Owner(499, 500), "user 499"),
        (Owner(500, 42), "group is 42"),
        (Owner(0, 500), "root"),
        (Owner(500, 0), "root"),
    ],
)
def test_who_may_own_mail(owner, words):
    allowed = Allowed(((500, HIGHEST),), ((500, HIGHEST),))
    said = allowed.objection(owner, lambda _: 100)
    assert (words in said) if words else not said


def test_root_is_nobodys_owner_whatever_is_allowed():
    allowed = Allowed(((0, HIGHEST),), ((0, HIGHEST),))
    assert allowed.objection(Owner(0, 0), lambda _: 0)


def test_a_domain_goes_before_what_is_for_all():
    one, usual = Owner(501, 501), Owner(500, 500)
    owners = Owners(usual=usual, domains={"one.test": one, "lost.test": "there is no user x"})
    assert owners.configured("a@one.test") == one
    assert owners.configured("a@two.test") == usual
    assert owners.configured("a@lost.test") == "there is no user x"


def test_the_server_itself_is_nobody_else():
    owners = Owners(usual=Owner(os.geteuid(), OWN_GROUP))
    assert owners.configured("a@one.test") is None
