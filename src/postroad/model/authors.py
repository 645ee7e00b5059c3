"""Who a message says that it is from: the addresses in its From fields (RFC 5322 §3.6.2).

Made for one question, whether a user writes in somebody else's name, so it errs on one side. What
any mail program might show as an author is found, and what cannot be read for sure is not passed
over but marked: all From fields count, a bare LF ends a line as some take it to, and an address
where only a name may stand is one. What is in a comment, a quoted name or an encoded word is none.

It is an own view of the octets, in one pass and without recursion: a field of parentheses costs
what its octets cost. Nothing here runs unless somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from postroad.model.address import Address, AddressError
from postroad.model.comment import after_comment

__all__ = ["MAX_AUTHORS", "MAX_FROM", "UNREADABLE", "authors", "from_fields"]

UNREADABLE = "(unreadable)"
"""Stands for an author that is no address; it is one of nobody."""

MAX_AUTHORS = 100
"""Addresses of one message that are looked at; a message has one author, seldom a few."""

MAX_FROM = 32_768
"""Octets of all From fields of a message that are looked at: so many authors with long names. It
takes some hundredths of a second at the worst, in which nobody else is served."""

_FROM = re.compile(rb"(?:^|\n)from[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+)"
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    r"|\[(?P<literal>[^\[\]\\]*)\]"
    r'|(?P<atom>[^\x00-\x20\x7f()<>\[\]:;@\\,."]+)'
    r"|(?P<special>[<>:;@,.(])",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class _Kind(Enum):
    ATOM = "atom"
    QUOTED = "quoted"
    LITERAL = "literal"
    SPECIAL = "special"


class _Token(NamedTuple):
    kind: _Kind
    text: str

    def is_any(self, specials: str) -> bool:
        return self.kind is _Kind.SPECIAL and self.text in specials


class _UnreadableError(Exception):
    """The field is not what RFC 5322 §3.4 describes."""


def from_fields(section: bytes) -> tuple[bytes, ...]:
    """The bodies of the From fields of a header section, in its order; the obsolete forms as well.

    Args:
        section: field lines.

    Returns:
        Their octets; one empty body, which nobody can read, in place of more than `MAX_FROM`.
    """
    fields = tuple(_FROM.findall(section))
    return fields if sum(map(len, fields)) <= MAX_FROM else (b"",)


def authors(fields: Sequence[bytes]) -> tuple[str, ...]:
    """The addresses in From fields, each once, in the order they stand there.

    Args:
        fields: the bodies of all From fields of a message.

    Returns:
        Addresses as `Address.parse` reads them. `UNREADABLE` is among them where a field, or a
        part of it, cannot be read, and where there are more than `MAX_AUTHORS`. Empty where there
        is no From field, or only groups without members (RFC 6854).
    """
    found: dict[str, None] = {}
    for field in fields:
        try:
            for address in _mailboxes(list(_tokens(_text(field)))):
                found[address] = None
                _require(len(found) <= MAX_AUTHORS)
        except _UnreadableError:
            found[UNREADABLE] = None
    return tuple(found)


def _text(field: bytes) -> str:
    try:
        return field.decode()  # RFC 6532 §3.2
    except UnicodeDecodeError:
        # Some old character set. In none of them are half a character's octets a mark of the
        # grammar, but for the backslash: there readers differ in where a quoted name ends.
        if b"\\" in field:
            raise _UnreadableError from None
        return field.decode(errors="replace")


def _tokens(text: str) -> Iterator[_Token]:
    """What counts of a field's body: no blanks, no comments."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _UnreadableError
        at = match.end()
        kind, value = match.lastgroup, match[match.lastgroup or 0]
        if value == "(" and kind == "special":
            after = after_comment(text, at)
            if after is None:
                raise _UnreadableError
            at = after
        elif kind != "blank":
            yield _Token(_Kind(kind), value)


def _mailboxes(tokens: Sequence[_Token]) -> Iterator[str]:
    """The addresses of an address-list with groups (RFC 5322 §3.4, RFC 6854 §2)."""
    if not tokens:
        raise _UnreadableError
    at, in_group = 0, False
    while at < len(tokens):
        start = at
        while at < len(tokens) and not tokens[at].is_any(",:;<>"):
            at += 1
        words = tokens[start:at]
        end = tokens[at].text if at < len(tokens) else ""
        at += 1
        if end == "<":
            if any(word.is_any("@") for word in words):  # a name that looks like an address
                yield _address(words)
            close = next((n for n in range(at, len(tokens)) if tokens[n].is_any(">")), None)
            _require(close is not None)
            assert close is not None
            yield _address(_without_route(tokens[at:close]))
            at = close + 1
            end = tokens[at].text if at < len(tokens) else ""
            _require(at >= len(tokens) or tokens[at].is_any(",;"))
            at += 1
        elif end == ":":
            _require(bool(words) and not in_group and not any(word.is_any("@") for word in words))
            in_group = True
            continue
        elif words:
            yield _address(words)
        if end == ">" or (end == ";" and not in_group):
            raise _UnreadableError
        in_group = in_group and end != ";"
    _require(not in_group)


def _without_route(tokens: Sequence[_Token]) -> Sequence[_Token]:
    """The address behind an obsolete source route, `@one,@two:` (RFC 5322 §4.4)."""
    if not tokens or not tokens[0].is_any("@"):
        return tokens
    colon = next((n for n, token in enumerate(tokens) if token.is_any(":")), None)
    _require(colon is not None)
    return tokens[(colon or 0) + 1 :]


def _address(tokens: Sequence[_Token]) -> str:
    """One `addr-spec`; blanks and comments around its dots are gone already (RFC 5322 §4.4)."""
    marks = [n for n, token in enumerate(tokens) if token.is_any("@")]
    _require(len(marks) == 1)
    local, domain = tokens[: marks[0]], tokens[marks[0] + 1 :]
    _require(_alternates(local) and _alternates(domain))
    _require(all(word.kind is not _Kind.LITERAL for word in local))
    _require(all(word.kind is not _Kind.QUOTED for word in domain))
    _require(len(domain) == 1 or all(word.kind is not _Kind.LITERAL for word in domain))
    _require(all("\ufffd" not in word.text for word in tokens))  # what it was, nobody knows
    name = "".join(_ESCAPED.sub(r"\1", w.text) if w.kind is _Kind.QUOTED else w.text for w in local)
    host = f"[{domain[0].text}]" if domain[0].kind is _Kind.LITERAL else _joined(domain)
    try:
        return str(Address.parse(str(Address(name, host))))
    except AddressError:
        raise _UnreadableError from None


def _alternates(tokens: Sequence[_Token]) -> bool:
    """Whether words and dots take turns, with a word at both ends."""
    return len(tokens) % 2 == 1 and all(
        token.is_any(".") if n % 2 else token.kind is not _Kind.SPECIAL
        for n, token in enumerate(tokens)
    )


def _joined(tokens: Sequence[_Token]) -> str:
    return "".join(token.text for token in tokens)


def _require(condition: bool) -> None:
    if not condition:
        raise _UnreadableError
