"""How an account behaves: what a thief with its password does, and its owner does not.

Counting and nothing else. Each act of somebody who is logged in, and each bounce of what somebody
logged in has sent, is counted under the account, for all workers together; an act that makes a
count too large is answered with a finding, in words for an operator. What follows from that is
somebody else's business, and so is who is exempt.

Nothing here can be brought about by strangers. There is no act for a failed login, nor for mail
that comes in: a forged bounce is only a message. Bounces are what our own queue met, where the
next hop refused a recipient for good; what was given up because it was too old is not among them,
since a dead domain fails for a whole list at once, days later.

Different things (networks, senders, recipients) are counted by a count for each of them: the one
that begins it is new. Two workers that meet the same new thing in the same microsecond may both
miss it, which errs on the account's side. Once there are too many, no more are kept, so that one
account cannot fill the table. All counts begin anew with the server.

Time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.limits.conduct_settings import ContainmentSettings
from postroad.limits.counters import Counters, Window
from postroad.limits.network import region_of
from postroad.model import Reply

__all__ = [
    "Act",
    "Bounced",
    "Conduct",
    "Finding",
    "Limited",
    "LoggedIn",
    "Offered",
    "Refused",
    "Withdrew",
    "spoken",
]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """It logged in from an IP address; empty where that says nothing (a trusted network)."""

    address: str


@dataclass(frozen=True, slots=True)
class Offered:
    """It is about to send to so many recipients."""

    recipients: int


@dataclass(frozen=True, slots=True)
class Withdrew:
    """What it offered came to nothing.

    Attributes:
        recipients: how many it had offered.
        offered: when, in seconds since the epoch: what no count has in it any more is not taken
            out of it, or else offers that are kept open would make room for a burst.
    """

    recipients: int
    offered: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A command of it was refused for what its words say.

    Attributes:
        reply: the refusal.
        sender: the reverse-path of the message, or the author whom it was refused for; empty for
            the null one.
        recipient: whom the refusal is about; empty where it is about none.
    """

    reply: Reply
    sender: str
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Limited:
    """A command of it was refused because it had sent too much before; it, and nobody else."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """A recipient of its mail failed, with this reply."""

    reply: Reply


Act = LoggedIn | Offered | Withdrew | Refused | Limited | Bounced


@dataclass(frozen=True, slots=True)
class Finding:
    """Too much of something.

    Attributes:
        rule: the setting of `[containment]` that says how much that is.
        words: what was noticed, with its figures.
    """

    rule: str
    words: str


_OF_SENDERS = frozenset({"5.1.0", "5.1.7", "5.1.8"})
_NOT_OWNED = (553, "5.7.1")
"""The words of Postfix for a sender that belongs to somebody else have no code of their own."""
_OF_RECIPIENTS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""What enhanced codes say about an address (RFC 3463 §3.2 and §3.3, RFC 7505 §4.2)."""


class Conduct:
    """Counts what accounts do, and says when it is too much."""

    def __init__(self, settings: ContainmentSettings, counters: Counters) -> None:
        """Nothing is counted yet.

        Args:
            settings: `[containment]`.
            counters: shared by all workers.
        """
        self._settings = settings
        self._counters = counters
        burst = settings.burst_window
        self._burst = _window("recipients offered by account", burst)
        self._offered = _window("recipients beside bounces of account", settings.bounce_window)
        self._bounces = _window("bounces of account", settings.bounce_window)
        self._networks = _Different("network of account", settings.window)
        self._unknown = _Different("unknown recipient of account", settings.window)
        self._senders = _Different("foreign sender of account", settings.window)
        self._limited = _window("refusals of account by limits", settings.window)

    def notice(self, account: str, act: Act, now: float) -> Finding | None:
        """Count an act.

        Args:
            account: whose; a new text for an account whose counts are to begin anew.
            act: what it did.
            now: seconds since the epoch.

        Returns:
            What is too much now, if anything is.
        """
        match act:
            case Offered(recipients):
                return self._sends(account, recipients, now)
            case Withdrew(recipients, offered):
                for window in (self._burst, self._offered):
                    if window:
                        self._counters.add(window, account, now, -recipients, since=offered)
                return None
            case LoggedIn(address):
                return self._logs_in(account, address, now)
            case Refused():
                return self._is_refused(account, act, now)
            case Limited():
                return self._is_limited(account, now)
            case Bounced(reply):
                return self._bounces_back(account, reply, now)

    def burst(self, account: str, now: float) -> int:
        """Recipients offered in the window of bursts; 0 where they are not counted."""
        return self._counters.count(self._burst, account, now) if self._burst else 0

    def _sends(self, account: str, recipients: int, now: float) -> Finding | None:
        settings = self._settings
        if self._offered and settings.bounces:
            self._counters.add(self._offered, account, now, recipients)
        if not self._burst:
            return None
        burst = self._counters.add(self._burst, account, now, recipients)
        if not 0 < settings.burst < burst:
            return None
        words = f"{burst} recipients in {spoken(settings.burst_window)}, more than {settings.burst}"
        return Finding("burst", words)

    def unusual(self, account: str, usual: int, now: float) -> Finding | None:
        """Judge a burst that is not too much for anybody, by an account that is not where it was.

        Args:
            account: whose.
            usual: recipients of the greatest burst before today.
            now: seconds since the epoch.
        """
        settings, burst = self._settings, self.burst(account, now)
        if not 0 < settings.unusual_burst < burst or burst <= settings.unusual_factor * usual:
            return None
        words = (
            f"{burst} recipients in {spoken(settings.burst_window)} from a network that is new to "
            f"the account, which sent to {usual} at the most before"
            if usual
            else f"{burst} recipients in {spoken(settings.burst_window)} from a network that is "
            "new to the account, which never sent to so many before"
        )
        return Finding("unusual_burst", words)

    def _logs_in(self, account: str, address: str, now: float) -> Finding | None:
        most = self._settings.networks
        if not address or not (most and self._networks):
            return None
        count = self._networks.count(self._counters, account, region_of(address), most, now)
        return self._too_many("networks", count, most, "logins from {} networks")

    def _is_refused(self, account: str, act: Refused, now: float) -> Finding | None:
        settings, reply = self._settings, act.reply
        if reply.enhanced in _OF_SENDERS or (reply.code, reply.enhanced) == _NOT_OWNED:
            rule, most, different = "foreign_senders", settings.foreign_senders, self._senders
            subject, words = act.sender, "{} different senders refused that are not the account's"
        elif reply.enhanced in _OF_RECIPIENTS:
            rule, most, different = "unknown_recipients", settings.unknown_recipients, self._unknown
            subject, words = act.recipient, "{} different recipients refused that do not exist"
        else:
            return None
        if not (most and different):
            return None
        count = different.count(self._counters, account, subject.casefold(), most, now)
        return self._too_many(rule, count, most, words)

    def _is_limited(self, account: str, now: float) -> Finding | None:
        most = self._settings.limited
        if not (most and self._limited):
            return None
        count = self._counters.add(self._limited, account, now)
        return self._too_many("limited", count, most, "{} refusals by limits")

    def _bounces_back(self, account: str, reply: Reply, now: float) -> Finding | None:
        settings, counters = self._settings, self._counters
        if not reply.is_permanent or not (settings.bounces and self._bounces and self._offered):
            return None
        count = counters.add(self._bounces, account, now)
        if count <= settings.bounces:
            return None
        offered = counters.count(self._offered, account, now)
        # More bounces than recipients are of mail from before the server's start: their share of
        # it is not known.
        if count > offered or 100 * count <= settings.bounce_share * offered:
            return None
        words = (
            f"{count} of {offered} recipients in {spoken(settings.bounce_window)} refused by their "
            f"servers, more than {settings.bounces} and more than {settings.bounce_share} %"
        )
        return Finding("bounces", words)

    def _too_many(self, rule: str, count: int, most: int, words: str) -> Finding | None:
        if count <= most:
            return None
        time = spoken(self._settings.window)
        return Finding(rule, f"{words.format(count)} in {time}, more than {most}")


class _Different:
    """Counts different things of an account."""

    __slots__ = ("_all", "_each")

    def __init__(self, kind: str, seconds: float) -> None:
        self._each = _window(kind, seconds)
        self._all = _window(f"{kind}, all", seconds)

    def __bool__(self) -> bool:
        return self._each is not None

    def count(self, counters: Counters, account: str, thing: str, most: int, now: float) -> int:
        """Count a thing if it is new, and return how many there are: `most` + 1 at the most."""
        assert self._each is not None
        assert self._all is not None
        count = counters.count(self._all, account, now)
        if count > most:
            return most + 1
        if counters.add(self._each, f"{account}\0{thing}", now) != 1:
            return count
        return counters.add(self._all, account, now)


def _window(kind: str, seconds: float) -> Window | None:
    return Window(kind, seconds) if seconds else None


_UNITS: tuple[tuple[float, str], ...] = ((86_400, "day"), (3600, "hour"), (60, "minute"))


def spoken(seconds: float) -> str:
    """A duration in words: `10 minutes`, `an hour`."""
    for length, unit in _UNITS:
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            if count == 1:
                return f"{'an' if unit == 'hour' else 'a'} {unit}"
            return f"{count} {unit}s"
    return f"{seconds:.0f} seconds"
