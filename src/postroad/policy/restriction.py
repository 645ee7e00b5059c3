"""What a restriction is: an entry of the table in `restrictions`.

A restriction is a pure function of `Facts` that may ask an `Oracle`; it returns an `Answer` and has
no effect. It reads only what it decides on: the relay proof runs the same function for a stranger
of whom little is known, and takes any look at what is not known for "it may say anything".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from postroad.policy.answer import Answer, Stage, Subject
from postroad.policy.context import Context
from postroad.policy.facts import Facts, Oracle

__all__ = ["Argument", "ArgumentMistake", "Check", "Matter", "Need", "Restriction", "plain"]

Check = Callable[[Facts, Oracle], Awaitable[Answer]]

_ANYWHERE = frozenset(Stage)
_OF_MAIL = _ANYWHERE - {Stage.ETRN}
_AT_RCPT = _OF_MAIL - {Stage.DATA, Stage.END_OF_DATA}


class Need(Enum):
    """What must be known, or a restriction has nothing to say; the value is its words.

    With several recipients DATA is about none in particular, so that one recipient is known in the
    lists that are asked at RCPT; how many there are, later too.
    """

    NOTHING = "client"
    HELO = "name in HELO"
    SENDER = "sender"
    RECIPIENT = "recipient"
    RECIPIENTS = "second recipient"
    ETRN = "domain"

    @property
    def stages(self) -> frozenset[Stage]:
        """The lists in which it is known, where those of client, helo and sender wait for RCPT."""
        return _STAGES[self]

    def missing(self, stage: Stage) -> str:
        """Why a list that is asked at its own command does not know it; empty where it does."""
        command, known = _EARLY.get(stage, ("", frozenset(Need)))
        return "" if self in known else f"is asked at {command}, where no {self.value} is known"


_STAGES = {
    Need.NOTHING: _ANYWHERE,
    Need.HELO: _ANYWHERE,
    Need.SENDER: _OF_MAIL,
    Need.RECIPIENT: _AT_RCPT,
    Need.RECIPIENTS: _OF_MAIL,
    Need.ETRN: frozenset({Stage.ETRN}),
}
_EARLY = {
    Stage.CLIENT: ("the connection", frozenset({Need.NOTHING})),
    Stage.HELO: ("EHLO", frozenset({Need.NOTHING, Need.HELO})),
    Stage.SENDER: ("MAIL", frozenset({Need.NOTHING, Need.HELO, Need.SENDER})),
}
"""The lists that need not wait for RCPT: their commands, and what is known by then."""


class Matter(NamedTuple):
    """A question to one restriction, for those that share the way to the answer.

    Attributes:
        about: whom it is about.
        context: the restriction's place.
        facts: the transaction.
        oracle: whom to ask.
    """

    about: Subject
    context: Context
    facts: Facts
    oracle: Oracle


class ArgumentMistake(ValueError):
    """What follows a restriction's name is wrong; the text says what was expected."""


class Argument(Enum):
    """What follows a restriction's name; the value is how that is asked for."""

    NONE = ""
    TABLE = "a table, such as hash:/etc/postroad/access"
    DOMAIN = "the domain of a DNS list, such as zen.example or zen.example=127.0.0.[2..11]"
    SERVICE = "a policy service, such as inet:127.0.0.1:10023 or unix:/run/policy.sock"
    SECONDS = "a number of seconds"


@dataclass(frozen=True, slots=True)
class Restriction:
    """One entry of the table.

    Attributes:
        make: makes the function for a place in a list, of what follows the name there; raises
            `ArgumentMistake`.
        about: whom it looks at, and so whom a failed look-up is about; `None` means the subject
            of the list that it stands in.
        needs: what it says something about; without it, it has no opinion.
        permits: whether it can permit. The engine takes the permit of any other for no opinion,
            and the relay proof relies on that.
        final: whether it always decides, so that nothing after it is ever asked.
        argument: what follows its name.
    """

    make: Callable[[str, Context], Check]
    about: Subject | None = None
    needs: Need = Need.NOTHING
    permits: bool = False
    final: bool = False
    argument: Argument = Argument.NONE

    @property
    def stages(self) -> frozenset[Stage]:
        """The lists in which it makes sense."""
        return self.needs.stages


def plain(check: Check) -> Callable[[str, Context], Check]:
    """What makes a function that depends on no argument and no place."""
    return lambda _argument, _context: check
