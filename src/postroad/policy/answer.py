"""What a restriction says, and the words of a refusal.

A restriction gives an `Answer`; the engine decides what follows from it. The reply of a refusal is
made only when it is needed, and here alone, because Postfix words them by one pattern and log
readers know it: `<SUBJECT>: CLASS rejected: WORDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from postroad.model import PLAIN, Address, Disposition, Reply
from postroad.policy.facts import Facts

if TYPE_CHECKING:
    from postroad.policy.rule import Rule

__all__ = [
    "Action",
    "Answer",
    "Form",
    "Note",
    "Refusal",
    "Stage",
    "Subject",
    "defer_if_permit",
    "defer_if_reject",
    "dunno",
    "misconfigured",
    "permit",
    "refuse",
]

_HELO_ODD = str.maketrans(dict.fromkeys(' <>()\\";@', "?"))
_BRACKETS = str.maketrans("<>", "??")
_LONGEST_NOTE = 1000  # characters of what a table or a service wants in the log
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
    REVERSE_CLIENT = "Unverified Client host"
    CERTIFICATE = "Client certificate"
    HELO = "Helo command"
    LOGIN = "SASL login name"
    SENDER = "Sender address"
    RECIPIENT = "Recipient address"
    DATA = "Data command"
    END_OF_DATA = "End-of-data"
    ETRN = "Etrn command"

    def named(self, facts: Facts) -> str:
        """The subject as it stands between angle brackets."""
        match self:
            case Subject.CLIENT:
                return _printable(str(facts.client), "?")
            case Subject.REVERSE_CLIENT:
                return _printable(facts.client.reverse_name, "?")
            case Subject.CERTIFICATE:
                return _certificate(facts)
            case Subject.HELO:
                return _tame(facts.helo)
            case Subject.LOGIN:
                return "" if facts.login is None else _printable(facts.login.user, "_")
            case Subject.SENDER:
                return "" if facts.sender is None else _address(facts.sender)
            case Subject.RECIPIENT:
                return "" if facts.recipient is None else _address(facts.recipient)
            case Subject.DATA:
                return "DATA"
            case Subject.END_OF_DATA:
                return "END-OF-MESSAGE"
            case Subject.ETRN:
                return _tame(facts.etrn)


def _tame(text: str) -> str:
    """The name in HELO as Postfix quotes it: any text may stand there, even parts of a reply."""
    return _printable(text.translate(_HELO_ODD), "?")


def _address(address: Address) -> str:
    """An address without what could end its brackets: quoted, it may hold them (RFC 5321 §4.1.2).

    What stands in a reply stands in the log too, where it could look like the fields behind it.
    """
    return _printable(str(address).translate(_BRACKETS), "?")


def _printable(text: str, instead: str) -> str:
    """A text without what could end a line, or is no character at all (RFC 3629 §3)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else instead for c in text)


def _certificate(facts: Facts) -> str:
    shown = None if facts.tls is None else facts.tls.client_certificate
    return "" if shown is None else _printable(shown.subject, " ")


class Stage(Enum):
    """A restriction list, by its name in the configuration."""

    CLIENT = "client"
    HELO = "helo"
    SENDER = "sender"
    RELAY = "relay"
    RECIPIENT = "recipient"
    DATA = "data"
    END_OF_DATA = "end_of_data"
    ETRN = "etrn"

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
    Stage.END_OF_DATA: Subject.END_OF_DATA,
    Stage.ETRN: Subject.ETRN,
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
        about: whom it is about; `None` means whom the restrictions around it are about.
        form: the pattern of its text.
        named: the subject, where it does not stand between the brackets as it does elsewhere.
    """

    code: int
    enhanced: str
    words: str
    about: Subject | None = None
    form: Form = Form.REJECTED
    named: str | None = None

    def reply(self, subject: Subject, facts: Facts) -> Reply:
        """The reply as it goes to the client: one line, short enough for SMTP.

        Args:
            subject: whom it is about, where it does not say.
            facts: the transaction.
        """
        about = self.about or subject
        named = about.named(facts) if self.named is None else self.named
        text = self.form.value.format(subject=named, kind=about.value, words=self.words)
        room = _LONGEST - len(f"{self.code} {self.enhanced} ")
        text = _printable(text, " ").encode()[:room].decode(errors="ignore")
        return Reply.of(self.code, self.enhanced, text)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a restriction wants in the log, whatever becomes of the mail.

    Attributes:
        what: `warn`, `info`, `hold`, `discard`, `filter`, `redirect` or `bcc`; or `warning`, of
            an answer that cannot be used.
        words: what comes behind the subject and its class.
        about: whom it is about; `None` means whom the restrictions around it are about.
        form: how much of the pattern of a refusal it uses.
    """

    what: str
    words: str
    about: Subject | None = None
    form: Form = Form.NAMED

    def text(self, subject: Subject, facts: Facts) -> str:
        """The line's words, as Postfix has them; arguments as `Refusal.reply`."""
        words = _printable(self.words, " ")[:_LONGEST_NOTE]
        if self.form is Form.PLAIN:
            return words
        about = self.about or subject
        return f"<{about.named(facts)}>: {about.value} {words}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a restriction said of one transaction.

    Attributes:
        action: what it wants.
        why: the reason, as the end of a sentence, in words of the operator.
        refusal: the reply to give; absent in `PERMIT` and `DUNNO` only.
        disposition: what is to be done with the message if it is accepted.
        note: what the log is to be told.
        then: restrictions to ask in its place; it has no opinion of its own.
        firm: whether a refusal is given even where `warn_if_reject` stands: it tells of a mistake
            of the operator's, and not of the mail.
    """

    action: Action
    why: str
    refusal: Refusal | None = None
    disposition: Disposition = PLAIN
    note: Note | None = None
    then: tuple[Rule, ...] = ()
    firm: bool = False


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
    """A refusal: rejected with a 5xx code, deferred with a 4xx code. Arguments as `Refusal`.

    The class of the enhanced code is that of the code, whatever was given.
    """
    action = Action.REJECT if code >= 500 else Action.DEFER
    enhanced = f"{code // 100}{enhanced[1:]}"
    return Answer(action, why, Refusal(code, enhanced, words, about, form))


def misconfigured(why: str) -> Answer:
    """Something that the operator wrote cannot be done, and he is to notice; in Postfix's words."""
    refusal = Refusal(451, "4.3.5", "Server configuration error", form=Form.PLAIN)
    return Answer(Action.DEFER, why, refusal, firm=True)


def defer_if_permit(
    why: str, enhanced: str, words: str, about: Subject | None = None, *, code: int = 450
) -> Answer:
    """A permit that follows becomes this 4xx."""
    return Answer(Action.DEFER_IF_PERMIT, why, Refusal(code, enhanced, words, about))


def defer_if_reject(
    why: str, enhanced: str, words: str, about: Subject | None = None, *, named: str | None = None
) -> Answer:
    """A 5xx refusal that follows becomes a 450."""
    refusal = Refusal(450, enhanced, words, about, named=named)
    return Answer(Action.DEFER_IF_REJECT, why, refusal)
