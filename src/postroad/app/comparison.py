"""Two decisions about the same thing, and what has changed over many of them.

Counts are exact; of examples a few are kept for each group, and groups are bounded, so that a
comparison of a million decisions is as small as one of a thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from postroad.history.session_id import marked
from postroad.model import Disposition, Reply
from postroad.model.members import mapping, number_of, sequence, text_of
from postroad.policy import Action, Step, Verdict
from postroad.policy.record import disposition_members

__all__ = ["Change", "Comparison", "Example", "Group", "Kept", "Made"]

EXAMPLES = 5
"""Examples that a group keeps."""

GROUPS = 500
"""Groups that are told apart; rules are fewer. What comes after them is one group."""

_OTHERS = "(other rules)"


class Change(Enum):
    """What has changed; the value is what it is called in JSON."""

    SAME = "same"
    REFUSED = "newly_refused"
    ACCEPTED = "newly_accepted"
    REPLY = "other_reply"
    HANDLING = "other_handling"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision as it was made.

    Attributes:
        session: the session's identifier.
        queue_id: the message's, if it got one.
        listener: by which it came.
        stage: the command.
        at: seconds since the epoch.
        client: the client's address.
        sender: the reverse-path; `None` before MAIL.
        recipient: whom it was about.
        reply: the refusal as the client got it; empty: it was accepted.
        rule: the rule that refused, with its list.
        handling: what was to be done with the message, by kind.
        has_rules: whether any rule was asked.
    """

    session: str
    queue_id: str
    listener: str
    stage: str
    at: float
    client: str
    sender: str | None
    recipient: str
    reply: str
    rule: str
    handling: Mapping[str, object]
    has_rules: bool

    @classmethod
    def of(cls, record: Mapping[str, object]) -> Self:
        """Read one of `history.record.decisions_of`."""
        sender, steps = record.get("sender"), sequence(record.get("steps"))
        return cls(
            session=text_of(record, "session"),
            queue_id=text_of(record, "queue_id"),
            listener=text_of(record, "listener"),
            stage=text_of(record, "stage"),
            at=number_of(record, "at"),
            client=text_of(mapping(record.get("client")), "address"),
            sender=sender if isinstance(sender, str) else None,
            recipient=text_of(record, "recipient"),
            reply=text_of(record, "reply"),
            rule=_deciding(steps),
            handling=mapping(record.get("disposition")),
            has_rules=bool(steps),
        )

    @property
    def is_not_by_lists(self) -> bool:
        """Whether somebody else refused: a limit, a full disk, a frozen account."""
        return bool(self.reply) and not self.has_rules


@dataclass(frozen=True, slots=True)
class Made:
    """The same decision, made now.

    Attributes:
        reply: the refusal; `None`: accepted.
        rule: the rule that decided, with its list.
        disposition: what is to be done with the message.
        comparable: whether the same lists were asked at the same command then.
    """

    reply: Reply | None
    rule: str
    disposition: Disposition
    comparable: bool = True

    @classmethod
    def of(cls, verdict: Verdict, *, comparable: bool = True) -> Self:
        """A verdict's."""
        return cls(verdict.reply, _rule(verdict), verdict.disposition, comparable)


@dataclass(frozen=True, slots=True)
class Example:
    """One decision of a group.

    Attributes:
        kept: as it was made.
        now: what the client would be told; for an undecided one, what would have to be asked.
    """

    kept: Kept
    now: str


@dataclass(slots=True)
class Group:
    """Decisions that changed in the same way by the same rule.

    Attributes:
        change: how.
        listener: by which they came.
        rule: that decides now; for an undecided one, who would have to be asked.
        count: how many.
        examples: the first of them.
    """

    change: Change
    listener: str
    rule: str
    count: int = 0
    examples: list[Example] = field(default_factory=list)


class Comparison:
    """What has changed.

    Attributes:
        seen: how many decisions were looked at.
        counts: of each change.
        not_by_lists: how many no list decided.
        gone: how many came by listeners that are not there, by name.
    """

    def __init__(self) -> None:
        """Nothing has been compared."""
        self.seen = 0
        self.counts: Counter[Change] = Counter()
        self.not_by_lists = 0
        self.gone: Counter[str] = Counter()
        self._groups: dict[tuple[Change, str, str], Group] = {}

    @property
    def groups(self) -> list[Group]:
        """The groups, the largest of each change first."""
        order = list(Change)
        return sorted(
            self._groups.values(), key=lambda each: (order.index(each.change), -each.count)
        )

    @property
    def has_changed(self) -> bool:
        """Whether anything is known to be decided otherwise."""
        same = self.counts[Change.SAME] + self.counts[Change.UNDECIDED]
        return self.counts.total() > same

    def decided(self, kept: Kept, made: Made) -> None:
        """A decision was made again."""
        change = _change(kept, made)
        now = "accepted" if made.reply is None else str(made.reply)
        if change is Change.HANDLING:
            now = _handled(made.disposition)
        self._note(change, kept, made.rule, now)

    def undecided(self, kept: Kept, whom: str, question: str) -> None:
        """It depends on what nobody knows."""
        self._note(Change.UNDECIDED, kept, whom, question)

    def no_listener(self, name: str) -> None:
        """The listener that it came by is gone."""
        self.seen += 1
        self.gone[name if name in self.gone or len(self.gone) < GROUPS else _OTHERS] += 1

    def other(self) -> None:
        """No list decided it."""
        self.seen += 1
        self.not_by_lists += 1

    def _note(self, change: Change, kept: Kept, rule: str, now: str) -> None:
        self.seen += 1
        self.counts[change] += 1
        if change is Change.SAME:
            return
        key = change, kept.listener, rule
        if key not in self._groups and len(self._groups) >= GROUPS:
            key = change, "", _OTHERS
        group = self._groups.setdefault(key, Group(*key))
        group.count += 1
        if len(group.examples) < EXAMPLES:
            group.examples.append(Example(kept, now))


def _change(kept: Kept, made: Made) -> Change:
    if not kept.reply and made.reply is None:
        if made.comparable and disposition_members(made.disposition) != dict(kept.handling):
            return Change.HANDLING
        return Change.SAME
    if made.reply is None:
        return Change.ACCEPTED
    if not kept.reply:
        return Change.REFUSED
    # The client may have been told the session's identifier too.
    same = kept.reply in (str(made.reply), str(marked(made.reply, kept.session)))
    return Change.SAME if same else Change.REPLY


def _handled(disposition: Disposition) -> str:
    members = disposition_members(disposition).items()
    return f"accepted, {'; '.join(f'{key}: {value}' for key, value in members) or 'delivered'}"


def _rule(verdict: Verdict) -> str:
    """The rule that decided: the one that refused, or the last one that was asked."""
    found: Step | None = None
    for step in verdict.trace:
        if verdict.reply is None or (step.reply == verdict.reply and not step.warned):
            found = step
    if found is None:
        found = verdict.trace[-1] if verdict.trace else None
    if found is None:
        return "(empty lists)"
    if verdict.action is Action.PERMIT and found.answer.action is not Action.PERMIT:
        return f"{found.stage.value}: its end, after {found.restriction}"
    return f"{found.stage.value}: {found.restriction}"


def _deciding(steps: Sequence[object]) -> str:
    """The same of a record, where it was refused."""
    for step in reversed(steps):
        if isinstance(step, Mapping) and step.get("reply") and step.get("warned") is not True:
            return f"{text_of(step, 'list')}: {text_of(step, 'restriction')}"
    return ""
