"""What every `Directory` promises, as tests; a subclass says how one is made.

The world they run in is `WORLD`: the same domains, accounts and aliases for each backend.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from postroad.directory import Alias, Directory, Mailbox, Unknown
from postroad.model import Address


@dataclass(frozen=True)
class World:
    """What a backend is filled with before the tests look at it."""

    domains: tuple[str, ...] = ("example.org", "example.net", "müller.example", "empty.example")
    users: dict[str, str] = field(
        default_factory=lambda: {
            "john@example.org": "summersun",
            "Mary@Example.org": "pässword",
            "old@example.org": "retired",
            "jo+hn@example.org": "plus",
            "ann@example.net": "winter",
            "jörg@müller.example": "herbst",
        }
    )
    aliases: dict[str, list[str]] = field(
        default_factory=lambda: {
            "sales@example.org": ["john@example.org", "Other@elsewhere.test"],
            "all@example.org": ["sales@example.org", "mary@example.org"],
            "tagged@example.org": ["john+tag@example.org"],
            "@example.net": ["ann@example.net"],
            "abroad@example.org": ["one@elsewhere.test", "two@elsewhere.test"],
        }
    )
    disabled: tuple[str, ...] = ("old@example.org",)


WORLD = World()

JOHN = Mailbox("john@example.org")
SALES = Alias((Address("john", "example.org"), Address("Other", "elsewhere.test")))
CATCHALL = Alias((Address("ann", "example.net"),))
JOERG = Mailbox("jörg@xn--mller-kva.example")


class DirectoryConformance:
    """Subclass it and give a fixture `directory` that holds `WORLD`."""

    @pytest.mark.parametrize(
        ("domain", "expected"),
        [
            ("example.org", True),
            ("EXAMPLE.Org", True),
            ("example.org.", True),
            ("müller.example", True),
            ("MÜLLER.example", True),
            ("xn--mller-kva.example", True),
            ("sub.example.org", False),
            ("elsewhere.test", False),
            ("a..b", False),
            ("\udcff.example", False),
            ("xn--\u0080.example", False),
            ("[192.0.2.1]", False),
            ("", True),
        ],
    )
    async def test_is_local(self, directory: Directory, domain: str, expected: bool) -> None:
        assert await directory.is_local(domain) is expected

    @pytest.mark.parametrize(
        ("local", "domain", "expected"),
        [
            ("john", "example.org", JOHN),
            ("JOHN", "Example.ORG", JOHN),
            ("john+lists", "example.org", JOHN),
            ("john+lists+more", "example.org", JOHN),
            ("mary", "example.org", Mailbox("mary@example.org")),
            ("jo+hn", "example.org", Mailbox("jo+hn@example.org")),
            ("jo", "example.org", Unknown()),
            ("+john", "example.org", Unknown()),
            ("jörg", "müller.example", JOERG),
            ("JÖRG", "xn--mller-kva.example", JOERG),
            ("jo\u0308rg", "müller.example", JOERG),
            ("sales", "example.org", SALES),
            ("sales+2026", "example.org", SALES),
            ("nobody", "example.org", Unknown()),
            ("ann", "example.net", Mailbox("ann@example.net")),
            ("nobody", "example.net", CATCHALL),
            ("postmaster", "example.net", CATCHALL),
            ("john", "elsewhere.test", Unknown()),
            ("sales", "elsewhere.test", Unknown()),
            ("old", "example.org", Mailbox("old@example.org")),
            ("postmaster", "example.org", JOHN),
            ("PostMaster+x", "example.org", JOHN),
            ("postmaster", "müller.example", JOERG),
            ("postmaster", "empty.example", JOHN),
            ("postmaster", "elsewhere.test", Unknown()),
            ("Postmaster", "", JOHN),
            ("john", "", Unknown()),
            ("\udcff", "example.org", Unknown()),
            ("a\"b'; DROP TABLE users;--", "example.org", Unknown()),
        ],
    )
    async def test_resolve(
        self, directory: Directory, local: str, domain: str, expected: object
    ) -> None:
        assert await directory.resolve(Address(local, domain)) == expected

    @pytest.mark.parametrize(
        ("name", "password", "expected"),
        [
            ("john@example.org", "summersun", "john@example.org"),
            ("John@EXAMPLE.org", "summersun", "john@example.org"),
            ("mary@example.org", "pässword", "mary@example.org"),
            ("jörg@müller.example", "herbst", "jörg@xn--mller-kva.example"),
            ("john@example.org", "Summersun", None),
            ("john@example.org", "", None),
            ("john@example.org", "summersun\0", None),
            ("john@example.org", "x" * 100_000, None),
            ("john+lists@example.org", "summersun", None),
            ("old@example.org", "retired", None),
            ("sales@example.org", "summersun", None),
            ("nobody@example.org", "summersun", None),
            ("john", "summersun", None),
            ("", "", None),
            ("\ud800@example.org", "\ud800", None),
        ],
    )
    async def test_authenticate(
        self, directory: Directory, name: str, password: str, expected: str | None
    ) -> None:
        assert await directory.authenticate(name, password) == expected

    async def test_a_login_succeeds_again_and_a_wrong_one_still_fails(
        self, directory: Directory
    ) -> None:
        for password, expected in (("summersun", "john@example.org"), ("winter", None)) * 2:
            assert await directory.authenticate("john@example.org", password) == expected

    @pytest.mark.parametrize(
        ("user", "address", "expected"),
        [
            ("john@example.org", "john@example.org", True),
            ("john@example.org", "John+lists@example.org", True),
            ("john@example.org", "sales@example.org", True),
            ("john@example.org", "all@example.org", True),
            ("john@example.org", "tagged@example.org", True),
            ("john@example.org", "mary@example.org", False),
            ("john@example.org", "jo+hn@example.org", False),
            ("john@example.org", "abroad@example.org", False),
            ("john@example.org", "john@elsewhere.test", False),
            ("john@example.org", "nobody@example.org", False),
            ("mary@example.org", "all@example.org", True),
            ("mary@example.org", "sales@example.org", False),
            ("ann@example.net", "anything@example.net", True),
            ("john@example.org", "anything@example.net", False),
            ("gone@example.org", "gone@example.org", False),
        ],
    )
    async def test_owns(
        self, directory: Directory, user: str, address: str, expected: bool
    ) -> None:
        assert await directory.owns(user, Address.parse(address)) is expected
