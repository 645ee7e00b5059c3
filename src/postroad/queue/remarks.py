"""What next hops mean when they refuse: told to the operator in plain words, and to the planner.

A provider that has had enough of us says so in codes of its own, thousands of times an hour. Here
each failed attempt is looked at: what is about this server, and not about one message, the log gets
once for each destination and hour; and the planner is told where it means «less at once». What is
known is in `history.refusal`; it costs some tenths of a millisecond, and only where the next hop
itself refused. Whoever keeps count of addresses that do not exist hears of each refusal for good.
"""

from __future__ import annotations

from collections.abc import Callable

from postroad.history.refusal import Meaning, meaning_of
from postroad.model import Address, Outcome, Reply, Report, Status
from postroad.model.journal import Journal, Level, Notice
from postroad.queue.attempt import Attempt

__all__ = ["Refused", "Remarks", "unheard"]

Refused = Callable[[Address, Address | None, Reply, str], None]
"""Told of each recipient that another server refused for good in its own words: recipient,
reverse-path (`None` is the null one), reply, and who said it, as logs show a relay. What it said to
MAIL or of the content is about others. Must not raise."""


def unheard(recipient: Address, sender: Address | None, reply: Reply, relay: str) -> None:
    """Nobody counts them."""


EVERY = 3600.0
"""Seconds for which the same is not said again of the same destination."""

MOST = 1000
"""Destinations and meanings that are remembered, some 200 KB; the oldest goes first."""


class Remarks:
    """Looks at failures. Belongs to one runner."""

    __slots__ = ("_journal", "_refused", "_said")

    def __init__(self, journal: Journal, refused: Refused = unheard) -> None:
        """Nothing was said yet.

        Args:
            journal: told what refusals mean.
            refused: told of recipients that were refused for good.
        """
        self._journal = journal
        self._refused = refused
        self._said: dict[tuple[str, str], float] = {}  # when, seconds since the epoch

    def on(self, attempt: Attempt, report: Report, now: float, *, relays: bool) -> Report:
        """The report, with what the next hop's words say of how much it takes.

        Args:
            attempt: what was tried.
            report: what it brought.
            now: seconds since the epoch.
            relays: whether it went to another server, not to mailboxes of ours.
        """
        first = _first_refusal(report)
        if first is None:
            return report
        if relays and not attempt.message.waybill.content_filter:  # a filter is nobody's mailbox
            self._tell(attempt, report)
        relay = first.relay or report.relay
        meaning = meaning_of(str(first.reply), relay)
        if meaning is None:
            return report
        if meaning.is_about_us:
            self._say(attempt.destination.nexthop, relay, meaning, now)
        return report._replace(throttled=True) if meaning.asks_for_less else report

    def _tell(self, attempt: Attempt, report: Report) -> None:
        addresses = {each.id: each.address for each in attempt.recipients}
        for outcome in report.outcomes:
            address = addresses.get(outcome.recipient_id)
            if address is None or not (outcome.from_peer and outcome.of_recipient):
                continue
            if outcome.status is Status.BOUNCED:
                relay = outcome.relay or report.relay
                self._refused(address, attempt.message.envelope.sender, outcome.reply, relay)

    def _say(self, nexthop: str, relay: str, meaning: Meaning, now: float) -> None:
        key = (nexthop, meaning.words)
        last = self._said.pop(key, None)
        if last is not None and 0 <= now - last < EVERY:
            self._said[key] = last
            return
        if len(self._said) >= MOST:
            del self._said[next(iter(self._said))]
        self._said[key] = now
        words = f"{nexthop} ({relay}): {meaning.cause.value}: {meaning.words}"
        self._journal(Notice("qmgr", words, Level.WARNING))


def _first_refusal(report: Report) -> Outcome | None:
    """The first refusal in the next hop's own words; one speaks for all of an attempt."""
    for outcome in report.outcomes:
        if outcome.from_peer and outcome.status is not Status.SENT:
            return outcome
    return None
