"""Messages examined at the door: who is asked, what is stored, and what a client is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examiners import LATER, UNWANTED, Hearing, Looking, Say, found, hang, nothing, topped
from intake_house import ANN, INFO, JOHN, MX, NOW, SMALL, House
from postroad.filters.joined import Joined, Member
from postroad.filters.settings import FilterSettings, OnFailure
from postroad.intake import Board, IntakeSettings
from postroad.intake.examination import RECIPIENTS_ADDED, WORDS
from postroad.intake.header import HeaderSection, are_fields
from postroad.model import Address, BodyType, Disposition, Envelope, Recipient, Reply
from postroad.model.content import AT_HAND, Octets
from postroad.model.fields import Field, Fields
from postroad.model.letter import Finding, Letter, Opinion, Origin
from postroad.spool import SpoolError


class Guarded(House):
    """A house whose messages are examined."""

    def __init__(self, *examiners: Looking, **bounds: float) -> None:
        super().__init__()
        self.board = Board(first=examiners, **bounds)  # type: ignore[arg-type]
        self.found: tuple[Finding, ...] = ()

    async def bring(
        self,
        message: bytes = SMALL,
        *,
        envelope: Envelope | None = None,
        recipients: tuple[Address, ...] = (JOHN,),
        disposition: Disposition | None = None,
        veto: Callable[[], Reply | None] | None = None,
    ) -> str:
        named = [Recipient(address) for address in recipients]
        entry = self.door.open(MX, envelope or Envelope(ANN), named, NOW - 1, board=self.board)
        assert entry.write(message) is None
        refusal = await entry.examine()
        self.found = entry.findings
        if refusal is not None:
            return str(refusal)
        return str(await entry.commit(disposition or Disposition(), veto))

    @property
    def whole(self) -> bytes:
        """The one message in the queue, all of it."""
        (message,) = self.spool.store.messages.values()
        return b"".join(message.content.chunks())


async def test_what_an_examiner_sees() -> None:
    looking = Looking()
    house = Guarded(looking)

    reply = await house.bring(b"Subject: x\r\nTo: y\r\n\r\nbody\r\n", recipients=(JOHN, INFO))

    assert reply.startswith("250 2.0.0")
    (letter,) = looking.seen
    assert [field.key for field in letter.fields] == ["received", "subject", "to"]
    assert looking.bodies == [b"body\r\n"]
    assert letter.queue_id in reply
    assert letter.envelope == Envelope(ANN)
    assert [each.address for each in letter.recipients] == [JOHN, INFO]
    assert (letter.client, letter.hello, letter.protocol) == (MX.client, MX.hello, MX.protocol)
    assert (letter.origin, letter.arrived) == (Origin.MADE, NOW - 1)
    assert house.whole == letter.fields.octets + b"\r\nbody\r\n"


async def test_nobody_is_asked_about_what_is_refused_anyway() -> None:
    looking = Looking()
    house = Guarded(looking)

    assert (await house.bring(b"Received: x\r\n" * 4 + b"\r\n")).startswith("554 5.4.6")

    assert (looking.seen, house.is_empty) == ([], True)


async def test_each_sees_what_those_before_made_of_it() -> None:
    last = Looking()
    house = Guarded(
        Looking(topped(b"A: 1\r\n")),
        Looking(lambda _: Opinion(body=Octets(b"new\r\n"))),
        Looking(found("spf", "fail")),
        last,
    )

    assert (await house.bring()).startswith("250")

    (letter,) = last.seen
    assert letter.fields.first("A") is not None
    assert last.bodies == [b"new\r\n"]
    assert letter.found("spf") == Finding("spf", "fail")
    assert house.whole == letter.fields.octets + b"\r\nnew\r\n"


@pytest.mark.parametrize("say", [lambda _: Opinion(reply=UNWANTED), found("x")], ids=["no", "yes"])
async def test_the_first_refusal_is_the_last_word(say: Say) -> None:
    first, second = Looking(say), Looking()
    house = Guarded(first, second)

    reply = await house.bring()

    refused = reply.startswith("550")
    assert reply == str(UNWANTED) if refused else reply.startswith("250")
    assert len(second.seen) == (not refused)
    assert house.is_empty is refused


async def test_a_refusal_changes_nothing_and_its_findings_are_kept() -> None:
    def say(letter: Letter) -> Opinion:
        new = letter.fields.above(b"X: y\r\n")
        return Opinion(reply=LATER, fields=new, findings=(Finding("scan", "down", "no answer"),))

    house = Guarded(Looking(say))

    assert await house.bring() == str(LATER)
    assert house.is_empty
    assert house.found == (Finding("scan", "down", "no answer"),)
    assert any("scan=down (no answer)" in event.text for event in house.events)


@pytest.mark.parametrize(
    ("say", "becomes"),
    [
        (topped(b"X: 1\r\n"), b"X: 1\r\nTRACEA: a\r\nB: b\r\n\r\nbody\r\n"),
        (
            lambda letter: Opinion(fields=letter.fields.below(b"X: 1\r\n 2\r\n")),
            b"TRACEA: a\r\nB: b\r\nX: 1\r\n 2\r\n\r\nbody\r\n",
        ),
        (lambda letter: Opinion(fields=letter.fields.without("A")), b"TRACEB: b\r\n\r\nbody\r\n"),
        (lambda _: Opinion(fields=Fields()), b"TRACE\r\nbody\r\n"),
        (
            lambda letter: Opinion(fields=letter.fields.above(letter.fields.octets)),
            b"TRACEA: a\r\nB: b\r\nA: a\r\nB: b\r\n\r\nbody\r\n",
        ),
        (
            lambda letter: Opinion(
                fields=Fields((*letter.fields, *letter.fields.named("received")))
            ),
            b"TRACEA: a\r\nB: b\r\n\r\nbody\r\n",
        ),
        (lambda _: Opinion(body=Octets(b"")), b"TRACEA: a\r\nB: b\r\n\r\n"),
        (
            lambda _: Opinion(body=Octets(b"one\ntwo\r\rthree\r\n")),
            b"TRACEA: a\r\nB: b\r\n\r\none\r\ntwo\r\n\r\nthree\r\n",
        ),
        (lambda letter: Opinion(body=letter.body), b"TRACEA: a\r\nB: b\r\n\r\nbody\r\n"),
    ],
    ids=["above", "below", "without", "none", "twice", "trace", "empty", "bare", "same"],
)
async def test_what_is_stored(say: Say, becomes: bytes) -> None:
    house = Guarded(Looking(say))

    assert (await house.bring(b"A: a\r\nB: b\r\n\r\nbody\r\n")).startswith("250")

    stored = house.whole
    assert stored.count(b"Received: ") == 1
    trace = Fields.of(stored.partition(b"\r\n\r\n")[0] + b"\r\n").first("received")
    assert trace is not None
    assert stored == becomes.replace(b"TRACE", trace.octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"no colon\r\n",
        b"X: 1\r\n\r\nbody\r\n",
        b"X: 1\r\nno colon\r\n",
        b"X: 1\n Y: 2\r\n",
        b"X: 1\r Y: 2\r\n",
        b"X: 1",
        b"",
        b" X: 1\r\n",
        b".\r\n",
    ],
)
async def test_what_is_no_field_is_not_stored(octets: bytes) -> None:
    house = Guarded(Looking(topped(octets)))

    assert (await house.bring()).startswith("451 4.3.0")

    assert house.is_empty
    assert any("Looking wrote what is no header field" in event.text for event in house.events)


async def test_several_fields_in_one_are_several_to_those_after() -> None:
    last = Looking()
    house = Guarded(Looking(topped(b"X: 1\r\nFrom: eve@example.com\r\n")), last)

    assert (await house.bring()).startswith("250")

    (letter,) = last.seen
    assert [field.key for field in letter.fields][:2] == ["x", "from"]


async def test_an_examiner_adds_no_crowd() -> None:
    crowd = tuple(Recipient(Address(f"a{n}", "example.org")) for n in range(RECIPIENTS_ADDED + 2))
    house = Guarded(Looking(lambda _: Opinion(recipients=crowd)))

    assert (await house.bring()).startswith("451 4.3.0")

    assert house.is_empty


async def test_the_log_says_as_much_as_a_line_holds() -> None:
    house = Guarded(Looking(found("scan", "fail", "x" * 100_000)))

    await house.bring()

    (line,) = [event.text for event in house.events if "scan=fail" in event.text]
    assert len(line) < 2 * WORDS


@pytest.mark.parametrize(
    "message",
    [
        b"X: a\nFrom: eve@example.com\r\nTo: b\r\n\r\nbody",
        b"X: a\rFrom: eve@example.com\r\nTo: b\r\n\r\nbody",
        b"To: b\r\nX: a\r\n b\nFrom: eve@example.com\r\n\r\nbody",
        b"From a\nFrom: eve@example.com\r\nTo: b\r\n\r\nbody",
        b"To: b\r\n c\rd\r\n\r\n",
        b"X: a\n\nbody\n",
    ],
)
async def test_a_header_consists_of_lines_whatever_the_body_is(message: bytes) -> None:
    looking = Looking()
    house = Guarded(looking)

    reply = await house.bring(message, envelope=Envelope(ANN, BodyType.BINARY_MIME))

    assert reply == "550 5.5.2 Error: bare <CR> or <LF> in the message header"
    assert (house.is_empty, looking.seen) == (True, [])


@pytest.mark.parametrize("message", [b"To: b\r\n\r\na\nb\rc", b"\r\n\n", b"To: b\r\n\r\n", b""])
async def test_a_binary_body_is_anything(message: bytes) -> None:
    house = Guarded(Looking())

    reply = await house.bring(message, envelope=Envelope(ANN, BodyType.BINARY_MIME))

    assert reply.startswith("250")
    assert house.whole.endswith(message)


async def test_binary_content_is_left_as_it_is() -> None:
    house = Guarded(Looking(lambda _: Opinion(body=Octets(b"a\nb"))))

    reply = await house.bring(envelope=Envelope(ANN, BodyType.BINARY_MIME))

    assert reply.startswith("250")
    assert house.whole.endswith(b"\r\n\r\na\nb")


@pytest.mark.parametrize(
    ("came", "say", "needs"),
    [
        (SMALL, nothing, BodyType.SEVEN_BIT),
        (SMALL, topped("X: ä\r\n".encode()), BodyType.EIGHT_BIT_MIME),
        (SMALL, lambda _: Opinion(body=Octets("ä\r\n".encode())), BodyType.EIGHT_BIT_MIME),
        ("A: b\r\n\r\nä\r\n".encode(), nothing, BodyType.EIGHT_BIT_MIME),
        ("A: b\r\n\r\nä\r\n".encode(), topped(b"X: 1\r\n"), BodyType.EIGHT_BIT_MIME),
        (
            "A: b\r\n\r\nä\r\n".encode(),
            lambda _: Opinion(body=Octets(b"a\r\n")),
            BodyType.EIGHT_BIT_MIME,  # as the envelope said when it was examined
        ),
    ],
)
async def test_what_the_content_needs_of_the_next_hop(
    came: bytes, say: Say, needs: BodyType
) -> None:
    house = Guarded(Looking(say))

    await house.bring(came)

    assert [one.message.envelope.body for one in house.queued] == [needs]


async def test_sender_and_recipients_may_be_changed() -> None:
    other = Address("other", "example.com")
    house = Guarded(
        Looking(lambda _: Opinion(envelope=Envelope(other), recipients=(Recipient(INFO),)))
    )

    await house.bring(recipients=(JOHN, ANN))

    (claimed,) = house.queued
    assert claimed.message.envelope.sender == other
    assert [(each.address, each.original) for each in claimed.recipients] == [(JOHN, INFO)]


@pytest.mark.parametrize(
    ("say", "why"),
    [
        (lambda _: Opinion(discard="as the milter said"), "as the milter said"),
        (lambda _: Opinion(recipients=()), "no recipient is left"),
    ],
)
async def test_a_discarded_message_is_acknowledged_and_logged(say: Say, why: str) -> None:
    last = Looking()
    house = Guarded(Looking(say), last)

    assert (await house.bring()).startswith("250 2.0.0")

    assert (house.is_empty, last.seen) == (True, [])
    assert any(f"discard: {why}" in event.text for event in house.events)


async def test_a_held_message_is_with_nobody() -> None:
    house = Guarded(Looking(lambda _: Opinion(hold="quarantined by x")))

    await house.bring()

    (message,) = house.spool.store.messages.values()
    assert message.waybill.held == "quarantined by x"
    assert house.queued[0].recipients == ()


async def test_policy_has_its_wishes_too() -> None:
    house = Guarded(Looking(lambda _: Opinion(hold="quarantined")))

    await house.bring(disposition=Disposition(redirect=ANN, hold="by policy"))

    (message,) = house.spool.store.messages.values()
    assert message.waybill.held == "by policy"


async def test_the_veto_has_the_last_word() -> None:
    house = Guarded(Looking(topped(b"X: 1\r\n")))

    assert await house.bring(veto=lambda: LATER) == str(LATER)

    assert house.is_empty


async def test_a_bug_defers_and_is_named() -> None:
    def say(_: Letter) -> Opinion:
        raise ZeroDivisionError("it\ndivides")

    last = Looking()
    house = Guarded(Looking(say), last)

    assert (await house.bring()).startswith("451 4.3.0")

    assert (house.is_empty, last.seen) == (True, [])
    (line,) = [event.text for event in house.events if "failed" in event.text]
    assert "Looking failed: ZeroDivisionError: it divides (" in line
    assert "test_examination.py:" in line


class Treacherous:
    """A body that breaks while it is read."""

    size = 9

    def chunks(self) -> Iterator[bytes]:
        raise ZeroDivisionError("a bug")


@pytest.mark.parametrize(
    "say", [lambda _: Opinion(body=Treacherous()), lambda _: "nonsense", lambda _: None]
)
async def test_whatever_is_no_opinion_is_a_bug_too(say: Say) -> None:
    house = Guarded(Looking(say))

    assert (await house.bring()).startswith("451 4.3.0")

    assert house.is_empty
    assert any("Looking failed: " in event.text for event in house.events)


async def test_all_together_have_a_time() -> None:
    house = Guarded(Looking(hang), time=0.01)

    assert (await house.bring()).startswith("451 4.3.0")

    assert house.is_empty
    assert any("Looking gave no answer when all had 0.01 s" in e.text for e in house.events)


@pytest.mark.parametrize(
    ("on_failure", "reply"),
    [
        ("accept", "250 2.0.0"),
        ("hold", "250 2.0.0"),
        ("defer", "451 4.7.1"),
        ("reject", "550 5.5.0"),
    ],
)
async def test_a_filter_that_is_asked_when_the_time_is_over_does_what_its_settings_say(
    on_failure: OnFailure, reply: str
) -> None:
    settings = FilterSettings(kind="python", on_failure=on_failure, timeout=10.0, mail=("made",))
    filters = Joined([Member(Hearing("slow", say=hang), settings)], lambda _: None)
    last = Looking()
    house = Guarded()
    house.board = Board(filters=filters, last=(last,), time=0.01)

    assert (await house.bring()).startswith(reply)

    assert len(last.seen) == reply.startswith("250")
    words = "it gave no answer when all had 0.01 s"
    assert any(words in event.text for event in house.events)


async def test_who_is_cancelled_leaves_nothing() -> None:
    looking = Looking(hang)
    house = Guarded(looking)

    task = asyncio.create_task(house.bring())
    await looking.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert house.is_empty


@pytest.mark.parametrize(
    ("say", "bounds", "taken"),
    [
        (topped(b"X: " + b"1" * 70_000 + b"\r\n"), {"header_size": 1000}, False),
        (topped(b"X: " + b"1" * 60_000 + b"\r\n"), {"header_size": 1000}, True),
        (topped(b"X: " + b"1" * 70_000 + b"\r\n"), {}, True),
        (lambda _: Opinion(body=Octets(b"1" * 70_000)), {"message_size": 1000}, False),
        (lambda _: Opinion(body=Octets(b"1" * 60_000)), {"message_size": 1000}, True),
        (lambda _: Opinion(body=Octets(b"1" * 70_000)), {}, True),
        (topped(b"X: " + b"1" * 70_000 + b"\r\n"), {"message_size": 1000}, False),
    ],
)
async def test_limits_hold_for_what_is_changed(
    say: Say, bounds: dict[str, int], *, taken: bool
) -> None:
    house = Guarded(Looking(say), **bounds)

    reply = await house.bring()

    assert reply.startswith("250" if taken else "552 5.3.4")
    assert house.is_empty is not taken


async def test_a_draft_that_cannot_be_written_anew_leaves_nothing() -> None:
    house = Guarded(Looking(topped(b"X: 1\r\n")))
    house.spool.store.full = True

    assert (await house.bring()).startswith("452 4.3.1")

    assert house.is_empty


async def test_a_draft_that_cannot_be_read_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*_: object) -> None:
        raise SpoolError("gone")

    house = Guarded(Looking())
    monkeypatch.setattr("fake_spool.MemoryDraft.read", read)

    assert (await house.bring()).startswith("452 4.3.1")

    assert house.is_empty


async def test_large_bodies_are_made_whole_in_a_thread() -> None:
    lines = b"a line\n" * (AT_HAND // 7 + 10)
    house = Guarded(Looking(lambda _: Opinion(body=Octets(lines))))

    await house.bring()

    assert house.whole.endswith(b"\r\n\r\n" + lines.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize(("fields", "taken"), [(19_990, True), (20_000, False)])
async def test_a_header_of_very_many_lines_is_shown_to_nobody(fields: int, *, taken: bool) -> None:
    looking = Looking()
    house = Guarded(looking)
    house.door._reception.settings = IntakeSettings()

    reply = await house.bring(b"a:\r\n" * fields + b"\r\n")

    assert reply.startswith("250" if taken else "552 5.3.4")
    assert (len(looking.seen), house.is_empty) == (taken, not taken)


async def test_filters_without_a_session_are_shown_the_message_and_let_go() -> None:
    hearing = Hearing(say=topped(b"X: 1\r\n"))
    settings = FilterSettings(kind="milter", mail=("made",))
    house = Guarded()
    house.board = Board(filters=Joined([Member(hearing, settings)], house.events.append))

    await house.bring()

    assert hearing.log == ["session", "close"]
    assert b"X: 1\r\n" in house.whole


async def test_mail_made_here_has_a_board_of_its_own() -> None:
    looking = Looking(topped(b"X: 1\r\n"))
    house = Guarded()
    known: list[tuple[str, tuple[Finding, ...]]] = []
    looking.say = found("signer", "signed")
    house.door._reception.board = lambda: Board(last=(looking,))
    house.door._reception.remember = lambda name, each: known.append((name, tuple(each)))

    name = await house.door.submit(Envelope(None), [JOHN], SMALL)

    assert looking.seen[0].origin is Origin.MADE
    assert known == [(name, (Finding("signer", "signed"),))]


FIELD_LINES = st.lists(
    st.from_regex(
        rb"[A-Za-z-]{1,9}[ \t]{0,2}:[^\r\n]{0,20}\r\n([ \t][^\r\n]{0,9}\r\n){0,2}", fullmatch=True
    )
)


@given(FIELD_LINES)
def test_a_section_is_what_its_fields_are(lines: list[bytes]) -> None:
    fields = Fields.of(b"".join(lines))

    assert fields.octets == b"".join(lines)
    assert all(are_fields(field.octets) for field in fields)


@given(st.binary(max_size=60))
def test_whatever_comes_is_kept_octet_for_octet(octets: bytes) -> None:
    section = HeaderSection(0)
    if not section.feed(octets):
        section.finish()

    assert Fields.of(section.fields).octets == section.fields


def test_a_field_is_one() -> None:
    assert are_fields(Field(b"X: 1\r\n 2\r\n").octets)
