"""What a milter answers: what is to become of a step, and what is to be changed in a message.

The refusals that have no words of their own have Postfix's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from postroad.filters.milter.packets import Garbage, Packet, long, texts
from postroad.model import Reply

__all__ = ["CONTINUE", "Change", "ChangeKind", "Ruling", "Verdict", "change", "verdict"]

_MOST_LINES = 32  # of a reply; libraries for milters allow for as many
_LONGEST_LINE = 980  # characters of one, likewise

REJECTED = Reply.of(550, "5.7.1", "Command rejected")
DEFERRED = Reply.of(451, "4.7.1", "Service unavailable - try again later")
SHUT_DOWN = Reply.of(421, "4.7.0", "Server closing connection")


class Ruling(Enum):
    """What becomes of a step."""

    CONTINUE = auto()
    ACCEPT = auto()
    """And nothing more is told of this message; at the connection or HELO, of the session."""
    DISCARD = auto()
    REFUSE = auto()
    SKIP = auto()
    """No more of this kind of step, until another comes."""
    PROGRESS = auto()
    """The milter is at work."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer that says what becomes of a step, with the client's reply where it is refused."""

    ruling: Ruling
    reply: Reply | None = None


class ChangeKind(Enum):
    """A change to a message, by the letter of its packet."""

    ADD_FIELD = b"h"
    INSERT_FIELD = b"i"
    CHANGE_FIELD = b"m"
    CHANGE_SENDER = b"e"
    ADD_RECIPIENT = b"+"
    ADD_RECIPIENT_WITH_PARAMETERS = b"2"
    REMOVE_RECIPIENT = b"-"
    REPLACE_BODY = b"b"
    QUARANTINE = b"q"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a milter wants changed.

    Attributes:
        kind: what.
        name: of a field; the address of a recipient or sender; why, of a quarantine.
        value: of a field; parameters of an address; octets of a body.
        index: of a field: which one.
    """

    kind: ChangeKind
    name: bytes = b""
    value: bytes = b""
    index: int = 0

    @property
    def size(self) -> int:
        """The octets that it keeps in memory, about."""
        return len(self.name) + len(self.value)

    @property
    def removes(self) -> bool:
        """Whether it removes a field, and writes nothing."""
        return self.kind is ChangeKind.CHANGE_FIELD and not self.value


CONTINUE = Verdict(Ruling.CONTINUE)

_VERDICTS = {
    b"c": CONTINUE,
    b"a": Verdict(Ruling.ACCEPT),
    b"d": Verdict(Ruling.DISCARD),
    b"r": Verdict(Ruling.REFUSE, REJECTED),
    b"t": Verdict(Ruling.REFUSE, DEFERRED),
    b"4": Verdict(Ruling.REFUSE, SHUT_DOWN),
    b"s": Verdict(Ruling.SKIP),
    b"p": Verdict(Ruling.PROGRESS),
}
_REPLY = b"y"


def verdict(packet: Packet) -> Verdict | None:
    """What a packet says of the step that it answers; `None`: it says something else.

    Raises:
        Garbage: it is nothing that a milter says.
    """
    if packet.kind == _REPLY:
        return Verdict(Ruling.REFUSE, _reply(packet.data))
    found = _VERDICTS.get(packet.kind)
    if found is not None and packet.data:
        raise Garbage(f"an answer {packet.kind!r} with {len(packet.data)} octets behind it")
    return found


def change(packet: Packet) -> Change | None:
    """The change that a packet wants; `None`: it wants none.

    Raises:
        Garbage: it is none that a milter can want.
    """
    try:
        kind = ChangeKind(packet.kind)
    except ValueError:
        return None
    if kind is ChangeKind.REPLACE_BODY:
        return Change(kind, value=packet.data)
    if kind is ChangeKind.ADD_FIELD:
        name, value = texts(packet.data, 2)
        return Change(kind, name, value)
    if kind in _INDEXED:
        index, rest = long(packet.data)  # a negative one is large, and beyond them all
        name, value = texts(rest, 2)
        return Change(kind, name, value, index)
    if kind in _WITH_PARAMETERS:
        words = texts(packet.data)
        if not 1 <= len(words) <= 2:
            raise Garbage(f"{len(words)} texts in place of an address")
        return Change(kind, words[0], b"".join(words[1:]))
    (name,) = texts(packet.data, 1)
    return Change(kind, name)


_INDEXED = frozenset({ChangeKind.INSERT_FIELD, ChangeKind.CHANGE_FIELD})
_WITH_PARAMETERS = frozenset({ChangeKind.CHANGE_SENDER, ChangeKind.ADD_RECIPIENT_WITH_PARAMETERS})

_LINE = re.compile(
    r"([45][0-9][0-9])(?:[ -]|\Z)(?:([45])\.([0-9]{1,3})\.([0-9]{1,3})(?:\s+|\Z))?(.*)\Z"
)
_UNPRINTABLE = re.compile(r"[^ -~\u00a0-\U0010ffff]")


def _reply(data: bytes) -> Reply:
    """The refusal in a milter's own words (SMFIR_REPLYCODE), of one line or several.

    Sendmail takes it as a format, so that libraries double its percent signs.
    """
    text = data.removesuffix(b"\0").decode("utf-8", "replace")
    lines = re.split(r"\r?\n", text.rstrip("\r\n"))
    if len(lines) > _MOST_LINES:
        raise Garbage(f"a reply of {len(lines)} lines")
    found = [_LINE.match(line) for line in lines]
    first = found[0]
    if first is None or any(each is None or each[1] != first[1] for each in found):
        raise Garbage(f"a reply that is none: {text[:80]!r}")
    code = first[1]
    if first[2] is not None and first[2] != code[0]:
        raise Garbage(f"a reply whose codes contradict each other: {text[:80]!r}")
    enhanced = f"{code[0]}.{first[3]}.{first[4]}" if first[2] else f"{code[0]}.0.0"
    words = [_clean(each[5]) for each in found if each is not None]
    return Reply(int(code), enhanced, tuple(words))


def _clean(text: str) -> str:
    text = re.sub(r"%(%?)", r"\1", text)
    return _UNPRINTABLE.sub("?", text)[:_LONGEST_LINE]
