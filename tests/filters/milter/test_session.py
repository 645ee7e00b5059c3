"""A session as a milter hears of it: what it is told, and whom it refuses."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from fake_milter import FakeMilter, packet, serving
from milter_world import (
    CLOSING,
    CONNECTED,
    DATA,
    HEADER,
    HELLO,
    JANE,
    LATER,
    LETTER,
    MAIL,
    RCPT,
    REJECTED,
    TALK,
    World,
    world,
)
from postroad.filters.stages import (
    Began,
    Denied,
    Greeted,
    Misspoke,
    Named,
)
from postroad.model import (
    Address,
    Envelope,
    Login,
    Recipient,
    Reply,
    TlsSession,
)
from postroad.model.content import Octets
from postroad.model.letter import Finding, Opinion, Origin


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
    assert told == {**values, "{mail_addr}": "", "{own}": "1"}  # that is known: it is none
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
