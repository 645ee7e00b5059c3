"""Examiners and filters that do what a test wants of them, and remember what they were shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from postroad.filters.stages import Listening, Stage
from postroad.model import Reply
from postroad.model.letter import NO_OPINION, Examiner, Finding, Letter, Opinion

Say = Callable[[Letter], Opinion]
UNWANTED = Reply.of(550, "5.7.1", "Unwanted")
LATER = Reply.of(451, "4.7.1", "Come back later")


def nothing(_: Letter) -> Opinion:
    """No opinion."""
    return NO_OPINION


def hang(_: Letter) -> Opinion:
    """No answer; see `Looking.examine`."""
    raise AssertionError("it never answers")


def found(by: str, result: str = "pass", words: str = "") -> Say:
    """Something found, and nothing wanted."""
    return lambda _: Opinion(findings=(Finding(by, result, words),))


def topped(line: bytes) -> Say:
    """One more field on top."""
    return lambda letter: Opinion(fields=letter.fields.above(line))


class Looking:
    """Implements `Examiner`."""

    def __init__(self, say: Say = nothing) -> None:
        self.say = say
        self.seen: list[Letter] = []
        self.bodies: list[bytes] = []
        self.asked = asyncio.Event()

    async def examine(self, letter: Letter) -> Opinion:
        self.seen.append(letter)
        self.asked.set()
        if self.say is hang:
            await asyncio.Event().wait()
        self.bodies.append(b"".join(letter.body.chunks()))
        return self.say(letter)


class Hearing:
    """Implements `Filter` and `Listening`: one for all sessions of a test."""

    def __init__(
        self,
        name: str = "hearing",
        *,
        say: Say = nothing,
        refuses: type[Stage] | None = None,  # type: ignore[valid-type]
        raises: type[Stage] | None = None,  # type: ignore[valid-type]
        hangs: type[Stage] | None = None,  # type: ignore[valid-type]
    ) -> None:
        self.name = name
        self.looking = Looking(say)
        self.refuses, self.raises, self.hangs = refuses, raises, hangs
        self.stages: list[Stage] = []
        self.log: list[str] = []

    def session(self) -> Listening:
        self.log.append("session")
        return self

    async def heard(self, stage: Stage) -> Reply | None:
        self.stages.append(stage)
        self.log.append(type(stage).__name__)
        if self.raises is type(stage):
            raise ZeroDivisionError("a bug")
        if self.hangs is type(stage):
            await asyncio.Event().wait()
        return UNWANTED if self.refuses is type(stage) else None

    @property
    def examiners(self) -> Sequence[Examiner]:
        return (self.looking,)

    def forget(self) -> None:
        self.log.append("forget")

    async def close(self) -> None:
        self.log.append("close")
