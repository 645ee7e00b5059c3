"""What every `Directory` promises, as tests; a subclass says how one is made.

The world they run in is `WORLD`: the same domains, accounts and aliases for each backend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from postroad.directory import (
    Accounts,
    Alias,
    Directory,
    Mailbox,
    Place,
    Places,
    Purpose,
    Scope,
    Secrets,
    Standing,
    Unknown,
)
from postroad.model import Address
from postroad.sasl import CramSecret, ScramSecret, SecretKind


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
            "shop@example.org": ["orders@example.net"],
            "abroad@example.org": ["one@elsewhere.test", "two@elsewhere.test"],
        }
    )
    disabled: tuple[str, ...] = ("old@example.org",)
    clear: tuple[str, ...] = ("ann@example.net",)
    app_passwords: tuple[tuple[str, str, Scope], ...] = (
        ("john@example.org", "phone", Scope.SEND),
        ("john@example.org", "reader", Scope.READ),
        ("ann@example.net", "tablet", Scope.ALL),
        ("old@example.org", "phone", Scope.ALL),
    )

    places: dict[str, Place] = field(
        default_factory=lambda: {"mary@example.org": Place(quota_bytes=1 << 30, quota_messages=9)}
    )


class Whole(Directory, Secrets, Accounts, Places, Protocol):
    """Everything that an account backend is asked."""


Texts = dict[tuple[str, str], str]
"""App passwords, by account and label."""

Make = Callable[[World, Texts], Awaitable[Whole]]
"""Makes a directory that holds a world, and tells the app passwords in it."""


WORLD = World()

JOHN = Mailbox("john@example.org")
SALES = Alias((Address("john", "example.org"), Address("Other", "elsewhere.test")))
CATCHALL = Alias((Address("ann", "example.net"),))
NOBODIES = (
    "old@example.org",
    "nobody@example.org",
    "sales@example.org",
    "",
    "\ud800@x.y",
)
JOERG = Mailbox("jörg@xn--mller-kva.example")


class AddressConformance:
    """What holds for every directory: addresses, logins, places, and to be away.

    Subclass it and give a fixture `make`, a `Make`; what it makes is its own to close.

    Attributes:
        postmaster: who answers for the postmaster of a domain in which nobody has the name; `None`
            where it is the oldest account of that domain.
        tells_disabled: whether it tells of an account, without its password, that it may not log
            in.
    """

    postmaster: Mailbox | None = JOHN
    tells_disabled = True

    @pytest.fixture
    def texts(self) -> Texts:
        return {}

    @pytest.fixture
    async def directory(self, make: Make, texts: Texts) -> Whole:
        return await make(WORLD, texts)

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
        assert await directory.standing(domain) is (Standing.LOCAL if expected else None)

    @pytest.mark.parametrize(
        ("user", "said"),
        [("mary@example.org", True), ("john@example.org", False), ("gone@example.org", False)],
    )
    async def test_place(self, directory: Whole, user: str, said: bool) -> None:
        for _ in range(2):
            assert await directory.place(user) == (WORLD.places[user] if said else Place())

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
            ("sales+2026", "example.org", dataclasses.replace(SALES, extension="+2026")),
            ("nobody", "example.org", Unknown()),
            ("ann", "example.net", Mailbox("ann@example.net")),
            ("nobody", "example.net", CATCHALL),
            ("postmaster", "example.net", CATCHALL),
            ("john", "elsewhere.test", Unknown()),
            ("sales", "elsewhere.test", Unknown()),
            ("old", "example.org", Mailbox("old@example.org")),
            ("postmaster", "example.org", JOHN),
            ("PostMaster+x", "example.org", JOHN),
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

    async def test_the_postmaster_of_a_domain_with_accounts(self, directory: Directory) -> None:
        found = await directory.resolve(Address("postmaster", "müller.example"))
        assert found == (self.postmaster or JOERG)

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
            ("ann@example.net", "anything@example.net", None),
            ("ann@example.net", "shop@example.org", True),
            ("ann@example.net", "postmaster@example.net", None),
            ("john@example.org", "postmaster@example.net", False),
            ("john@example.org", "postmaster@example.org", True),
            ("john@example.org", "anything@example.net", False),
            ("gone@example.org", "gone@example.org", False),
        ],
    )
    async def test_owns(
        self, directory: Directory, user: str, address: str, expected: bool | None
    ) -> None:
        """`None` in the table: only where catch-alls count."""
        for _ in range(2):
            assert await directory.owns(user, Address.parse(address)) is bool(expected)
        owned = await directory.owns(user, Address.parse(address), catch_all=True)
        assert owned is (expected is not False)

    @pytest.mark.parametrize("name", NOBODIES)
    async def test_who_cannot_log_in_has_no_name(self, directory: Whole, name: str) -> None:
        if name not in WORLD.disabled or self.tells_disabled:
            assert await directory.login_name(name) is None
        else:
            assert await directory.login_name(name) == name  # and no password is right for it
        for kind in SecretKind:
            assert await directory.secret(name, kind) is None

    async def test_the_name_of_an_account_is_its_own(self, directory: Whole) -> None:
        assert await directory.login_name("JOHN@example.org") == "john@example.org"

    async def test_a_name_that_is_barred(self, directory: Directory) -> None:
        user = await directory.authenticate("john@example.org", "summersun", barred=True)
        assert user is None


class DirectoryConformance(AddressConformance):
    """The same for a directory that keeps secrets and app passwords as well."""

    postmaster = None

    @pytest.mark.parametrize(
        ("owned", "login", "right"),
        [
            (("john@example.org", "phone"), ("john@example.org", Purpose.SEND), True),
            (("john@example.org", "phone"), ("John@Example.org", Purpose.SEND), True),
            (("john@example.org", "phone"), ("john@example.org", Purpose.READ), False),
            (("john@example.org", "reader"), ("john@example.org", Purpose.SEND), False),
            (("john@example.org", "reader"), ("john@example.org", Purpose.READ), True),
            (("ann@example.net", "tablet"), ("ann@example.net", Purpose.SEND), True),
            (("ann@example.net", "tablet"), ("ann@example.net", Purpose.READ), True),
            (("ann@example.net", "tablet"), ("john@example.org", Purpose.SEND), False),
            (("ann@example.net", "tablet"), ("nobody@example.org", Purpose.SEND), False),
            (("ann@example.net", "tablet"), ("", Purpose.SEND), False),
            (("old@example.org", "phone"), ("old@example.org", Purpose.SEND), False),
        ],
    )
    async def test_an_app_password_is_good_for_its_owner_and_its_purpose(
        self,
        directory: Whole,
        texts: Texts,
        owned: tuple[str, str],
        login: tuple[str, Purpose],
        right: bool,
    ) -> None:
        text, (owner, _), (name, purpose) = texts[owned], owned, login
        for _ in range(2):
            user = await directory.authenticate(name, text, purpose, "192.0.2.1")
            assert user == (owner if right else None)
        assert await directory.authenticate(owner, text[:-1] + "?", purpose) is None

    @pytest.mark.parametrize("purpose", Purpose)
    async def test_the_accounts_own_password_is_good_for_everything(
        self, directory: Whole, purpose: Purpose
    ) -> None:
        assert await directory.authenticate("john@example.org", "summersun", purpose) is not None

    @pytest.mark.parametrize("kind", [SecretKind.SCRAM_SHA_256, SecretKind.SCRAM_SHA_1])
    @pytest.mark.parametrize(
        ("name", "user", "password"),
        [
            ("john@example.org", "john@example.org", "summersun"),
            ("MARY@example.org", "mary@example.org", "pässword"),
            ("ann@example.net", "ann@example.net", "winter"),
        ],
    )
    async def test_a_verifier_is_that_of_the_password(
        self, directory: Whole, kind: SecretKind, name: str, user: str, password: str
    ) -> None:
        found = await directory.secret(name, kind)
        assert found is not None
        assert found[0] == user
        secret = found[1]
        assert isinstance(secret, ScramSecret)
        assert secret == ScramSecret.of(kind, password, secret.salt, secret.iterations)
        assert await directory.secret(name, kind) == found

    async def test_cram_md5_needs_a_password_that_is_kept_for_it(self, directory: Whole) -> None:
        assert await directory.secret("john@example.org", SecretKind.CRAM_MD5) is None
        found = await directory.secret("ann@example.net", SecretKind.CRAM_MD5)
        assert found == ("ann@example.net", CramSecret.of(b"winter"))

    @pytest.mark.parametrize(
        ("changes", "all_have"),
        [
            ({}, False),
            ({"app_passwords": ()}, True),
            ({"app_passwords": (("old@example.org", "phone", Scope.ALL),)}, True),
            ({"app_passwords": (), "clear": tuple(WORLD.users)}, True),
            ({"clear": tuple(WORLD.users)}, False),
        ],
    )
    async def test_whether_all_have_verifiers(
        self, make: Make, changes: dict[str, tuple[str, ...]], all_have: bool
    ) -> None:
        directory = await make(dataclasses.replace(WORLD, **changes), {})
        for _ in range(2):
            assert await directory.all_have_verifiers() is all_have
