"""DNS lists: how an entry is asked for, which answers count, and the words of a refusal.

A list is named as Postfix does: `zen.example`, or with a filter, `zen.example=127.0.0.[2..11]`. The
refusal is made from a template with Postfix's `$names` (RFC 5782 describes the lists).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Address, ip_address
from typing import Self

from postroad.model.address import is_domain
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


@dataclass(frozen=True, slots=True)
class DnsList:
    """A list, and which of its answers count.

    Attributes:
        name: the list with its filter, as it was written.
        domain: the list alone.
        octets: for each octet of an answer the values that count; `None`: every answer counts.
    """

    name: str
    domain: str
    octets: tuple[frozenset[int], ...] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `domain` or `domain=d.d.d.d`, where each d is a number or `[n;n..n]`.

        Raises:
            ArgumentMistake: it is neither.
        """
        domain, equals, pattern = text.partition("=")
        if not is_domain(domain) or "." not in domain:
            raise ArgumentMistake(f'"{domain}" is not the domain of a DNS list')
        return cls(text, domain, _octets(pattern) if equals else None)

    def counts(self, address: str) -> bool:
        """Whether an answer says that the entry is listed."""
        try:
            octets = IPv4Address(address).packed
        except ValueError:
            return False
        if self.octets is None:
            return True
        return all(octet in wanted for octet, wanted in zip(octets, self.octets, strict=True))


def _octets(pattern: str) -> tuple[frozenset[int], ...]:
    parts = re.findall(r"\[[^\]]*\]|[^.\[\]]+", pattern)
    if len(parts) != 4 or ".".join(parts) != pattern:
        words = f'"{pattern}" is not a filter, such as 127.0.0.2 or 127.0.0.[2..11]'
        raise ArgumentMistake(words)
    return tuple(_values(part) for part in parts)


def _values(part: str) -> frozenset[int]:
    inner = part[1:-1] if part.startswith("[") else part
    found: set[int] = set()
    for piece in inner.split(";"):
        first, _, last = piece.partition("..")
        low, high = _octet(first, part), _octet(last or first, part)
        if low > high:
            raise ArgumentMistake(f'"{piece}" runs backwards')
        found.update(range(low, high + 1))
    return frozenset(found)


def _octet(text: str, part: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise ArgumentMistake(f'"{part}" is not a number from 0 to 255, nor a list of such')
    return int(text)


def reversed_address(address: str) -> str:
    """How a list has an IP address: its octets, or hexadecimal digits, backwards (RFC 5782 §2).

    Raises:
        ValueError: it is no IP address.
    """
    ip = ip_address(address)
    labels = str(ip).split(".") if isinstance(ip, IPv4Address) else ip.exploded.replace(":", "")
    return ".".join(reversed(labels))


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
