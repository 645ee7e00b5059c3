"""An operator's SQL, with the places where a key goes in.

Postfix pastes the key, with quotes escaped, into the text of the query. Here a literal that holds
a `%s` becomes one parameter, so that the key is never a part of the text, whatever it contains:
of `WHERE email='%s' OR email='%%@%d'` the database is told `WHERE email=? OR email=?` and, apart
from it, what each `?` is. Queries written for Postfix work as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from postroad.tables.expansion import Template, TemplateError, filled, template

__all__ = ["Flavour", "Statement", "StatementError", "statement"]

MAX_PLACES = 100
"""Places for the key in one query; databases allow some thousands, people use three."""


class Flavour(Enum):
    """Whose SQL it is: they differ in what a double quote and a backslash mean."""

    SQLITE = "sqlite"
    MYSQL = "mysql"
    POSTGRESQL = "postgresql"


class StatementError(ValueError):
    """SQL in which it cannot be told where the key goes."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A query.

    Attributes:
        texts: what stands before, between and after the places for parameters.
        places: what goes into each place; one fewer than the texts.
    """

    texts: tuple[str, ...]
    places: tuple[Template, ...]

    @property
    def pieces(self) -> Template:
        """Everything that a key must be able to fill."""
        return tuple(piece for place in self.places for piece in place)

    def parameters(self, key: str) -> tuple[str, ...]:
        """What goes into each place for a key."""
        return tuple(filled(place, key, key) for place in self.places)

    def marked(self, marks: tuple[str, ...]) -> str:
        """The text, with a mark at each place."""
        return "".join(text + mark for text, mark in zip(self.texts, (*marks, ""), strict=True))


_TOKEN = re.compile(
    r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|%.?|[^'\"`%/-]+|.",
    re.DOTALL,
)
_PLAIN_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|%.?|[^'\"`%/-]+|.",
    re.DOTALL,
)
_CURLY = frozenset("\u2018\u2019\u201a\u201c\u201d\u201e\u2032\u2033")
"""Marks that web pages and word processors make of quotes in an example."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "0": "\0",
    "Z": "\x1a",
    "%": r"\%",
    "_": r"\_",
}


def statement(text: str, flavour: Flavour) -> Statement:
    """The query in a text.

    Args:
        text: SQL with `%s` and its kin, in quotes or not.
        flavour: whose SQL.

    Raises:
        StatementError: a percent sign means nothing, or stands where no parameter can be.
    """
    texts, places = [""], list[Template]()
    token = _TOKEN if flavour is Flavour.MYSQL else _PLAIN_TOKEN
    for found in token.finditer(text):
        part = found.group()
        try:
            place = _place(part, flavour)
        except TemplateError as error:
            raise StatementError(str(error)) from error
        if place is None:
            texts[-1] += _plain(part)
        else:
            texts.append("")
            places.append(place)
    if len(places) > MAX_PLACES:
        raise StatementError(
            f"has {len(places)} places for the key; at most {MAX_PLACES} are taken"
        )
    return Statement(tuple(texts), tuple(places))


def _place(part: str, flavour: Flavour) -> Template | None:
    """What a token puts into the query as a parameter; `None` where it is a part of the text."""
    if part.startswith("%"):
        pieces = template(part)
        return pieces if pieces[0].code else None
    if part[0] not in "'\"`" or len(part) < 2:
        return None
    pieces = template(_literal(part, flavour))
    if not any(piece.code for piece in pieces):
        return None
    if part[0] == "`" or (part[0] == '"' and flavour is Flavour.POSTGRESQL):
        raise StatementError(f"{part[:60]} is a name, and a key cannot be one; use single quotes")
    return pieces


def _plain(part: str) -> str:
    """A token that is a part of the text: only `%%` is not itself."""
    quoted = part[0] in "'\"`%"
    curly = next((each for each in part if each in _CURLY), "")
    if curly and not quoted:
        raise StatementError(f"{curly} is a quotation mark of print, not of SQL; write ' instead")
    return part.replace("%%", "%") if quoted else part


def _literal(part: str, flavour: Flavour) -> str:
    """What a literal in quotes stands for."""
    inner = part[1:-1].replace(part[0] * 2, part[0])
    if flavour is not Flavour.MYSQL or part[0] == "`":
        return inner
    return _ESCAPE.sub(lambda found: _MEANT.get(found.group(1), found.group(1)), inner)
