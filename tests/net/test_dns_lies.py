"""Name servers that lie, and what is believed of it: never more than was asked, never for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from dns_server import Liar, Lie
from postroad.net.dns import DnsQuery, DnsTemporary, Existence, Records, Resolver
from postroad.net.dns_nameserver import MOST_READ
from postroad.net.dns_query import MAX_ALIASES, MAX_OCTETS, MAX_RECORDS
from postroad.net.settings import DnsSettings

SOA = ("example.net.", 60, "IN", "SOA", "ns.example.net. root.example.net. 1 3600 600 86400 30")
SECTIONS = {"answer": 1, "authority": 2, "additional": 3}
LIMIT = 30.0  # seconds; only a silent server is waited for so long
Lying = Callable[[Lie], Awaitable[Liar]]


@pytest.fixture
async def lying() -> AsyncIterator[Lying]:
    liars: list[Liar] = []

    async def start(lie: Lie) -> Liar:
        liar = Liar(lie)
        liar.address = await liar.start()
        liars.append(liar)
        return liar

    yield start
    for liar in liars:
        liar.stop()


def query(liar: Liar, timeout: float = LIMIT) -> DnsQuery:
    made = DnsQuery(DnsSettings(servers=(liar.address,), timeout=timeout))
    made._resolver.timeout = timeout  # for a single try: nothing is asked twice for time alone
    return made


def saying(*answer: tuple[str, int, str, str, str], authority=(), rcode=dns.rcode.NOERROR) -> Lie:
    """The same answer to every question."""

    def lie(question: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(question)
        said.set_rcode(rcode)
        said.answer = [dns.rrset.from_text(*each) for each in answer]
        said.authority = [dns.rrset.from_text(*each) for each in authority]
        return said

    return lie


def aliases(targets: dict[str, str], *, addresses: dict[str, str]) -> Lie:
    """A server that leaves it to the asker to follow an alias."""

    def lie(question: dns.message.Message) -> dns.message.Message:
        name = str(question.question[0].name)
        said = dns.message.make_response(question)
        if name in targets:
            said.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", targets[name]))
        elif name in addresses:
            said.answer.append(dns.rrset.from_text(name, 60, "IN", "A", addresses[name]))
        else:
            said.authority.append(dns.rrset.from_text(*SOA))
        return said

    return lie


REFERRAL = saying(authority=[("example.net.", 60, "IN", "NS", "ns.elsewhere.example.")])


@pytest.mark.parametrize(
    "lie",
    [
        saying(("other.example.", 60, "IN", "A", "192.0.2.1")),
        saying(("mx.example.net.", 60, "IN", "AAAA", "2001:db8::1")),
        saying(
            ("mx.example.net.", 60, "IN", "CNAME", "b.example."),
            ("b.example.", 60, "IN", "CNAME", "mx.example.net."),
        ),
        saying(("mx.example.net.", 60, "IN", "CNAME", "mx.example.net.")),
        saying(("mx.example.net.", 60, "IN", "A", "192.0.2.1"), rcode=dns.rcode.NXDOMAIN),
        REFERRAL,
        saying(rcode=dns.rcode.SERVFAIL),
        saying(rcode=dns.rcode.REFUSED),
        saying(rcode=dns.rcode.NOTIMP),
        saying(rcode=dns.rcode.FORMERR),
        saying(rcode=dns.rcode.YXDOMAIN),
    ],
)
async def test_what_is_no_answer(lying: Lying, lie: Lie) -> None:
    liar = await lying(lie)
    with pytest.raises(DnsTemporary):
        await query(liar)("mx.example.net", "A")


def another_question(question: dns.message.Message) -> dns.message.Message:
    said = saying(("mx.example.net.", 60, "IN", "A", "192.0.2.1"))(question)
    said.question = dns.message.make_query("other.example.", "A").question
    return said


def another_number(question: dns.message.Message) -> dns.message.Message:
    said = saying(("mx.example.net.", 60, "IN", "A", "192.0.2.1"))(question)
    said.id ^= 1
    return said


def no_response(question: dns.message.Message) -> dns.message.Message:
    said = saying(("mx.example.net.", 60, "IN", "A", "192.0.2.1"))(question)
    said.flags &= ~dns.flags.QR
    return said


@pytest.mark.parametrize(
    "lie",
    [
        another_question,
        another_number,
        no_response,
        saying(("mx.example.net.", 60, "CH", "A", "mx.example.net. 7")),
        lambda question: b"",
        lambda question: b"\0" * 400,
        lambda question: bytes(range(256)) * 4,
        lambda question: question.to_wire()[:5],
        lambda question: saying(SOA)(question).to_wire()[:-9],
    ],
)
async def test_what_is_no_message_is_not_looked_at(lying: Lying, lie: Lie) -> None:
    """The real answer may still come, so this takes as long as a server that says nothing."""
    liar = await lying(lie)
    with pytest.raises(DnsTemporary):
        await query(liar, timeout=0.05)("mx.example.net", "A")


async def test_cut_short_over_tcp_too(lying: Lying) -> None:
    def lie(question: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(question)
        said.flags |= dns.flags.TC
        return said

    liar = await lying(lie)
    with pytest.raises(DnsTemporary):
        await query(liar)("mx.example.net", "A")
    assert liar.questions == ["udp mx.example.net. A", "tcp mx.example.net. A"]


async def test_aliases_that_the_server_does_not_follow(lying: Lying) -> None:
    targets = {f"a{at}.example.": f"a{at + 1}.example." for at in range(MAX_ALIASES - 1)}
    last = f"a{MAX_ALIASES - 1}.example."
    liar = await lying(aliases(targets, addresses={last: "192.0.2.1"}))
    expected = Records(Existence.FOUND, ("192.0.2.1",), 60, canonical=last.rstrip("."))
    assert await query(liar)("a0.example", "A") == expected
    assert len(liar.questions) == MAX_ALIASES


async def test_an_alias_of_nothing(lying: Lying) -> None:
    liar = await lying(aliases({"a.example.": "b.example.net."}, addresses={}))
    expected = Records(Existence.NO_DATA, (), 30, canonical="b.example.net")
    assert await query(liar)("a.example", "A") == expected


async def test_aliases_that_turn_in_a_circle(lying: Lying) -> None:
    circle = {"a.example.": "b.example.", "b.example.": "a.example."}
    liar = await lying(aliases(circle, addresses={}))
    with pytest.raises(DnsTemporary):
        await query(liar)("a.example", "A")
    assert len(liar.questions) == MAX_ALIASES


async def test_thousands_of_records(lying: Lying) -> None:
    many = [f"10.{at >> 8}.{at & 255}.1" for at in range(3900)]

    def lie(question: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(question)
        said.answer = [dns.rrset.from_text("mx.example.net.", 60, "IN", "A", *many)]
        return said

    liar = await lying(lie)
    records = await query(liar)("mx.example.net", "A")
    assert len(records.values) == MAX_RECORDS
    assert set(records.values) <= set(many)
    assert liar.questions[1:] == ["tcp mx.example.net. A"]


@pytest.mark.parametrize("section", ["answer", "authority", "additional"])
async def test_only_so_many_records_are_read(
    lying: Lying, section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(question: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(question)
        said.answer = [dns.rrset.from_text("example.net.", 60, "IN", "TXT", "x" * 200, "y" * 200)]
        many = [f"192.0.{at >> 8}.{at & 255}" for at in range(3000)]
        said.section_from_number(SECTIONS[section]).append(
            dns.rrset.from_text("b.example.net.", 60, "IN", "A", *many)
        )
        if section != "answer":
            said.answer.append(dns.rrset.from_text("a.example.", 60, "IN", "TXT", *["z" * 250] * 9))
        return said

    read: list[int] = []
    whole = dns.message.from_wire

    def counted(wire: bytes, **options: bool) -> dns.message.Message:
        found = whole(wire, **options)
        read.append(sum([len(each) for part in found.sections[1:] for each in part]))
        return found

    liar = await lying(lie)
    monkeypatch.setattr("postroad.net.dns_nameserver.dns.message.from_wire", counted)
    records = await query(liar)("example.net", "TXT")
    assert set(records.values) == {"x" * 200, "y" * 200}
    assert liar.questions[-1] == "tcp example.net. TXT"
    assert 0 < read[-1] <= MOST_READ


async def test_records_of_great_length(lying: Lying) -> None:
    long = " ".join(f'"{letter * 255}"' for letter in "abcdefghijklmnopqrst")

    def lie(question: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(question)
        texts = [f'{long} "{at}"' for at in range(10)]
        said.answer = [dns.rrset.from_text("example.net.", 60, "IN", "TXT", *texts)]
        return said

    liar = await lying(lie)
    records = await query(liar)("example.net", "TXT")
    assert [len(value) for value in records.values] == [5101] * 3
    assert sum(map(len, records.values)) <= MAX_OCTETS


async def test_text_cannot_end_a_line(lying: Lying) -> None:
    """It goes into replies to clients, and into the log."""
    text = r'"blocked\013\010250 2.0.0 Ok" "\000\200 \"quoted\" \\ \195\164"'
    liar = await lying(saying(("example.net.", 60, "IN", "TXT", text)))
    records = await query(liar)("example.net", "TXT")
    assert records.values == ('blocked??250 2.0.0 Ok?? "quoted" \\ ??',)


@pytest.mark.parametrize(
    ("ttl", "questions"),
    [(0, 3), (1, 2), (60, 1), (2**31 - 1, 1), (2**31, 3), (2**32 - 1, 3)],
)
async def test_times_to_live(lying: Lying, ttl: int, questions: int) -> None:
    """RFC 2181 §8: one with its first bit set is 0."""

    def lie(question: dns.message.Message) -> bytes:
        said = saying(("mx.example.net.", 7, "IN", "A", "192.0.2.1"))(question)
        octets = said.to_wire()
        at = octets.rindex((7).to_bytes(4))
        return octets[:at] + ttl.to_bytes(4) + octets[at + 4 :]

    liar, now = await lying(lie), [0.0]
    resolver = Resolver(DnsSettings(servers=(liar.address,)), lambda: now[0])
    for later in (0.0, 0.5, 1.5):
        now[0] = later
        assert await resolver.records("mx.example.net", "A") == ("192.0.2.1",)
    assert len(liar.questions) == questions
    now[0] = 86_401.0
    await resolver.records("mx.example.net", "A")
    assert len(liar.questions) == questions + 1


async def test_a_denial_holds_as_long_as_the_zone_says(lying: Lying) -> None:
    liar, now = await lying(saying(authority=[SOA], rcode=dns.rcode.NXDOMAIN)), [0.0]
    resolver = Resolver(DnsSettings(servers=(liar.address,)), lambda: now[0])
    for later, questions in ((0.0, 1), (29.0, 1), (31.0, 2)):
        now[0] = later
        assert await resolver.records("absent.example.net", "TXT") == ()
        assert len(liar.questions) == questions
