"""Reading Authentication-Results (RFC 8601 §2.2): comments, folds, quoted values, versions.

A field may be anybody's, so what cannot be read is `None` and never half a result. Whether a field
claims to be ours is asked more broadly (`results.claiming`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad.mailauth.results.result import AuthenticationResults, MethodResult, Property
from postroad.model.fields import Field

__all__ = ["LONGEST_FIELD", "read", "read_payload"]

LONGEST_FIELD = 16_384
"""Octets of a field that is read; a longer one has no meaning. Real ones have some hundred."""

MOST_RESULTS = 100
"""Results of one field; real ones have a dozen."""

_DEEPEST = 16  # comments within comments
_PIECE = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<mark>[;=()/])
    |(?P<word>[^ \t\r\n;=()"/]+)""",
    re.VERBOSE | re.DOTALL,
)

_Piece = tuple[str, str]
"""`mark`, `word` or `quoted`, and the text. Blanks and comments are `blank`."""


class _Unreadable(Exception):
    """The field does not follow the grammar."""


def read(field: Field) -> AuthenticationResults | None:
    """What a field says; `None`: it does not follow the grammar, or is of another version.

    Args:
        field: its name is not looked at, so that ARC's may be read as well.
    """
    return read_payload(field.value.decode("utf-8", "replace"))


def read_payload(text: str) -> AuthenticationResults | None:
    """The same of what stands behind the name."""
    if len(text) > LONGEST_FIELD:
        return None
    try:
        head, *parts = _split(_pieces(text))
        authserv_id = _head(head)
        parts = [part for part in parts if any(kind != "blank" for kind, _ in part)]
        if len(parts) > MOST_RESULTS:
            return None
        if len(parts) == 1 and _solid(parts[0]) == [("word", "none")]:  # no-result
            return AuthenticationResults(authserv_id)
        return AuthenticationResults(authserv_id, tuple([_result(part) for part in parts]))
    except _Unreadable:
        return None


def _pieces(text: str) -> Iterator[_Piece]:
    """The field cut into pieces, each comment as one blank."""
    at, depth = 0, 0
    while at < len(text):
        if depth:
            at, depth = _within_comment(text, at, depth)
            if not depth:
                yield "blank", " "
            continue
        found = _PIECE.match(text, at)
        if found is None:
            raise _Unreadable  # a quote that is not closed
        at, kind, piece = found.end(), str(found.lastgroup), found.group()
        if piece == "(":
            depth = 1
        elif piece == ")":
            raise _Unreadable
        elif kind == "quoted":
            yield kind, re.sub(r"\\(.)", r"\1", piece[1:-1], flags=re.DOTALL)
        else:
            yield kind, piece
    if depth:
        raise _Unreadable


_IN_COMMENT = re.compile(r"[^()\\]*(?:\\.[^()\\]*)*", re.DOTALL)


def _within_comment(text: str, at: int, depth: int) -> tuple[int, int]:
    """Past the next bracket of a comment, and how deep that is."""
    skipped = _IN_COMMENT.match(text, at)
    at = skipped.end() if skipped is not None else at
    if at >= len(text) or text[at] == "\\":
        raise _Unreadable
    depth += 1 if text[at] == "(" else -1
    if depth > _DEEPEST:
        raise _Unreadable
    return at + 1, depth


def _split(pieces: Iterator[_Piece]) -> list[list[_Piece]]:
    """The parts between semicolons."""
    parts: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece == ("mark", ";"):
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts


def _solid(part: list[_Piece]) -> list[_Piece]:
    return [piece for piece in part if piece[0] != "blank"]


def _head(part: list[_Piece]) -> str:
    """The authserv-id; the version behind it may be left out, and 1 is the only one (§2.2)."""
    solid = _solid(part)
    if not solid or solid[0][0] == "mark" or len(solid) > 2:
        raise _Unreadable
    if len(solid) == 2 and solid[1] != ("word", "1"):
        raise _Unreadable
    return solid[0][1]


def _result(part: list[_Piece]) -> MethodResult:
    """`method [/ version] = result [reason = value] *(kind . name = value)`."""
    pairs = list(_pairs(part))
    if not pairs:
        raise _Unreadable
    (method, result), *more = pairs
    reason, properties = "", []
    for name, value in more:
        kind, dot, what = name.partition(".")
        if name.lower() == "reason":
            reason = value
        elif dot and kind and what:
            properties.append(Property(kind.lower(), what.lower(), value))
        else:
            raise _Unreadable
    return MethodResult(method.lower(), result.lower(), reason=reason, properties=tuple(properties))


def _pairs(part: list[_Piece]) -> Iterator[tuple[str, str]]:
    """`name = value` again and again; a value ends at a blank, if it is not quoted."""
    at = 0
    while (at := _past_blanks(part, at)) < len(part):
        name, at = _name(part, at)
        at = _past_blanks(part, at)
        if at >= len(part) or part[at] != ("mark", "="):
            raise _Unreadable
        value, at = _value(part, _past_blanks(part, at + 1))
        yield name, value


def _past_blanks(part: list[_Piece], at: int) -> int:
    while at < len(part) and part[at][0] == "blank":
        at += 1
    return at


def _name(part: list[_Piece], at: int) -> tuple[str, int]:
    """A method or a property; blanks and comments may stand around the dot and the version."""
    kind, text = part[at]
    if kind != "word":
        raise _Unreadable
    at += 1
    while (after := _past_blanks(part, at)) < len(part):
        kind, piece = part[after]
        if (kind, piece) == ("mark", "/"):  # a method's version; 1 is the only one
            after = _past_blanks(part, after + 1)
            if after >= len(part) or part[after] != ("word", "1"):
                raise _Unreadable
            at = after + 1
        elif kind == "word" and (text.endswith(".") or piece.startswith(".")):
            text, at = text + piece, after + 1
        else:
            break
    return text, at


def _value(part: list[_Piece], at: int) -> tuple[str, int]:
    """What stands behind `=`; unquoted it may have slashes and equal signs, as `header.b` has."""
    begin, value = at, ""
    while at < len(part) and part[at][0] != "blank":
        value += part[at][1]
        at += 1
    if at == begin:
        raise _Unreadable
    return value, at
