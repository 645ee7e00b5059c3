"""The relay proof: no stranger reaches another domain through a relay list.

## Theory of operation

The proof asks the relay list about a *stranger*: not logged in, with no certificate that we trust,
not in a trusted network nor at one of our own addresses, and with a recipient whose domain is not
ours. Everything else about him is unknown, because he chooses it: his address, the name in HELO,
TLS, the sender, the recipient's text; so is what the DNS and policy services say of him. Each rule
then has its *possibilities* (`possibilities`): one answer where it needs none of that, all that its
table can say where it asks a table, anything at all otherwise. The walk below follows every one of
them as the engine would: on to the next rule, to the end, or into restrictions that the answer
names. A permit that can be reached is a `Hole`.

Lists within lists may lead back to themselves, by a table that names a class that asks the table
(which may answer otherwise the second time, for tables change). So what each list can do (permit,
come to its end) is kept by its words, at first as nothing, and the walk is repeated until a round
teaches nothing new. There are finitely many lists, and each can learn two things: that ends.

Some answers need a thought:

- `defer_if_permit`, once said, makes every later permit a deferral: nothing behind it is a way. It
  is only *said* where no `warn_if_reject` stands before it.
- DISCARD throws the mail away, which relays it to nobody. REDIRECT, BCC and FILTER send it where
  the operator wrote; they permit nothing, so the list goes on.
- What an access table's value names is asked as a list within the list; a permit there counts, but
  not below a restriction that cannot permit.
- That a table or the directory cannot be asked defers, and is no way.
- To come to the end of the relay list would be a way, if its closing rule did not stand there.

If a concrete session could relay, the proof finds a hole: every step of the session is among those
it follows. A list may be called unsafe though no session gets through, where two rules exclude each
other. The other lists are left out: a permit in one of them ends that list alone, and a refusal in
one (the submission presets have such) is not relied upon; the relay list must hold on its own. It
is asked at RCPT whatever `delay_reject` says.

The same is asked for a client in a trusted network. Where that is permitted, which it should be,
the networks must not hold more of the Internet than one organisation can. The same holds for
networks whose clients may say that they are another one, a trusted one for instance (XCLIENT, the
PROXY protocol). Who comes through a proxy that does not name him is in no network, whatever network
the proxy is in: he is the stranger.

A listener that is to relay for nobody at all (LMTP) is asked once more with everything unknown:
trust, login and certificate too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from postroad.policy.answer import Action, Answer, Stage, Subject
from postroad.policy.engine import Policy
from postroad.policy.networks import Networks
from postroad.policy.possibilities import Possibilities, Possibility, Values, nothing_known, short
from postroad.policy.reach import reach_of
from postroad.policy.rule import Rule
from postroad.policy.stranger import ANYBODY, STRANGER, TRUSTED, Party

__all__ = ["Hole", "Passage", "prove", "reached"]

MOST_OF_RULE = 200
"""Characters of a rule that a message shows: a table may be written in it."""

MOST_OF_WAY = 800
"""Characters of a way that is shown whole. What is cut is its middle: it ends where it is open."""

FIRST, LAST = 2, 3
"""Rules that are shown of one that is longer."""

_AGAINST = (Action.REJECT, Action.DEFER, Action.DEFER_IF_PERMIT)


@dataclass(frozen=True, slots=True)
class Passage:
    """A rule on the way to a permit, and how the stranger gets past it or through it."""

    rule: Rule
    how: str

    def __str__(self) -> str:
        return f"{short(str(self.rule), MOST_OF_RULE)}: {self.how}"


@dataclass(frozen=True, slots=True)
class Hole:
    """A way for strangers to relay.

    Attributes:
        who: who gets through.
        path: the rules in order, those of lists within the list too; the last one permits.
        at: the position in the relay list of the rule that lets him through, counted from 0.
    """

    who: str
    path: tuple[Passage, ...]
    at: int

    def __str__(self) -> str:
        steps = [str(passage) for passage in self.path]
        if len("; then ".join(steps)) > MOST_OF_WAY and len(steps) > FIRST + LAST:
            between = f"{len(steps) - FIRST - LAST} more let it pass"
            steps = [*steps[:FIRST], between, *steps[-LAST:]]
        return f"{self.who} can send to any domain: {'; then '.join(steps)}"


def prove(
    policy: Policy,
    networks: Networks,
    *,
    relays: bool = True,
    values: Values = nothing_known,
    backup: Networks | None = None,
) -> list[Hole]:
    """The ways in which a stranger may relay through the policy; none when it is proved safe.

    Args:
        policy: the lists of a listener.
        networks: `trusted_networks`.
        relays: whether anybody at all may send to other domains through it.
        values: what tables can answer.
        backup: `mx_backup_networks`; none when left out.

    Returns:
        One for each rule of the relay list that lets him through.
    """
    rules = policy.lists[Stage.RELAY]

    def holes(party: Party, who: str) -> list[Hole]:
        return _Search(Possibilities(party, values, backup or Networks())).holes(rules, who)

    if not relays:
        return holes(ANYBODY, "a client, trusted or logged in,")
    found = holes(STRANGER, "anybody, without a login,")
    too_wide = reach_of(networks)
    if too_wide:
        who = f"anybody in trusted_networks, which hold too much of the Internet ({too_wide}),"
        known = {hole.at for hole in found}
        found += [hole for hole in holes(TRUSTED, who) if hole.at not in known]
    return found


def reached(policy: Policy, *, values: Values = nothing_known) -> frozenset[str]:
    """The names of the restrictions that a stranger gets to; the proof rests on what they say.

    Args:
        policy: the lists of a listener.
        values: what tables can answer.
    """
    search = _Search(Possibilities(STRANGER, values, Networks()))
    search.holes(policy.lists[Stage.RELAY], "")
    return frozenset(search.names)


# The walk ---------------------------------------------------------------------------------------

_Path = tuple[Passage, ...]
_Key = tuple[bool, tuple[str, ...]]
"""A list within a list: whether it can only warn, and its rules' words. Those say all of it, since
a class of restrictions is the same one wherever it is named."""


class _Ways(NamedTuple):
    """What a rule or a list can do, each with one way to it; `None`: it cannot."""

    permit: _Path | None = None
    pass_on: _Path | None = None

    def or_else(self, other: _Ways) -> _Ways:
        """What either can do."""
        return _Ways(
            other.permit if self.permit is None else self.permit,
            other.pass_on if self.pass_on is None else self.pass_on,
        )


class _Search:
    """Follows every possibility of a list.

    Attributes:
        names: of the restrictions that it came to.
    """

    def __init__(self, possibilities: Possibilities) -> None:
        self.names: set[str] = set()
        self._possibilities = possibilities
        self._known: dict[_Key, _Ways] = {}
        self._met: set[_Key] = set()

    def holes(self, rules: tuple[Rule, ...], who: str) -> list[Hole]:
        """A hole for each rule of the outermost list that can permit."""
        before: dict[_Key, _Ways] | None = None
        found: list[Hole] = []
        while self._known != before:
            before = dict(self._known)
            self._met.clear()
            found = list(self._round(rules, who))
        return found

    def _round(self, rules: tuple[Rule, ...], who: str) -> Iterator[Hole]:
        path: _Path = ()
        for at, rule in enumerate(rules):
            ways = self._rule(rule, warn=False)
            if ways.permit is not None:
                yield Hole(who, path + ways.permit, at)
            if ways.pass_on is None:
                return
            path += ways.pass_on
        # The closing rule prevents this; that it does is not for the proof to assume.
        yield Hole(who, (*path, Passage(rules[-1], "is the last, and refuses nothing")), len(rules))

    def _rule(self, rule: Rule, *, warn: bool) -> _Ways:
        ways = _Ways()
        self.names.add(rule.name)
        for each in self._possibilities.of(rule):
            ways = ways.or_else(self._follow(rule, each, warn=warn or rule.warn))
        return ways

    def _follow(self, rule: Rule, possibility: Possibility, *, warn: bool) -> _Ways:
        answer, permits = possibility.answer, rule.restriction.permits
        if answer is None:
            how = f"{possibility.how}, which permits" if possibility.how else "may permit it"
            through = (Passage(rule, how),) if permits else None
            return _Ways(through, (Passage(rule, _may_pass(rule)),))
        if answer.then:
            return self._within(rule, answer, possibility.how, warn=warn)
        if answer.disposition.discard:
            return _Ways()
        here = (Passage(rule, _told(answer, possibility.how)),)
        if answer.action is Action.PERMIT and permits:
            return _Ways(permit=here)
        if answer.action in _AGAINST and not warn:
            return _Ways()
        return _Ways(pass_on=here)

    def _within(self, rule: Rule, answer: Answer, how: str, *, warn: bool) -> _Ways:
        """The list that an answer names."""
        asks = f"{how}, whose restrictions are asked" if how else "its restrictions are asked"
        here = (Passage(rule, asks),)
        inner = self._nested(answer.then, warn=warn)
        through = None if inner.permit is None else here + inner.permit
        past = None if inner.pass_on is None else here + inner.pass_on
        return _Ways(through if rule.restriction.permits else None, past)

    def _nested(self, rules: tuple[Rule, ...], *, warn: bool) -> _Ways:
        """What a list within a list can do, as far as it is known: more in the next round."""
        key = (warn, tuple(map(str, rules)))
        if key not in self._met:
            self._met.add(key)
            self._known.setdefault(key, _Ways())
            self._known[key] = self._known[key].or_else(self._list(rules, warn=warn))
        return self._known[key]

    def _list(self, rules: tuple[Rule, ...], *, warn: bool) -> _Ways:
        permit: _Path | None = None
        path: _Path = ()
        for rule in rules:
            ways = self._rule(rule, warn=warn)
            if permit is None and ways.permit is not None:
                permit = path + ways.permit
            if ways.pass_on is None:
                return _Ways(permit)
            path += ways.pass_on
        return _Ways(permit, path)


# Words ------------------------------------------------------------------------------------------

_CHOICES = {
    Subject.CLIENT: "he may come from anywhere",
    Subject.REVERSE_CLIENT: "he may come from anywhere",
    Subject.HELO: "the name in HELO is his choice",
    Subject.SENDER: "the sender is his choice",
    Subject.RECIPIENT: "the recipient is his choice",
}


def _may_pass(rule: Rule) -> str:
    about = rule.restriction.about
    why = "" if about is None else _CHOICES.get(about, "")
    return f"may let it pass, for {why}" if why else "may let it pass"


def _told(answer: Answer, how: str) -> str:
    """What an answer does that does not stop him."""
    if answer.action is Action.PERMIT:
        return f"{how}, which permits" if how else f"permits it, because {answer.why}"
    if answer.action in _AGAINST:
        return f"only warns{f', when it {how}' if how else f', although {answer.why}'}"
    return f"{how}, and lets it pass" if how else f"lets it pass, because {answer.why}"
