"""What a restriction says, and the words of a refusal.

A restriction gives an `Answer`; the engine decides what follows from it. The reply of a refusal is
made only when it is needed, and here alone, because Postfix words them by one pattern and log
readers know it: `<SUBJECT>: CLASS rejected: WORDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from postroad.model import Reply
from postroad.policy.facts import Facts

__all__ = ["Action", "Answer", "Form", "Refusal", "Stage", "Subject", "dunno", "permit", "refuse"]

_HELO_ODD = str.maketrans(dict.fromkeys(' <>()\\";@', "?"))
_LONGEST = 510  # octets of a reply line without its CRLF, RFC 5321 §4.5.3.1.5


class Action(Enum):
    """What a restriction wants. The last two change what becomes of a later answer."""

    PERMIT = "permit"
    DUNNO = "dunno"
    REJECT = "reject"
    DEFER = "defer"
    DEFER_IF_PERMIT = "defer_if_permit"
    DEFER_IF_REJECT = "defer_if_reject"


class Subject(Enum):
    """Whom a refusal is about; the value is the class that Postfix names in it."""

    CLIENT = "Client host"
    HELO = "Helo command"
    SENDER = "Sender address"
    RECIPIENT = "Recipient address"
    DATA = "Data command"

    def named(self, facts: Facts) -> str:
        """The subject as it stands between angle brackets."""
        match self:
            case Subject.CLIENT:
                return str(facts.client)
            case Subject.HELO:
                return _tame(facts.helo)
            case Subject.SENDER:
                return "" if facts.sender is None else str(facts.sender)
            case Subject.RECIPIENT:
                return "" if facts.recipient is None else str(facts.recipient)
            case Subject.DATA:
                return "DATA"


def _tame(helo: str) -> str:
    """The name in HELO as Postfix quotes it: any text may stand there, even parts of a reply."""
    return "".join(c if c.isprintable() else "?" for c in helo.translate(_HELO_ODD))


class Stage(Enum):
    """A restriction list, by its name in the configuration."""

    CLIENT = "client"
    HELO = "helo"
    SENDER = "sender"
    RELAY = "relay"
    RECIPIENT = "recipient"
    DATA = "data"

    @property
    def subject(self) -> Subject:
        """Whom a plain `reject` in this list is about."""
        return _SUBJECTS[self]


_SUBJECTS = {
    Stage.CLIENT: Subject.CLIENT,
    Stage.HELO: Subject.HELO,
    Stage.SENDER: Subject.SENDER,
    Stage.RELAY: Subject.RECIPIENT,
    Stage.RECIPIENT: Subject.RECIPIENT,
    Stage.DATA: Subject.DATA,
}


class Form(Enum):
    """How much of the pattern a refusal uses."""

    REJECTED = "<{subject}>: {kind} rejected: {words}"
    NAMED = "<{subject}>: {words}"
    PLAIN = "{words}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reply a restriction would give.

    Attributes:
        code: 4xx or 5xx.
        enhanced: its enhanced status code (RFC 3463).
        words: Postfix's words.
        about: whom it is about; `None` means the subject of the list that it stands in.
        form: the pattern of its text.
    """

    code: int
    enhanced: str
    words: str
    about: Subject | None = None
    form: Form = Form.REJECTED

    def reply(self, stage: Stage, facts: Facts) -> Reply:
        """The reply as it goes to the client: one line, short enough for SMTP."""
        about = self.about or stage.subject
        text = self.form.value.format(
            subject=about.named(facts), kind=about.value, words=self.words
        )
        room = _LONGEST - len(f"{self.code} {self.enhanced} ")
        text = text.encode()[:room].decode(errors="ignore")
        return Reply.of(self.code, self.enhanced, text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a restriction said of one transaction.

    Attributes:
        action: what it wants.
        why: the reason, as the end of a sentence, in words of the operator.
        refusal: the reply to give; absent in `PERMIT` and `DUNNO` only.
    """

    action: Action
    why: str
    refusal: Refusal | None = None


def permit(why: str) -> Answer:
    """The list may end here."""
    return Answer(Action.PERMIT, why)


def dunno(why: str) -> Answer:
    """The restriction has no opinion; the next one is asked."""
    return Answer(Action.DUNNO, why)


def refuse(
    why: str,
    code: int,
    enhanced: str,
    words: str,
    *,
    about: Subject | None = None,
    form: Form = Form.REJECTED,
) -> Answer:
    """A refusal: rejected with a 5xx code, deferred with a 4xx code. Arguments as `Refusal`."""
    action = Action.REJECT if code >= 500 else Action.DEFER
    return Answer(action, why, Refusal(code, enhanced, words, about, form))
