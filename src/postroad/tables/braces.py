"""Postfix's braces: `{a=b, {c = d e}}`, by which a table's name can hold a whole table.

Words are separated by commas and white space, except inside braces. (DATABASE_README, `inline:`;
cidr_table(5), "INLINE SPECIFICATION".)
"""

from __future__ import annotations

from postroad.tables.table import TableMistake

__all__ = ["BLANKS", "content", "depth", "pair", "words"]

BLANKS = " \t\r\n\v\f"
_SEPARATORS = frozenset(BLANKS + ",")


def content(text: str) -> str:
    """What stands between the braces that enclose a text, without white space around it.

    Raises:
        TableMistake: it is not one pair of braces that are balanced.
    """
    if _closing(text) != len(text) - 1:
        raise TableMistake(f'expected "{{…}}", with every brace closed, not "{_brief(text)}"')
    return text[1:-1].strip(BLANKS)


def words(text: str) -> list[str]:
    """The words of a text; one that begins with a brace goes on to the brace that closes it."""
    found, begin, depth = [], None, 0
    for at, character in enumerate(text):
        if depth == 0 and character in _SEPARATORS:
            if begin is not None:
                found.append(text[begin:at])
            begin = None
            continue
        begin = at if begin is None else begin
        depth += (character == "{") - (character == "}" and depth > 0)
    if begin is not None:
        found.append(text[begin:])
    return found


def pair(text: str) -> tuple[str, str]:
    """`name = value`, in braces or not: `name` and `value`.

    Raises:
        TableMistake: it is not of this form.
    """
    inner = content(text) if text.startswith("{") else text
    name, equals, value = inner.partition("=")
    if not equals or len(name.split()) != 1:
        words = 'expected "key=value", or "{key = a value with blanks or commas}"'
        raise TableMistake(f'{words}, not "{_brief(text)}"')
    return name.strip(BLANKS), value.strip(BLANKS)


def depth(text: str) -> int:
    """How many braces are open at once where most are."""
    most = level = 0
    for character in text:
        level += (character == "{") - (character == "}" and level > 0)
        most = max(most, level)
    return most


def _closing(text: str) -> int:
    """Where the brace that opens a text is closed; -1 where none opens it or none closes it."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return at or -1
    return -1


def _brief(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
