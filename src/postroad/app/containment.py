"""Stolen accounts: what sessions and the queue tell is counted, and what is found is acted on.

One for each worker; what they count is common to all. A finding becomes a freeze: a row in the
directory, which only one worker succeeds in writing however many notice the thief at once. From the
moment of the finding this worker refuses the account, before the row is written. The row is
written as soon as it can be; what follows from it is done by `consequences`.

Whose act it is: that of who logged in, also where the session acts for somebody else, for it is
that login's password which may be stolen. A session may send only if neither of the two is frozen.

An account is counted under its name and the number of its thaws, so that each thaw begins with
clean counts, in all workers, without a word to any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Protocol

from postroad.app import freeze_letter
from postroad.app.consequences import SERVICE
from postroad.app.freeze_letter import Letter
from postroad.directory import DirectoryUnavailable, Freeze, Freezes
from postroad.limits.conduct import Act, Bounced, Conduct, Finding, LoggedIn, Offered
from postroad.limits.conduct_settings import ContainmentSettings
from postroad.limits.counters import Counters
from postroad.limits.habits import DAY, Habits
from postroad.limits.network import region_of
from postroad.limits.state_file import StateUnavailable
from postroad.model import Address, Login, Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.server.authorization import Named
from postroad.server.containment import suspended

__all__ = ["ACQUAINTED", "Containment", "Rules"]

ACQUAINTED = 7 * DAY
"""Seconds for which an account must have been in use before anything it sends is unusual for it."""

AT_HOME = DAY
"""Seconds after which a region that an account logs in from is no news."""

AGAIN = 10.0  # seconds between two attempts to write a freeze, and between two looks at habits
MOST_REMEMBERED = 10_000  # accounts of which a warning, or a look at habits, is remembered


class Following(Protocol):
    """What does what follows (`consequences`)."""

    def follow(self, freeze: Freeze) -> None:
        """Begin to do what follows from a freeze."""
        ...

    async def tell(self, letter: Letter) -> bool:
        """Bring a letter to the door; whether that was taken."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the configuration says now.

    Attributes:
        settings: `[containment]`.
        recipients: who is told.
        postmaster: whom users are sent to.
        hostname: our name.
        says_nothing: whether the IP address of a client tells nothing about who it is: those of
            trusted networks, behind which a web mailer may stand for everybody.
    """

    settings: ContainmentSettings
    recipients: Sequence[Address]
    postmaster: str
    hostname: str
    says_nothing: Callable[[str], bool]


class Containment:
    """Implements `server.containment.Containing` for a worker."""

    def __init__(
        self,
        rules: Rules,
        *,
        worker: int,
        counters: Counters,
        habits: Habits,
        freezes: Freezes,
        following: Following,
        journal: Journal,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing has been seen yet.

        Args:
            rules: what is too much, and what to do then.
            worker: our number.
            counters: shared by all workers.
            habits: what is usual.
            freezes: as the directory has them.
            following: does what follows.
            journal: told of findings.
            clock: seconds since the epoch.
            pause: waits for so many seconds.
        """
        self._worker = worker
        self._counters = counters
        self._habits = habits
        self._freezes = freezes
        self._following = following
        self._journal = journal
        self._clock = clock
        self._pause = pause
        self._freezing: dict[str, int] = {}  # accounts, and their thaws when they were found out
        self._warned: dict[str, float] = {}
        self._weighed: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.replace(rules)

    def replace(self, rules: Rules) -> None:
        """Go by other rules from now on; a count whose window has changed begins anew."""
        self._rules = rules
        self._settings = settings = rules.settings
        self._is_on = settings.action != "none"
        self._exempt = Named.of(settings.exempt)
        self._conduct = Conduct(settings, self._counters)

    def recipients(self) -> Sequence[Address]:
        """Who is told."""
        return self._rules.recipients

    def suspension(self, login: Login) -> Reply | None:
        """See `Containing.suspension`."""
        for account in (login.user, login.actor) if login.actor else (login.user,):
            if self._is_frozen(account):
                return suspended(account, self._rules.postmaster)
        return None

    def saw(self, login: Login, client: str, act: Act, now: float) -> None:
        """See `Containing.saw`."""
        account = login.accountable
        if not self._is_on or account in self._exempt or self._is_frozen(account):
            return
        if isinstance(act, LoggedIn):
            if self._rules.says_nothing(client):
                return
            if self._settings.unusual_burst:
                self._habits.logged_in(account, client, now)
        thaws = self._freezes.thaws(account)
        finding = self._conduct.notice(_key(account, thaws), act, now)
        if finding is not None:
            self._found(account, thaws, finding)
        elif isinstance(act, Offered) and self._settings.unusual_burst:
            self._weigh(account, thaws, client, now)

    def bounced(self, account: str, _sender: str, _recipient: Address, reply: Reply) -> None:
        """A recipient of mail that an account submitted failed; see `queue.conclusion.Whose`."""
        self.saw(Login(account, ""), "", Bounced(reply), self._clock())

    async def close(self) -> None:
        """Break off what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Judging -------------------------------------------------------------------------------------

    def _is_frozen(self, account: str) -> bool:
        if self._freezes.of(account) is not None:
            return True
        found_out = self._freezing.get(account)
        return found_out is not None and found_out == self._freezes.thaws(account)

    def _weigh(self, account: str, thaws: int, client: str, now: float) -> None:
        """Whether a burst that is not too large for everybody is unusual for this account."""
        settings = self._settings
        burst = self._conduct.burst(_key(account, thaws), now)
        if burst * max(1, settings.unusual_factor) <= settings.unusual_burst:
            return  # and is forgotten: nothing will ever be measured by so few
        self._habits.sent(account, thaws, burst, now)
        if burst <= settings.unusual_burst or self._rules.says_nothing(client):
            return
        # By region: that its owner sends from home does not excuse who sends from elsewhere.
        sending = f"{account}\0{region_of(client)}"
        if _is_recent(self._weighed, sending, AGAIN, now):
            return
        _remember(self._weighed, sending, now)
        self._begin(self._consider(account, thaws, client, now))

    async def _consider(self, account: str, thaws: int, client: str, now: float) -> None:
        try:
            usual = await self._habits.usual(account, thaws, client, now)
        except StateUnavailable as error:
            self._warn(f"what is usual for {account} is not known: {error}")
            return
        if usual.since is None or usual.since > now - ACQUAINTED:
            return
        if usual.here_since is not None and usual.here_since <= now - AT_HOME:
            return
        finding = self._conduct.unusual(_key(account, thaws), usual.burst, now)
        if finding is not None:
            self._found(account, thaws, finding)

    # Acting --------------------------------------------------------------------------------------

    def _found(self, account: str, thaws: int, finding: Finding) -> None:
        if self._settings.action == "warn":
            self._suspect(account, finding)
        elif self._freezing.get(account) != thaws:
            self._freezing[account] = thaws
            self._begin(self._freeze(account, finding))

    async def _freeze(self, account: str, finding: Finding) -> None:
        """Write the freeze, and begin what follows if nobody else was first."""
        reason = f"{finding.words} ({finding.rule})"
        is_new, freeze = False, None
        while True:
            now = self._clock()
            try:
                is_new = await self._freezes.begin(account, reason, self._worker, now) or is_new
                freeze = await self._freezes.look(account)
                break
            except DirectoryUnavailable as error:
                # This worker refuses the account all the same, and others find out for themselves.
                self._warn(f"the freeze of {account} could not be written: {error}")
            await self._pause(AGAIN)
        self._freezing.pop(account, None)
        if is_new and freeze is not None:  # it may have been thawed at once
            self._warn(f"froze {account}: {reason}")
            self._following.follow(freeze)

    def _suspect(self, account: str, finding: Finding) -> None:
        now = self._clock()
        if not _is_recent(self._warned, account, DAY, now):
            _remember(self._warned, account, now)
            self._begin(self._tell_of(account, finding, now))

    async def _tell_of(self, account: str, finding: Finding, now: float) -> None:
        try:
            if not await self._freezes.warn(account, DAY, now):
                return
        except DirectoryUnavailable as error:
            self._warn(f"a warning of {account} could not be written down: {error}")
        words = f"{finding.words} ({finding.rule})"
        self._warn(f'{account} behaves as if it were stolen: {words}; action = "warn"')
        rules = self._rules
        letter = freeze_letter.of_warning(account, words, rules.recipients, rules.hostname, now)
        await self._following.tell(letter)

    def _warn(self, words: str) -> None:
        self._journal(Notice(SERVICE, words, Level.WARNING))

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._journal(Notice(SERVICE, f"containment failed: {error!r}", Level.ERROR))


def _key(account: str, thaws: int) -> str:
    return f"{account}\0{thaws}" if thaws else account


def _is_recent(moments: dict[str, float], account: str, within: float, now: float) -> bool:
    """Whether an account was remembered; a moment of a clock that was set back does not count."""
    moment = moments.get(account)
    return moment is not None and 0 <= now - moment < within


def _remember(moments: dict[str, float], account: str, now: float) -> None:
    if len(moments) >= MOST_REMEMBERED:
        moments.clear()
    moments[account] = now
