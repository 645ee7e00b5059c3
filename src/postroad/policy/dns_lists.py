"""DNS lists as restrictions name them, and the words of a refusal.

What a list is, and which answers count, is `model.dns_list`'s. The refusal is made from a template
with Postfix's `$names`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Self

from postroad.model import dns_list as model
from postroad.model.dns_list import reversed_address
from postroad.policy.restriction import ArgumentMistake

__all__ = ["DnsList", "expand", "reversed_address", "template_mistake"]

LONGEST_REASON = 500
"""Characters of a list's TXT records in a reply, as in Postfix."""

_REPLY = re.compile(r"[45][0-9][0-9] \S")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_NAMES = frozenset(
    (
        "client",
        "client_address",
        "client_name",
        "reverse_client_name",
        "helo_name",
        "rbl_class",
        "rbl_code",
        "rbl_domain",
        "rbl_reason",
        "rbl_txt",
        "rbl_what",
        "recipient",
        "recipient_domain",
        "recipient_name",
        "sender",
        "sender_domain",
        "sender_name",
    )
)


class DnsList(model.DnsList):
    """A list as the argument of a restriction."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """See `model.dns_list.DnsList.parse`.

        Raises:
            ArgumentMistake: it is none.
        """
        try:
            return super().parse(text)
        except ValueError as error:
            raise ArgumentMistake(str(error)) from None


# Templates --------------------------------------------------------------------------------------


def template_mistake(template: str) -> str:
    """What is wrong with a template of refusals; empty when nothing is."""
    try:
        said = expand(template, _Everything(rbl_code="554"))
    except ValueError as error:
        return str(error)
    if _REPLY.match(said) is None:
        return "expected a reply: $rbl_code, or a code from 400 to 599, and words"
    return ""


def expand(template: str, values: Mapping[str, str]) -> str:
    """Fill in a template, as Postfix's mac_expand does.

    Args:
        template: with `$name`, `${name}`, `$(name)`, `${name?text}`, `${name:text}`,
            `${name?{text}:{text}}`; `$$` is a dollar sign.
        values: by names.

    Raises:
        ValueError: a name that there is not, or a brace that is not closed.
    """
    done: list[str] = []
    at = 0
    while at < len(template):
        dollar = template.find("$", at)
        if dollar < 0:
            done.append(template[at:])
            break
        done.append(template[at:dollar])
        text, at = _expression(template, dollar + 1, values)
        done.append(text)
    return "".join(done)


def _expression(template: str, at: int, values: Mapping[str, str]) -> tuple[str, int]:
    """What an expression behind a dollar sign stands for, and where it ends."""
    start = template[at : at + 1]
    if start == "$":
        return "$", at + 1
    if start in ("{", "("):
        end = _closing(template, at)
        return _braced(template[at + 1 : end], values), end + 1
    name = _NAME.match(template, at)
    if name is None:
        raise ValueError("a dollar sign without a name; write $$ for the sign itself")
    return _value(name[0], values), name.end()


def _braced(inner: str, values: Mapping[str, str]) -> str:
    name = _NAME.match(inner)
    if name is None:
        raise ValueError(f'"{inner}" does not begin with a name')
    value, rest = _value(name[0], values), inner[name.end() :]
    if not rest:
        return value
    kind, text = rest[0], rest[1:].strip()
    if kind not in "?:":
        raise ValueError(f'expected ? or : behind {name[0]}, not "{rest}"')
    other = ""
    if text.startswith("{"):
        end = _closing(text, 0)
        behind = text[end + 1 :].strip()
        text = text[1:end]
        if behind:
            other = behind[1:].strip()
            if kind != "?" or behind[0] != ":" or _braces(other):
                raise ValueError(f'cannot read "{rest}"')
            other = other[1:-1]
    wanted = bool(value) == (kind == "?")
    return expand(text if wanted else other, values)


def _braces(text: str) -> bool:
    return not (text.startswith("{") and _closing(text, 0) == len(text) - 1)


def _closing(text: str, at: int) -> int:
    """Where the brace that opens at a place is closed."""
    opening = text[at]
    closing = "}" if opening == "{" else ")"
    depth = 0
    for place in range(at, len(text)):
        if text[place] == opening:
            depth += 1
        elif text[place] == closing:
            depth -= 1
            if depth == 0:
                return place
    raise ValueError(f"a {opening} is not closed")


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in _NAMES:
        close = get_close_matches(name, _NAMES, n=1)
        hint = f"; did you mean ${close[0]}?" if close else ""
        raise ValueError(f"there is no ${name}{hint}")
    return values[name]


class _Everything(dict[str, str]):
    """Has something for every name."""

    def __missing__(self, name: str) -> str:
        return name
