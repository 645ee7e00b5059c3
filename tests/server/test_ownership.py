"""As whom a user may send: by the directory, by grant, by a table as Postfix has it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from fake_directory import FakeDirectory
from postroad.model import Address
from postroad.policy import LookupUnavailable
from postroad.server.authorization import ActAs
from postroad.server.oracle import DirectoryOracle
from postroad.server.ownership import Ownership, SenderLogins

JOHN, ANNA, MARY = "john@example.org", "anna@example.org", "mary@example.net"

ADDRESSES = [
    "john@example.org",
    "John+x@EXAMPLE.org",
    "anna@example.org",
    "info@example.org",
    "all@example.org",
    "deep@example.org",
    "ring@example.org",
    "abroad@example.org",
    "nobody@example.org",
    "mary@example.net",
    "caught@example.net",
    "boss@example.com",
    "any@partner.example",
    "stranger@elsewhere.test",
]


def directory() -> FakeDirectory:
    return FakeDirectory(
        domains=("example.org", "example.net"),
        users={JOHN: "a", ANNA: "b", MARY: "c"},
        aliases={
            "info@example.org": [JOHN],
            "all@example.org": ["info@example.org", ANNA],
            "deep@example.org": ["all@example.org"],
            "ring@example.org": ["rong@example.org"],
            "rong@example.org": ["ring@example.org"],
            "abroad@example.org": ["a@elsewhere.test"],
            "@example.net": [MARY],
        },
    )


class Tables:
    """Tables in memory; `takes_parts` is false for one named `regexp:x`."""

    def __init__(self, entries: dict[str, str]) -> None:
        self.entries = entries
        self.asked: list[str] = []
        self.unavailable = False

    async def find(self, table: str, key: str) -> str | None:
        if self.unavailable:
            raise LookupUnavailable("the fake was told to fail")
        self.asked.append(key)
        return self.entries.get(key)

    def takes_parts(self, table: str) -> bool:
        return not table.startswith("regexp:")


class Rights:
    """What else a directory says."""

    def __init__(
        self,
        *,
        granted: Mapping[Address, str] = MappingProxyType({}),
        senders: Mapping[Address, set[str]] = MappingProxyType({}),
        alone: Mapping[Address, str] = MappingProxyType({}),
    ) -> None:
        self._granted = granted
        self._senders = senders
        self._alone = alone

    async def granted(self, address: Address) -> frozenset[str]:
        user = self._granted.get(address)
        return frozenset() if user is None else frozenset({user})

    async def senders(self, address: Address) -> frozenset[str] | None:
        found = self._senders.get(address)
        return None if found is None else frozenset(found)

    async def logging_in(self, address: Address) -> str | None:
        return self._alone.get(address)


GRANTED = ActAs.of({JOHN: ("boss@example.com", "*@partner.example"), ANNA: ("abroad@example.org",)})

TABLE = {
    "john@example.org": "john@example.org, anna",
    "sales@example.org": "anna@example.org\tmary@example.net",
    "@example.net": "mary@example.net",
    "john": "john",
    "empty@example.org": "",
}


def by_table(name: str = "hash:x", entries: dict[str, str] | None = None) -> Ownership:
    tables = Tables(TABLE if entries is None else entries)
    logins = SenderLogins(name, tables, delimiters="+", domain="example.org")
    return Ownership(directory(), logins=logins)


@pytest.mark.parametrize(
    ("user", "owned"),
    [
        (JOHN, {"john@example.org", "John+x@EXAMPLE.org", "info@", "all@", "deep@"}),
        (ANNA, {"anna@example.org", "all@", "deep@"}),
        (MARY, {"mary@example.net"}),
        ("gone@example.org", set()),
    ],
)
async def test_what_the_directory_says(user: str, owned: set[str]) -> None:
    whole = {each + "example.org" if each.endswith("@") else each for each in owned}
    it = Ownership(directory())
    found = {each for each in ADDRESSES if await it.owns(user, Address.parse(each))}
    assert found == whole


async def test_a_catch_all_makes_an_owner_only_where_the_operator_says_so() -> None:
    caught = Address("caught", "example.net")
    assert not await Ownership(directory()).owns(MARY, caught)
    assert await Ownership(directory(), catch_all=True).owns(MARY, caught)
    assert not await Ownership(directory(), catch_all=True).owns(JOHN, caught)


async def test_what_is_granted_is_owned_besides() -> None:
    it = Ownership(directory(), granted=GRANTED)
    for address in ("Boss@Example.com", "any@partner.example", "john@example.org"):
        assert await it.owns("john@example.org", Address.parse(address))
    assert await it.owns(ANNA, Address("abroad", "example.org"))
    for address in ("boss@example.net", "any@sub.partner.example", "abroad@example.org"):
        assert not await it.owns(JOHN, Address.parse(address))
    assert not await it.owns(MARY, Address("boss", "example.com"))


@pytest.mark.parametrize(
    "it",
    [
        Ownership(directory()),
        Ownership(directory(), catch_all=True),
        Ownership(directory(), granted=GRANTED),
        by_table(),
        by_table("regexp:x"),
    ],
    ids=["directory", "catch-all", "granted", "table", "pattern"],
)
async def test_what_is_owned_has_an_owner(it: Ownership) -> None:
    for text in ADDRESSES:
        address = Address.parse(text)
        if any([await it.owns(user, address) for user in (JOHN, ANNA, MARY)]):
            assert await it.has_owner(address), text


@pytest.mark.parametrize(
    ("address", "has"),
    [
        ("abroad@example.org", True),  # ours, though nobody here may send as it
        ("caught@example.net", True),
        ("nobody@example.org", False),
        ("boss@example.com", False),
        ("stranger@elsewhere.test", False),
    ],
)
async def test_what_exists_here_has_an_owner(address: str, has: bool) -> None:
    assert await Ownership(directory()).has_owner(Address.parse(address)) is has


@pytest.mark.parametrize(
    ("user", "address", "owned"),
    [
        (JOHN, "john@example.org", True),
        (JOHN, "JOHN+shop@example.org", True),
        (ANNA, "john@example.org", True),
        (MARY, "john@example.org", False),
        ("mary@Example.NET", "sales@example.org", True),
        (JOHN, "info@example.org", False),  # the directory is not asked
        (MARY, "whatever@example.net", True),
        (JOHN, "whatever@example.net", False),
        (JOHN, "empty@example.org", False),
        (JOHN, "john@example.net", False),  # another john
        ("john", "john@example.org", True),  # a login without a domain
    ],
)
async def test_what_a_table_says(user: str, address: str, owned: bool) -> None:
    it = by_table()
    assert await it.owns(user, Address.parse(address)) is owned


@pytest.mark.parametrize(
    ("table", "address", "keys"),
    [
        (
            "hash:x",
            "Ann+x@example.org",
            ["ann+x@example.org", "ann@example.org", "ann+x", "ann", "@example.org"],
        ),
        ("hash:x", "ann@example.net", ["ann@example.net", "@example.net"]),
        ("hash:x", "ann@elsewhere.test", ["ann@elsewhere.test", "@elsewhere.test"]),
        ("regexp:x", "ann+x@example.org", ["ann+x@example.org"]),
    ],
)
async def test_the_keys_of_a_table(table: str, address: str, keys: list[str]) -> None:
    tables = Tables({})
    logins = SenderLogins(table, tables, delimiters="+", domain="example.org")
    assert await logins.owners(Address.parse(address)) == ()
    assert tables.asked == keys


async def test_what_somebody_was_given_in_the_directory_has_an_owner() -> None:
    boss = Address("boss", "example.com")
    it = Ownership(directory(), rights=Rights(granted={boss: JOHN}))
    assert await it.has_owner(boss)
    assert not await it.has_owner(Address("other", "example.com"))
    assert await it.owners(boss) == (JOHN,)
    assert await it.owners(Address("other", "example.com")) is None
    table = Ownership(directory(), rights=Rights(granted={boss: JOHN}), logins=by_table()._logins)
    assert not await table.has_owner(boss)  # the table takes the directory's place


async def test_a_directory_that_says_who_sends_is_asked_for_the_list_too() -> None:
    sales, closed = Address("sales", "example.org"), Address("closed", "example.org")
    rights = Rights(granted={sales: JOHN}, senders={sales: {MARY, ANNA}, closed: set()})
    it = Ownership(directory(), rights=rights)
    assert await it.owners(sales) == (JOHN, ANNA, MARY)
    assert await it.has_owner(sales)
    assert await it.owners(closed) == ()  # and so nobody's, but not anybody's
    assert await it.has_owner(closed)
    assert await it.owners(Address("john", "example.org")) == (JOHN,)


async def test_who_only_logs_in_owns_his_name() -> None:
    far = Address("far", "example.org")
    it = Ownership(directory(), rights=Rights(alone={far: "far@example.org"}))
    assert await it.has_owner(far)
    assert await it.owners(far) == ("far@example.org",)
    assert not await it.has_owner(Address("further", "example.org"))


async def test_a_server_without_a_domain_has_whole_names_only() -> None:
    tables = Tables({"ann": "ann", "ann@example.org": "ann"})
    logins = SenderLogins("hash:x", tables, delimiters="", domain="")
    assert await logins.allows("ann", Address("ann", "example.org"))
    assert not await logins.allows("ann@example.org", Address("ann", "example.org"))


async def test_a_failure_is_nobodys_answer() -> None:
    accounts = directory()
    accounts.unavailable = True
    it, address = DirectoryOracle(accounts), Address("john", "example.org")
    questions = [it.owns(JOHN, address), it.has_owner(address), it.is_listed(address)]
    for question in [*questions, it.is_local("example.org")]:
        with pytest.raises(LookupUnavailable):
            await question

    tables = Tables(TABLE)
    tables.unavailable = True
    logins = SenderLogins("hash:x", tables, delimiters="+", domain="example.org")
    with pytest.raises(LookupUnavailable):
        await Ownership(directory(), logins=logins).owns(JOHN, address)


@pytest.mark.parametrize(
    ("address", "owners"),
    [
        ("john@example.org", (JOHN,)),
        ("John+x@EXAMPLE.org", (JOHN,)),
        ("info@example.org", (JOHN,)),
        ("all@example.org", (ANNA, JOHN)),
        ("deep@example.org", (ANNA, JOHN)),
        ("ring@example.org", ()),
        ("abroad@example.org", ()),
        ("nobody@example.org", None),
        ("caught@example.net", ()),
        ("stranger@elsewhere.test", None),
    ],
)
async def test_who_may_send_as_an_address(address: str, owners: tuple[str, ...] | None) -> None:
    """The list is of those for whom `owns` holds, and none of them has no list."""
    ownership = Ownership(directory())
    assert await ownership.owners(Address.parse(address)) == owners
    for user in (JOHN, ANNA, MARY):
        assert await ownership.owns(user, Address.parse(address)) is (user in (owners or ()))


async def test_who_may_send_by_grant_and_by_table() -> None:
    granted = ActAs.of({ANNA: ("boss@example.com", "*@partner.example")})
    ownership = Ownership(directory(), granted=granted, catch_all=True)
    assert await ownership.owners(Address.parse("boss@example.com")) == (ANNA,)
    assert await ownership.owners(Address.parse("any@partner.example")) == (ANNA,)
    assert await ownership.owners(Address.parse("caught@example.net")) == (MARY,)
    tables = Tables({"john@example.org": "anna@example.org, mary@example.net"})
    logins = SenderLogins("inline:x", tables, delimiters="+", domain="example.org")
    ownership = Ownership(directory(), logins=logins)
    assert await ownership.owners(Address.parse("john@example.org")) == (ANNA, MARY)
    assert await ownership.owners(Address.parse("anna@example.org")) is None


async def test_who_may_send_is_not_known_while_the_directory_is_away() -> None:
    away = directory()
    away.unavailable = True
    with pytest.raises(LookupUnavailable):
        await Ownership(away).owners(Address.parse(JOHN))
