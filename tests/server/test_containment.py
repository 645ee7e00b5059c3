"""What sessions tell of logged-in users, how a frozen account is refused, how one is cut."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping

import pytest

from fake_connection import FakeConnection
from fake_limits import UNLIMITED, gate
from fake_oracle import Unasked, oracle_of
from postroad.limits.conduct import Act, Limited, LoggedIn, Offered, Refused, Withdrew
from postroad.limits.settings import Limits, PerName, RateSettings
from postroad.model import Login, Reply
from postroad.policy import PolicySettings, build
from postroad.server.containment import closing, suspended
from postroad.server.oracle import DirectoryOracle
from postroad.server.server import SmtpServer
from postroad.server.session import Session
from session_world import World, talk

JOHN = "john@example.org"
PROOF = b64encode(b"\0john@example.org\0summersun").decode()
SUSPENDED = "450 4.7.13 Error: sending from john@example.org is suspended; ask postmaster@x\r\n"
CLOSING = closing(JOHN, "mail.example.org")
LAST_WORDS = "421 4.7.0 mail.example.org Error: sending from john@example.org is suspended\r\n"


class Containing:
    """Remembers what it is told. Freezes with the act that it is told to freeze with."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.told: list[tuple[Login, str, float]] = []
        self.frozen = False
        self.last_straw: Act | None = None

    def suspension(self, login: Login) -> Reply | None:
        return suspended(login.user, "postmaster@x") if self.frozen else None

    def saw(self, login: Login, client: str, act: Act, now: float) -> None:
        self.acts.append(act)
        self.told.append((login, client, now))
        self.frozen = self.frozen or act == self.last_straw


@pytest.fixture
def containing() -> Containing:
    return Containing()


async def log_in(
    world: World, containing: Containing, **changes: object
) -> tuple[FakeConnection, Session]:
    client, session, _ = await world.connect("submission", containment=containing, **changes)
    await talk(client, "EHLO x", "STARTTLS", "EHLO x", f"AUTH PLAIN {PROOF}")
    return client, session


async def test_a_message_is_told_when_its_content_is_to_come(
    world: World, containing: Containing
) -> None:
    client, _ = await log_in(world, containing)
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>")
    await talk(client, "RCPT TO:<anna@example.net>")
    assert containing.acts == [LoggedIn("192.0.2.7")]
    await talk(client, "DATA")
    assert "250 2.0.0" in await talk(client, "Subject: x", "", ".")
    assert containing.acts == [LoggedIn("192.0.2.7"), Offered(2)]
    ((login, address, now), _) = containing.told
    assert (login.user, address, now) == (JOHN, "192.0.2.7", 1000.0)


@pytest.mark.parametrize("how", ["breaks", "lost"])
async def test_a_message_that_comes_to_nothing_is_taken_back(
    world: World, containing: Containing, how: str
) -> None:
    client, _ = await log_in(world, containing)
    world.spool.breaks = how == "breaks"
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>", "DATA")
    if how == "lost":
        await client.say(ConnectionResetError())
        await asyncio.gather(*world.tasks)
    else:
        await talk(client, "Subject: x", "", ".")
    if how == "breaks":
        assert isinstance(containing.acts.pop(2), Refused)
    assert containing.acts == [LoggedIn("192.0.2.7"), Offered(1), Withdrew(1, 1000.0)]


async def test_nothing_is_told_of_who_has_not_logged_in(
    world: World, containing: Containing
) -> None:
    containing.frozen = True
    client, _, _ = await world.connect("mx", containment=containing)
    await talk(client, "EHLO x", "MAIL FROM:<john@example.org>", "RCPT TO:<nobody@example.org>")
    await talk(client, "RCPT TO:<john@example.org>", "DATA")
    assert "250 2.0.0" in await talk(client, "From: john@example.org", "", ".")
    assert containing.told == []


async def test_a_failed_login_is_nothing_that_an_account_did(
    world: World, containing: Containing
) -> None:
    client, _, _ = await world.connect("submission", containment=containing)
    wrong = b64encode(b"\0john@example.org\0wrong").decode()
    answer = await talk(client, "EHLO x", "STARTTLS", "EHLO x", f"AUTH PLAIN {wrong}")
    assert answer.startswith("535 ")
    assert containing.told == []


async def test_refusals_are_told_with_their_words(world: World, containing: Containing) -> None:
    client, _ = await log_in(world, containing)
    await talk(client, "MAIL FROM:<boss@example.com>", "RCPT TO:<lisa@example.net>", "RSET")
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<nobody@example.org>")
    _, foreign, unknown = containing.acts
    assert isinstance(foreign, Refused)
    assert (foreign.reply.code, foreign.reply.enhanced) == (553, "5.7.1")
    assert (foreign.sender, foreign.recipient) == ("boss@example.com", "lisa@example.net")
    assert isinstance(unknown, Refused)
    assert (unknown.reply.code, unknown.reply.enhanced) == (550, "5.1.1")
    assert unknown.recipient == "nobody@example.org"


async def test_a_forged_author_is_told_as_the_sender_that_was_refused(
    world: World, containing: Containing
) -> None:
    client, _ = await log_in(world, containing, from_header="reject")
    for number in range(2):
        await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>", "DATA")
        assert "553 5.7.1" in await talk(client, f"From: fake{number}@bank.example", "", ".")
    refused = [act.sender for act in containing.acts if isinstance(act, Refused)]
    assert refused == ["fake0@bank.example", "fake1@bank.example"]


@pytest.mark.parametrize("limit", ["messages_per_user", "recipients_per_user"])
async def test_refusals_by_limits_are_told(
    world: World, containing: Containing, limit: str
) -> None:
    values = {name: getattr(UNLIMITED, name) for name in Limits.__dataclass_fields__}
    limits = Limits(**(values | {limit: 1}))
    client, _ = await log_in(world, containing, gate=gate(limits))
    for _ in range(3):
        await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>", "RSET")
    assert containing.acts == [LoggedIn("192.0.2.7"), Limited(), Limited()]


@pytest.mark.parametrize("per", ["sender", "sender_domain", "network", "client"])
async def test_a_limit_that_strangers_can_use_up_is_not_told(
    world: World, containing: Containing, per: PerName
) -> None:
    rates = {"x": RateSettings(count="messages", per=per, limit=1, window=60.0)}
    common = gate(rates=rates)
    forger, _, _ = await world.connect("mx", gate=common)
    await talk(forger, "EHLO x", "MAIL FROM:<john@example.org>")
    client, _ = await log_in(world, containing, gate=common)
    for _ in range(3):
        answer = await talk(client, "MAIL FROM:<john@example.org>")
        assert answer.startswith("450 4.7.1 Error: too much mail from ")
    assert containing.acts == [LoggedIn("192.0.2.7")]


async def test_a_rate_of_the_users_own_is_told(world: World, containing: Containing) -> None:
    rates = {"x": RateSettings(count="messages", per="user", limit=1, window=60.0)}
    client, _ = await log_in(world, containing, gate=gate(rates=rates))
    for _ in range(3):
        await talk(client, "MAIL FROM:<john@example.org>", "RSET")
    assert containing.acts == [LoggedIn("192.0.2.7"), Limited(), Limited()]


# Frozen ------------------------------------------------------------------------------------------


async def test_a_frozen_account_logs_in_and_is_told_at_mail(
    world: World, containing: Containing
) -> None:
    containing.frozen = True
    client, _ = await log_in(world, containing)
    assert await talk(client, "MAIL FROM:<john@example.org>") == SUSPENDED
    assert await talk(client, "NOOP") == "250 2.0.0 Ok\r\n"
    assert any("reject: MAIL from" in line and "4.7.13" in line for line in world.log)
    containing.frozen = False  # thawed, while the session is open
    assert await talk(client, "MAIL FROM:<john@example.org>") == "250 2.1.0 Ok\r\n"


async def test_an_account_that_is_frozen_meanwhile_is_told_at_rcpt(
    world: World, containing: Containing
) -> None:
    client, _ = await log_in(world, containing)
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>")
    containing.frozen = True
    assert await talk(client, "RCPT TO:<anna@example.net>") == SUSPENDED
    assert await talk(client, "DATA") == SUSPENDED
    assert world.spool.drafts == []


async def test_the_message_that_is_too_much_is_not_taken(
    world: World, containing: Containing
) -> None:
    containing.last_straw = Offered(2)
    client, _ = await log_in(world, containing)
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>")
    await talk(client, "RCPT TO:<anna@example.net>")
    assert await talk(client, "DATA") == SUSPENDED
    assert world.spool.drafts == []


async def test_content_of_an_account_that_was_frozen_meanwhile_is_not_taken(
    world: World, containing: Containing
) -> None:
    client, _ = await log_in(world, containing)
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>", "DATA")
    containing.frozen = True
    assert await talk(client, "Subject: x", "", ".") == SUSPENDED
    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


# Cut ---------------------------------------------------------------------------------------------


async def ended(world: World) -> None:
    async with asyncio.timeout(30):
        await asyncio.gather(*world.tasks)


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["MAIL FROM:<john@example.org>"],
        ["MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>"],
        ["MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>", "DATA", "Subject: x"],
    ],
)
async def test_a_session_is_cut_wherever_it_is(
    world: World, containing: Containing, said: list[str]
) -> None:
    client, session = await log_in(world, containing)
    if said:
        for line in said[:-1]:
            await talk(client, line)
        if said[-1].startswith("Subject"):
            client._incoming.put_nowait(said[-1].encode() + b"\r\n")
            await client.heard()
        else:
            await talk(client, said[-1])
    session.cut(CLOSING)
    assert client.written.decode() == LAST_WORDS
    assert client.closed
    client._incoming.put_nowait(ConnectionResetError())
    await ended(world)
    assert all(draft.ended == "discarded" for draft in world.spool.drafts)
    assert world.queued == []


async def test_a_message_that_is_being_made_durable_is_acknowledged_before(
    world: World, containing: Containing
) -> None:
    client, session = await log_in(world, containing)
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>", "DATA")
    world.spool.may_commit.clear()
    client._incoming.put_nowait(b"Subject: x\r\n\r\n.\r\nMAIL FROM:<john@example.org>\r\n")
    await world.spool.committing.wait()
    session.cut(CLOSING)
    assert not client.closed
    world.spool.may_commit.set()
    await ended(world)
    acknowledged, last = client.written.decode().splitlines(keepends=True)
    assert acknowledged.startswith("250 2.0.0 Ok: queued as ")
    assert last == LAST_WORDS
    assert len(world.queued) == 1


async def test_who_does_not_read_is_cut_without_words(world: World, containing: Containing) -> None:
    client, session = await log_in(world, containing)
    stuck, reading = asyncio.Event(), asyncio.Event()

    async def drain(_: float) -> None:
        stuck.set()
        await reading.wait()
        raise ConnectionResetError

    def abort() -> None:
        client.closed = True
        reading.set()

    client.drain = drain  # type: ignore[assignment]
    client.abort = abort  # type: ignore[method-assign]
    client.congested = True
    client._incoming.put_nowait(b"NOOP\r\n")
    await stuck.wait()
    session.cut(CLOSING)
    await ended(world)
    assert client.closed


async def test_a_session_that_is_being_answered_slowly_is_cut(
    world: World, containing: Containing
) -> None:
    client, session = await log_in(world, containing)
    world.may_go_on.clear()
    world.pausing.clear()
    for _ in range(12):  # from the eleventh error on, answers are late
        client._incoming.put_nowait(b"XYZZY\r\n")
    await world.pausing.wait()
    session.cut(CLOSING)
    world.may_go_on.set()
    await ended(world)
    assert client.written.decode().endswith(LAST_WORDS)


async def test_the_sessions_of_a_user_are_cut_and_no_others(
    world: World, containing: Containing
) -> None:
    server = SmtpServer({}, world.events.append)
    john, johns = await log_in(world, containing)
    acting, admins = await log_in(world, containing)
    admins._peer.login = Login("lisa@example.org", "PLAIN", JOHN)
    other, others = await log_in(world, containing)
    others._peer.login = Login("lisa@example.org", "PLAIN")
    stranger, strangers, _ = await world.connect("mx")
    sessions = (johns, admins, others, strangers)
    server._sessions = dict(zip(world.tasks, sessions, strict=True))
    assert server.cut(JOHN, CLOSING) == tuple(world.tasks[:2])
    assert [each.closed for each in (john, acting, other, stranger)] == [True, True, False, False]


async def test_a_freeze_while_policy_is_asked_about_the_message(
    world: World, containing: Containing
) -> None:
    class Service(Unasked):
        async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
            containing.frozen = True
            return "DUNNO"

    lists = PolicySettings(end_of_data=("check_policy_service unix:/run/policy",))
    oracle = oracle_of(DirectoryOracle(world.directory), agents=Service())
    client, _ = await log_in(world, containing, policy=build("submission", lists), oracle=oracle)
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.net>", "DATA")

    assert (await talk(client, "Subject: x", "", ".")).startswith("450 4.7.13 ")
    assert world.queued == []
