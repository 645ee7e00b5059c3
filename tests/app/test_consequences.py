"""What follows from a freeze, in one worker and in all; and what a crash leaves to be done."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from fake_freezes import FakeFreezes
from postroad.admin.containment import Contained, containing_commands, tell_of_thaw
from postroad.admin.control import ControlServer
from postroad.app.consequences import Consequences, Place
from postroad.app.freeze_letter import Done, of_freeze, of_warning
from postroad.directory import Freeze, FreezeAuthor
from postroad.intake import Refusal
from postroad.model import Address, Envelope, Reply
from postroad.model.journal import Event

NOW = 1_800_000_000.0
JOHN = "john@example.org"
POSTMASTER = Address("postmaster", "example.org")
FREEZE = Freeze(
    JOHN, "2501 recipients in 10 minutes, more than 2500 (burst)", NOW, FreezeAuthor.AUTOMATIC
)


class Door:
    def __init__(self) -> None:
        self.letters: list[tuple[Envelope, tuple[Address, ...], bytes]] = []
        self.refusal: Reply | None = None
        self.used = asyncio.Event()

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        if self.refusal is not None:
            raise Refusal(self.refusal)
        self.letters.append((envelope, tuple(recipients), message))
        self.used.set()
        return f"Q{len(self.letters)}"


class Worker:
    """A worker with three messages of each account, and sessions that end when told."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.queue = {JOHN: 3}
        self.held: dict[str, int] = {}
        self.thaw_while_holding = False
        self.holds: list[str] = []
        self.sessions: list[asyncio.Task[None]] = []
        self.last_words: list[Reply] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.consequences = Consequences(
            Place(
                worker=number,
                workers=2,
                state=world.state,
                hostname="mail.example.org",
                hold=self.hold,
                release=self.release,
                cut=self.cut,
                door=world.door,
                clock=lambda: NOW,
                pause=world.pause,
            ),
            world.freezes,  # type: ignore[arg-type]
            lambda: (POSTMASTER,),
            world.events.append,
        )
        path = world.state / "run" / f"worker-{number}.sock"
        self.control = ControlServer(
            path, containing_commands(self.consequences.contain, self.consequences.thawed)
        )

    async def hold(self, user: str) -> int:
        self.holds.append(user)
        if self.thaw_while_holding:
            self.world.freezes.thaw(user)
        held = self.queue.pop(user, 0)
        self.held[user] = self.held.get(user, 0) + held
        return held

    async def release(self, user: str) -> None:
        self.queue[user] = self.queue.get(user, 0) + self.held.pop(user, 0)

    def cut(self, user: str, reply: Reply) -> Sequence[asyncio.Task[None]]:
        self.last_words += [reply] * len(self.sessions)
        return self.sessions

    def connect(self) -> None:
        async def session() -> None:
            await self.may_end.wait()

        self.sessions.append(asyncio.create_task(session()))

    async def settled(self) -> None:
        while self.consequences._tasks:
            await asyncio.gather(*self.consequences._tasks, return_exceptions=True)


class World:
    def __init__(self, state: Path) -> None:
        self.state = state
        self.freezes = FakeFreezes()
        self.door = Door()
        self.events: list[Event] = []
        self.pauses = 0
        self.after_pauses = self.room_after_pauses = self.thaw_after_pauses = -1
        self.workers = [Worker(self, number) for number in range(2)]

    async def pause(self, _: float) -> None:
        self.pauses += 1
        if self.pauses == self.after_pauses:
            await self.workers[1].control.start()
        if self.pauses == self.room_after_pauses:
            self.door.refusal = None
        if self.pauses == self.thaw_after_pauses:
            self.freezes.thaw(JOHN)

    @property
    def log(self) -> list[str]:
        return [event.text for event in self.events]

    def letter(self) -> EmailMessage:
        """The only one."""
        ((_, _, octets),) = self.door.letters
        message = email.message_from_bytes(octets, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    async with AsyncExitStack() as exits:
        for worker in world.workers:
            await worker.control.start()
            exits.push_async_callback(worker.control.close)
            exits.push_async_callback(worker.consequences.close)
        yield world


async def freeze(world: World, **changes: object) -> Freeze:
    made = replace(FREEZE, **changes)  # type: ignore[arg-type]
    world.freezes.frozen[made.user] = made
    return made


async def test_all_workers_hold_and_end_and_the_operator_is_told_once(world: World) -> None:
    made = await freeze(world)
    for worker in world.workers:
        worker.connect()
    world.workers[0].consequences.follow(made)
    world.workers[0].consequences.follow(made)
    for worker in world.workers:
        await worker.settled()
    for worker in world.workers:
        assert worker.holds == [JOHN, JOHN]  # at once, and when the sessions had ended
        assert [str(reply) for reply in worker.last_words] == [
            "421 4.7.0 mail.example.org Error: sending from john@example.org is suspended"
        ]
    assert "john@example.org is frozen: 6 messages held, 2 sessions ended" in world.log
    ((envelope, recipients, _),) = world.door.letters
    assert envelope.sender is None
    assert recipients == (POSTMASTER,)
    text = world.letter().get_content()
    for line in (
        "Reason:    2501 recipients in 10 minutes, more than 2500 (burst)",
        "Queue:     6 messages held",
        "Sessions:  2 sessions ended",
        "    postroad user show john@example.org",
        "    postroad user unfreeze john@example.org",
        "    postroad user unfreeze john@example.org --delete-held",
    ):
        assert line in text.splitlines()
    assert world.letter()["Auto-Submitted"] == "auto-generated"
    done = world.freezes.frozen[JOHN]
    assert (done.told, done.finished) == (True, True)


async def test_a_message_that_was_being_made_durable_is_held_after_it_was(world: World) -> None:
    made = await freeze(world)
    worker = world.workers[0]
    worker.connect()
    worker.may_end.clear()
    worker.consequences.follow(made)
    await world.door.used.wait()  # nobody waits for that session but the second hold
    assert worker.holds == [JOHN]
    worker.queue[JOHN] = 1  # committed now
    worker.may_end.set()
    await worker.settled()
    assert worker.holds == [JOHN, JOHN]
    assert JOHN not in worker.queue


async def test_a_question_that_comes_after_the_thaw_harms_nobody(world: World) -> None:
    for worker in world.workers:
        worker.connect()
        assert await worker.consequences.contain(JOHN) == Contained()
        assert worker.holds == []
        assert worker.last_words == []


async def test_a_thaw_while_a_session_ends_is_not_undone(world: World) -> None:
    await freeze(world, finished=True)
    worker = world.workers[0]
    worker.connect()
    worker.may_end.clear()
    assert await worker.consequences.contain(JOHN) == Contained(3, 1)
    world.freezes.thaw(JOHN)
    worker.may_end.set()
    await worker.settled()
    assert worker.holds == [JOHN]


async def test_what_is_held_while_the_account_is_thawed_goes_on(world: World) -> None:
    await freeze(world, finished=True)
    worker = world.workers[0]
    worker.thaw_while_holding = True
    assert await worker.consequences.contain(JOHN) == Contained()
    assert (worker.queue, worker.held) == ({JOHN: 3}, {})


async def test_so_does_what_is_held_when_the_last_session_ends(world: World) -> None:
    await freeze(world, finished=True)
    worker = world.workers[0]
    worker.connect()
    worker.may_end.clear()
    assert await worker.consequences.contain(JOHN) == Contained(3, 1)
    await worker.release(JOHN)  # as whoever thaws it does
    worker.thaw_while_holding = True
    worker.may_end.set()
    await worker.settled()
    assert worker.holds == [JOHN, JOHN]
    assert (worker.queue, worker.held) == ({JOHN: 3}, {})


async def test_a_worker_that_is_being_replaced_is_waited_for(world: World) -> None:
    await world.workers[1].control.close()
    world.after_pauses = 4
    made = await freeze(world)
    world.workers[0].consequences.follow(made)
    await world.workers[0].settled()
    assert world.pauses == 4
    assert "6 messages held" in world.letter().get_content()
    assert world.freezes.frozen[JOHN].finished


async def test_a_worker_that_stays_away_leaves_the_freeze_unfinished(world: World) -> None:
    await world.workers[1].control.close()
    made = await freeze(world)
    world.workers[0].consequences.follow(made)
    await world.workers[0].settled()
    text = world.letter().get_content()
    assert "1 worker did not answer" in text
    done = world.freezes.frozen[JOHN]
    assert (done.told, done.finished) == (True, False)
    # At its next start it holds what it has, and the worker whose business it is goes on.
    await world.workers[1].control.start()
    await world.workers[1].consequences.resume()
    assert JOHN not in world.workers[1].queue
    await world.workers[0].consequences.resume()
    await world.workers[0].settled()
    assert world.freezes.frozen[JOHN].finished
    assert len(world.door.letters) == 1


@pytest.mark.parametrize("told", [False, True])
async def test_what_a_crash_interrupted_is_done_at_the_next_start(
    world: World, *, told: bool
) -> None:
    await freeze(world, worker=1, told=told)
    for worker in world.workers:
        await worker.consequences.resume()
        assert worker.holds == [JOHN]  # before its runners begin
    for worker in world.workers:
        await worker.settled()
    assert len(world.door.letters) == (0 if told else 1)
    assert world.freezes.frozen[JOHN].finished


async def test_with_fewer_workers_than_before_one_of_them_goes_on(world: World) -> None:
    await freeze(world, worker=7)
    await world.workers[0].consequences.resume()
    assert not world.workers[0].consequences._tasks
    await world.workers[1].consequences.resume()
    await world.workers[1].settled()
    assert world.freezes.frozen[JOHN].finished


async def test_a_freeze_by_hand_is_followed_by_the_worker_that_it_names(world: World) -> None:
    await freeze(world, author=FreezeAuthor.OPERATOR, reason="")
    await world.workers[1].consequences.contain(JOHN)
    assert not world.workers[1].consequences._tasks
    await world.workers[0].consequences.contain(JOHN)
    await world.workers[0].settled()
    text = world.letter().get_content()
    assert text.startswith("An operator has frozen the account john@example.org.")
    assert "Reason:    none was given" in text


async def test_a_letter_that_is_refused_for_ever_is_not_repeated(world: World) -> None:
    world.door.refusal = Reply.of(554, "5.4.6", "Error: too many hops")
    made = await freeze(world)
    world.workers[0].consequences.follow(made)
    await world.workers[0].settled()
    assert world.freezes.frozen[JOHN].told
    assert any("the operator could not be told" in line for line in world.log)
    assert world.pauses == 0
    world.door.refusal = None
    await world.workers[0].consequences.resume()
    await world.workers[0].settled()
    assert world.door.letters == []


FULL = Reply.of(452, "4.3.1", "Insufficient system storage")


async def test_a_letter_that_is_refused_for_now_is_tried_again_by_the_same_server(
    world: World,
) -> None:
    world.door.refusal = FULL
    world.room_after_pauses = 3
    made = await freeze(world)
    world.workers[0].consequences.follow(made)
    await world.workers[0].settled()
    assert world.pauses == 3
    assert sum("the operator could not be told" in line for line in world.log) == 3
    assert len(world.door.letters) == 1
    done = world.freezes.frozen[JOHN]
    assert (done.told, done.finished) == (True, True)


async def test_nobody_is_told_of_a_freeze_that_was_over_before_there_was_room(
    world: World,
) -> None:
    world.door.refusal = FULL
    world.thaw_after_pauses = 2
    made = await freeze(world)
    world.workers[0].consequences.follow(made)
    await world.workers[0].settled()
    assert world.pauses == 2
    assert world.door.letters == []


async def test_what_an_operator_does_is_logged_with_the_reason(world: World) -> None:
    for reason, words in (("left us", "left us"), ("", "no reason given")):
        made = await freeze(world, author=FreezeAuthor.OPERATOR, reason=reason)
        world.workers[0].consequences.follow(made)
        await world.workers[0].settled()
        assert any(
            line.startswith(f"{JOHN} is frozen by an operator ({words}):") for line in world.log
        )
    await asyncio.to_thread(tell_of_thaw, world.state, JOHN)
    assert world.log.count(f"{JOHN} is frozen no longer, by an operator") == 1  # of two workers


async def test_a_directory_that_cannot_be_written_is_a_repetition_at_worst(world: World) -> None:
    made = await freeze(world)
    world.freezes.unavailable = True
    world.workers[0].consequences.follow(made)
    await world.workers[0].settled()
    assert len(world.door.letters) == 1
    assert any("could not be marked" in line for line in world.log)


# The letter --------------------------------------------------------------------------------------


def read(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_letter_quotes_nothing_that_commands() -> None:
    evil = replace(FREEZE, user="a;reboot\r\nBcc: x@example.org", reason="x\r\n\r\n.\r\n\u202ey")
    letter = of_freeze(evil, Done(), (POSTMASTER,), "mail.example.org", NOW)
    message = read(letter.message)
    assert message["Bcc"] is None
    assert "    postroad user show 'a;reboot Bcc: x@example.org'" in message.get_content()
    assert b"\r\n.\r\n" not in letter.message
    assert "\u202e" not in message.get_content()


def test_a_letter_about_an_account_that_is_no_ascii() -> None:
    user = "jürgen@example.org"
    letter = of_freeze(replace(FREEZE, user=user), Done(), (POSTMASTER,), "mail.example.org", NOW)
    assert letter.message.isascii()
    assert not letter.envelope.smtputf8
    message = read(letter.message)
    assert message["Subject"] == f"The account {user} is frozen"
    assert f"postroad user unfreeze {user}" in message.get_content().replace("'", "")


def test_a_letter_to_somebody_who_is_no_ascii() -> None:
    letter = of_warning(JOHN, "x", (Address("jürgen", "example.org"),), "mail.example.org", NOW)
    assert letter.envelope.smtputf8
    assert "\r\nTo: jürgen@example.org\r\n".encode() in letter.message


def test_lines_of_a_letter_are_short_enough() -> None:
    freeze = replace(FREEZE, user="x" * 64 + "@" + "y" * 60 + ".example", reason="z" * 5000)
    letter = of_freeze(freeze, Done(1, 1, 2), (POSTMASTER,) * 3, "mail.example.org", NOW)
    assert max(map(len, letter.message.split(b"\r\n"))) <= 998
