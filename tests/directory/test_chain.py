"""Several directories in order: who is asked first, who is away, and what domains are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.directory import (
    CHEAP,
    Alias,
    DirectoryUnavailable,
    Mailbox,
    Place,
    Scope,
    Standing,
    Unknown,
)
from postroad.directory.backend import Account
from postroad.directory.chain import Chain
from postroad.directory.embedded.directory import EmbeddedDirectory
from postroad.directory.embedded.editor import DirectoryEditor
from postroad.directory.links import DomainPlan, Link, Plan
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.settings import DirectorySettings
from postroad.model import Address
from postroad.sasl import SecretKind
from postroad.server.ownership import Ownership


class FakeBackend:
    """Answers from what it was given."""

    def __init__(
        self,
        *,
        accounts: tuple[Account, ...] = (),
        aliases: dict[str, tuple[str, ...]] | None = None,
        domains: tuple[str, ...] = (),
        passwords: dict[str, str] | None = None,
        logins: dict[str, str] | None = None,
    ) -> None:
        self.accounts = {each.name: each for each in accounts}
        self.aliases = aliases or {}
        self.domains = domains
        self.passwords = passwords
        self.logins = logins or {}
        self.keys: Callable[[str], str] = str
        self.away = False
        self.asked: list[str] = []

    async def has_domain(self, domain: str) -> bool:
        self._note(domain)
        return domain in self.domains

    async def account(self, name: str) -> Account | None:
        self._note(name)
        return self.accounts.get(name)

    async def alias(self, source: str) -> Alias | None:
        self._note(source)
        targets = self.aliases.get(source)
        return targets and Alias(tuple(map(Address.parse, targets)))

    async def check(self, name: str, password: str, address: str = "") -> bool | None:
        self._note(f"{name}'s password")
        return None if self.passwords is None else self.passwords.get(name) == password

    async def named(self, login: str) -> str | None:
        return self.logins.get(login)

    def key(self, login: str) -> str:
        return self.keys(login)

    async def close(self) -> None:
        pass

    def _note(self, question: str) -> None:
        self.asked.append(question)
        if self.away:
            raise DirectoryUnavailable("the fake was told to fail")


class Naming(FakeBackend):
    """Checks passwords alone; each name may be right, and `whose` it is, the password tells."""

    def __init__(self, whose: str) -> None:
        super().__init__(domains=("example.net",))
        self.whose = whose

    async def account(self, name: str) -> Account | None:
        return Account(name, receives=False)

    async def check(self, name: str, password: str, address: str = "") -> str | bool | None:
        return self.whose if password == "right" else False


PLAIN = Credentials("{PLAIN}secret")
MARY = Account("mary@example.org", credentials=PLAIN, place=Place(home="/home/mary"))
ANN = Account("ann@example.net", credentials=PLAIN)


class World:
    """An embedded directory with john, and two others."""

    def __init__(self, folder: Path, exits: AsyncExitStack) -> None:
        path = folder / "directory.db"
        with DirectoryEditor.open(path, domains=("example.org",), profile=CHEAP) as editor:
            editor.add_user("john@example.org", "summersun")
            editor.add_alias("@example.org", ["john@example.org"])
        self.path = path
        self.embedded = EmbeddedDirectory.open(
            path,
            domains=("example.org",),
            settings=DirectorySettings(rehash=False),
            clock=lambda: 0.0,
            profile=CHEAP,
        )
        exits.callback(self.embedded.close)
        self.first = FakeBackend(accounts=(MARY,), aliases={"@example.org": ("x@other.test",)})
        self.second = FakeBackend(accounts=(ANN,), domains=("example.net",))

    def chain(self, *, first: tuple[str, ...] = (), **plan: object) -> Chain:
        links = [
            Link("first", self.first, frozenset(first), logins=self.first),
            Link("second", self.second, logins=self.second),
        ]
        return Chain(self.embedded, links, Plan(first_domain="example.org", **plan))


@pytest.fixture
async def world(tmp_path: Path):
    async with AsyncExitStack() as exits:
        yield World(tmp_path, exits)


def at(text: str) -> Address:
    return Address.parse(text)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("john@example.org", Mailbox("john@example.org")),
        ("mary+x@example.org", Mailbox("mary@example.org")),
        ("ann@example.net", Mailbox("ann@example.net")),
        ("who@example.org", Alias((at("john@example.org"),))),
        ("who@example.net", Unknown()),
        ("john@elsewhere.test", Unknown()),
    ],
)
async def test_a_catch_all_hides_nobody_and_the_first_one_counts(
    world: World, address: str, expected: object
) -> None:
    assert await world.chain().resolve(at(address)) == expected


async def test_the_order_is_the_operators(world: World) -> None:
    chain = world.chain(order=("first", "second", "embedded"))
    assert await chain.resolve(at("who@example.org")) == Alias((at("x@other.test"),))


async def test_one_that_is_not_asked_about_a_domain_may_be_away(world: World) -> None:
    chain = world.chain(first=("example.com",))
    world.first.away = True
    assert await chain.resolve(at("ann@example.net")) == Mailbox("ann@example.net")
    assert await chain.standing("example.com") is Standing.LOCAL
    with pytest.raises(DirectoryUnavailable):
        await chain.resolve(at("ann@example.com"))


async def test_who_is_away_makes_nobody_unknown(world: World) -> None:
    chain = world.chain()
    world.second.away = True
    assert await chain.login_name("mary@example.org") == "mary@example.org"
    assert await chain.authenticate("mary@example.org", "secret") == "mary@example.org"
    for question in (
        chain.resolve(at("nobody@example.org")),
        chain.is_local("elsewhere.test"),
        chain.authenticate("nobody@example.org", "secret"),
        chain.login_name("nobody@example.org"),
        chain.secret("nobody@example.org", SecretKind.CRAM_MD5),
        chain.place("nobody@example.org"),
        chain.owns("john@example.org", at("nobody@example.org")),
    ):
        with pytest.raises(DirectoryUnavailable):
            await question
    assert await chain.is_local("example.org")


async def test_directories_of_one_domain(world: World) -> None:
    chain = world.chain(domains={"example.org": DomainPlan(directories=("second",))})
    assert await chain.resolve(at("mary@example.org")) == Unknown()
    assert await chain.resolve(at("john@example.org")) == Unknown()
    assert world.first.asked == []


async def test_an_alias_domain_and_a_relayed_one(world: World) -> None:
    chain = world.chain(
        domains={
            "example.com": DomainPlan(alias_of="example.org"),
            "partner.test": DomainPlan(standing=Standing.RELAYED, recipients="any"),
        }
    )
    assert await chain.resolve(at("Mary+x@Example.com")) == Mailbox(
        "mary@example.org", "example.org"
    )
    assert await chain.authenticate("mary@example.com", "secret") == "mary@example.org"
    assert await chain.owns("mary@example.org", at("mary@example.com"))
    assert await chain.is_local("example.com")
    assert await chain.standing("partner.test") is Standing.RELAYED
    assert not await chain.is_local("partner.test")
    assert await chain.recipients("Partner.test") == "any"
    assert await chain.recipients("example.com") == ""
    assert await chain.resolve(at("mary@partner.test")) == Unknown()


async def test_who_checks_passwords_by_itself(world: World) -> None:
    account = Account("eve@example.org", credentials=None)
    world.second = FakeBackend(accounts=(account,), passwords={"eve@example.org": "right"})
    chain = world.chain()
    assert await chain.authenticate("eve@example.org", "right") == "eve@example.org"
    assert await chain.authenticate("eve@example.org", "wrong") is None
    assert await chain.authenticate("eve@example.org", "right", barred=True) is None
    assert await chain.secret("eve@example.org", SecretKind.CRAM_MD5) is None


async def test_an_unknown_name_takes_the_work_of_one_directory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either that of a hash, or that of a directory which checks by itself; never both or none."""
    account = Account("eve@example.org", credentials=None)
    off = Account("off@example.org", enabled=False, credentials=None)
    world.second = FakeBackend(accounts=(account, off), passwords={"eve@example.org": "right"})
    work: list[str] = []
    compare = world.embedded._verifier._compare

    async def comparing(*arguments: object) -> object:
        work.append("a hash")
        return await compare(*arguments)

    monkeypatch.setattr(world.embedded._verifier, "_compare", comparing)
    chain = world.chain()

    async def work_of(name: str, password: str) -> list[str]:
        work.clear()
        world.second.asked.clear()
        assert await chain.authenticate(name, password) is None
        asked = [each for each in world.second.asked if each.endswith("'s password")]
        return work + ["a question"] * len(asked)

    for password in ("wrong", "x" * 100_000):
        assert await work_of("john@example.org", password) == ["a hash"]
        assert await work_of("eve@example.org", password) == ["a question"]
        assert await work_of("off@example.org", password) == ["a question"]
        unknown = [await work_of(f"n{number}@example.org", password) for number in range(40)]
        assert {tuple(each) for each in unknown} == {("a hash",), ("a question",)}
        again = [await work_of(f"n{number}@example.org", password) for number in range(40)]
        assert again == unknown


async def test_the_account_is_whose_the_directory_says_it_is(world: World) -> None:
    """One that only checks passwords knows by the password which account is meant."""
    world.second = Naming("eve@example.org")
    chain = world.chain()
    assert await chain.authenticate("eve+x@example.org", "right") == "eve@example.org"
    assert await chain.authenticate("eve@example.net", "right") == "eve@example.org"
    assert await chain.authenticate("eve@example.net", "wrong") is None
    await chain.authenticate("john@example.org", "right")
    world.second.whose = "john@example.org"  # whom the embedded directory has, disabled
    with DirectoryEditor.open(world.path, domains=("example.org",)) as editor:
        editor.set_enabled("john@example.org", enabled=False)
    assert await chain.authenticate("eve@example.org", "right") is None


@pytest.mark.parametrize("whose", ["john@example.org", "mary@example.org", "ann@alias.example"])
async def test_a_directory_says_nobody_whom_another_has(world: World, whose: str) -> None:
    """The same rule as for the mechanisms that it judges itself (`vouched`)."""
    world.second = Naming(whose)
    chain = world.chain(domains={"alias.example": DomainPlan(alias_of="example.net")})
    assert await chain.authenticate("eve@example.org", "right") is None
    world.second.whose = "ann@example.net"
    assert await chain.authenticate("eve@example.org", "right") == "ann@example.net"


@pytest.mark.parametrize(
    ("domains", "plan"),
    [
        (("example.net",), {}),
        ((), {"domains": {"example.org": DomainPlan(directories=("embedded", "second"))}}),
    ],
)
async def test_a_directory_names_nobody_of_a_domain_that_it_is_not_asked_about(
    world: World, domains: tuple[str, ...], plan: dict[str, object]
) -> None:
    john = Account("john@example.org", credentials=PLAIN)
    world.first = FakeBackend(domains=("example.net",))
    world.first.accounts["evil@example.net"] = john
    chain = world.chain(first=domains, **plan)
    for question in (
        chain.authenticate("evil@example.net", "secret"),
        chain.login_name("evil@example.net"),
        chain.secret("evil@example.net", SecretKind.CRAM_MD5),
        chain.resolve(at("evil@example.net")),
        chain.place("evil@example.net"),
    ):
        with pytest.raises(DirectoryUnavailable, match=r"names john@example\.org for evil@"):
            await question
    assert await chain.authenticate("john@example.org", "summersun") == "john@example.org"
    naming = Naming("john@example.org")
    world.first = naming
    chain = world.chain(first=domains, **plan)
    with pytest.raises(DirectoryUnavailable, match=r"names john@example\.org for evil@"):
        await chain.authenticate("evil@example.net", "right")


@pytest.mark.parametrize(
    "plan",
    [
        {"domains": {"example.org": DomainPlan(directories=("first",))}},
        {"domains": {"example.org": DomainPlan(standing=Standing.RELAYED, recipients="any")}},
        {"order": ("first", "second")},
    ],
)
async def test_an_embedded_account_that_does_not_count_lets_nobody_in(
    world: World, plan: dict[str, object]
) -> None:
    chain = world.chain(**plan)
    assert await chain.authenticate("john@example.org", "summersun") is None
    assert await chain.login_name("john@example.org") is None
    for kind in SecretKind:
        assert await chain.secret("john@example.org", kind) is None


async def test_who_is_locked_in_one_directory_is_not_let_in_by_the_next(world: World) -> None:
    locked = Account("eve@example.org", enabled=False, credentials=Credentials(""))
    world.first = FakeBackend(accounts=(locked,))
    world.second.accounts["eve@example.org"] = Account("eve@example.org", credentials=PLAIN)
    chain = world.chain()
    assert await chain.authenticate("eve@example.org", "secret") is None
    assert await chain.login_name("eve@example.org") is None
    assert await chain.secret("eve@example.org", SecretKind.CRAM_MD5) is None
    assert await chain.resolve(at("eve@example.org")) == Mailbox("eve@example.org")


async def test_a_password_elsewhere_than_the_mailbox(world: World) -> None:
    """One directory knows that the mailbox is there, and another one who may log in."""
    world.first = FakeBackend(accounts=(Account("eve@example.org", credentials=Credentials("")),))
    only_logs_in = Account("eve@example.org", receives=False)
    world.second = FakeBackend(accounts=(only_logs_in,), passwords={"eve@example.org": "right"})
    chain = world.chain()
    assert await chain.resolve(at("eve@example.org")) == Mailbox("eve@example.org")
    assert await chain.authenticate("eve@example.org", "right") == "eve@example.org"
    world.first.accounts.clear()
    assert await chain.resolve(at("eve@example.org")) == Alias((at("john@example.org"),))
    assert await chain.owns("eve@example.org", at("eve@example.org"))


async def test_other_names_than_addresses(world: World) -> None:
    world.first.logins = {"mary": "mary@example.org"}
    chain = world.chain()
    assert await chain.authenticate("mary", "secret") == "mary@example.org"
    assert await chain.authenticate("john", "summersun") is None


async def test_a_claim_counts_only_where_the_account_is(world: World) -> None:
    """One that takes every bare name for its own hides no other's names."""
    world.first.logins = {"me": "me@example.org", "new": "new@example.org"}
    world.second.logins = {"me": "ann@example.net"}
    chain = world.chain()
    assert await chain.authenticate("me", "secret") == "ann@example.net"
    assert await chain.authenticate("new", "secret") is None
    world.first.accounts["me@example.org"] = Account("me@example.org", credentials=PLAIN)
    assert await chain.authenticate("me", "secret") == "me@example.org"
    chain = world.chain(order=("second", "embedded", "first"))
    assert await chain.authenticate("me", "secret") == "ann@example.net"
    chain = world.chain(order=("embedded", "first"))
    assert await chain.authenticate("me", "secret") == "me@example.org"


@pytest.mark.parametrize(
    ("nets", "address", "fits"),
    [
        (("192.0.2.0/24",), "192.0.2.7", True),
        (("192.0.2.0/24",), "::ffff:192.0.2.7", True),
        (("192.0.2.0/24",), "198.51.100.1", False),
        (("192.0.2.0/24",), "", False),
        (("local",), "", True),
        (("nonsense",), "192.0.2.7", False),
    ],
)
async def test_networks_that_an_account_logs_in_from(
    world: World, nets: tuple[str, ...], address: str, fits: bool
) -> None:
    account = Account("eve@example.org", credentials=PLAIN, nets=nets)
    world.first = FakeBackend(accounts=(account,))
    found = await world.chain().authenticate("eve@example.org", "secret", address=address)
    assert found == ("eve@example.org" if fits else None)
    assert await world.chain().secret("eve@example.org", SecretKind.CRAM_MD5) is None
    assert await world.chain().login_name("eve@example.org") is None  # by a token, from anywhere


async def test_a_forward_and_an_alias_of_an_account(world: World) -> None:
    forward = Alias((at("away@other.test"),))
    world.first = FakeBackend(
        accounts=(
            Account("eve@example.org", forward=forward),
            Account("adam@example.org"),
            Account("same@example.org"),
        ),
        aliases={"adam@example.org": ("a@other.test",), "same@example.org": ("same@example.org",)},
    )
    chain = world.chain()
    found = await chain.resolve(at("eve+x@example.org"))
    assert found == Alias(forward.targets, user="eve@example.org", extension="+x")
    found = await chain.resolve(at("adam@example.org"))
    assert found == Alias((at("a@other.test"),), user="adam@example.org")
    assert await chain.owns("adam@example.org", at("adam@example.org"))
    assert await chain.resolve(at("same@example.org")) == Mailbox("same@example.org")


async def test_places(world: World) -> None:
    chain = world.chain()
    assert await chain.place("mary@example.org") == MARY.place
    assert await chain.place("john@example.org") == Place()


@pytest.mark.parametrize(
    ("postmaster", "expected"),
    [
        (None, Alias((at("john@example.org"),))),  # caught, in the first domain
        ("ann@example.net", Mailbox("ann@example.net")),
        ("root@elsewhere.test", Alias((at("root@elsewhere.test"),))),
    ],
)
async def test_the_postmaster(world: World, postmaster: str | None, expected: object) -> None:
    named = None if postmaster is None else at(postmaster)
    chain = world.chain(postmaster=named)
    assert await chain.resolve(at("postmaster@example.net")) == expected


async def test_logins_of_the_embedded_directory(world: World) -> None:
    with DirectoryEditor.open(world.path, domains=("example.org",), profile=CHEAP) as editor:
        text = editor.add_app_password("john@example.org", "phone", Scope.ALL).text
    chain = world.chain()
    assert await chain.authenticate("john@example.org", "summersun") == "john@example.org"
    assert await chain.authenticate("john@example.org", text) == "john@example.org"
    assert await chain.secret("john@example.org", SecretKind.SCRAM_SHA_256) is not None
    assert not await chain.all_have_verifiers()


class Rules:
    """Says itself who may send as whom."""

    async def senders(self, key: str) -> frozenset[str] | None:
        said = {
            "sales@example.net": frozenset({"ann@example.net"}),
            "closed@example.net": frozenset(),
        }
        return said.get(key)


async def test_whoever_owns_an_address_is_in_the_list_of_its_owners(world: World) -> None:
    with DirectoryEditor.open(world.path, domains=("example.org",), profile=CHEAP) as editor:
        editor.grant("john@example.org", ["boss@elsewhere.test", "sales@example.net"])
    eve = Account("eve@example.net", receives=False)
    world.second.accounts["eve@example.net"] = eve
    chain = Chain(
        world.embedded,
        [Link("second", world.second, frozenset({"example.net"}), senders=Rules())],
        Plan(delimiters="+"),
    )
    it = Ownership(chain, rights=chain)
    users = ["john@example.org", "ann@example.net", "eve@example.net"]
    expected = {
        "boss@elsewhere.test": {users[0]},
        "sales+x@example.net": {users[1]},
        "sales@example.net": {users[0], users[1]},
        "closed@example.net": set(),
        "ann@example.net": {users[1]},
        "eve@example.net": {users[2]},
        "x@elsewhere.test": None,
    }
    for text, owners in expected.items():
        address = Address.parse(text)
        found = await it.owners(address)
        assert (found if found is None else set(found)) == owners, text
        assert await it.has_owner(address) is (owners is not None)
        for user in users:
            assert await it.owns(user, address) is (user in (owners or ())), (text, user)


class Ignoring(FakeBackend):
    """Compares as a database may: characters that are no letters count for nothing."""

    async def has_domain(self, domain: str) -> bool:
        return await super().has_domain(_letters(domain))

    async def account(self, name: str) -> Account | None:
        found = await super().account(_letters(name))
        return found and replace(found, name=name)

    async def alias(self, source: str) -> Alias | None:
        return await super().alias(_letters(source))

    async def senders(self, source: str) -> frozenset[str] | None:
        return frozenset({"ann@example.net"}) if _letters(source) == "@example.net" else None


def _letters(text: str) -> str:
    return "".join(each for each in text if each.isascii())


@pytest.mark.parametrize("mark", ["\u0301", "\u20dd", "\u200d", "\ufffd"])
@pytest.mark.parametrize("name", ["ann@{}example.net", "info@ex{}ample.net", "who@example.net{}"])
async def test_a_domain_without_an_a_label_is_nobodys(world: World, mark: str, name: str) -> None:
    world.second = Ignoring(
        accounts=(ANN,),
        aliases={
            "info@example.net": ("ann@example.net",),
            "@example.net": ("ann@example.net",),
        },
        domains=("example.net",),
    )
    chain = Chain(world.embedded, [Link("second", world.second, senders=world.second)], Plan())
    address = at(name.format(mark))
    assert await chain.standing("example.net") is Standing.LOCAL
    assert await chain.standing(address.domain) is None
    assert await chain.resolve(address) == Unknown()
    assert await chain.authenticate(str(address), "secret") is None
    assert await chain.login_name(str(address)) is None
    assert await chain.secret(str(address), SecretKind.CRAM_MD5) is None
    assert await chain.account(str(address)) is None
    assert await chain.account(str(address), "second") is None
    assert await chain.place(str(address)) == Place()
    assert await chain.senders(address) is None
    assert not await chain.owns("ann@example.net", address)
    assert await chain.senders(at("who@example.net")) == {"ann@example.net"}
    assert await chain.authenticate("ann@example.net", "secret") == "ann@example.net"


@pytest.mark.parametrize(
    "plan",
    [
        Plan(domains={"example.org": DomainPlan(directories=("embedded", "first"))}),
        Plan(order=("embedded", "first")),
    ],
)
async def test_who_is_not_asked_about_a_domain_says_not_who_sends_there(
    world: World, plan: Plan
) -> None:
    class Claiming:
        async def senders(self, source: str) -> frozenset[str] | None:
            world.second._note(source)
            return frozenset({"evil@example.net"})

    links = [Link("first", world.first), Link("second", world.second, senders=Claiming())]
    chain = Chain(world.embedded, links, plan)
    it, mary = Ownership(chain, rights=chain), at("mary@example.org")
    for away in (False, True):
        world.second.away = away
        assert not await it.owns("evil@example.net", mary)
        assert await it.owns("mary@example.org", mary)
        assert await it.owners(mary) == ("mary@example.org",)


async def test_who_is_not_in_the_order_has_no_domain(world: World) -> None:
    chain = world.chain(order=("embedded", "first"))
    assert await chain.standing("example.net") is None
    assert world.second.asked == []
    chain = world.chain(first=("example.com",), order=("embedded", "second"))
    assert await chain.standing("example.com") is None
    assert await chain.standing("example.net") is Standing.LOCAL


async def test_the_names_under_which_logins_count(world: World) -> None:
    with DirectoryEditor.open(world.path, domains=("example.org",), profile=CHEAP) as editor:
        editor.add_domain("alias.example", alias_of="example.org")
    alone = Chain(world.embedded)
    for name in ("John@Example.ORG", "john@alias.example", "john@ALIAS.example"):
        assert await alone.login_names(name) == ("john@example.org",)
    assert await alone.login_names("Nobody@alias.example") == ("nobody@example.org",)
    assert await alone.login_names("John") == ("john",)

    # A directory that drops the domain, as `username_format = "%n"` does.
    world.first.keys = lambda login: f"{login.partition('@')[0]}@example.org"
    spellings = dict.fromkeys(("mary", "mary@a.example", "mary@b.example"), "mary@example.org")
    world.first.logins = spellings
    chain = world.chain()
    for name in spellings:
        names = await chain.login_names(name)
        assert names[0] == "mary@example.org"
    for domain in ("a.example", "b.example"):
        names = await chain.login_names(f"nobody@{domain}")
        assert set(names) == {f"nobody@{domain}", "nobody@example.org"}
    world.first.away = True
    with pytest.raises(DirectoryUnavailable):
        await chain.login_names("mary@a.example")
