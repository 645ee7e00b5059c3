"""What follows from verdicts: results for the spool, and reports to the sender that come first.

Order makes it safe. A recipient counts as done, or its sender as told, only after the notification
is durable. A crash in between repeats a report and loses none. A success whose report could not be
sent is no reason to deliver again, nor is one that the end of the runner cut off: from then on the
recipient is owed that report and nothing else. It is tried again as mail is, and given up when mail
and bounces both would have been. Whoever is cut off while a report is on its way waits for the end
of it, if that is near.

Whoever watches over accounts is told here whose mail failed, once the failure counts. A crash in
between tells it twice, like the report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from postroad.model import Action, Address, Reply, Status
from postroad.model.journal import Journal, Level, Notice
from postroad.queue.attempt import Verdict
from postroad.queue.notifier import Notifier
from postroad.queue.schedule import Schedule
from postroad.queue.wishes import Wishes
from postroad.spool import Done, Retry

__all__ = ["Conclusion", "Whose", "nobody"]

Whose = Callable[[str, str, Address, Reply], None]
"""Told of the failure of mail: the account that submitted it, the reverse-path (empty for the null
one), the recipient, and why. The reply is temporary where only the mail's age made the failure
permanent. Must not raise."""


LAST_WORD = 2.0
"""Seconds for a report that is on its way when its worker is cut off: it may be on the disk by
then, and would be sent twice if nobody heard of that. A commit takes some milliseconds."""

_Key = tuple[str, str, Action]  # what is told in one report: queue ID, sender, action


def nobody(login: str, sender: str, recipient: Address, reply: Reply) -> None:
    """Nobody watches."""


class Conclusion:
    """Draws conclusions from verdicts."""

    def __init__(
        self,
        put: Callable[[Done | Retry], None],
        notifier: Notifier,
        wishes: Wishes,
        schedule: Schedule,
        *,
        bounced: Whose = nobody,
        journal: Journal = lambda _: None,
    ) -> None:
        """Take what it needs.

        Args:
            put: has a result written soon.
            notifier: tells senders.
            wishes: knows what they want to be told.
            schedule: when to try again.
            bounced: told of each failure of mail that an account submitted.
            journal: told of reports that could never be sent.
        """
        self._journal = journal
        self._put = put
        self._notifier = notifier
        self._wishes = wishes
        self._schedule = schedule
        self._bounced = bounced

    async def draw(
        self, verdicts: Sequence[Verdict], relay: str, now: float, *, relayed: bool
    ) -> None:
        """Have verdicts written, after the reports that belong to them.

        Args:
            verdicts: of any messages.
            relay: the next hop as the report named it.
            now: seconds since the epoch.
            relayed: whether what was sent went on to another server, not to its mailbox.
        """
        reports = self._reports(verdicts, now, relayed=relayed)
        try:
            while reports:
                key, group = next(iter(reports.items()))
                _, _, action = key
                telling = asyncio.create_task(self._notifier.tell(action, group, relay, now))
                try:
                    await asyncio.shield(telling)
                finally:
                    if await _has_ended(telling):
                        told = telling.result()  # it may raise: then it is owed like the others
                        del reports[key]
                        self._reported(action, group, now, told=told)
        finally:  # the runner ends; else there is nothing left of them
            self._owe(reports, now)

    def cut_off(self, verdicts: Sequence[Verdict], now: float, *, relayed: bool) -> None:
        """The same as `draw` where nothing may be waited for: a report is owed.

        Args:
            verdicts: of mail that was delivered.
            now: seconds since the epoch.
            relayed: whether it went on to another server, not to its mailbox.
        """
        self._owe(self._reports(verdicts, now, relayed=relayed), now)

    def _reports(
        self, verdicts: Sequence[Verdict], now: float, *, relayed: bool
    ) -> dict[_Key, list[Verdict]]:
        """Have verdicts written that nobody is told of; the others by the reports they need."""
        reports: dict[_Key, list[Verdict]] = {}
        for verdict in verdicts:
            action = self._wishes.action(verdict, now, relayed=relayed)
            if action is None:
                self._end(verdict, _result(verdict))
            else:
                reports.setdefault(_key(verdict, action), []).append(verdict)
        return reports

    def _reported(
        self, action: Action, group: Sequence[Verdict], now: float, *, told: bool
    ) -> None:
        for verdict in group:
            if told:
                self._end(verdict, self._told(verdict, now))
            elif self._is_hopeless(verdict, now):
                self._end(verdict, Done(verdict.recipient.id))
            else:
                self._put(self._untold(verdict, action, now))

    def _owe(self, reports: Mapping[_Key, Sequence[Verdict]], now: float) -> None:
        """Have it written of what was delivered that nothing but its report is left to do."""
        for (_, _, action), group in reports.items():
            for verdict in group:
                if verdict.status is Status.SENT:
                    self._put(self._untold(verdict, action, now))

    def _end(self, verdict: Verdict, result: Done | Retry) -> None:
        """Have a result written that counts, whatever it is."""
        self._put(result)
        message = verdict.message
        if verdict.status is Status.BOUNCED and message.waybill.login:
            login, sender = message.waybill.login, message.envelope.sender_text
            self._bounced(login, sender, verdict.recipient.address, verdict.reply)

    def _told(self, verdict: Verdict, now: float) -> Done | Retry:
        if verdict.status is not Status.DEFERRED:
            return Done(verdict.recipient.id)
        message, recipient = verdict.message, verdict.recipient
        told = recipient.told | self._wishes.delays(message, recipient, now)
        words = str(verdict.reply)
        return Retry(recipient.id, verdict.retry_at, words, verdict.tried, told)

    def _is_hopeless(self, verdict: Verdict, now: float) -> bool:
        """Whether a report was tried for so long that it will never be sent; the operator is told.

        A message may be such that no report on it can be made, or its sender such that no report
        is taken. It must not stay for ever.
        """
        message = verdict.message
        if verdict.status is Status.DEFERRED or not self._schedule.given_up(message, now):
            return False
        words = (
            f"{message.queue_id}: <{message.envelope.sender_text}> could not be told of"
            f" <{verdict.recipient.address}>, and is not any more: {verdict.reply}"
        )
        self._journal(Notice("bounce", words, Level.ERROR))
        return True

    def _untold(self, verdict: Verdict, action: Action, now: float) -> Retry:
        """Again later: the report with the next attempt; of a success, the report alone."""
        if verdict.status is Status.DEFERRED:
            return _retry(verdict, verdict.retry_at)
        at = self._schedule.retry_at(verdict.message, verdict.recipient, now)
        if verdict.status is Status.BOUNCED:
            return _retry(verdict, at)
        return Retry(verdict.recipient.id, at, str(verdict.reply), verdict.tried, owed=action)


async def _has_ended(telling: asyncio.Task[bool]) -> bool:
    """Whether a report was told, or refused; one that takes too long is given up."""
    if not telling.done():  # else nothing is waited for: the end of the runner could come meanwhile
        try:
            await asyncio.wait([telling], timeout=LAST_WORD)
        finally:  # also of who is cut off once more
            telling.cancel()
    if not telling.done():
        await asyncio.wait([telling])
    return not telling.cancelled()


def _key(verdict: Verdict, action: Action) -> _Key:
    message = verdict.message  # its copies have senders of their own
    return message.queue_id, message.envelope.sender_text, action


def _result(verdict: Verdict) -> Done | Retry:
    if verdict.status is Status.DEFERRED:
        return _retry(verdict, verdict.retry_at)
    return Done(verdict.recipient.id)


def _retry(verdict: Verdict, at: float) -> Retry:
    return Retry(verdict.recipient.id, at, str(verdict.reply), verdict.tried)
