from __future__ import annotations

import os

import pytest

from postroad.delivery.belonging import belonging
from postroad.directory import Place
from postroad.mailbox.owners import HIGHEST, OWN_GROUP, Allowed, Owner, Owners
from postroad.mailbox.rights import PRIVATE, Rights

ALL = ((500, HIGHEST),)
USER = "ann@one.test"
OTHER = os.geteuid() + 1000
SHARED = Rights(0o2770, 0o660, os.getegid())


def owners(**more):
    return Owners(Allowed(ALL, ALL), absence="", **more)


@pytest.mark.parametrize(
    ("rights", "place", "named", "expected"),
    [
        (PRIVATE, Place(), {}, (PRIVATE, None)),
        (PRIVATE, Place(uid=os.geteuid()), {}, (PRIVATE, None)),
        (PRIVATE, Place(uid=OTHER), {}, (PRIVATE, Owner(OTHER, OWN_GROUP))),
        (PRIVATE, Place(uid=OTHER, gid=700), {}, (PRIVATE, Owner(OTHER, 700))),
        (SHARED, Place(uid=OTHER), {}, (SHARED, None)),
        (PRIVATE, Place(), {"usual": Owner(OTHER, 700)}, (PRIVATE, Owner(OTHER, 700))),
        (PRIVATE, Place(gid=701), {"usual": Owner(OTHER, 700)}, (PRIVATE, Owner(OTHER, 701))),
        (
            PRIVATE,
            Place(uid=OTHER + 1),
            {"domains": {"one.test": Owner(OTHER, 700)}},
            (PRIVATE, Owner(OTHER + 1, OWN_GROUP)),
        ),
        (PRIVATE, Place(), {"domains": {"one.test": "there is no user x"}}, "there is no user x"),
    ],
)
def test_as_whom(rights, place, named, expected):
    assert belonging(rights, owners(**named), USER, place) == expected


def test_whoever_is_not_allowed_and_why():
    words = belonging(PRIVATE, owners(), USER, Place(uid=499 if os.geteuid() != 499 else 498))
    assert "[mailbox] uids does not allow" in words


def test_without_agents_the_words_say_what_to_do():
    words = belonging(PRIVATE, Owners(Allowed(ALL, ALL)), USER, Place(uid=OTHER))
    assert "run it as that user, or share a group" in words
