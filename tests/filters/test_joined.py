"""Several filters as one: who hears of what, and what becomes of those that fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from examiners import UNWANTED, Hearing, Looking, found, hang, nothing
from postroad.filters.examining import Examining
from postroad.filters.joined import BROKEN, Joined, Member
from postroad.filters.settings import FilterSettings, OnFailure
from postroad.filters.stages import Began, Connected, Filter, Greeted, Listening, Named, Started
from postroad.model import Address, Client, Endpoint, Envelope, Login, Recipient
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.journal import Event
from postroad.model.letter import Letter, Opinion, Origin
from postroad.spool import SpoolError

CLIENT = Connected(Client("192.0.2.7", 4711), Endpoint("198.51.100.1", 25), "mx", trusted=False)
HELLO = Greeted("peer.example", None)
MAIL = Began(Envelope(Address("ann", "example.com")), None)
AS_JOHN = MAIL._replace(login=Login("john", "PLAIN"))
RCPT = Named(Recipient(Address("john", "example.org")))
DATA = Started("4FooBar")
EVERYBODY = FilterSettings(kind="milter", timeout=30)
LETTER = Letter(
    queue_id="4FooBar",
    envelope=MAIL.envelope,
    recipients=(RCPT.recipient,),
    origin=Origin.OUTSIDE,
    fields=Fields.of(b"A: b\r\n"),
    body=Octets(b"body\r\n"),
)


class Listeners:
    """A session with some filters."""

    def __init__(self, *filters: Filter, taken_before: bool = False, **settings: object) -> None:
        self.events: list[Event] = []
        own = replace(EVERYBODY, **settings)  # type: ignore[arg-type]
        members = [Member(each, own) for each in filters]
        joined = Joined(members, self.events.append, taken_before=taken_before)
        self.listening: Listening = joined.session()

    async def examined(self, letter: Letter = LETTER) -> list[Opinion]:
        return [await each.examine(letter) for each in self.listening.examiners]


async def test_all_hear_all_in_order() -> None:
    one, other = Hearing(), Hearing()
    world = Listeners(one, other)

    for stage in (CLIENT, HELLO, MAIL, RCPT, DATA):
        assert await world.listening.heard(stage) is None
    world.listening.forget()
    await world.listening.close()

    assert one.stages == other.stages == [CLIENT, HELLO, MAIL, RCPT, DATA]
    assert one.log[-2:] == ["forget", "close"]


async def test_the_first_refusal_is_the_answer() -> None:
    one, other = Hearing(refuses=Named), Hearing()
    world = Listeners(one, other)

    for stage in (CLIENT, HELLO, MAIL):
        await world.listening.heard(stage)

    assert await world.listening.heard(RCPT) == UNWANTED
    assert other.stages == [CLIENT, HELLO, MAIL]


@pytest.mark.parametrize(
    ("mail", "trusted", "began", "taken_before", "is_shown"),
    [
        (("outside",), False, MAIL, False, True),
        (("outside",), False, AS_JOHN, False, False),
        (("outside",), True, MAIL, False, False),
        (("outside",), True, MAIL, True, True),
        (("ours",), False, MAIL, False, False),
        (("ours",), False, AS_JOHN, False, True),
        (("ours",), True, MAIL, False, True),
        (("ours",), True, MAIL, True, False),
        (("made",), True, MAIL, False, False),
        (("ours", "made", "outside"), True, MAIL, False, True),
    ],
)
async def test_whose_mail_it_is_shown(
    mail: tuple[str, ...], began: Began, *, trusted: bool, taken_before: bool, is_shown: bool
) -> None:
    hearing = Hearing()
    world = Listeners(hearing, mail=mail, taken_before=taken_before)
    stages = [CLIENT._replace(trusted=trusted), HELLO, began, RCPT, DATA]

    for stage in stages:
        await world.listening.heard(stage)

    assert hearing.stages == (stages if is_shown else [])


async def test_who_must_wait_for_mail_hears_the_latest_greeting_then_and_may_refuse() -> None:
    late = HELLO._replace(hello="other.example")
    hearing = Hearing(refuses=Connected)
    world = Listeners(hearing, mail=("ours",))

    for stage in (CLIENT, HELLO, late):
        assert await world.listening.heard(stage) is None

    assert await world.listening.heard(AS_JOHN) == UNWANTED
    assert hearing.stages == [CLIENT]
    assert await world.listening.heard(AS_JOHN) is None
    assert hearing.stages == [CLIENT, late, AS_JOHN]


@pytest.mark.jumps
@pytest.mark.parametrize(
    ("on_failure", "reply", "result"),
    [
        ("defer", "451 4.7.1 Service unavailable - try again later", "failed, deferred"),
        ("reject", "550 5.5.0 Service unavailable", "failed, refused"),
        ("accept", "None", "failed, let pass"),
        ("hold", "None", "failed, held"),
    ],
)
async def test_one_that_gives_no_answer(on_failure: OnFailure, reply: str, result: str) -> None:
    world = Listeners(Hearing("slow", hangs=Named), on_failure=on_failure)
    for stage in (CLIENT, HELLO, MAIL):
        assert await world.listening.heard(stage) is None

    assert str(await world.listening.heard(RCPT)) == reply
    assert await world.listening.heard(DATA) is None  # it is not asked again in this session
    (opinion,) = await world.examined()

    assert str(opinion.reply) == reply
    assert opinion.findings[0][:3] == ("slow", result, "it gave no answer within 30 s")
    assert opinion.hold == ("slow: it gave no answer within 30 s" if on_failure == "hold" else "")
    assert [each.text for each in world.events] == [
        "warning: it gave no answer within 30 s, at Named"
    ]


@pytest.mark.jumps
@pytest.mark.parametrize(
    ("on_failure", "greeting", "hello"),
    [
        ("defer", "None", "451 4.7.1 Service unavailable - try again later"),
        ("reject", "554 5.5.0 Service unavailable", "None"),
        ("accept", "None", "None"),
    ],
)
async def test_no_answer_at_the_connection_is_said_where_it_may_be(
    on_failure: OnFailure, greeting: str, hello: str
) -> None:
    world = Listeners(Hearing("slow", hangs=Connected), on_failure=on_failure)

    assert str(await world.listening.heard(CLIENT)) == greeting
    assert str(await world.listening.heard(HELLO)) == hello
    assert str(await world.listening.heard(MAIL)) == hello


async def test_a_bug_at_the_connection_is_said_at_the_greeting() -> None:
    hearing = Hearing("broken", raises=Connected)
    world = Listeners(hearing)

    assert await world.listening.heard(CLIENT) is None
    assert await world.listening.heard(HELLO) == BROKEN
    assert await world.listening.heard(HELLO) == BROKEN


@pytest.mark.jumps
@pytest.mark.parametrize(
    ("on_failure", "reply"),
    [
        ("defer", "451 4.7.1 Service unavailable - try again later"),
        ("reject", "550 5.5.0 Service unavailable"),
        ("accept", "None"),
        ("hold", "None"),
    ],
)
async def test_no_answer_about_a_message(on_failure: OnFailure, reply: str) -> None:
    world = Listeners(Hearing("slow", say=hang), on_failure=on_failure)

    (opinion,) = await world.examined()

    assert str(opinion.reply) == reply


@pytest.mark.parametrize("on_failure", ["defer", "accept", "reject", "hold"])
async def test_a_bug_defers_whatever_the_setting(on_failure: OnFailure) -> None:
    def say(_: Letter) -> Opinion:
        raise ZeroDivisionError("a bug")

    world = Listeners(Hearing("mine", say=say, raises=Named), on_failure=on_failure)

    assert await world.listening.heard(MAIL) is None
    assert await world.listening.heard(RCPT) == BROKEN
    (opinion,) = await world.examined()

    assert opinion.reply == BROKEN
    (finding,) = opinion.findings
    assert finding.words.startswith("an error in it: ZeroDivisionError: a bug (")
    assert "test_joined.py:" in finding.words
    assert "an error in it, at Named: ZeroDivisionError: a bug" in world.events[0].text


@pytest.mark.parametrize("on_failure", ["defer", "accept"])
async def test_a_message_that_cannot_be_read_is_no_bug(on_failure: OnFailure) -> None:
    def say(_: Letter) -> Opinion:
        raise SpoolError("gone")

    world = Listeners(Hearing("mine", say=say), on_failure=on_failure)

    with pytest.raises(SpoolError, match="gone"):
        await world.examined()


async def test_what_is_no_opinion_is_a_bug() -> None:
    world = Listeners(Hearing("mine", say=lambda _: "fine"))  # type: ignore[arg-type, return-value]

    (opinion,) = await world.examined()

    assert opinion.reply == BROKEN
    assert opinion.findings[0].words.startswith("an error in it: TypeError: str is no opinion (")
    assert [each.name for each in world.listening.examiners] == ["mine"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("origin", "mail", "is_shown"),
    [
        (Origin.OUTSIDE, ("outside",), True),
        (Origin.NEIGHBOUR, ("outside",), True),
        (Origin.OURS, ("outside", "made"), False),
        (Origin.OURS, ("ours",), True),
        (Origin.MADE, ("outside", "ours"), False),
        (Origin.MADE, ("made",), True),
    ],
)
async def test_which_messages_it_is_shown(
    origin: Origin, mail: tuple[str, ...], *, is_shown: bool
) -> None:
    hearing = Hearing(say=found("x"))
    world = Listeners(hearing, mail=mail)

    (opinion,) = await world.examined(replace(LETTER, origin=origin))

    assert bool(hearing.looking.seen) is bool(opinion.findings) is is_shown


@pytest.mark.parametrize(("max_size", "is_shown"), [(0, True), (LETTER.size, True), (5, False)])
async def test_large_messages_pass_it_by(max_size: int, *, is_shown: bool) -> None:
    hearing = Hearing("scan", say=nothing)
    world = Listeners(hearing, max_size=max_size)

    (opinion,) = await world.examined()

    assert bool(hearing.looking.seen) is is_shown
    if not is_shown:
        words = f"{LETTER.size} octets are more than its max_size"
        assert [each[:3] for each in opinion.findings] == [("scan", "not shown", words)]


async def test_one_that_only_looks_is_told_of_no_step() -> None:
    looking = Looking(found("x"))
    filter_ = Examining("only", looking)
    world = Listeners(filter_)

    assert await world.listening.heard(MAIL) is None
    await world.listening.close()

    assert [each.findings[0].by for each in await world.examined()] == ["x"]
    assert await filter_.heard(MAIL) is None


class Clinging(Hearing):
    """It does not let go of a session, or falls over."""

    async def close(self) -> None:
        raise ZeroDivisionError("a bug")


async def test_a_bug_at_the_end_is_only_logged() -> None:
    world = Listeners(Clinging("mine"), other := Hearing())

    await world.listening.close()

    assert other.log[-1] == "close"
    assert "an error in it, at the end: ZeroDivisionError: a bug" in world.events[0].text


def test_a_letter_knows_its_size() -> None:
    assert LETTER.size == len(b"A: b\r\n\r\nbody\r\n")
