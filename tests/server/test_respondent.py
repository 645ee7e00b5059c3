"""The core asks, the respondent answers: a dialogue in memory, without connection or clock."""

from __future__ import annotations

import pytest

from fake_connection import FakeConnection
from postroad.model import Reply
from postroad.policy import PolicySettings, build
from postroad.server.offering import offer_to
from postroad.server.pace import Pace
from postroad.server.peer import Peer
from postroad.server.respondent import Respondent
from postroad.server.service import Service
from postroad.smtp import Need, ServerCore
from session_world import World


class Dialogue:
    """A core and its respondent; what the client says is fed to them whole."""

    def __init__(self, service: Service) -> None:
        self.connection = FakeConnection()
        offer = offer_to(service, self.connection.peer, speaker=self.connection.peer)
        self.core = ServerCore(service.hostname, offer, service.limits)
        self.peer = Peer(self.connection, service, self.core)  # type: ignore[arg-type]
        self.pace = Pace(300.0, 0)
        self.respondent = Respondent(self.peer, self.pace)
        self.goes_on = True

    async def say(self, *lines: str) -> str:
        """What is answered to all of these lines; they come in one piece."""
        self.core.receive("".join(f"{line}\r\n" for line in lines).encode())
        while self.goes_on and (event := self.core.next_event()) is not Need.DATA:
            assert not isinstance(event, Need)
            self.goes_on = await self.respondent.answer(event)
        return self.core.data_to_send().decode()


async def greeted(service: Service) -> Dialogue:
    dialogue = Dialogue(service)
    dialogue.core.greet(await dialogue.respondent.greeting())
    await dialogue.say("EHLO x")
    return dialogue


async def test_a_message_from_mail_to_its_end(world: World) -> None:
    dialogue = await greeted(world.service())

    await dialogue.say("MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>")
    assert dialogue.respondent.transaction is not None
    dialogue.pace.waited(100.0)
    assert (await dialogue.say("DATA")).startswith("354")
    assert dialogue.pace.left == 300.0
    assert (await dialogue.say("Subject: x", "", ".")).startswith("250 2.0.0")

    assert dialogue.respondent.transaction is None
    assert [draft.ended for draft in world.spool.drafts] == ["committed"]


async def test_what_is_under_way_is_given_up(world: World) -> None:
    dialogue = await greeted(world.service())
    await dialogue.say("MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA", "text")

    for _ in range(2):
        dialogue.respondent.forget()

    assert dialogue.respondent.transaction is None
    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


@pytest.mark.parametrize("line", ["QUIT", "GET / HTTP/1.1"])
async def test_the_session_ends(world: World, line: str) -> None:
    dialogue = await greeted(world.service())

    assert (await dialogue.say(line))[0:3] == "221"

    assert not dialogue.goes_on


async def test_after_tls_everything_is_forgotten(world: World) -> None:
    dialogue = await greeted(world.service())
    dialogue.peer.mechanisms = ("PLAIN",)

    await dialogue.say("STARTTLS")

    assert dialogue.goes_on
    assert (dialogue.peer.hello, dialogue.peer.mechanisms) == ("", ())
    assert dialogue.respondent.shaking is None


async def test_a_handshake_that_fails_ends_the_session(world: World) -> None:
    dialogue = await greeted(world.service())
    dialogue.connection.broken_tls = "no cipher in common"

    await dialogue.say("STARTTLS")

    assert not dialogue.goes_on


@pytest.mark.parametrize(
    ("line", "logged"),
    [("MAIL FROM:<a b>", True), ("NOOP", False), ("WHATEVER", False), ("RCPT TO:<a@b>", True)],
)
async def test_refusals_of_mail_are_logged(world: World, line: str, logged: bool) -> None:
    dialogue = await greeted(world.service())

    await dialogue.say(line)

    assert any("NOQUEUE: reject:" in each for each in world.log) is logged


async def test_a_client_is_refused_before_it_is_greeted(world: World) -> None:
    settings = PolicySettings(client=("reject",), delay_reject=False)
    dialogue = Dialogue(world.service(policy=build("mx", settings)))

    refusal = await dialogue.respondent.greeting()

    assert isinstance(refusal, Reply)
    assert refusal.code == 554
