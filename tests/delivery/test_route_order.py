"""The precedence of routes, and the keys under which tables are asked."""

from __future__ import annotations

import pytest

from postroad.delivery.nexthop import Nexthop, split_login
from postroad.delivery.route_tables import recipient_keys, sender_keys
from postroad.delivery.routing import Route, RouteMistake, Router, Ways
from postroad.delivery.transport_settings import RoutingSettings
from postroad.delivery.ways import BUILT_IN
from postroad.directory import Standing
from postroad.directory.files.alias_file import PROGRAM_DOMAIN
from postroad.model import Address, ContentFilter
from postroad.tables import TableUnavailable

KINDS = {**BUILT_IN, "bulk": "smtp", "program": "pipe"}


class Ours:
    async def standing(self, domain: str) -> Standing | None:
        return Standing.LOCAL if domain == "example.org" else None


class Written:
    """Tables by name; what is looked up is kept in order."""

    def __init__(self, **tables: dict[str, str]) -> None:
        self.tables = tables
        self.asked: list[str] = []

    async def find(self, table: str, key: str) -> str | None:
        self.asked.append(key)
        if table == "broken":
            raise TableUnavailable("the server is away")
        return self.tables[table].get(key.lower())

    def takes_parts(self, table: str) -> bool:
        return table != "patterns"


async def routed(to: str = "a@example.net", *, sender: str = "", listener: str = "", **options):
    tables = options.pop("tables", None)
    content_filter = options.pop("content_filter", None)
    smarthost = options.pop("smarthost", "")
    capture = options.pop("capture", False)
    mailbox = options.pop("mailbox", "maildir")
    outside = {
        key: options.pop(key)
        for key in ("listeners", "sender_smarthosts", "sender_logins", "nexthops")
        if key in options
    }
    ways = Ways(routing=RoutingSettings(**options), kinds=KINDS, delimiters="+", **outside)
    router = Router(
        Ours(), mailbox=mailbox, smarthost=smarthost, capture=capture, ways=ways, tables=tables
    )
    whose = Address.parse(sender) if sender else None
    return await router.route(Address.parse(to), content_filter, sender=whose, listener=listener)


def table(**entries: str) -> Written:
    return Written(one={key.replace("_at_", "@"): value for key, value in entries.items()})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"capture": True},
        {"smarthost": "[s]"},
        {"default_transport": "error:no"},
        {"transport": ("one",), "tables": Written(one={"*": "smtp:[x]"})},
    ],
)
async def test_what_aliases_run_goes_no_other_way(options):
    found = await routed(f"0123@{PROGRAM_DOMAIN}", **options)
    assert found == Route("alias-programs", PROGRAM_DOMAIN)


async def test_the_keys_of_a_recipient():
    keys = [key for key, _ in recipient_keys(Address.parse("John+Lists@a.b.example.NET"), "+")]
    assert keys == [
        "John+Lists@a.b.example.net",
        "john@a.b.example.net",
        "a.b.example.net",
        ".b.example.net",
        ".example.net",
        ".net",
        "*",
    ]


def test_the_keys_of_a_sender():
    keys = [key for key, _ in sender_keys(Address.parse("John+x@Example.net"), "+")]
    assert keys == ["John+x@example.net", "john@example.net", "@example.net"]
    assert [key for key, _ in sender_keys(None, "+")] == ["<>"]


async def test_patterns_are_shown_no_parts():
    tables = Written(patterns={}, one={})
    await routed("a+b@x.example.net", transport=("patterns", "one"), tables=tables)
    assert tables.asked.count("a+b@x.example.net") == 2
    assert tables.asked.count("*") == 2
    assert tables.asked.count("x.example.net") == 1


ROUTES = [
    ({}, Route("smtp", "example.net")),
    ({"smarthost": "[s]:587"}, Route("smtp", "[s]:587")),
    ({"default_transport": "bulk"}, Route("bulk", "example.net")),
    ({"default_transport": "bulk", "smarthost": "[s]"}, Route("bulk", "[s]")),
    ({"default_transport": "bulk:[b]", "smarthost": "[s]"}, Route("bulk", "[b]")),
    ({"default_transport": "bulk", "nexthops": {"bulk": "[n]"}}, Route("bulk", "[n]")),
    ({"default_transport": "error:no"}, Route("error", "no")),
    ({"default_transport": "program"}, Route("program", "example.net")),
    ({"relay_domains": ("example.net",)}, Route("relay", "example.net")),
    ({"relay_domains": (".net",)}, Route("relay", "example.net")),
    ({"relay_domains": ("net",)}, Route("smtp", "example.net")),
    ({"relay_domains": ("example.net",), "smarthost": "[s]"}, Route("relay", "[s]")),
    (
        {"relay_domains": ("example.net",), "default_transport": "bulk", "listener": "l"},
        Route("relay", "example.net"),
    ),
    ({"listeners": {"l": "bulk"}, "listener": "l"}, Route("bulk", "example.net")),
    ({"listeners": {"l": "bulk:[x]"}, "listener": "l", "smarthost": "[s]"}, Route("bulk", "[x]")),
    ({"listeners": {"l": "bulk"}, "listener": "other"}, Route("smtp", "example.net")),
    ({"capture": True}, Route("capture", "capture")),
    ({"capture": True, "default_transport": "program"}, Route("capture", "capture")),
    ({"capture": True, "default_transport": "error:no"}, Route("error", "no")),
]


@pytest.mark.parametrize(("options", "route"), ROUTES)
async def test_without_tables(options, route):
    assert await routed(**options) == route


SENDERS = [
    ({"j@example.org": "bulk:"}, "j@example.org", Route("bulk", "[s]")),
    ({"j@example.org": "bulk:[x]"}, "j+ext@example.org", Route("bulk", "[x]")),
    ({"@example.org": "bulk:"}, "j@example.org", Route("bulk", "[s]")),
    ({"@example.org": "DUNNO"}, "j@example.org", Route("smtp", "[s]")),
    ({"<>": "bulk:"}, "", Route("bulk", "[s]")),
    ({"<>": "bulk:"}, "j@example.org", Route("smtp", "[s]")),
]


@pytest.mark.parametrize(("entries", "sender", "route"), SENDERS)
async def test_the_transport_of_a_sender(entries, sender, route):
    tables = Written(one=entries)
    found = await routed(
        sender=sender,
        sender_transport=("one",),
        tables=tables,
        smarthost="[s]",
        listener="l",
    )
    assert found == route


async def test_a_senders_transport_goes_over_the_listeners():
    tables = Written(one={"@example.org": "program:"})
    options = {"sender_transport": ("one",), "tables": tables, "listeners": {"l": "bulk"}}
    assert (await routed(sender="j@example.org", listener="l", **options)).transport == "program"
    assert (await routed(sender="j@example.com", listener="l", **options)).transport == "bulk"


@pytest.mark.parametrize(
    ("entries", "nexthop"),
    [
        ({"@example.org": "[own]:587"}, "[own]:587"),
        ({"@example.org": "dunno"}, "[s]"),
        ({}, "[s]"),
    ],
)
async def test_the_smarthost_of_a_sender(entries, nexthop):
    found = await routed(
        sender="j@example.org",
        sender_smarthosts=("one",),
        tables=Written(one=entries),
        smarthost="[s]",
    )
    assert found == Route("smtp", nexthop)


OVERRIDES = [
    ("a@example.net", {"example.net": "bulk:"}, Route("bulk", "example.net")),
    ("a@example.net", {"example.net": ":[x]"}, Route("smtp", "[x]")),
    ("a@example.net", {"example.net": ":"}, Route("smtp", "[s]")),
    ("a@example.net", {"example.net": "bulk:[X]:26"}, Route("bulk", "[x]:26")),
    ("a@example.net", {"*": "bulk:"}, Route("bulk", "example.net")),
    ("a@example.net", {"a@example.net": "error:5.1.1 No"}, Route("error", "5.1.1 No")),
    (
        "a@example.net",
        {"example.net": "retry:"},
        Route("retry", "Address is undeliverable"),
    ),
    ("a@sub.example.net", {".example.net": "bulk:"}, Route("bulk", "sub.example.net")),
    ("a@sub.example.net", {"example.net": "bulk:"}, Route("smtp", "[s]")),
    ("a@example.org", {"example.org": "bulk:[x]"}, Route("bulk", "[x]")),
    ("a@example.org", {"b@example.org": "bulk:[x]"}, Route("local", "example.org")),
    ("a@example.org", {"*": "program:"}, Route("program", "example.org")),
]


@pytest.mark.parametrize(("to", "entries", "route"), OVERRIDES)
async def test_a_transport_table_goes_over_all(to, entries, route):
    tables = Written(one=entries)
    assert await routed(to, transport=("one",), tables=tables, smarthost="[s]") == route


async def test_where_mail_is_caught_a_table_lets_nothing_out():
    tables = Written(one={"*": "bulk:[x]"})
    for to in ("a@example.net", "a@example.org"):
        found = await routed(to, transport=("one",), tables=tables, capture=True)
        assert found == Route("capture", "capture")


async def test_the_first_table_has_the_word_for_each_key():
    tables = Written(first={"example.net": ":[x]"}, second={"a@example.net": ":[y]"})
    found = await routed(transport=("first", "second"), tables=tables)
    assert found == Route("smtp", "[y]"), "the whole address is asked for in both first"


async def test_a_table_that_cannot_answer_is_no_answer():
    with pytest.raises(TableUnavailable):
        await routed(transport=("broken",), tables=Written())


@pytest.mark.parametrize("value", ["nowhere:[x]", "smtp:[x", "smtp:a!b"])
async def test_an_entry_that_is_no_way_is_no_route(value):
    with pytest.raises(RouteMistake):
        await routed(transport=("one",), tables=Written(one={"*": value}))


async def test_the_login_of_a_sender_is_part_of_the_next_hop():
    tables = Written(one={"j@example.org": "u:p", "@example.com": "v:q"})
    options = {"sender_logins": ("one",), "tables": tables, "smarthost": "[s]:587"}
    assert (await routed(sender="j@example.org", **options)).nexthop == "j@example.org/[s]:587"
    assert (await routed(sender="x@example.com", **options)).nexthop == "@example.com/[s]:587"
    assert (await routed(sender="k@example.org", **options)).nexthop == "[s]:587"
    assert (await routed(**options)).nexthop == "[s]:587"
    assert (await routed("a@example.org", sender="j@example.org", **options)).nexthop == (
        "example.org"
    )


async def test_a_filter_of_the_operators():
    through = ContentFilter("program", "x")
    assert await routed(content_filter=through) == Route("program", "x")
    with pytest.raises(RouteMistake):
        await routed(content_filter=ContentFilter("gone", ""))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("example.net", ["example.net"]),
        ("[a]:587,[b]:587", ["[a]:587", "[b]:587"]),
        ("[a]:587, b [2001:db8::1]:25", ["[a]:587", "b", "[2001:db8::1]:25"]),
        ("[a]*3,[b]*1,c", ["[a]", "[b]", "c"]),
        ("j@example.org/[a]:587", ["[a]:587"]),
        ('"a/b,c"@example.org/[a]', ["[a]"]),
    ],
)
def test_the_parts_of_a_next_hop(text, parts):
    assert [str(part) for part in Nexthop.parse_list(text)] == parts


def test_weights_and_logins():
    assert [part.weight for part in Nexthop.parse_list("[a]*3,[b]*1,c")] == [3, 1, 0]
    assert split_login("j@example.org/[a],[b]") == ("j@example.org", "[a],[b]")
    assert split_login("[a]") == ("", "[a]")
