"""Addresses as people and programs write them in header fields and commands (RFC 5322 §3.4).

A lenient view of a text, in one pass and without recursion: where each address stands in it, and
what it is without comments, blanks and names. From it the recipients of `sendmail -t` are taken,
and the addresses found that lack a domain. What is no address at all is found as well, as it
stands: whoever wrote it is to hear of it, rather than wonder who got the mail.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

__all__ = ["Written", "completed", "written"]

_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+)"
    r'|(?P<quoted>"(?:[^"\\]|\\.)*"?)'
    r"|(?P<literal>\[[^\[\]\\]*\]?)"
    r"|(?P<special>[<>:;,(])"
    r'|(?P<atom>[^ \t\r\n"\[<>:;,(]+)',
    re.DOTALL,
)
_OWN = re.compile(r"[^@]+\Z", re.DOTALL)

Piece = tuple[str, int, int, str]
"""A token: its kind, where it starts and ends, and what it says."""


class Written:
    """An address in a text.

    Attributes:
        address: without comments and blanks; quotes stay.
        start, end: where it stands: from its first word to its last, comments between included.
        is_alone: whether it is all that there is between two commas, but for a name before `<`.
    """

    __slots__ = ("address", "end", "is_alone", "start")

    def __init__(self, address: str, start: int, end: int, *, is_alone: bool = True) -> None:
        self.address = address
        self.start = start
        self.end = end
        self.is_alone = is_alone


def written(text: str) -> list[Written]:
    """The addresses in a text, in their order.

    Groups are opened, routes (`<@a,@b:c@d>`, RFC 5321 appendix C) left out. `<>` is an empty one.
    Words that nothing joins are an address each, as in Postfix: `john anna` on a command line.
    """
    found: list[Written] = []
    words: list[Piece] = []
    angle: list[Piece] | None = None  # what is between < and >, once there was one
    is_open = False
    for piece in _pieces(text):
        kind, start, end, what = piece
        if is_open:
            assert angle is not None
            if what == ">" and kind == "special":
                is_open = False
                angle.append(("end", start, end, ""))
            elif what == ":" and kind == "special":
                angle[1:] = []
            elif kind != "special" or what == ",":
                angle.append(piece)
        elif kind != "special":
            words.append(piece)
        elif what == "<":
            angle, is_open = [("start", end, end, "")], True
        elif what == ":":
            words = []
        elif what in ",;":
            found += _one(words, angle)
            words, angle = [], None
    found += _one(words, angle)
    return found


def completed(text: str, domain: str) -> str:
    """A text in which each address that has no domain got one.

    Words without commas between them stay as they are: they may be anything.
    """
    parts: list[str] = []
    at = 0
    for each in written(text):
        if each.is_alone and _OWN.match(each.address):
            parts += [text[at : each.start], f"{each.address}@{domain}"]
            at = each.end
    return "".join([*parts, text[at:]]) if parts else text


def _one(words: list[Piece], angle: list[Piece] | None) -> Iterator[Written]:
    """The address of one member of a list; none where there is nothing but a name."""
    if angle is not None:
        inner = [each for each in angle if each[0] not in ("start", "end")]
        start = inner[0][1] if inner else angle[0][1]
        end = inner[-1][2] if inner else angle[0][2]
        yield Written("".join(each[3] for each in inner), start, end)
    elif words:
        yield from _several(words)


def _several(words: list[Piece]) -> Iterator[Written]:
    """Words as addresses: those are one between which there is a dot or an @, or no blank."""
    groups = [[words[0]]]
    for before, after in itertools.pairwise(words):
        if before[2] < after[1] and before[3][-1] not in ".@" and after[3][0] not in ".@":
            groups.append([after])
        else:
            groups[-1].append(after)
    for group in groups:
        text = "".join(each[3] for each in group)
        yield Written(text, group[0][1], group[-1][2], is_alone=len(groups) == 1)


def _pieces(text: str) -> Iterator[Piece]:
    """The tokens of a text but blanks and comments."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        kind, at = match.lastgroup or "", match.end()
        if match[0] == "(":
            # Imported for a comment: `sendmail` starts without all that a server loads.
            from postroad.model.comment import after_comment  # noqa: PLC0415

            after = after_comment(text, at)
            at = len(text) if after is None else after  # one without an end ends with the text
            continue
        if kind != "blank":
            yield kind, match.start(), at, match[0]
