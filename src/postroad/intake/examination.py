"""The examination of one message: everybody who is to look at it is asked, one after the other.

Each examiner sees the message as those before it left it; the first who refuses it, or throws it
away, ends the examination. What they want changed is collected here and nothing is written: the
message is written once, by its entry, when all have been asked.

Nobody is trusted to write a message that is one. A header section of another's making is looked at
before it is taken, bare line ends in a body become whole ones (they would end the message early at
a next hop that reads them so), and our own Received field stays, once: it is what ends loops. An
examiner that raises has a bug. That is logged with its place, and the mail that met it is deferred:
none is lost, and none passes unexamined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postroad.filters.failure import FAILED
from postroad.filters.joined import Shown
from postroad.filters.stages import Filters
from postroad.intake.header import are_fields
from postroad.intake.new_body import new_body
from postroad.intake.trace import Source
from postroad.model import BodyType, Content, Disposition, Reply
from postroad.model.fault import place_of
from postroad.model.fields import Field, Fields
from postroad.model.journal import Journal, Level, Notice
from postroad.model.letter import NO_OPINION, Examiner, Letter, Opinion, Origin
from postroad.spool import SpoolError

__all__ = ["NOBODY", "Board", "Examination"]

ADDED = 65_536
"""Octets that examiners may add to a message beyond the limits that it came under: results,
signatures, scores. What grows by more has a filter that should be mended."""

UNEXAMINED = Reply.of(451, "4.3.0", "Error: the message could not be examined now")
TOO_LARGE = Reply.of(552, "5.3.4", "Error: message too large after it was filtered")

RECIPIENTS_ADDED = 1_000
"""Recipients that one examiner may add to a message: an archive, a list. One that adds more than
any client may name is broken, or somebody else's tool."""

GRACE = 5.0
"""Seconds for each examiner whose turn comes when the time of all together is over."""

WORDS = 400
"""Characters of the log that are said of one finding: some of them quote the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Who examines messages, and within which bounds.

    Attributes:
        first: those asked before the filters.
        filters: the filters; `None`: there are none.
        last: those asked after them.
        strangers_only: whether `first` has nothing to say of mail from trusted clients that have
            not logged in, from programs of this machine and from here.
        time: seconds for all together; who is asked when they are over has failed.
        header_size: octets of a header section that may come in; 0: any number.
        message_size: octets of a message, likewise.
    """

    first: tuple[Examiner, ...] = ()
    filters: Filters | None = None
    last: tuple[Examiner, ...] = ()
    strangers_only: bool = False
    time: float = 300.0
    header_size: int = 0
    message_size: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nobody looks."""
        return self.filters is None and not self.first and not self.last

    def is_idle(self, source: Source) -> bool:
        """Whether nobody has anything to say of mail from there, which then costs nothing."""
        if self.filters is not None or self.last:
            return False
        trusted = source.origin is not Origin.OUTSIDE and source.login is None
        return not self.first or (self.strangers_only and trusted)


NOBODY = Board()


class Examination:
    """Of one message.

    Attributes:
        letter: the message as it is by now.
        reply: why it is refused; `None`: it is not.
        wishes: what examiners want done with it besides.
        has_new_body: whether its body is not the one that came.
        eight_bit: of a new body: whether it has octets of eight bits.
    """

    __slots__ = (
        "_board",
        "_journal",
        "_most",
        "_trace",
        "eight_bit",
        "has_new_body",
        "letter",
        "reply",
        "wishes",
    )

    def __init__(self, board: Board, letter: Letter, trace: bytes, journal: Journal) -> None:
        """Nobody was asked yet.

        Args:
            board: who examines.
            letter: the message.
            trace: our Received field.
            journal: where findings go.
        """
        self.letter = letter
        self.reply: Reply | None = None
        self.wishes = Disposition()
        self.has_new_body = self.eight_bit = False
        self._board = board
        self._trace = trace
        self._journal = journal
        self._most = max(board.message_size, letter.size) + ADDED

    async def run(self, examiners: Sequence[Examiner]) -> None:
        """Ask them.

        Args:
            examiners: in order.

        Raises:
            SpoolError: the message cannot be read.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + self._board.time
        for asked in examiners:
            try:
                async with asyncio.timeout_at(max(end, clock() + min(GRACE, self._board.time))):
                    await self._ask(asked)
            except TimeoutError:
                await self._take_late(asked)
            if self.reply is not None or self.wishes.discard:
                return

    async def _take_late(self, asked: Examiner) -> None:
        """What becomes of a message when the time is over: a filter's settings say it."""
        words = f"gave no answer when all had {self._board.time:g} s"
        if isinstance(asked, Shown):
            await self._take(asked.late(f"it {words}"), asked)
        else:
            self._fail(f"the examination takes too long: {_name(asked)} {words}")

    async def _ask(self, examiner: Examiner) -> None:
        try:
            opinion = await examiner.examine(self.letter)
            if opinion is not NO_OPINION:
                await self._take(opinion, examiner)
        except SpoolError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one defers what it met
            self._fail(f"{_name(examiner)} failed: {place_of(error)}")

    async def _take(self, opinion: Opinion, examiner: Examiner) -> None:
        """Make of the message what an opinion says."""
        if opinion.findings:
            self._tell(opinion)
        self.wishes = self.wishes.merged(Disposition(discard=opinion.discard, hold=opinion.hold))
        body = opinion.body if opinion.body is not self.letter.body else None
        if opinion.ends:
            self.reply, body = opinion.reply, None
            opinion = Opinion(findings=opinion.findings)
        fields = opinion.fields
        if fields is not None:
            known = frozenset(self.letter.fields)
            written = [each for each in fields if each not in known]
            if not all(are_fields(each.octets) for each in written):
                self._fail(f"{_name(examiner)} wrote what is no header field")
                return
            if any(len(Fields.of(each.octets)) > 1 for each in written):
                fields = Fields.of(fields.octets)  # those after it see what readers will see
            fields = self._traced(fields)
        if self._are_too_many(opinion):
            self._fail(f"{_name(examiner)} added more than {RECIPIENTS_ADDED} recipients")
            return
        if body is not None:
            if self._board.message_size and body.size > self._most:
                self.reply = TOO_LARGE
                return
            body = await self._canonical(body)
        self.letter = self.letter.after(replace(opinion, fields=fields, body=body))
        if fields is not None and not isinstance(examiner, Shown):
            places = (at for at, each in enumerate(fields) if each.octets == self._trace)
            self.letter = replace(self.letter, above=next(places, 0))
        if self._is_too_large(self.letter):
            self.reply = TOO_LARGE
        elif not self.letter.recipients:
            self.wishes = self.wishes.merged(Disposition(discard="no recipient is left"))

    def _are_too_many(self, opinion: Opinion) -> bool:
        named = 0 if opinion.recipients is None else len(opinion.recipients)
        return named > len(self.letter.recipients) + RECIPIENTS_ADDED

    def _is_too_large(self, letter: Letter) -> bool:
        board, header = self._board, letter.size - letter.body.size
        if board.header_size and header > board.header_size + ADDED:
            return True
        return bool(board.message_size) and letter.size > self._most

    def _traced(self, fields: Fields) -> Fields:
        """With our Received field, once: where it stands, or on top."""
        if sum([field.octets == self._trace for field in fields]) == 1:
            return fields
        kept = [field for field in fields if field.octets != self._trace]
        return Fields((Field(self._trace), *kept))

    async def _canonical(self, body: Content) -> Content:
        """A new body with whole line ends only (RFC 5321 §2.3.8); binary content is as it is."""
        is_binary = self.letter.envelope.body is BodyType.BINARY_MIME
        content, self.eight_bit = await new_body(body, is_binary=is_binary)
        self.has_new_body = True
        return content

    def _tell(self, opinion: Opinion) -> None:
        """What was found out, as one line of the log; of a filter that failed it is a warning."""
        words = "; ".join(
            _cut(f"{by}={result} ({said})" if said else f"{by}={result}")
            for by, result, said, _ in opinion.findings
        )
        has_failed = any(each.result.startswith(FAILED) for each in opinion.findings)
        level = Level.WARNING if has_failed else Level.INFO
        self._journal(Notice("cleanup", f"{self.letter.queue_id}: {words}", level))

    def _fail(self, why: str) -> None:
        self.reply = UNEXAMINED
        words = f"{self.letter.queue_id}: {why}; the message is not accepted now"
        self._journal(Notice("cleanup", words, Level.ERROR))


def _cut(words: str) -> str:
    return words if len(words) <= WORDS else f"{words[:WORDS]}..."


def _name(examiner: Examiner) -> str:
    return examiner.name if isinstance(examiner, Shown) else type(examiner).__name__
