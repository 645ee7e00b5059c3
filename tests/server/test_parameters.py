"""What MAIL and RCPT ask for reaches the spool, for those who may ask."""

from __future__ import annotations

from base64 import b64encode

import pytest

from fake_connection import FakeConnection
from postroad.model import BodyType, ByMode, Client, DeliverBy, Envelope, Notify, Return
from postroad.server.extensions import Extensions
from session_world import World, talk

PLAIN = b64encode(b"\0john@example.org\0summersun").decode()
TRUSTED = Client("10.1.2.3", 4711)
NOT_YOU = "550 5.7.1 Error: HOLDFOR, HOLDUNTIL and BY need a login\r\n"


async def user(world: World, *, login: bool = True) -> FakeConnection:
    client, _, _ = await world.connect("submission")
    await talk(client, "EHLO x", "STARTTLS", "EHLO x")
    if login:
        await talk(client, f"AUTH PLAIN {PLAIN}")
    return client


async def envelope(world: World, client: FakeConnection, parameters: str) -> Envelope:
    """The envelope that a MAIL with these parameters leads to."""
    answer = await talk(client, f"MAIL FROM:<john@example.org> {parameters}")
    assert answer.startswith("250 2."), answer
    await talk(client, "RCPT TO:<john@example.org>")
    if "BINARYMIME" in parameters:
        await client.say(b"BDAT 4 LAST\r\n\r\n\r\n")
    else:
        await talk(client, "DATA")
        await client.say(b"\r\n.\r\n")
    return world.queued[-1].message.envelope


@pytest.mark.parametrize(
    ("parameters", "field", "value"),
    [
        ("RET=HDRS", "ret", Return.HEADERS),
        ("ENVID=a+2Bb", "envid", "a+b"),
        ("REQUIRETLS", "require_tls", True),
        ("HOLDFOR=60", "hold_until", 1060.0),
        ("HOLDUNTIL=1970-01-01T01:00:00Z", "hold_until", 3600.0),
        ("BY=120;R", "deliver_by", DeliverBy(1120.0, ByMode.RETURN)),
        ("BY=-5;NT", "deliver_by", DeliverBy(995.0, ByMode.NOTIFY, trace=True)),
        ("MT-PRIORITY=4", "priority", 4),
        ("MT-PRIORITY=-9", "priority", -9),
        ("BODY=8BITMIME", "body", BodyType.EIGHT_BIT_MIME),
        ("BODY=BINARYMIME", "body", BodyType.BINARY_MIME),
        ("SMTPUTF8", "smtputf8", True),
    ],
)
async def test_a_user(world: World, parameters: str, field: str, value: object) -> None:
    """The world's clock says 1000."""
    assert getattr(await envelope(world, await user(world), parameters), field) == value


async def test_a_trusted_client(world: World) -> None:
    client, _, _ = await world.connect(client=TRUSTED)
    heard = await talk(client, "EHLO app")
    held = "FUTURERELEASE 86400 1970-01-02T00:16:40Z"
    for keyword in (held, "DELIVERBY", "MT-PRIORITY"):
        assert f"250-{keyword}\r\n" in heard

    taken = await envelope(world, client, "HOLDFOR=60 BY=120;N MT-PRIORITY=3")

    assert (taken.hold_until, taken.priority) == (1060.0, 3)


@pytest.mark.parametrize("parameter", ["HOLDFOR=60", "BY=120;N", "MT-PRIORITY=3", "REQUIRETLS"])
async def test_a_stranger_is_not_offered_it(world: World, parameter: str) -> None:
    client, _, _ = await world.connect()
    heard = await talk(client, "EHLO x")
    for keyword in ("FUTURERELEASE", "DELIVERBY", "MT-PRIORITY", "REQUIRETLS"):
        assert keyword not in heard

    assert await talk(client, f"MAIL FROM:<a@b.example> {parameter}") == (
        f"555 5.5.4 Unsupported option: {parameter}\r\n"
    )


@pytest.mark.parametrize("parameter", ["HOLDFOR=60", "HOLDUNTIL=1970-01-01T01:00:00Z", "BY=9;N"])
async def test_before_the_login_it_is_refused(world: World, parameter: str) -> None:
    client = await user(world, login=False)

    assert await talk(client, f"MAIL FROM:<john@example.org> {parameter}") == NOT_YOU
    assert any("reject: MAIL from" in line and "5.7.1" in line for line in world.log)


async def test_before_the_login_nobody_is_hurried(world: World) -> None:
    client = await user(world, login=False)

    assert await talk(client, "MAIL FROM:<john@example.org> MT-PRIORITY=3") == (
        "250 2.3.6 0 requested priority was changed\r\n"
    )


@pytest.mark.parametrize(
    ("parameter", "answer"),
    [
        ("HOLDFOR=60 BY=60;R", "501 5.5.4 Error: release after the time of delivery\r\n"),
        ("HOLDFOR=61 BY=60;N", "501 5.5.4 Error: release after the time of delivery\r\n"),
        ("HOLDFOR=60 BY=-5;N", "501 5.5.4 Error: release after the time of delivery\r\n"),
        (
            "HOLDUNTIL=1970-01-01T01:00:00Z BY=2600;R",
            "501 5.5.4 Error: release after the time of delivery\r\n",
        ),
        ("HOLDFOR=86401", "501 5.5.4 Error: release too far in the future\r\n"),
        ("HOLDUNTIL=1970-01-03T00:00:00Z", "501 5.5.4 Error: release too far in the future\r\n"),
        ("HOLDUNTIL=1970-01-01T00:16:40Z", "501 5.5.4 Error: release in the past\r\n"),
        ("HOLDUNTIL=1970-01-01T00:00:00Z", "501 5.5.4 Error: release in the past\r\n"),
    ],
)
async def test_how_long_mail_is_held(world: World, parameter: str, answer: str) -> None:
    client = await user(world)

    assert await talk(client, f"MAIL FROM:<john@example.org> {parameter}") == answer


async def test_what_a_recipient_asked_for(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>")
    await talk(client, "RCPT TO:<john@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;j+2Bx@a.b")
    await talk(client, "DATA")
    await client.say(b"\r\n.\r\n")

    (recipient,) = world.queued[0].recipients
    assert recipient.notify == Notify.SUCCESS | Notify.DELAY
    assert recipient.orcpt == "rfc822;j+x@a.b"


async def test_chunks_are_one_message(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>")

    answer = await client.say(b"BDAT 14\r\nSubject: x\r\n\r\nBDAT 6\r\nbody\r\nBDAT 0 LAST\r\n")

    assert answer.splitlines() == [
        "250 2.0.0 Ok: 14 bytes",
        "250 2.0.0 Ok: 6 bytes",
        "250 2.0.0 Ok: queued as Q1",
    ]
    assert world.spool.drafts[0].octets.endswith(b"Subject: x\r\n\r\nbody\r\n")


async def test_a_refused_chunk_is_dropped(world: World) -> None:
    client, _, _ = await world.connect()
    world.spool.refuses = True
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>")

    answer = await client.say(b"BDAT 6 LAST\r\nNOOP\r\nRSET\r\n")

    assert answer.splitlines() == ["452 4.3.1 Insufficient system storage", "250 2.0.0 Ok"]


@pytest.mark.parametrize(
    "keyword",
    ["DSN", "CHUNKING", "LIMITS", "REQUIRETLS", "FUTURERELEASE", "DELIVERBY", "MT-PRIORITY"],
)
async def test_an_extension_can_be_left_out(world: World, keyword: str) -> None:
    without = Extensions(future_release=60, discarded=frozenset({keyword}))
    client, _, _ = await world.connect("submissions", extensions=without)

    assert keyword not in await talk(client, "EHLO x")
    with_all, _, _ = await world.connect("submissions")
    assert keyword in await talk(with_all, "EHLO x")
