"""Several filters as one: who of them is told of which step, and what becomes of one that fails.

What every kind has in common is done here and nowhere else: which mail a filter is shown, how large
it may be, how long the filter may take, and that a bug in one defers the mail that met it and
breaks nothing else. A kind of filter knows its own protocol only.

Theory of operation. Whose mail it is is known with MAIL: until then a client may still log in. So a
filter that is not for strangers and users alike hears of connection and greeting only then, just
before MAIL; what it has against them is the answer to MAIL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.filters.examining import Examining
from postroad.filters.failure import at_greeting, failed, refusal
from postroad.filters.settings import FilterSettings, MailKind
from postroad.filters.stages import Began, Connected, Filter, Greeted, Stage, Together
from postroad.model import Reply
from postroad.model.fault import place_of
from postroad.model.journal import Journal, Level, Notice
from postroad.model.letter import NO_OPINION, Examiner, Finding, Letter, Opinion, Origin
from postroad.spool import SpoolError

__all__ = ["BROKEN", "Joined", "Member", "Shown"]

BROKEN = Reply.of(451, "4.3.0", "Error: internal error in a filter")
"""What a bug in a filter is answered with: whoever mends it finds the mail still to come."""

_KINDS: dict[Origin, MailKind] = {
    Origin.OUTSIDE: "outside",
    Origin.NEIGHBOUR: "outside",
    Origin.OURS: "ours",
    Origin.MADE: "made",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One of them.

    Attributes:
        filter: the filter.
        settings: what holds for it as for every kind.
    """

    filter: Filter
    settings: FilterSettings


class Joined:
    """The filters of a listener; implements `Filters`."""

    def __init__(
        self, members: Sequence[Member], journal: Journal, *, taken_before: bool = False
    ) -> None:
        """Filters in order.

        Args:
            members: at least one.
            journal: where events go.
            taken_before: whether what comes in was taken before by a server of ours.
        """
        self._members = tuple(members)
        self._journal = journal
        self._taken_before = taken_before

    def session(self) -> Together:
        """Begin to listen to a session."""
        parts = [_Part(each, self._journal) for each in self._members]
        return _Together(parts, taken_before=self._taken_before)


class _Together:
    """All filters of one session; implements `Together`.

    Attributes:
        refused: by whom the last step was refused, if it was.
    """

    __slots__ = ("_examiners", "_listeners", "_parts", "_taken_before", "_trusted", "refused")

    def __init__(self, parts: Sequence[_Part], *, taken_before: bool) -> None:
        self._parts = parts
        self._listeners = tuple([part for part in parts if part.listens])
        self._examiners: tuple[Examiner, ...] | None = None
        self._taken_before = taken_before
        self._trusted = False
        self.refused: Finding | None = None

    async def heard(self, stage: Stage) -> Reply | None:
        """Tell them of a step, one after the other; the refusal of the first that refuses it."""
        if isinstance(stage, Connected):
            self._trusted = stage.trusted
        elif isinstance(stage, Began):
            kind = _KINDS[self._origin(stage)]
            for part in self._listeners:
                part.is_shown = kind in part.settings.mail
        self.refused = None
        for part in self._listeners:
            reply = await part.heard(stage)
            if reply is not None:
                self.refused = Finding(part.name, "defer" if reply.code < 500 else "reject")
                return reply
        return None

    @property
    def examiners(self) -> Sequence[Examiner]:
        """Who looks at the message, in order."""
        if self._examiners is None:
            found = [Shown(part, each) for part in self._parts for each in part.examiners]
            self._examiners = tuple(found)
        return self._examiners

    def forget(self) -> None:
        """The transaction is over or given up."""
        for part in self._listeners:
            part.forget()

    async def close(self) -> None:
        """The session is over."""
        for part in self._listeners:
            await part.close()

    def _origin(self, stage: Began) -> Origin:
        if self._taken_before:
            return Origin.NEIGHBOUR
        known = self._trusted or stage.login is not None
        return Origin.OURS if known else Origin.OUTSIDE


class _Part:
    """One filter in one session.

    Attributes:
        name: the filter's.
        settings: its own.
        listens: whether it hears of steps at all.
        is_shown: whether the transaction under way is one that it is shown.
    """

    __slots__ = (
        "_failure",
        "_journal",
        "_late",
        "_listening",
        "_untold",
        "is_shown",
        "listens",
        "name",
        "settings",
    )

    def __init__(self, member: Member, journal: Journal) -> None:
        self.name, self.settings = member.filter.name, member.settings
        self._listening = member.filter.session()
        self._journal = journal
        self.listens = not isinstance(self._listening, Examining)
        self.is_shown = {"outside", "ours"} <= set(self.settings.mail)
        self._untold: dict[type[Stage], Stage] = {}
        self._failure = ""
        self._late: Reply | None = None

    @property
    def examiners(self) -> Sequence[Examiner]:
        """Of this filter."""
        return self._listening.examiners

    async def heard(self, stage: Stage) -> Reply | None:
        """Tell it of a step, after what it was not told of yet."""
        if not self.is_shown:
            if isinstance(stage, Connected | Greeted):
                self._untold[type(stage)] = stage
            return None
        for earlier in (Connected, Greeted):
            untold = self._untold.pop(earlier, None)
            if untold is not None and (reply := await self._tell(untold)) is not None:
                return reply
        reply = await self._tell(stage)
        if isinstance(stage, Connected) and (said := at_greeting(reply)) != reply:
            if said is None:
                self._late = reply  # there is no such greeting: EHLO is answered with it
            return said
        return reply

    async def _tell(self, stage: Stage) -> Reply | None:
        if self._late is not None:
            return self._late  # of all that the session tries (milter8.c, MILTER8_STAT_REJECT_CON)
        if self._failure:
            return None
        try:
            async with asyncio.timeout(self.settings.timeout):
                return await self._listening.heard(stage)
        except TimeoutError:
            self._failure = self._too_slow()
            self._warn(f"{self._failure}, at {type(stage).__name__}")
            return refusal(self.settings.on_failure)
        except Exception as error:  # noqa: BLE001 - a bug in one filter ends no session
            self._warn(f"an error in it, at {type(stage).__name__}: {place_of(error)}")
            return BROKEN

    async def examine(self, examiner: Examiner, letter: Letter) -> Opinion:
        """Its opinion of a message; of one that is none of its business, it has none."""
        settings = self.settings
        if _KINDS[letter.origin] not in settings.mail:
            return NO_OPINION
        size = letter.size
        if settings.max_size and size > settings.max_size:
            words = f"{size} octets are more than its max_size"
            return Opinion(findings=(Finding(self.name, "not shown", words),))
        if self._failure:
            return failed(self.name, settings.on_failure, self._failure)
        try:
            async with asyncio.timeout(settings.timeout):
                return _checked(await examiner.examine(letter))
        except TimeoutError:
            return failed(self.name, settings.on_failure, self._too_slow())
        except SpoolError:
            raise  # no fault of the filter's: the message is not stored, and the log says why
        except Exception as error:  # noqa: BLE001 - a bug in one filter defers what met it
            words = f"an error in it: {place_of(error)}"
            return Opinion(reply=BROKEN, findings=(Finding(self.name, "failed, deferred", words),))

    def forget(self) -> None:
        """The transaction is over."""
        self._listening.forget()

    async def close(self) -> None:
        """The session is over. A filter has little time to say goodbye."""
        try:
            async with asyncio.timeout(_FAREWELL):
                await self._listening.close()
        except TimeoutError:
            self._warn("it did not let go of the session")
        except Exception as error:  # noqa: BLE001 - the session is over, and only this is left
            self._warn(f"an error in it, at the end: {place_of(error)}")

    def _too_slow(self) -> str:
        return f"it gave no answer within {self.settings.timeout:g} s"

    def _warn(self, words: str) -> None:
        self._journal(Notice(f"filters/{self.name}", words, Level.WARNING))


class Shown:
    """An examiner of a filter, asked as the filter's settings have it; implements `Examiner`.

    Attributes:
        name: the filter's.
    """

    __slots__ = ("_examiner", "_part", "name")

    def __init__(self, part: _Part, examiner: Examiner) -> None:
        self.name = part.name
        self._part = part
        self._examiner = examiner

    async def examine(self, letter: Letter) -> Opinion:
        """Look at a message."""
        return await self._part.examine(self._examiner, letter)

    def late(self, why: str) -> Opinion:
        """Its opinion where it has none when the time of all together is over.

        Args:
            why: in words for an operator.
        """
        return failed(self.name, self._part.settings.on_failure, why)


def _checked(opinion: object) -> Opinion:
    """An operator's own program may say anything."""
    if not isinstance(opinion, Opinion):
        raise TypeError(f"{type(opinion).__name__} is no opinion")
    return opinion


_FAREWELL = 5.0  # seconds
