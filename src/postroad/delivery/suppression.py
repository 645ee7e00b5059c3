"""Addresses elsewhere that do not exist: counted when they refuse mail, and not written to again.

An option. What counts is a next hop's own refusal for good, in reply to RCPT, that says there is no
such mailbox, or no more; never one for reasons of policy, reputation or content, nor one about the
sender, which say nothing of the address, and never one for an address of ours. Else whoever may
send through this server could have an address suppressed that is there.

Mail for a suppressed address goes back to its sender at once, with the refusal and its date. It is
taken at the door first: many mail programs give up a whole message when one of its recipients is
refused there.

Who asks waits for a look at a file that all workers share, some tenths of a millisecond; nobody
does while it is switched off. Where the file cannot be read, mail goes out as ever.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sqlite3
import time
from collections.abc import Callable

from postroad.delivery.suppression_file import (
    Suppressed,
    SuppressionUnavailable,
    put_refusal,
    suppressed,
    sweep,
)
from postroad.delivery.suppression_settings import SuppressionSettings
from postroad.history.refusal import Cause, meaning_of, words_of
from postroad.limits.state_file import Keeping
from postroad.model import Address, Reply
from postroad.model.address import domain_key
from postroad.model.journal import Journal, Level, Notice

__all__ = ["Suppression", "is_hard"]

_CERTAIN = frozenset({"5.1.1", "5.1.10"})
"""Enhanced codes that say nothing but that there is no such mailbox (RFC 3463 §3.2, RFC 7505)."""

_HARD = frozenset({"5.1.2", "5.1.3", "5.1.6", "5.2.1"})
"""Those that say so where the words say nothing else (RFC 3463 §3.2 and §3.3)."""

_SENDERS = frozenset({"5.1.7", "5.1.8"})
"""Those that are about the sender's address (RFC 3463 §3.2)."""

_OF_US = frozenset(
    {
        Cause.THROTTLED,
        Cause.REPUTATION,
        Cause.BLOCKLISTED,
        Cause.AUTHENTICATION,
        Cause.NAME,
        Cause.SECURITY,
        Cause.CONTENT,
        Cause.FULL,
    }
)
"""What is about us or about the message, whatever code it came with."""

_OF_THE_SENDER = re.compile(r"\bsender|\bmail from\b|return.?path|reverse.?path|\bcallout")
"""What is about the reverse-path. It is heard of at RCPT too, and so are its codes."""

_OTHERWISE = re.compile(
    r"\bpolic(?:y|ies)\b|\bspam|\brelay(?:ing)?\b|\bblocked\b|\bquickly\b|\bat a rate\b"
)
"""What else a refusal may be about that says `mailbox unavailable`: some say that to everything."""

_SWEEP_EVERY = 100  # refusals after which a worker looks for old ones
_MOST_NOTES = 1000  # refusals that are being written down at once; further ones are not counted
_COMPLAIN_EVERY = 60.0  # seconds


def is_hard(reply: Reply, relay: str) -> bool:
    """Whether a next hop's refusal says that there is no such mailbox.

    Args:
        reply: what it said.
        relay: the next hop, as logs show it.
    """
    if not reply.is_permanent:
        return False
    meaning = meaning_of(str(reply), relay)
    if meaning is not None and meaning.cause in _OF_US:
        return False
    enhanced, words = reply.enhanced or "", words_of(str(reply))
    if enhanced in _SENDERS or _OF_THE_SENDER.search(words):
        return False
    if enhanced in _CERTAIN:
        return True
    known = meaning is not None and meaning.cause is Cause.MAILBOX
    is_mailbox = enhanced in _HARD or (known and not enhanced.startswith("5.7."))
    return is_mailbox and not _OTHERWISE.search(words)


class Suppression:
    """The suppressed addresses, for one worker.

    Attributes:
        settings: may be exchanged at any time.
    """

    def __init__(
        self,
        settings: SuppressionSettings,
        file: Keeping,
        journal: Journal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is opened yet.

        Args:
            settings: `[suppression]`.
            file: keeps `suppression_file.SUPPRESSION`.
            journal: told of each address that is suppressed.
            clock: seconds since the epoch.
        """
        self.settings = settings
        self._file = file
        self._journal = journal
        self._clock = clock
        self._notes: set[asyncio.Task[None]] = set()
        self._left = 0  # refusals until the next sweep
        self._complained = float("-inf")

    async def of(self, address: Address, sender: Address | None) -> Reply | None:
        """Why mail of a sender is not to go to an address; `None`: it is.

        Args:
            address: the recipient, elsewhere.
            sender: the reverse-path; `None` is the null one.
        """
        if not self.settings.enabled:
            return None
        scope = "" if sender is None else domain_key(sender.domain)
        try:
            found = await self._file.ask(
                functools.partial(_look, address=address.key, scope=scope, now=self._clock())
            )
        except SuppressionUnavailable as error:
            self._complain(error)
            return None
        return None if found is None else _refusal(found)

    def refused(self, address: Address, sender: Address | None, reply: Reply, relay: str) -> None:
        """A next hop refused a recipient for good, in its own words. Returns at once.

        Where the sender's domain counts, the null reverse-path is nobody's and counts for nobody.
        """
        if not self.settings.enabled or len(self._notes) >= _MOST_NOTES:
            return
        by_domain = self.settings.scope == "sender_domain"
        if (by_domain and sender is None) or not is_hard(reply, relay):
            return
        scope = domain_key(sender.domain) if by_domain and sender is not None else ""
        task = asyncio.get_running_loop().create_task(self._note(address, scope, reply))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def close(self) -> None:
        """Wait for what is being written down."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _note(self, address: Address, scope: str, reply: Reply) -> None:
        settings, now = self.settings, self._clock()
        must_sweep = self._left <= 0
        self._left = _SWEEP_EVERY if must_sweep else self._left - 1

        def write(connection: sqlite3.Connection) -> bool:
            new = put_refusal(
                connection, address.key, scope, str(reply), settings=settings, now=now
            )
            if must_sweep:
                sweep(connection, settings, now)
            return new

        try:
            is_new = await self._file.ask(write)
        except SuppressionUnavailable as error:
            self._complain(error)
            return
        if is_new:
            whom = f" for senders of {scope}" if scope else ""
            words = f"<{address}> is suppressed{whom} from now on, after: {reply}"
            self._journal(Notice("suppression", words))

    def _complain(self, error: SuppressionUnavailable) -> None:
        now = self._clock()
        if not 0 <= now - self._complained < _COMPLAIN_EVERY:
            self._complained = now
            self._journal(Notice("suppression", str(error), Level.WARNING))


def _look(
    connection: sqlite3.Connection, *, address: str, scope: str, now: float
) -> Suppressed | None:
    return suppressed(connection, address, scope, now)


def _refusal(found: Suppressed) -> Reply:
    """What the sender is told. The date is UTC's, as in all of a report."""
    day = time.strftime("%Y-%m-%d", time.gmtime(found.since))
    if found.by_hand:
        why = f": {found.reply}" if found.reply else ""
        return Reply.of(550, "5.1.1", f"mail to this address is suppressed since {day}{why}")
    words = f"mail to this address is suppressed since {day} after: {found.reply}"
    return Reply.of(550, "5.1.1", words)
