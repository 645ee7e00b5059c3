"""A session as a milter hears of it: what it is told, what becomes of what it answers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fake_milter import FakeMilter, packet, serving
from postroad.filters.milter.opening import build
from postroad.filters.milter.setup import Way
from postroad.filters.settings import FilterSettings, OnFailure
from postroad.filters.stages import (
    Began,
    Connected,
    Denied,
    Greeted,
    Listening,
    Misspoke,
    Named,
    Stage,
    Started,
)
from postroad.model import (
    Address,
    Client,
    Endpoint,
    Envelope,
    Login,
    Notify,
    Recipient,
    Reply,
    TlsSession,
)
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.journal import Event
from postroad.model.letter import Finding, Letter, Opinion, Origin
from postroad.spool import Aside

JOHN, JANE = Address("john", "example.org"), Address("jane", "example.org")
CLIENT = Client("192.0.2.7", 4711, "peer.example", "peer.example")
CONNECTED = Connected(CLIENT, Endpoint("198.51.100.1", 25), "mx", trusted=False)
HELLO = Greeted("peer.example", None)
MAIL = Began(Envelope(Address("ann", "example.com")), None, 1000)
RCPT = Named(Recipient(JOHN))
DATA = Started("4FooBar")
TALK = (CONNECTED, HELLO, MAIL, RCPT, DATA)
HEADER = (
    b"Received: from peer.example\r\n\tby mail.example.org; today\r\n"
    b"From: ann@example.com\r\n"
    b"Subject:  two\r\n lines\r\n"
    b"To:john@example.org\r\n"
)
LETTER = Letter(
    queue_id="4FooBar",
    envelope=MAIL.envelope,
    recipients=(RCPT.recipient,),
    origin=Origin.OUTSIDE,
    fields=Fields.of(HEADER),
    body=Octets(b"Hello\r\n.\r\n"),
    client=CLIENT,
    hello="peer.example",
)
LATER = Reply.of(451, "4.7.1", "Service unavailable - try again later")
REJECTED = Reply.of(550, "5.7.1", "Command rejected")
CLOSING = Reply.of(421, "4.7.0", "Server closing connection")


class World:
    """A milter, and a session that it hears of."""

    def __init__(
        self,
        place: str,
        *,
        way: Way | None = None,
        aside: Callable[[], Aside] | None = None,
        **settings: object,
    ) -> None:
        self.events: list[Event] = []
        known = FilterSettings(kind="milter", socket=place, **settings)  # type: ignore[arg-type]
        self.milter = build(
            known,
            "scan",
            hostname="mail.example.org",
            version="Postroad 1",
            origin="example.org",
            message_size=100_000,
            journal=self.events.append,
            way=way,
            aside=aside,
        )
        self.listening: Listening = self.milter.session()

    async def hear(self, *stages: Stage) -> list[Reply | None]:
        return [await self.listening.heard(stage) for stage in stages]

    async def examine(self, letter: Letter = LETTER) -> Opinion:
        (examiner,) = self.listening.examiners
        return await examiner.examine(letter)

    async def message(self, letter: Letter = LETTER) -> Opinion:
        assert await self.hear(*TALK) == [None] * 5
        return await self.examine(letter)


@asynccontextmanager
async def world(milter: FakeMilter, tmp_path: Path, **settings: object) -> AsyncIterator[World]:
    folder = tmp_path / "aside"
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(1) as executor:
        async with serving(milter, tmp_path / "s") as place:
            usual = {"aside": lambda: Aside(folder, executor)}
            made = World(place, **{**usual, **settings})  # type: ignore[arg-type]
            async with ended(milter, made):
                yield made


@asynccontextmanager
async def ended(milter: FakeMilter, session: World) -> AsyncIterator[None]:
    """Both have let go of the connection when this is over."""
    try:
        yield
    finally:
        await session.listening.close()
    async with asyncio.timeout(30):
        await milter.ended.wait()


async def test_it_is_told_all_in_order(tmp_path: Path) -> None:
    milter = FakeMilter()

    async with world(milter, tmp_path) as session:
        opinion = await session.message()
        session.listening.forget()

    assert opinion == Opinion(findings=(Finding("scan", "pass", ""),))
    assert milter.heard == [
        b"O" + struct.pack("!III", 6, 0x1FF, 0x1FFFFF),
        b"Cpeer.example\x004" + struct.pack("!H", 4711) + b"192.0.2.7\0",
        b"Hpeer.example\0",
        b"M<ann@example.com>\0SIZE=1000\0",
        b"R<john@example.org>\0",
        b"T",
        b"LFrom\0ann@example.com\0",
        b"LSubject\0 two\n lines\0",
        b"LTo\0john@example.org\0",
        b"N",
        b"BHello\r\n.\r\n",
        b"E",
        b"Q",
    ]


async def test_macros_have_the_names_of_postfix(tmp_path: Path) -> None:
    milter = FakeMilter()
    tls = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
    stages = (
        CONNECTED._replace(origin_name="ORIGINATING"),
        Greeted("peer.example", tls),
        MAIL._replace(login=Login("john@example.org", "PLAIN")),
        RCPT,
        DATA,
    )

    async with world(milter, tmp_path) as session:
        await session.hear(*stages)
        await session.examine()

    assert dict(milter.macros) == {
        "C": {
            "j": "mail.example.org",
            "{daemon_name}": "ORIGINATING",
            "{daemon_addr}": "198.51.100.1",
            "{daemon_port}": "25",
            "v": "Postroad 1",
            "_": "peer.example [192.0.2.7]",
        },
        "H": {
            "{tls_version}": "TLSv1.3",
            "{cipher}": "TLS_AES_256_GCM_SHA384",
            "{cipher_bits}": "256",
        },
        "M": {
            "{auth_type}": "PLAIN",
            "{auth_authen}": "john@example.org",
            "{mail_addr}": "ann@example.com",
            "{mail_host}": "example.com",
        },
        "R": {"{rcpt_addr}": "john@example.org", "{rcpt_host}": "example.org"},
        "T": {"i": "4FooBar"},
        "N": {"i": "4FooBar"},
        "E": {"i": "4FooBar"},
    }


async def test_values_of_the_operators_stand_where_there_are_none(tmp_path: Path) -> None:
    milter = FakeMilter()
    names = ("i", "{auth_type}", "{cipher}", "{mail_addr}", "{own}")
    values = {"i": "none yet", "{auth_type}": "none", "{cipher}": "clear", "{mail_addr}": "nobody"}
    lists = {"mail": names, "data": ("i",)}
    bounce = Began(Envelope(None), None, 1000)

    async with world(
        milter, tmp_path, macros=lists, macro_values={**values, "own": "1", "{v}": "2"}
    ) as session:
        await session.hear(CONNECTED, HELLO, bounce, RCPT)
        told = milter.macro("M")
        await session.hear(DATA)

    assert milter.macro("C")["v"] == "2"
    assert told == {**values, "{own}": "1"}
    assert milter.macro("T") == {"i": "4FooBar"}


async def test_lists_of_macros_are_the_operators_and_then_the_milters(tmp_path: Path) -> None:
    symbols = struct.pack("!I", 3) + b"{rcpt_addr} {client_ptr} x\0"
    milter = FakeMilter(symbols=symbols)
    macros = {"rcpt": ("i",), "data": ("i", "{client_resolve}", "{team}")}

    async with world(
        milter, tmp_path, macros=macros, macro_values={"{team}": "red", "j": "not ours"}
    ) as session:
        await session.hear(*TALK)

    assert milter.macro("R") == {"{rcpt_addr}": "john@example.org", "{client_ptr}": "peer.example"}
    assert milter.macro("T") == {"i": "4FooBar", "{client_resolve}": "OK", "{team}": "red"}
    assert milter.macro("C")["j"] == "mail.example.org"


@pytest.mark.parametrize(
    ("steps", "letters"),
    [
        (0, "OCHMRTLLLNBEQ"),
        (0x01 | 0x02 | 0x04 | 0x08, "OTLLLNBEQ"),
        (0x10 | 0x20 | 0x40 | 0x200, "OCHMREQ"),
        (0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x40000 | 0x80000, "OCHMRTLLLNBEQ"),
    ],
)
async def test_it_is_not_told_what_it_does_not_want(
    tmp_path: Path, steps: int, letters: str
) -> None:
    milter = FakeMilter(steps=steps)

    async with world(milter, tmp_path) as session:
        assert (await session.message()).findings == (Finding("scan", "pass", ""),)

    assert milter.letters == letters


@pytest.mark.parametrize(
    ("version", "steps", "letters"),
    [(2, 0x7F, "OCHMRLLLNBEQ"), (3, 0x17F, "OCHMRLLLNBEQ"), (4, 0x3FF, "OCHMRTLLLNBEQ")],
)
async def test_old_versions_have_fewer_steps(
    tmp_path: Path, version: int, steps: int, letters: str
) -> None:
    milter = FakeMilter(version=version, actions=0x3F)

    async with world(milter, tmp_path, protocol=version) as session:
        await session.message()

    assert milter.heard[0] == b"O" + struct.pack("!III", version, 0x3F, steps)
    assert milter.letters == letters


async def test_a_large_body_comes_in_chunks_until_it_has_seen_enough(tmp_path: Path) -> None:
    body = Octets(b"x" * 200_000)
    everything, enough = FakeMilter(), FakeMilter({b"B": packet(b"s")})

    async with world(everything, tmp_path) as session:
        await session.message(replace(LETTER, body=body))
    async with world(enough, tmp_path) as session:
        await session.message(replace(LETTER, body=body))

    sizes = [len(each) - 1 for each in everything.heard if each[:1] == b"B"]
    assert sizes == [65_535, 65_535, 65_535, 3_395]
    assert enough.letters.count("B") == 1


async def test_blanks_are_told_to_who_asks_for_them(tmp_path: Path) -> None:
    milter = FakeMilter({b"E": packet(b"hX-New\0\tvalue\0") + packet(b"c")}, steps=0x100000)

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert [each for each in milter.heard if each[:1] == b"L"] == [
        b"LFrom\0 ann@example.com\0",
        b"LSubject\0  two\n lines\0",
        b"LTo\0john@example.org\0",
    ]
    assert opinion.fields is not None
    assert opinion.fields.octets == HEADER + b"X-New:\tvalue\r\n"


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (packet(b"r"), REJECTED),
        (packet(b"t"), LATER),
        (packet(b"p") + packet(b"p") + packet(b"r"), REJECTED),
        (packet(b"y550 5.7.1 100%% spam\0"), Reply.of(550, "5.7.1", "100% spam")),
        (
            packet(b"y451-4.7.1 One\r\n451-4.7.1 Two\r\n451 4.7.1 Three\0"),
            Reply(451, "4.7.1", ("One", "Two", "Three")),
        ),
        (packet(b"y554 No codes\0"), Reply.of(554, "5.0.0", "No codes")),
        (packet(b"y421 4.7.0 Go away\0"), Reply.of(421, "4.7.0", "Go away")),
        (packet(b"4"), CLOSING),
    ],
)
@pytest.mark.parametrize("letter", [b"H", b"M", b"R", b"T", b"L", b"N", b"B", b"E"])
async def test_it_refuses_at_any_step(
    tmp_path: Path, letter: bytes, answer: bytes, reply: Reply
) -> None:
    milter = FakeMilter({letter: answer})

    async with world(milter, tmp_path) as session:
        said = await session.hear(*TALK[: 1 + b"CHMRT".find(letter) or 5])
        if letter in b"HMRT":
            assert said[-1] == reply
        else:
            opinion = await session.examine()
            assert opinion.reply == reply
            (finding,) = opinion.findings
            assert finding.result == ("reject" if reply.is_permanent else "tempfail")
            assert str(reply) in finding.words


@pytest.mark.parametrize(
    ("answer", "at_once", "later"),
    [
        (b"r", Reply.of(554, "5.7.1", "Command rejected"), REJECTED),
        (b"t", None, LATER),
        (b"4", CLOSING, CLOSING),
    ],
)
async def test_a_refused_client_stays_refused(
    tmp_path: Path, answer: bytes, at_once: Reply | None, later: Reply
) -> None:
    milter = FakeMilter({b"C": packet(answer)})

    async with world(milter, tmp_path) as session:
        assert await session.hear(*TALK) == [at_once, later, later, later, later]
        assert (await session.examine()).reply == later

    assert milter.letters == "OCQ"


@pytest.mark.parametrize(
    ("letter", "letters"),
    [(b"C", "OCQ"), (b"H", "OCHQ"), (b"M", "OCHMAMQ"), (b"B", "OCHMRTLLLNBMQ")],
)
async def test_what_it_accepts_early_it_hears_no_more_of(
    tmp_path: Path, letter: bytes, letters: str
) -> None:
    milter = FakeMilter({letter: packet(b"a")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()
        session.listening.forget()
        await session.hear(MAIL)

    assert (opinion.reply, opinion.fields) == (None, None)
    assert milter.letters == letters


@pytest.mark.parametrize("letter", [b"M", b"R", b"T", b"L", b"N", b"B", b"E"])
async def test_it_throws_a_message_away(tmp_path: Path, letter: bytes) -> None:
    milter = FakeMilter({letter: packet(b"d")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()
        session.listening.forget()
        milter.answers[letter] = packet(b"c")
        await session.hear(MAIL, RCPT, DATA)
        after = await session.examine()

    assert opinion.discard == "scan wants it thrown away"
    assert after.discard == ""


async def test_several_messages_of_a_session(tmp_path: Path) -> None:
    milter = FakeMilter()

    async with world(milter, tmp_path) as session:
        await session.message()
        session.listening.forget()
        await session.hear(MAIL, RCPT)
        session.listening.forget()
        await session.hear(MAIL, RCPT, DATA)
        await session.examine()

    assert milter.letters == "OCHMRTLLLNBE" + "MRA" + "MRTLLLNBE" + "Q"
    assert milter.connections == 1


def fields(opinion: Opinion) -> list[bytes]:
    assert opinion.fields is not None
    return opinion.fields.octets.splitlines(keepends=True)


def people(opinion: Opinion) -> list[str]:
    assert opinion.recipients is not None
    return [str(each.address) for each in opinion.recipients]


CHANGES: list[tuple[bytes, Callable[[Opinion], object], object]] = [
    (b"hX-New\0yes\0", lambda o: fields(o)[-1], b"X-New: yes\r\n"),
    (b"hX-New\0a\nb\n\tc\0", lambda o: fields(o)[-3:], [b"X-New: a\r\n", b"\tb\r\n", b"\tc\r\n"]),
    (b"i\0\0\0\0X-New\0top\0", lambda o: fields(o)[0], b"X-New: top\r\n"),
    (b"i\0\0\0\1X-New\0second\0", lambda o: fields(o)[2], b"X-New: second\r\n"),
    (b"i\0\0\0\x63X-New\0end\0", lambda o: fields(o)[-1], b"X-New: end\r\n"),
    (b"i\xff\xff\xff\xffX-New\0end\0", lambda o: fields(o)[-1], b"X-New: end\r\n"),
    (b"m\xff\xff\xff\xffTo\0end\0", lambda o: fields(o)[-1], b"To: end\r\n"),
    (b"m\0\0\0\1from\0bob\0", lambda o: fields(o)[2], b"from: bob\r\n"),
    (b"m\0\0\0\0From\0bob\0", lambda o: fields(o)[2], b"From: bob\r\n"),
    (b"m\0\0\0\2From\0bob\0", lambda o: fields(o)[-1], b"From: bob\r\n"),
    (b"m\0\0\0\1Subject\0\0", lambda o: b"Subject" in b"".join(fields(o)), False),
    (b"m\0\0\0\1Received\0\0", lambda o: o.fields, None),
    (b"e<bob@example.net>\0", lambda o: str(o.envelope and o.envelope.sender), "bob@example.net"),
    (b"e<>\0SIZE=5\0", lambda o: o.envelope and o.envelope.sender, None),
    (b"+<jane@example.org>\0", people, [str(JOHN), str(JANE)]),
    (b"+jane\0", people, [str(JOHN), str(JANE)]),
    (b"+<John@example.org>\0", lambda o: o.recipients, None),
    (b"2<jane@example.org>\0NOTIFY=NEVER\0", people, [str(JOHN), str(JANE)]),
    (b"-<john@EXAMPLE.org>\0", people, []),
    (b"bnew\r\n", lambda o: o.body and b"".join(o.body.chunks()), b"new\r\n"),
    (b"qlooks bad\0", lambda o: o.hold, "looks bad"),
]


@pytest.mark.parametrize(("wanted", "seen", "expected"), CHANGES)
async def test_changes(
    tmp_path: Path, wanted: bytes, seen: Callable[[Opinion], object], expected: object
) -> None:
    milter = FakeMilter({b"E": packet(wanted) + packet(b"c")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert seen(opinion) == expected
    assert opinion.reply is None
    (finding,) = opinion.findings
    assert finding.result == ("pass" if opinion == Opinion(findings=(finding,)) else "changed")


async def test_a_body_in_pieces_is_one(tmp_path: Path) -> None:
    milter = FakeMilter({b"E": packet(b"bone ") + packet(b"btwo\r\n") + packet(b"a")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert opinion.body is not None
    assert b"".join(opinion.body.chunks()) == b"one two\r\n"
    assert opinion.findings == (Finding("scan", "changed", "body replaced"),)


async def test_mail_without_a_session_comes_from_localhost(tmp_path: Path) -> None:
    milter = FakeMilter()
    letter = replace(LETTER, client=None, hello="", origin=Origin.OURS)

    async with world(milter, tmp_path) as session:
        opinion = await session.examine(letter)

    assert opinion.findings == (Finding("scan", "pass", ""),)
    assert milter.heard[1:3] == [b"Clocalhost\x004\0\x00127.0.0.1\0", b"Hlocalhost\0"]
    assert milter.letters == "OCHMRTLLLNBEQ"


async def test_one_recipient_of_mail_without_a_session_defers_all(tmp_path: Path) -> None:
    milter = FakeMilter({b"R": packet(b"r")})

    async with world(milter, tmp_path) as session:
        opinion = await session.examine(replace(LETTER, client=None))

    assert opinion.reply == LATER


# Failure ---------------------------------------------------------------------------------------

FOUR_GIGABYTES = struct.pack("!I", 0xFFFF_FFFF) + b"c"

GARBAGE: list[tuple[bytes, str]] = [
    (FOUR_GIGABYTES, "a packet of 4,294,967,295 octets"),
    (struct.pack("!I", 0), "a packet of 0 octets"),
    (packet(b"Z"), "it answered with b'Z'"),
    (packet(b"f"), "it answered with b'f'"),
    (packet(b"cmore"), "an answer b'c' with 4 octets behind it"),
    (packet(b"y250 2.0.0 Fine\0"), "a reply that is none"),
    (packet("y55\u0663 What\0".encode()), "a reply that is none"),
    (packet(b"p") * 1_001, "it said 1,001 times that it is at work"),
    (packet(b"y550 4.7.1 What\0"), "a reply whose codes contradict each other"),
    (packet(b"y550-5.7.1 One\r\n451 4.7.1 Two\0"), "a reply that is none"),
    (packet(b"y" + b"550-5.7.1 x\r\n" * 33 + b"550 5.7.1 x\0"), "a reply of 34 lines"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a packet of 1,213,486,160 octets"),
]


@pytest.mark.parametrize(
    ("on_failure", "reply"),
    [
        ("defer", LATER),
        ("reject", Reply.of(550, "5.5.0", "Service unavailable")),
        ("accept", None),
        ("hold", None),
    ],
)
@pytest.mark.parametrize(("answer", "words"), GARBAGE)
async def test_garbage(
    tmp_path: Path, answer: bytes, words: str, on_failure: OnFailure, reply: Reply | None
) -> None:
    milter = FakeMilter({b"R": answer})

    async with world(milter, tmp_path, on_failure=on_failure) as session:
        assert await session.hear(*TALK) == [None, None, None, reply, reply]
        opinion = await session.examine()

    assert opinion.reply == reply
    assert bool(opinion.hold) == (on_failure == "hold")
    assert words in opinion.findings[0].words
    (event,) = session.events
    assert words in event.text
    assert "at Named" in event.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (packet(b"f"), "it answered the end of a message with b'f'"),
        (packet(b"hX New\0v\0"), "a field whose name is none"),
        (packet(b"hX-New\0v"), "a text without an end"),
        (packet(b"hX-New\0"), "1 texts in place of 2"),
        (packet(b"i\0\0"), "too short for its number"),
        (packet(b"+no address@\0"), "an address that is none"),
        (packet(b"+\xff@example.org\0"), "an address that is no UTF-8"),
        (packet(b"hX\0v\0") * 1_001, "more changes than there may be"),
        (packet(b"m\0\0\0\1To\0\0") * 1_005, "more changes than there may be"),
        (packet(b"b" + b"x" * 500_000) * 3, "larger changes than there may be"),
        (packet(b"hX\0" + b"v" * 600_000 + b"\0") * 2, "larger changes than there may be"),
        (packet(b"p") * 1_001, "it said 1,001 times that it is at work"),
        (FOUR_GIGABYTES, "a packet of 4,294,967,295 octets"),
    ],
)
async def test_garbage_at_the_end_changes_nothing(
    tmp_path: Path, answer: bytes, words: str
) -> None:
    milter = FakeMilter({b"E": packet(b"hX-New\0v\0") + answer + packet(b"c")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert opinion.reply == LATER
    assert opinion.fields is None
    assert words in opinion.findings[0].words


@pytest.mark.parametrize(
    ("on_failure", "reply"),
    [
        ("accept", LATER),
        ("defer", LATER),
        ("hold", None),
        ("reject", Reply.of(550, "5.5.0", "Service unavailable")),
    ],
)
async def test_what_a_message_may_have_provoked_is_no_way_past_it(
    tmp_path: Path, on_failure: OnFailure, reply: Reply | None
) -> None:
    milter = FakeMilter({b"E": packet(b"hX\0v\0") * 1_001 + packet(b"c")})

    async with world(milter, tmp_path, on_failure=on_failure) as session:
        opinion = await session.message()

    assert opinion.reply == reply
    assert bool(opinion.hold) == (on_failure == "hold")


async def test_a_message_of_many_fields_may_have_each_removed_and_another_added(
    tmp_path: Path,
) -> None:
    removals = b"".join(
        packet(b"m" + struct.pack("!I", at) + b"x-scanned\0\0") for at in range(1_100, 0, -1)
    )
    milter = FakeMilter({b"E": removals + packet(b"hX-Scanned\0by us\0") + packet(b"c")})
    letter = replace(LETTER, fields=Fields.of(HEADER + b"X-Scanned: no\r\n" * 1_100))

    async with world(milter, tmp_path, on_failure="accept") as session:
        opinion = await session.message(letter)

    assert opinion.fields is not None
    assert opinion.fields.octets == HEADER + b"X-Scanned: by us\r\n"
    assert opinion.findings[0].words == "x-scanned removed, X-Scanned added"


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (b"X: " + b"v" * 70_000, b"X\0" + b"v" * 59_999 + b"\0"),
        (b"X" * 70_000 + b": v", b"X" * 60_000 + b"\0\0"),
    ],
)
async def test_a_field_that_no_packet_holds_is_told_as_far_as_it_goes(
    tmp_path: Path, field: bytes, told: bytes
) -> None:
    milter = FakeMilter()
    letter = replace(LETTER, fields=Fields.of(HEADER + field + b"\r\n"))

    async with world(milter, tmp_path) as session:
        opinion = await session.message(letter)

    assert opinion.fields is None
    assert milter.heard[-5] == b"L" + told


@pytest.mark.parametrize("letter", [b"C", b"M", b"L", b"N", b"B"])
async def test_an_answer_that_was_not_asked_for_is_not_taken_for_the_next(
    tmp_path: Path, letter: bytes
) -> None:
    milter = FakeMilter({letter: packet(b"c") * 2, b"E": packet(b"r")})

    async with world(milter, tmp_path) as session:
        await session.hear(*TALK)
        opinion = await session.examine()

    assert opinion.reply == LATER
    assert opinion.findings[0].words == "it answered what it was not asked"


async def test_our_received_field_is_known_below_anothers(tmp_path: Path) -> None:
    above = b"Authentication-Results: mail.example.org; none\r\nReceived: by a filter; today\r\n"
    ours = HEADER.partition(b"From: ")[0]
    milter = FakeMilter(
        {
            b"E": packet(b"m\0\0\0\1Received\0\0")
            + packet(b"i\0\0\0\1X-New\0below\0")
            + packet(b"i\0\0\0\0X-New\0above\0")
            + packet(b"c")
        }
    )
    letter = replace(LETTER, fields=Fields.of(above + HEADER), trace=ours, above=1)

    async with world(milter, tmp_path) as session:
        opinion = await session.message(letter)

    assert b"LReceived\0by a filter; today\0" in milter.heard
    assert opinion.fields is not None
    assert opinion.fields.octets == (
        b"Authentication-Results: mail.example.org; none\r\n"
        b"X-New: above\r\n" + ours + b"X-New: below\r\n" + HEADER.removeprefix(ours)
    )


@pytest.mark.parametrize("size", [1, 700, 65_535])
async def test_a_new_body_in_packets_of_any_size(tmp_path: Path, size: int) -> None:
    octets = (b"0123456789" * 6 + b"\r\n") * 3_000
    parts = [octets[at : at + size] for at in range(0, min(len(octets), size * 5_000), size)]
    told = b"".join(packet(b"b" + part) for part in parts)
    milter = FakeMilter({b"E": packet(b"hX-A\0b\0") + told + packet(b"b") + packet(b"c")})
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with world(milter, tmp_path) as session:
        beside = asyncio.create_task(others())
        opinion = await session.message()
        beside.cancel()

    assert opinion.body is not None
    assert b"".join(opinion.body.chunks()) == b"".join(parts)
    assert opinion.body.size == len(b"".join(parts))
    assert max(map(len, opinion.body.chunks())) <= 131_072
    assert turns >= len(parts) // 32


async def test_a_reason_for_quarantine_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    why = b"a \xff\r\nNov 22 00:00:00 mail sshd: \x1b[31mhacked " + b"x" * 10_000
    milter = FakeMilter({b"E": packet(b"q" + why + b"\0") + packet(b"c")})

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert opinion.hold.isprintable()
    assert opinion.hold.startswith("a \ufffd Nov 22 00:00:00 mail sshd: ")
    assert len(opinion.hold) == 200


UNKNOWN_USER = Reply.of(
    550, "5.1.1", "<jane@example.org>: Recipient address rejected: User unknown in our table"
)


async def test_refused_recipients_are_told_who_asks_for_them(tmp_path: Path) -> None:
    denied = Denied(Recipient(JANE), UNKNOWN_USER)
    milter = FakeMilter({b"R": packet(b"r")}, steps=0x800)

    async with world(milter, tmp_path) as session:
        assert await session.hear(CONNECTED, HELLO, MAIL, denied) == [None] * 4
        assert milter.heard[-1] == b"R<jane@example.org>\0"
        assert milter.macro("R") == {
            "{rcpt_mailer}": "error",
            "{rcpt_host}": "5.1.1",
            "{rcpt_addr}": "Recipient address rejected: User unknown in our table",
        }
        assert await session.hear(RCPT) == [REJECTED]
        assert milter.macro("R") == {
            "{rcpt_addr}": "john@example.org",
            "{rcpt_host}": "example.org",
        }


async def test_refused_recipients_are_not_told_others(tmp_path: Path) -> None:
    milter = FakeMilter()

    async with world(milter, tmp_path) as session:
        denied = Denied(Recipient(JANE), UNKNOWN_USER)
        assert await session.hear(CONNECTED, HELLO, denied, MAIL, denied, RCPT) == [None] * 6

    assert milter.letters == "OCHMRQ"


@pytest.mark.parametrize("answer", [b"c", b"r", b"t"])
async def test_what_is_no_command_is_told_too(tmp_path: Path, answer: bytes) -> None:
    milter = FakeMilter({b"U": packet(answer)})

    async with world(milter, tmp_path) as session:
        assert await session.hear(CONNECTED, Misspoke("FROBNICATE"), HELLO) == [None] * 3

    assert milter.heard[2] == b"UFROBNICATE\0"


async def test_what_is_no_command_is_not_told_who_does_not_want_it(tmp_path: Path) -> None:
    milter = FakeMilter(steps=0x100)

    async with world(milter, tmp_path) as session:
        await session.hear(CONNECTED, Misspoke("FROBNICATE"), HELLO)

    assert milter.letters == "OCHQ"


async def test_where_mail_goes_is_told(tmp_path: Path) -> None:
    milter = FakeMilter()

    async def way(address: Address) -> tuple[str, str]:
        return ("local", address.domain) if address.domain == "example.org" else ("smtp", "next")

    async with serving(milter, tmp_path / "s") as place:
        session = World(place, way=way)
        await session.hear(*TALK)
        await session.listening.close()

    assert milter.macro("M")["{mail_mailer}"] == "smtp"
    assert milter.macro("M")["{mail_host}"] == "next"
    assert milter.macro("R")["{rcpt_mailer}"] == "local"
    assert milter.macro("R")["{rcpt_host}"] == "example.org"


@pytest.mark.parametrize(("change", "found", "expected"), CHANGES)
async def test_a_change_that_was_not_asked_for_before_is_made(
    tmp_path: Path, change: bytes, found: Callable[[Opinion], object], expected: object
) -> None:
    milter = FakeMilter({b"E": packet(change) + packet(b"c")}, actions=0)

    async with world(milter, tmp_path) as session:
        opinion = await session.message()

    assert found(opinion) == expected


@pytest.mark.parametrize(
    ("letter", "letters"),
    [
        (b"C", "OCHMRRTLLLNBEMRRTLLLNBEQ"),
        (b"M", "OCHMRRTLLLNBEMRRTLLLNBEQ"),
        (b"R", "OCHMRTLLLNBEMRTLLLNBEQ"),
        (b"L", "OCHMRRTLNBEMRRTLNBEQ"),
        (b"N", "OCHMRRTLLLNBEMRRTLLLNBEQ"),
        (b"B", "OCHMRRTLLLNBEMRRTLLLNBEQ"),
        (b"E", "OCHMRRTLLLNBEMRRTLLLNBEQ"),
    ],
)
async def test_it_is_told_no_more_of_what_it_wants_to_skip(
    tmp_path: Path, letter: bytes, letters: str
) -> None:
    milter = FakeMilter({letter: packet(b"s")})

    async with world(milter, tmp_path) as session:
        for stages in (CONNECTED, HELLO), ():
            said = await session.hear(*stages, MAIL, RCPT, Named(Recipient(JANE)), DATA)
            opinion = await session.examine()
            session.listening.forget()
            assert set(said) == {None}
            assert opinion == Opinion(findings=(Finding("scan", "pass", ""),))

    assert milter.letters == letters


async def test_what_it_skips_of_a_message_that_was_given_up_it_is_told_of_the_next(
    tmp_path: Path,
) -> None:
    milter = FakeMilter({b"R": packet(b"s")}, steps=0x04)  # it is not told of MAIL

    async with world(milter, tmp_path) as session:
        for stages in (CONNECTED, HELLO), ():
            await session.hear(*stages, MAIL, RCPT, Named(Recipient(JANE)))
            session.listening.forget()

    assert milter.letters == "OCHRARAQ"


async def test_lists_of_macros_for_stages_to_come_are_passed_over(tmp_path: Path) -> None:
    symbols = struct.pack("!I", 9) + b"{new}\0" + struct.pack("!I", 2) + b"{mail_addr}\0"
    milter = FakeMilter(symbols=symbols)

    async with world(milter, tmp_path) as session:
        await session.message()

    assert milter.macro("M") == {"{mail_addr}": "ann@example.com"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (packet(b"c"), "it answered the negotiation with b'c'"),
        (packet(b"O\0\0\0\x07" + b"\0" * 8), "version 7 of the protocol, where 6 was offered"),
        (packet(b"O\0\0\0\x06\0\0\x02\0\0\0\0\0"), "what it was not offered: 0x200"),
        (packet(b"O\0\0\0\x06"), "too short for its number"),
        (packet(b"O\0\0\0\x06\0\0\x01\0\0\0\0\0\0\0\0\x02i"), "a list of macros that is none"),
    ],
)
async def test_a_negotiation_that_fails(tmp_path: Path, answer: bytes, words: str) -> None:
    milter = FakeMilter({b"O": answer})

    async with world(milter, tmp_path) as session:
        assert await session.hear(*TALK) == [None, LATER, LATER, LATER, LATER]
        (event,) = session.events
        assert words in event.text


async def test_one_that_is_not_there(tmp_path: Path) -> None:
    session = World(f"unix:{tmp_path}/none")

    assert await session.hear(*TALK) == [None, LATER, LATER, LATER, LATER]
    assert (await session.examine()).reply == LATER
    await session.listening.close()

    (event,) = session.events
    assert event.text == (
        f"warning: connect to unix:{tmp_path}/none: No such file or directory, at Connected; "
        "on_failure = defer"
    )


@pytest.mark.parametrize("letter", [b"O", b"C", b"M", b"L", b"B", b"E"])
async def test_one_that_dies_in_the_middle(tmp_path: Path, letter: bytes) -> None:
    milter = FakeMilter(hangs_up_at=letter)

    async with world(milter, tmp_path) as session:
        await session.hear(*TALK)
        opinion = await session.examine()
        session.listening.forget()
        assert await session.hear(MAIL) == [LATER]

    assert opinion.reply == LATER
    assert "it closed the connection" in opinion.findings[0].words
    assert milter.connections == 1


@pytest.mark.parametrize("letter", [b"C", b"M", b"E"])
async def test_one_that_does_not_answer(tmp_path: Path, letter: bytes) -> None:
    milter = FakeMilter({letter: None})

    async with world(milter, tmp_path, timeout=0.05, command_timeout=0.05) as session:
        await session.hear(*TALK)
        opinion = await session.examine()

    assert opinion.reply == LATER
    assert "no answer within 0.05 s" in opinion.findings[0].words


@pytest.mark.parametrize("letter", [b"M", b"E"])
async def test_one_whose_time_is_over_is_out_of_step(tmp_path: Path, letter: bytes) -> None:
    milter = FakeMilter({letter: None})

    async with world(milter, tmp_path) as session:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.message(), 0.05)
        milter.answers[letter] = packet(b"c")
        session.listening.forget()

        assert await session.hear(MAIL) == [LATER]


async def test_what_was_told_of_one_message_is_not_left_for_the_next(tmp_path: Path) -> None:
    milter = FakeMilter()

    async with world(milter, tmp_path) as session:
        await session.hear(CONNECTED, HELLO, MAIL)
        session.listening.forget()
        await session.hear(Began(Envelope(None), None, 1000))

    told = [dict(values) for letter, values in milter.macros if letter == "M"]
    assert told == [{"{mail_addr}": "ann@example.com", "{mail_host}": "example.com"}, {}]


@pytest.mark.parametrize(
    ("parameters", "notify", "original"),
    [
        (b"NOTIFY=NEVER", Notify.NEVER, ""),
        (b"notify=success,Delay", Notify.SUCCESS | Notify.DELAY, ""),
        (b"NOTIFY=SOON", None, ""),
        (b"NOTIFY=NEVER,FAILURE", None, ""),
        (b"XNOTIFY=NEVER", None, ""),
        (b"ORCPT=rfc822;jane+2Bx@example.org", None, "rfc822;jane+x@example.org"),
        (
            b"NOTIFY=FAILURE ORCPT=rfc822;jane@example.org",
            Notify.FAILURE,
            "rfc822;jane@example.org",
        ),
        (b"ORCPT=rfc822;jane+0Ax@example.org", None, ""),
        (b"ORCPT=jane@example.org", None, ""),
        (b"", None, ""),
    ],
)
async def test_parameters_of_a_recipient_that_it_adds(
    tmp_path: Path, parameters: bytes, notify: Notify | None, original: str
) -> None:
    added = packet(b"2<jane@example.org>\0" + parameters + b"\0") + packet(b"c")

    async with world(FakeMilter({b"E": added}), tmp_path) as session:
        opinion = await session.message()

    assert opinion.recipients is not None
    assert opinion.recipients[1:] == (Recipient(JANE, notify, original),)
