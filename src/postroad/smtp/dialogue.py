"""Where a session stands in the dialogue, and where the command at hand would take it.

The table of `states`, walked. It knows verbs and states, and nothing of arguments, events or
replies other than those in which the table refuses a verb.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.smtp.states import IN_TRANSACTION, LMTP_WORDS, TRANSITIONS, State

__all__ = ["Dialogue"]


class Dialogue:
    """A dialogue from its beginning.

    Attributes:
        state: where it stands.
        goal: where it will stand once what is at hand was answered well.
    """

    __slots__ = ("goal", "state")

    def __init__(self) -> None:
        self.state = State.CONNECTED
        self.goal = State.CONNECTED

    @property
    def in_transaction(self) -> bool:
        """Whether a MAIL was taken whose end has not come."""
        return self.state in IN_TRANSACTION

    def bar(self, verb: str, *, lmtp: bool) -> Reply | None:
        """Why a verb may not come now. If it may, what it leads to is the goal.

        Args:
            verb: in capitals.
            lmtp: whether refusals are worded as in LMTP.
        """
        goal = TRANSITIONS[self.state].get(verb, self.state)
        if isinstance(goal, Reply):
            return LMTP_WORDS.get(goal, goal) if lmtp else goal
        self.goal = goal
        return None

    def advance(self) -> None:
        """What is at hand was answered well."""
        self.state = self.goal

    def spoil(self) -> None:
        """A chunk was refused: the transaction failed, and those behind it are still to come."""
        self.state = State.SPOILT

    def end_transaction(self, *, greeted: bool) -> None:
        """The transaction is over, if there was one, or what was left of a spoilt one.

        Args:
            greeted: whether the client has given its name.
        """
        if self.state in IN_TRANSACTION or self.state is State.SPOILT:
            self.state = State.READY if greeted else State.CONNECTED
