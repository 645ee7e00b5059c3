"""What rspamd answers to `/checkv2`: JSON read into values, as far as it concerns a mail server.

https://rspamd.com/doc/developers/protocol.html says what there is. What has another shape than
that is not guessed at: a part that is odd is left out, an answer without a score is none. No I/O
here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from postroad.model.fields import Fields

__all__ = ["MOST_ANSWER", "Added", "Excess", "Garbled", "Removed", "Verdict", "read_verdict"]

MOST_ANSWER = 1_048_576
"""Octets. An answer lists the hosts of links, and addresses, up to some ten thousand of either: a
message of a newsletter's makes kilobytes of that, one that is made for it makes megabytes."""

MOST_SYMBOLS = 2_000
"""Symbols that are looked at; rspamd has some thousand rules, of which few apply to one message."""

MOST_ACTION = 40
"""Characters of the name of an action."""

MOST_FIELDS = 100
"""Fields that it may add or remove."""

MOST_VALUE = 8192
"""Octets of one of them."""

_NAME = re.compile(r"[!-9;-~]{1,100}\Z")


class Garbled(Exception):
    """The answer is none; the text says why."""


class Excess(Garbled):
    """It is more than is read: the message may have been made so that it is."""


class Added(NamedTuple):
    """A field to add.

    Attributes:
        octets: all of it.
        order: its place from the top, from 0; `None`: at the end.
    """

    octets: bytes
    order: int | None = None


class Removed(NamedTuple):
    """A field to remove.

    Attributes:
        name: its name.
        which: 0: all of the name; else the one of this number, from 1, or, below 0, from the end.
    """

    name: str
    which: int = 0


class Verdict(NamedTuple):
    """What it thinks.

    Attributes:
        action: `no action`, `greylist`, `add header`, `rewrite subject`, `soft reject`, `reject`,
            `quarantine`, `discard`, or one that its operator has made.
        points: the score.
        symbols: what was found.
        words: what the client is to be told; empty: nothing in particular.
        subject: a new subject; empty: none.
        removed: fields to remove.
        added: fields to add, after that.
    """

    action: str
    points: float
    symbols: tuple[str, ...] = ()
    words: str = ""
    subject: str = ""
    removed: tuple[Removed, ...] = ()
    added: tuple[Added, ...] = ()

    def changed(self, fields: Fields) -> Fields:
        """A header section as it is to be."""
        for each in self.removed:
            fields = _without(fields, each)
        for added in self.added:
            if added.order is None:
                fields = fields.below(added.octets)
            else:
                fields = fields.inserted(added.order, added.octets)
        return fields


def read_verdict(octets: bytes) -> Verdict:
    """Read a whole answer.

    Raises:
        Garbled: it is none.
    """
    try:
        answer = json.loads(octets)
    except (ValueError, RecursionError):
        raise Garbled("it answered with something else than JSON") from None
    if not isinstance(answer, dict):
        raise Garbled("it answered with something else than a verdict")
    error = answer.get("error")
    action, points = answer.get("action"), answer.get("score")
    if isinstance(points, bool) or not isinstance(points, int | float) or not _is_finite(points):
        said = f": {_plain(error, 200)}" if isinstance(error, str) else ""
        raise Garbled(f"it answered without a score{said}")
    milter = _table(answer.get("milter"))
    words = _table(answer.get("messages")).get("smtp_message")
    subject = answer.get("subject")
    return Verdict(
        (_plain(action, MOST_ACTION) if isinstance(action, str) else "") or "no action",
        float(points),
        tuple(_symbols(answer.get("symbols"))),
        _plain(words, 400) if isinstance(words, str) else "",
        " ".join(subject.split())[:900] if isinstance(subject, str) else "",
        tuple(_removed(milter.get("remove_headers")))[:MOST_FIELDS],
        (*_signatures(answer.get("dkim-signature")), *_added(milter.get("add_headers")))[
            :MOST_FIELDS
        ],
    )


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that is larger than any other
        return False


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _symbols(value: object) -> Iterator[str]:
    """Those with a score first, as they are why it is what it is."""
    scored: list[tuple[float, str]] = []
    for name, each in islice(_table(value).items(), MOST_SYMBOLS):
        points = _table(each).get("score")
        weight = float(points) if isinstance(points, int | float) and _is_finite(points) else 0.0
        scored.append((-abs(weight), name))
    return (name for _, name in sorted(scored))


def _removed(value: object) -> Iterator[Removed]:
    for name, which in _table(value).items():
        numbers = which if isinstance(which, list) else [which]
        for number in numbers:
            if isinstance(number, int) and _NAME.match(name):
                yield Removed(name, number)


def _added(value: object) -> Iterator[Added]:
    for name, each in _table(value).items():
        for one in each if isinstance(each, list) else [each]:
            table = _table(one)
            text, order = (table.get("value"), table.get("order")) if table else (one, None)
            octets = _field(name, text)
            if octets:
                is_place = isinstance(order, int) and not isinstance(order, bool) and order >= 0
                yield Added(octets, order if is_place else None)  # type: ignore[arg-type]


def _signatures(value: object) -> Iterator[Added]:
    for each in value if isinstance(value, list) else [value]:
        octets = _field("DKIM-Signature", each)
        if octets:
            yield Added(octets, 0)


def _field(name: str, value: object) -> bytes:
    """A field, folded as it is; nothing where it cannot be one."""
    if not isinstance(value, str) or _NAME.match(name) is None:
        return b""
    lines = [each.rstrip() for each in re.split(r"\r\n|\r|\n", value.strip().replace("\0", ""))]
    text = "\r\n".join([lines[0], *(f"\t{each.lstrip()}" for each in lines[1:] if each.strip())])
    octets = f"{name}: {text}\r\n".encode("utf-8", "replace")
    return octets if len(octets) <= MOST_VALUE else b""


def _without(fields: Fields, removed: Removed) -> Fields:
    found = fields.named(removed.name)
    if removed.which == 0:
        return fields.without(removed.name)
    at = removed.which - 1 if removed.which > 0 else removed.which
    if -len(found) <= at < len(found):
        return fields.replaced(found[at], None)
    return fields


def _plain(text: str, most: int) -> str:
    """What can stand in a reply."""
    return "".join(each if each.isprintable() else " " for each in text)[:most].strip()
