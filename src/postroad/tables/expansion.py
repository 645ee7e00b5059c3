"""`%s`, `%u`, `%d` and their kin in queries, filters and results (mysql_table(5), ldap_table(5)).

Small letters stand for the text that is expanded: the key in a query, the value in a result.
Capitals and digits always stand for the key. A key that has not what a query or a result asks for
(a domain, three labels) is not asked for at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Expansion", "Piece", "Template", "TemplateError", "filled", "template"]

_CODES = frozenset("sudSUD123456789")


class TemplateError(ValueError):
    """A text with a `%` that means nothing."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a template: a text as it is, or what `code` stands for.

    Attributes:
        text: the text; empty with a code.
        code: one of `s u d S U D 1 … 9`, or empty.
    """

    text: str
    code: str = ""


Template = tuple[Piece, ...]


def template(text: str) -> Template:
    """The pieces of a template; `%%` is a percent sign.

    Raises:
        TemplateError: something else follows a percent sign.
    """
    pieces: list[Piece] = []
    plain, *rest = text.split("%")
    at = 0
    while at < len(rest):
        follows = rest[at]
        if not follows and at + 1 < len(rest):  # "%%"
            plain += "%" + rest[at + 1]
            at += 2
            continue
        if follows[:1] not in _CODES:
            raise TemplateError(f'"%{follows[:1]}" means nothing; a percent sign is written %%')
        pieces += [Piece(plain), Piece("", follows[0])]
        plain = follows[1:]
        at += 1
    pieces.append(Piece(plain))
    return tuple(piece for piece in pieces if piece.text or piece.code)


class Expansion:
    """A query and a result that belong together.

    Args:
        query: the pieces of everything that is filled with the key.
        result: the pieces of the result's form.
    """

    def __init__(self, query: Template, result: Template) -> None:
        asked = {piece.code for piece in query}
        shown = {piece.code for piece in result}
        both = asked | shown
        self._result = result
        self._labels = max((int(code) for code in both if code.isdigit()), default=0)
        self._key_domain = bool(self._labels) or "D" in both or "d" in asked
        self._key_user = "U" in both or "u" in asked
        self._value_domain = "d" in shown
        self._value_user = "u" in shown

    def takes(self, key: str) -> bool:
        """Whether a key has everything that is asked of it."""
        user, at, domain = key.rpartition("@")
        if not key or (self._key_domain and not domain) or (self._key_domain and not at):
            return False
        if self._key_user and at and not user:
            return False
        labels = domain.split(".")[-self._labels :] if self._labels else []
        return len(labels) == self._labels and all(labels)

    def result(self, value: str, key: str) -> str | None:
        """A value in the form of the result; `None` where it has not what that asks for."""
        user, at, domain = value.rpartition("@")
        if not value or (self._value_domain and not (at and domain)):
            return None
        if self._value_user and at and not user:
            return None
        return filled(self._result, value, key)


def filled(pieces: Sequence[Piece], value: str, key: str, quote: Callable[[str], str] = str) -> str:
    """A template with everything in its place.

    Args:
        pieces: the template.
        value: what small letters stand for.
        key: what capitals and digits stand for; `Expansion.takes` must have said yes to it.
        quote: makes a text harmless where it goes.
    """
    parts = []
    for piece in pieces:
        if not piece.code:
            parts.append(piece.text)
        elif piece.code.isdigit():
            parts.append(quote(key.rpartition("@")[2].split(".")[-int(piece.code)]))
        else:
            whole = value if piece.code.islower() else key
            parts.append(quote(_part(whole, piece.code.lower())))
    return "".join(parts)


def _part(text: str, code: str) -> str:
    user, at, domain = text.rpartition("@")
    if code == "s" or not at:
        return text
    return user if code == "u" else domain
