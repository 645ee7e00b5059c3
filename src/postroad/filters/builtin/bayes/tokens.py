"""What a message is judged and learned by: words and other small traits of it, each once.

A token is a piece of text with a prefix that says where it was found, as a word in a subject tells
something else than the same word in a text. What is written at its way to the mailbox (trace
fields, results of authentication, scores) makes none: a message must have the same tokens when it
is judged at the door, and when it is learned from a folder later. Times make none either: spam of
this year is not spam because of the year.

A message has so many tokens at most, header first, so that a long one costs and weighs no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain, islice

from postroad.filters.builtin.decoding import words_decoded
from postroad.filters.builtin.reading import Link, Part, Reading
from postroad.model.fields import Field, Fields

__all__ = ["MOST_TOKENS", "Kind", "Tokens", "kind_of", "tokens_of"]

Tokens = tuple[str, ...]
"""The tokens of one message, each once, in the order in which they were found."""

MOST_TOKENS = 1500
"""Of one message; letters have two hundred, newsletters some eight hundred."""

MOST_WORD = 30
"""Characters of a word; longer ones are encoded data, or nobody's language."""

_MOST_FIELDS = 100  # field names that tell; more are somebody's game
_MOST_LABELS = 3  # of a host's name, from its end: enough for example.co.uk

_WORD = re.compile(r"[$€£]?[^\W_](?:[^\W_]|['\u2019.$%!-](?=[^\W_])){0,60}[!%]?")
_NUMBER = re.compile(r"[\d.:-]+\Z")
_WITHOUT_BLANKS = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]{2,40}"
)
"""Scripts that are written without blanks between words, or, for Korean, nearly so."""

_TARGET = re.compile(r"[a-z][a-z0-9+.-]{0,20}:/*(?:[^/?#@]*@)?([^/?#:]*)([^?#]*)", re.IGNORECASE)
_IP = re.compile(r"[\d.]+\Z|0x|\[")

_TEXTS = {"subject": "s", "from": "f", "reply-to": "r", "to": "t", "cc": "t"}
"""Fields whose words count, and how they are marked; who is written to is no less of a trait."""

_PROGRAMS = {"x-mailer": "m", "user-agent": "m", "content-type": "c", "list-id": "l"}
"""Fields of which each word counts, whatever it is."""

_MAKING = ("n:", "c:", "m:", "p:", "h:", "u:*", "s:*")
"""Names of fields, types and charsets, programs, tags: marks of tokens that are no words."""

_PASSED = frozenset(
    re.findall(
        r"\S+",
        "received return-path delivered-to x-original-to authentication-results received-spf date"
        " message-id status x-status x-uid x-uidl x-keywords x-evolution lines content-length"
        " dkim-signature x-mozilla-status x-mozilla-status2 x-gmail-labels envelope-to"
        " delivery-date dkim-filter x-google-dkim-signature",
    )
)
"""Fields that are not even counted: they come on the way, or go with each message."""

_PASSED_FAMILIES = ("x-spam-", "arc-", "x-virus-", "x-postroad-", "x-rspamd-", "x-bogosity")


class Kind(Enum):
    """What a token tells of. Those that are no words come together: each says little alone."""

    WORD = "what it says"
    MAKING = "how it is made"
    CAPITALS = "what it says in capitals"


def kind_of(token: str) -> Kind:
    """What a token of `tokens_of` tells of."""
    if token.startswith(_MAKING):
        return Kind.MAKING
    return Kind.CAPITALS if token.partition(":")[2][:1] == "^" or token[:1] == "^" else Kind.WORD


def tokens_of(reading: Reading) -> Tokens:
    """The tokens of a message. It never raises, and time is in proportion to what was read.

    Args:
        reading: of the message.
    """
    found = chain(
        _header(reading.fields),
        _structure(reading),
        chain.from_iterable(map(_link, reading.links)),
        _words(f"{reading.plain}\n{reading.seen}", ""),
    )
    return tuple(islice(dict.fromkeys(found), MOST_TOKENS))


def _header(fields: Fields) -> Iterator[str]:
    for field in islice(fields, _MOST_FIELDS):
        key = field.key[:40]
        if key in _PASSED or key.startswith(_PASSED_FAMILIES):
            continue
        yield f"n:{key}"
        if key in _TEXTS:
            yield from _text(field, _TEXTS[key])
        elif key in _PROGRAMS:
            yield from _program(field, _PROGRAMS[key])


def _text(field: Field, mark: str) -> Iterator[str]:
    text = words_decoded(field.value)
    yield from _words(text, f"{mark}:")
    if mark == "s" and text.isupper():
        yield "s:*upper"


def _program(field: Field, mark: str) -> Iterator[str]:
    value = words_decoded(field.value).partition("boundary")[0].lower()
    for word in re.findall(r"[^\s;,<>()\"=]{2,40}", value)[:20]:
        yield f"{mark}:{word}"


def _structure(reading: Reading) -> Iterator[str]:
    for container in reading.containers:
        yield f"p:{container[:40]}"
    for part in reading.parts:
        yield from _part(part)
    for tag in reading.tags:
        yield f"h:{tag}"


def _part(part: Part) -> Iterator[str]:
    yield f"p:{part.type[:40]}"
    if part.encoding:
        yield f"p:{part.encoding[:20]}"
    if part.charset:
        yield f"p:{part.charset[:20]}"
    if part.name:
        yield f"p:.{part.name.rpartition('.')[2].lower()[:10]}"


def _link(link: Link) -> Iterator[str]:
    """Where a link leads: the host's name, the domains it is in, the words of its path."""
    found = _TARGET.match(link.target)
    if found is None:
        yield f"u:*{link.tag}"
        return
    host = found[1].lower().rstrip(".")[:100]
    if _IP.match(host):
        yield "u:*ip"
        yield f"u:{host}"
    else:
        labels = host.split(".")[-_MOST_LABELS - 1 :]
        for at in range(len(labels) - 1):
            yield f"u:{'.'.join(labels[at:])}"
    if link.tag == "img":
        yield "u:*img"
    for word in islice(_WORD.finditer(found[2].lower()), 10):
        if 3 <= len(word[0]) <= MOST_WORD:
            yield f"q:{word[0]}"


def _words(text: str, mark: str) -> Iterator[str]:
    for found in _WORD.finditer(text):
        word = found[0]
        if not 3 <= len(word) <= MOST_WORD:
            if len(word) > MOST_WORD and word.isascii():
                continue
            yield from _runs(word, mark)
            continue
        if _NUMBER.match(word):
            continue
        lower = word.lower()
        yield mark + lower
        if word != lower and word.isupper():
            yield f"{mark}^{lower}"
        if lower[0] > "\u0dff":
            yield from _runs(lower, mark)


def _runs(word: str, mark: str) -> Iterable[str]:
    """Pairs of characters, of scripts that do not say where a word ends."""
    for run in _WITHOUT_BLANKS.findall(word):
        for at in range(len(run) - 1):
            yield mark + run[at : at + 2]
