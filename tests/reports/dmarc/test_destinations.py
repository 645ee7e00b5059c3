"""Where reports go: who is asked for, who agrees, and how large they may be."""

from __future__ import annotations

import asyncio

import pytest

from dmarc_report_world import Zone
from postroad.net.dns import DnsTemporary, RecordType
from postroad.reports.dmarc.destinations import MOST_DESTINATIONS, Destinations, destination
from postroad.reports.endpoint import Endpoint
from postroad.reports.kind import Wanted

AGREES = "v=DMARC1"
OTHER = "bank.example._report._dmarc.reports.test"


async def wanted(rua: str, way: str = "tree-walk", **texts: str | tuple[str, ...]) -> Wanted | None:
    zone = Zone({"_dmarc.bank.example": f"v=DMARC1; p=none; rua={rua}", **texts})
    return await Destinations(zone, way).wanted("bank.example")  # type: ignore[arg-type]


async def targets(rua: str, way: str = "tree-walk", **texts: str | tuple[str, ...]) -> list[str]:
    found = await wanted(rua, way, **texts)
    assert found is not None
    return [each.target for each in found.endpoints]


async def why(rua: str, **texts: str | tuple[str, ...]) -> str:
    found = await wanted(rua, **texts)
    assert found is not None
    assert found.endpoints == ()
    ((_, words),) = found.refused
    return words


@pytest.mark.parametrize(
    ("uri", "most"),
    [
        ("mailto:d@bank.example", None),
        ("MailTo:d@bank.example", None),
        ("mailto:d@bank.example?subject=x", None),
        ("mailto:d@bank.example!10m", 10 << 20),
        ("mailto:d@bank.example!10M", 10 << 20),
        ("mailto:d@bank.example!500", 500),
        ("mailto:d@bank.example!0", 0),
        ("mailto:d@bank.example!2k", 2048),
        ("mailto:d@bank.example!1g", 1 << 30),
        ("mailto:d@bank.example!1t", 1 << 40),
        ("mailto:%64@bank.example!1t", 1 << 40),
    ],
)
def test_what_a_uri_means(uri: str, most: int | None) -> None:
    assert destination(uri) == Endpoint("mailto", uri, "d@bank.example", most)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("https://bank.example/dmarc", "reports go by mail only"),
        ("mailto:", "it is no address that mail can be sent to"),
        ("mailto:nobody", "it is no address that mail can be sent to"),
        ("mailto:a@bank.example,b@bank.example", "it is no address that mail can be sent to"),
        ("mailto:%0d%0aBcc:x@bank.example", "it is no address that mail can be sent to"),
        ("mailto:%c3%a4@bank.example", "it is no address that mail can be sent to"),
        ("mailto:d@bank.example!", "its size limit cannot be read"),
        ("mailto:d@bank.example!10x", "its size limit cannot be read"),
        ("mailto:d@bank.example!-1", "its size limit cannot be read"),
        (f"mailto:d@bank.example!{'9' * 30}", "its size limit cannot be read"),
        (f"mailto:{'d' * 2000}@bank.example", "it is no address that mail can be sent to"),
    ],
)
def test_what_is_no_destination(uri: str, words: str) -> None:
    assert destination(uri) == words


async def test_addresses_of_the_domain_and_of_its_organization() -> None:
    assert await targets("mailto:a@bank.example,mailto:b@dmarc.bank.example") == [
        "a@bank.example",
        "b@dmarc.bank.example",
    ]
    zone = Zone(
        {
            "_dmarc.news.bank.example": "v=DMARC1; p=none; rua=mailto:d@bank.example",
            "_dmarc.bank.example": "v=DMARC1; p=none",
        }
    )
    found = await Destinations(zone, "tree-walk").wanted("news.bank.example")
    assert found is not None
    assert [each.target for each in found.endpoints] == ["d@bank.example"]


async def test_by_the_suffix_list() -> None:
    assert await targets("mailto:b@dmarc.bank.example", "suffix-list") == ["b@dmarc.bank.example"]


@pytest.mark.parametrize(
    "text", ["v=DMARC1", "v=DMARC1;", "v=DMARC1; p=none", "v=DMARC1; p=frob", " v = DMARC1 ; x=y"]
)
async def test_others_that_agree(text: str) -> None:
    assert await targets("mailto:d@reports.test", **{OTHER: text}) == ["d@reports.test"]


@pytest.mark.parametrize("texts", [(), ("",), ("v=DMARC2",), ("hello",), ("p=none; v=DMARC1",)])
async def test_others_that_do_not_agree(texts: tuple[str, ...]) -> None:
    words = await why("mailto:d@reports.test", **{OTHER: texts})
    assert words == f"reports.test does not agree: there is no record at {OTHER}"


async def test_whoever_agrees_for_all_is_a_record_like_any_other() -> None:
    assert await targets("mailto:d@reports.test", **{OTHER: ("x", AGREES, "v=DMARC1; p=none")})


async def test_a_record_may_name_another_address_of_its_host() -> None:
    texts = {OTHER: "v=DMARC1; rua=mailto:new@reports.test!1k"}
    found = await wanted("mailto:d@reports.test", **texts)
    assert found is not None
    assert found.endpoints == (
        Endpoint("mailto", "mailto:new@reports.test!1k", "new@reports.test", 1024),
    )


@pytest.mark.parametrize(
    "rua",
    [
        "mailto:victim@elsewhere.test",
        "mailto:d@reports.test,mailto:victim@elsewhere.test",
        "mailto:d@sub.reports.test",
        "https://reports.test/",
    ],
)
async def test_and_of_no_other_host(rua: str) -> None:
    words = await why("mailto:d@reports.test", **{OTHER: f"v=DMARC1; rua={rua}"})
    assert words == f"the record at {OTHER} names addresses that are not at reports.test"


async def test_a_name_that_would_be_too_long() -> None:
    host = ".".join(["x" * 60] * 3 + ["reports.test"])
    assert (
        await why(f"mailto:d@{host}")
        == (f"{host} cannot agree: the name of its record would be too long")
        or len(host) + len("bank.example._report._dmarc.") <= 253
    )
    domain = ".".join(["y" * 50] * 3 + ["example"])
    zone = Zone({f"_dmarc.{domain}": f"v=DMARC1; p=none; rua=mailto:d@{host}"})
    found = await Destinations(zone, "tree-walk").wanted(domain)
    assert found is not None
    assert "too long" in found.refused[0][1]
    assert max(map(len, zone.asked)) <= 253


@pytest.mark.parametrize(
    "texts",
    [(), ("v=DMARC1; p=none",), ("v=spf1 -all",), ("v=DMARC1; rua=mailto:a@bank.example",) * 2],
)
async def test_who_wants_none(texts: tuple[str, ...]) -> None:
    zone = Zone({"_dmarc.bank.example": texts})
    assert await Destinations(zone, "tree-walk").wanted("bank.example") is None


async def test_what_cannot_be_served_is_said_and_the_rest_is() -> None:
    found = await wanted("https://bank.example/,mailto:d@bank.example,mailto:x@reports.test")
    assert found is not None
    assert [each.target for each in found.endpoints] == ["d@bank.example"]
    assert [uri for uri, _ in found.refused] == ["https://bank.example/", "mailto:x@reports.test"]


async def test_the_same_address_gets_one_and_not_everybody_does() -> None:
    assert await targets("mailto:d@bank.example,mailto:D@BANK.example!1m") == ["d@bank.example"]
    many = ",".join(f"mailto:d{number}@bank.example" for number in range(20))
    found = await wanted(many)
    assert found is not None
    assert len(found.endpoints) == MOST_DESTINATIONS
    assert len(found.refused) == 20 - MOST_DESTINATIONS


async def test_without_the_record_nobody_knows() -> None:
    zone = Zone({})
    zone.broken.add("_dmarc.bank.example")
    with pytest.raises(DnsTemporary):
        await Destinations(zone, "tree-walk").wanted("bank.example")


@pytest.mark.parametrize("name", ["_dmarc.reports.test", OTHER])
async def test_who_gives_no_answer_keeps_nobody_else_from_theirs(name: str) -> None:
    rua = "mailto:d@reports.test,mailto:d@bank.example"
    zone = Zone({"_dmarc.bank.example": f"v=DMARC1; p=none; rua={rua}", OTHER: AGREES})
    zone.broken.add(name)
    found = await Destinations(zone, "tree-walk").wanted("bank.example")
    assert found is not None
    assert [each.target for each in found.endpoints] == ["d@bank.example"]
    assert found.refused == ()
    assert found.unsure == (("mailto:d@reports.test", f"{name}: not to be looked up now"),)


async def test_slow_name_servers_have_so_much_time_in_all() -> None:
    class Slow(Zone):
        async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
            if name.endswith(".test"):
                await asyncio.Event().wait()
            return await super().records(name, kind)

    rua = ",".join(f"mailto:d@{n}.slow.test" for n in range(9)) + ",mailto:d@bank.example"
    zone = Slow({"_dmarc.bank.example": f"v=DMARC1; p=none; rua={rua}"})
    found = await Destinations(zone, "tree-walk", patience=0.0).wanted("bank.example")
    assert found is not None
    assert [each.target for each in found.endpoints] == ["d@bank.example"]
    assert [words for _, words in found.unsure] == ["no time is left to look it up now"] * 9
