"""What a record says, as values: the reading side of what sessions and deliveries write.

A record is JSON of an earlier release, of a later one, or half of what it should be; whatever is
absent or odd becomes the empty value of its kind. Nothing here judges or words anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from postroad.model.letter import Finding
from postroad.model.members import Record, mapping, number_of, sequence, text_of

__all__ = [
    "Client",
    "Decided",
    "Decision",
    "Delivery",
    "Examined",
    "Happened",
    "LookedUp",
    "Notification",
    "Step",
    "Visit",
    "decisions_of",
    "read_record",
]


@dataclass(frozen=True, slots=True)
class LookedUp:
    """One question that a rule asked.

    Attributes:
        whom: who was asked.
        question: what for.
        answer: what came back.
    """

    whom: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rule's part in a decision.

    Attributes:
        list: the restriction list.
        restriction: the rule as it stands there.
        said: what it said, as `policy.Action` has it, or `asks`.
        why: the reason, as the end of a sentence.
        reply: of a refusal.
        warned: it was only warned of.
        looked_up: what it asked.
        depth: how many lists it is within, beyond its own.
    """

    list: str
    restriction: str
    said: str
    why: str
    reply: str
    warned: bool
    looked_up: tuple[LookedUp, ...]
    depth: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision.

    Attributes:
        stage: the command: `MAIL`, `RCPT`, `DATA`, `END-OF-MESSAGE` …
        at: when, seconds since the epoch.
        recipient: whom it is about; empty where it is about nobody in particular.
        reply: the refusal that the client got; empty: it went on.
        steps: rule by rule.
        disposition: what is to be done with the message besides, by kind.
    """

    stage: str
    at: float
    recipient: str
    reply: str
    steps: tuple[Step, ...]
    disposition: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Client:
    """Who came.

    Attributes:
        address: its IP address.
        name: its confirmed host name, or `unknown`.
        helo: its name for itself.
        trusted: whether it is in the trusted networks.
        user: who logged in; empty for nobody.
        mechanism: how.
        tls: version and cipher; empty without TLS.
    """

    address: str
    name: str
    helo: str
    trusted: bool
    user: str
    mechanism: str
    tls: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Where something happened in a session.

    Attributes:
        session: the session's identifier.
        listener: the listener's name in the configuration.
        port: our port.
        transaction: which one of the session.
        client: who came.
    """

    session: str
    listener: str
    port: int
    transaction: int
    client: Client


@dataclass(frozen=True, slots=True)
class Decided:
    """A transaction, or a part of one.

    Attributes:
        visit: where.
        at: when the transaction began, seconds since the epoch.
        ended: when this part did.
        sender: the reverse-path, empty for the null one; `None` before MAIL.
        decisions: in order.
        queue_id: the message's, if it got one.
        outcome: the success reply at the end of its content; empty if there was none.
        size: octets of the content.
        findings: what was found out about the content.
    """

    visit: Visit
    at: float
    ended: float
    sender: str | None
    decisions: tuple[Decision, ...]
    queue_id: str
    outcome: str
    size: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Happened:
    """Something in a session that is no decision.

    Attributes:
        visit: where.
        at: when, seconds since the epoch.
        event: its kind, as a class of `model.journal`.
        text: its line in the log.
    """

    visit: Visit
    at: float
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt at one recipient.

    Attributes:
        queue_id: the message's.
        at: when it ended, seconds since the epoch.
        recipient: where it goes.
        original: what RCPT said.
        relay: where it was brought.
        delay: seconds since the message came.
        status: `sent`, `deferred` or `bounced`.
        reply: the next hop's words.
        sender: the reverse-path of the copy; empty where it is the message's.
    """

    queue_id: str
    at: float
    recipient: str
    original: str
    relay: str
    delay: float
    status: str
    reply: str
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message about a message.

    Attributes:
        queue_id: of the message that it is about.
        at: when it was made, seconds since the epoch.
        notification: its own queue ID.
        told: what it tells.
    """

    queue_id: str
    at: float
    notification: str
    told: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found out about a message that came by no session.

    Attributes:
        queue_id: the message's.
        at: when, seconds since the epoch.
        findings: in order.
    """

    queue_id: str
    at: float
    findings: tuple[Finding, ...]


def read_record(
    record: Record,
) -> Decided | Happened | Delivery | Notification | Examined | None:
    """A record as a value; `None` for a kind that this release does not know."""
    match record.get("kind"):
        case "decisions":
            return _decided(record)
        case "event":
            return Happened(
                _visit(record), _time(record), text_of(record, "event"), text_of(record, "text")
            )
        case "delivery":
            return _delivery(record)
        case "notification":
            return Notification(
                text_of(record, "queue_id"),
                _time(record),
                text_of(record, "notification"),
                text_of(record, "told"),
            )
        case "findings":
            return Examined(text_of(record, "queue_id"), _time(record), _findings(record))
        case _:
            return None


def decisions_of(records: Iterator[Record]) -> Iterator[dict[str, object]]:
    """Each decision with all that it was about in one mapping, in order.

    Args:
        records: of any kind, as an archive gives them.

    Returns:
        For each decision: `session`, `listener`, `protocol`, `client`, `trusted`, `helo`, `login`,
        `tls`, `sender`, `stage`, `at`, `recipient`, `steps`, `action`, `reply`, and what else
        `policy.record` writes; `queue_id` if the message got one.
    """
    for record in records:
        if record.get("kind") != "decisions":
            continue
        about = {key: value for key, value in record.items() if key not in _OF_ALL}
        for decision in sequence(record.get("decisions")):
            yield {**about, **mapping(decision)}


_OF_ALL = frozenset({"kind", "decisions", "outcome", "ended", "size"})
"""What a record tells of all its decisions together."""


def _decided(record: Record) -> Decided:
    sender = record.get("sender")
    return Decided(
        visit=_visit(record),
        at=_time(record),
        ended=number_of(record, "ended"),
        sender=sender if isinstance(sender, str) else None,
        decisions=tuple(_decision(mapping(each)) for each in sequence(record.get("decisions"))),
        queue_id=text_of(record, "queue_id"),
        outcome=text_of(record, "outcome"),
        size=int(number_of(record, "size")),
        findings=_findings(record),
    )


def _findings(record: Record) -> tuple[Finding, ...]:
    found = []
    for each in map(mapping, sequence(record.get("findings"))):
        details = {key: str(value) for key, value in mapping(each.get("details")).items()}
        by, result = text_of(each, "by"), text_of(each, "result")
        found.append(Finding(by, result, text_of(each, "words"), details))
    return tuple(found)


def _decision(record: Record) -> Decision:
    disposition = mapping(record.get("disposition"))
    return Decision(
        stage=text_of(record, "stage"),
        at=_time(record),
        recipient=text_of(record, "recipient"),
        reply=text_of(record, "reply"),
        steps=tuple(_step(mapping(each)) for each in sequence(record.get("steps"))),
        disposition={key: _joined(value) for key, value in disposition.items()},
    )


def _step(record: Record) -> Step:
    asked = (sequence(each) for each in sequence(record.get("looked_up")))
    return Step(
        list=text_of(record, "list"),
        restriction=text_of(record, "restriction"),
        said=text_of(record, "said"),
        why=text_of(record, "why"),
        reply=text_of(record, "reply"),
        warned=record.get("warned") is True,
        looked_up=tuple(LookedUp(*map(str, each[:3])) for each in asked if len(each) >= 3),
        depth=int(number_of(record, "depth")),
    )


def _visit(record: Record) -> Visit:
    client, login = mapping(record.get("client")), mapping(record.get("login"))
    tls, server = mapping(record.get("tls")), sequence(record.get("server"))
    port = server[1] if len(server) == 2 else 0
    return Visit(
        session=text_of(record, "session"),
        listener=text_of(record, "listener"),
        port=port if isinstance(port, int) else 0,
        transaction=int(number_of(record, "transaction")),
        client=Client(
            address=text_of(client, "address"),
            name=text_of(client, "name"),
            helo=text_of(record, "helo"),
            trusted=record.get("trusted") is True,
            user=text_of(login, "user"),
            mechanism=text_of(login, "mechanism"),
            tls=" ".join(filter(None, (text_of(tls, "version"), text_of(tls, "cipher")))),
        ),
    )


def _delivery(record: Record) -> Delivery:
    return Delivery(
        queue_id=text_of(record, "queue_id"),
        at=_time(record),
        recipient=text_of(record, "recipient"),
        original=text_of(record, "original"),
        relay=text_of(record, "relay"),
        delay=number_of(record, "delay"),
        status=text_of(record, "status"),
        reply=text_of(record, "reply"),
        sender=text_of(record, "sender"),
    )


def _joined(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _time(record: Record) -> float:
    return number_of(record, "at")
