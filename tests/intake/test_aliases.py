"""Alias expansion: chains, loops, duplicates, other domains, and limits."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from postroad.directory import Alias, Mailbox, Unknown
from postroad.intake.aliases import AliasLimitError, expand
from postroad.model import SAME, Action, Address, Addressee, Notify, Recipient


class Book:
    """A directory of one domain: mailboxes, and aliases by local part."""

    def __init__(
        self, mailboxes: str, aliases: Mapping[str, str], *, accounts: bool = False
    ) -> None:
        self.accounts = accounts  # whether each alias is an account that passes its mail on
        self.lists: set[str] = set()  # those of them that are none
        self.mailboxes = set(mailboxes.split())
        self.aliases = {name: tuple(map(parse, to.split())) for name, to in aliases.items()}

    async def is_local(self, domain: str) -> bool:
        return domain in ("example.org", "alias.example")

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        name = address.local.lower() if address.domain else "john"
        if name in self.aliases:
            is_account = self.accounts and name not in self.lists
            user = f"{name}@example.org" if is_account else ""
            return Alias(self.aliases[name], user=user)
        stands_for = "example.org" if address.domain == "alias.example" else ""
        plain = name.partition("+")[0]
        found = plain in self.mailboxes
        return Mailbox(f"{plain}@example.org", stands_for) if found else Unknown()


def parse(text: str) -> Address:
    return Address.parse(text if "@" in text else f"{text}@example.org")


@pytest.mark.parametrize(
    ("aliases", "recipients", "final"),
    [
        ({}, "john", "john<john"),
        ({}, "john lisa@example.com", "john<john lisa@example.com<lisa@example.com"),
        ({"info": "john anna"}, "info", "john<info anna<info"),
        ({"info": "team", "team": "john"}, "info", "john<info"),
        ({"info": "lisa@example.com"}, "info", "lisa@example.com<info"),
        ({"info": "john"}, "info john", "john<info"),
        ({"info": "JOHN john"}, "info", "JOHN<info"),
        # An alias domain: the same address by another name.
        ({}, "John@alias.example john", "John<John@alias.example"),
        ({}, "john john@alias.example", "john<john"),
        ({}, "john+x@alias.example", "john+x<john+x@alias.example"),
        ({"info": "john@alias.example john"}, "info", "john<info"),
        ({"info": "john"}, "info@alias.example john", "john<info@alias.example"),
        ({}, "nobody@alias.example", "nobody@alias.example<nobody@alias.example"),
        ({"john": "john anna"}, "john", "john<john anna<john"),
        ({"a": "b john", "b": "a"}, "a", "john<a"),
        ({"a": "b c", "b": "d john", "c": "d anna", "d": "b"}, "a", "john<a anna<a"),
        # Two ways to one alias: it is followed once, and is no mailbox for that.
        (
            {"all": "staff boss", "staff": "boss john", "boss": "anna"},
            "all",
            "john<all anna<all",
        ),
        ({"all": "john lisa", "lisa": "john anna"}, "all", "john<all anna<all"),
        # An alias that names itself is a mailbox, wherever it was met before.
        ({"all": "x john", "x": "john", "john": "john anna"}, "all", "john<all anna<all"),
        ({"info": "nobody"}, "info", "nobody<info"),
        ({"a": "john", "b": "john anna"}, "a b", "john<a anna<b"),
    ],
)
async def test_expansion(aliases: dict[str, str], recipients: str, final: str) -> None:
    book = Book("john anna", aliases)

    expanded = await expand([Recipient(parse(each)) for each in recipients.split()], book)

    pairs = [pair.split("<") for pair in final.split()]
    assert expanded == [Addressee(parse(to), parse(original)) for to, original in pairs]


S, F, D, NEVER = Notify.SUCCESS, Notify.FAILURE, Notify.DELAY, Notify.NEVER


@pytest.mark.parametrize("wants", [None, NEVER, S, S | F | D])
async def test_an_alias_with_one_target_passes_everything_on(wants: Notify | None) -> None:
    """RFC 3461 §5.2.7.3, however long the chain."""
    book = Book("john", {"info": "team", "team": "JOHN john"})

    expanded = await expand([Recipient(parse("info"), wants, "rfc822;info@old.example")], book)

    expected = Addressee(parse("JOHN"), parse("info"), wants, "rfc822;info@old.example")
    assert expanded == [expected]


@pytest.mark.parametrize(
    ("wants", "members", "is_reported"),
    [
        (None, None, False),
        (NEVER, NEVER, False),
        (F, F, False),
        (F | D, F | D, False),
        (S, NEVER, True),
        (S | F | D, F | D, True),
    ],
)
@pytest.mark.parametrize("aliases", [{"info": "john anna"}, {"info": "team", "team": "john anna"}])
async def test_a_list_keeps_success_for_itself(
    aliases: dict[str, str], wants: Notify | None, members: Notify | None, *, is_reported: bool
) -> None:
    """RFC 3461 §5.2.7.4 (b)."""
    info, orcpt = parse("info"), "rfc822;info@old.example"

    expanded = await expand([Recipient(info, wants, orcpt)], Book("john anna", aliases))

    assert expanded[:2] == [
        Addressee(parse(name), info, members, orcpt) for name in ("john", "anna")
    ]
    the_list = parse(list(aliases)[-1])
    report = Addressee(the_list, info, wants, orcpt, Action.EXPANDED)
    assert expanded[2:] == [report] * is_reported


async def test_a_list_in_a_list_is_reported_once() -> None:
    book = Book("john anna lisa", {"all": "team lisa", "team": "john anna"})

    expanded = await expand([Recipient(parse("all"), S), Recipient(parse("lisa"), S)], book)

    assert [str(one.address).partition("@")[0] for one in expanded] == [
        "lisa",
        "john",
        "anna",
        "all",
    ]
    assert [one.notify for one in expanded] == [S, NEVER, NEVER, S]
    assert [one.owed for one in expanded] == [None, None, None, Action.EXPANDED]


async def test_a_list_that_leads_nowhere_is_not_reported_as_expanded() -> None:
    book = Book("a", {"a": "b c", "b": "a", "c": "a"}, accounts=True)

    expanded = await expand([Recipient(parse("a"), S | F, "x;1")], book)

    assert expanded == [Addressee(parse("a"), parse("a"), S | F, "x;1")]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (None, None, None),
        (S, S, S),
        (NEVER, NEVER, NEVER),
        (NEVER, F, F),
        (S, D, S | D),
        (None, S, S | F),
        (NEVER, None, F),
    ],
)
async def test_two_ways_to_one_mailbox(
    one: Notify | None, other: Notify | None, both: Notify | None
) -> None:
    """The first gives the original, the wishes of both count."""
    book = Book("john", {"info": "john"})

    expanded = await expand(
        [Recipient(parse("info"), one, "x;1"), Recipient(parse("john"), other, "x;2")], book
    )

    assert expanded == [Addressee(parse("john"), parse("info"), both, "x;1")]


async def test_postmaster_without_domain_becomes_an_account() -> None:
    expanded = await expand([Recipient(Address("Postmaster", ""))], Book("john", {}))

    assert expanded == [Addressee(parse("john"), Address("Postmaster", ""))]


async def test_too_deep() -> None:
    chain = {f"a{n}": f"a{n + 1}" for n in range(50)}

    with pytest.raises(AliasLimitError, match=r"a0@.*: more than 20 aliases"):
        await expand([Recipient(parse("a0"))], Book("", chain))


async def test_too_many() -> None:
    many = {f"l{n}": " ".join(f"u{n}x{m}" for m in range(150)) for n in range(100)}
    many["all"] = " ".join(many)

    with pytest.raises(AliasLimitError, match=r"all@.*: aliases lead to more than 10000"):
        await expand([Recipient(parse("all"))], Book("", many))


async def test_too_many_of_one_are_not_looked_at() -> None:
    book = Book("", {"all": " ".join(f"u{n}" for n in range(10_001))})

    with pytest.raises(AliasLimitError, match="all@"):
        await expand([Recipient(parse("all"))], book)


@pytest.mark.parametrize(
    "names",
    [
        {"a": "b", "b": "a"},
        {"a": "b", "b": "c", "c": "b"},
        {"a": "b c", "b": "a", "c": "a"},
        {"a": "b c", "b": "c", "c": "b"},
    ],
)
async def test_aliases_that_name_only_each_other(names: dict[str, str]) -> None:
    with pytest.raises(AliasLimitError, match=r"a@.*: aliases name only each other"):
        await expand([Recipient(parse("a"))], Book("", names))


async def test_accounts_that_pass_mail_to_each_other_keep_it() -> None:
    book = Book("john anna", {"john": "anna", "anna": "john"}, accounts=True)

    expanded = await expand([Recipient(parse("john"))], book)

    assert expanded == [Addressee(parse("john"), parse("john"))]


@pytest.mark.parametrize(
    ("names", "to", "final"),
    [
        ({"team": "lisa john", "john": "anna", "anna": "john"}, "team", "lisa<team john<team"),
        ({"team": "john", "john": "anna", "anna": "john"}, "team", "john<team"),
        ({"team": "john anna", "john": "anna", "anna": "john"}, "team", "anna<team"),
        (
            {"team": "a john", "john": "john2", "john2": "john", "a": "b", "b": "a"},
            "team",
            "a<team john<team",
        ),
        ({"team": "lisa john", "john": "a", "a": "b", "b": "a"}, "team", "lisa<team a<team"),
        # Its mail comes to somebody: no copy is its own.
        ({"team": "lisa john", "john": "team"}, "team", "lisa<team"),
        ({"team": "john anna", "john": "anna", "anna": "john lisa"}, "team", "lisa<team"),
    ],
)
async def test_members_that_pass_mail_to_each_other_keep_it(
    names: dict[str, str], to: str, final: str
) -> None:
    book = Book("lisa", names, accounts=True)
    book.lists = {"team"}

    expanded = await expand([Recipient(parse(to))], book)

    assert [f"{one.address.local}<{one.original.local}" for one in expanded] == final.split()


async def test_who_names_many_recipients_names_no_aliases() -> None:
    named = [Recipient(parse(f"u{n}@example.com")) for n in range(10_005)]

    assert len(await expand(named, Book("", {}))) == len(named)


async def test_too_many_that_policy_adds() -> None:
    many = {f"l{n}": " ".join(f"u{n}x{m}@example.com" for m in range(150)) for n in range(100)}
    many["all"] = " ".join(many)

    with pytest.raises(AliasLimitError, match=r"all@.*: aliases lead to more than 10000"):
        await expand(
            [Recipient(parse("a@example.com"))], Book("", many), added=[Recipient(parse("all"))]
        )


async def test_a_recipient_with_a_reverse_path_of_its_own_keeps_it() -> None:
    book = Book("john anna lisa", {"info": "john anna", "self": "self"}, accounts=True)
    named = [
        Recipient(parse("info"), sender=parse("list+info")),
        Recipient(parse("self"), sender=parse("list+self")),
        Recipient(parse("x@example.com"), sender=parse("list+x")),
        Recipient(parse("lisa")),
    ]
    found = {each.address: each.sender for each in await expand(named, book)}
    assert found == {
        parse("john"): parse("list+info"),
        parse("anna"): parse("list+info"),
        parse("self"): parse("list+self"),
        parse("x@example.com"): parse("list+x"),
        parse("lisa"): SAME,
    }
