"""Tables of networks: `cidr:`, in the order written, IPv4 and IPv6 (cidr_table(5)).

Neighbouring rules without `!` are put into one index: a list of 100,000 networks is searched in as
many steps as there are different lengths of prefixes in it, and not rule by rule.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.tables.blocks import Rule, first, nested
from postroad.tables.source import Line, file_lines, inline_lines
from postroad.tables.table import Warn

__all__ = ["CidrTable", "cidr_inline", "cidr_table"]

_LENGTH = re.compile(r"[0-9]{1,3}")
_WIDTH = {socket.AF_INET: 32, socket.AF_INET6: 128}


@dataclass(frozen=True, slots=True)
class _Ip:
    """An address as a number; its kind is its width in bits."""

    width: int
    number: int


@dataclass(frozen=True, slots=True)
class _Network:
    """A pattern: addresses that begin like `prefix`, or those of its width that do not."""

    width: int
    prefix: int
    shift: int
    inside: bool

    def holds(self, ip: _Ip) -> bool:
        # As in Postfix, "!" turns only addresses of the same kind: "!10.0.0.0/8" is no IPv6.
        return ip.width == self.width and (ip.number >> self.shift == self.prefix) is self.inside


@dataclass(frozen=True, slots=True)
class _NetworkRule:
    network: _Network
    value: str

    def answer(self, ip: _Ip) -> str | None:
        return self.value if self.network.holds(ip) else None


class _Index:
    """Rules of networks that stand next to each other; the first in order answers."""

    __slots__ = ("_kinds",)

    def __init__(self, rules: Sequence[_NetworkRule]) -> None:
        self._kinds: dict[int, dict[int, dict[int, tuple[int, str]]]] = {}
        for order, rule in enumerate(rules):
            network = rule.network
            kind = self._kinds.setdefault(network.width, {})
            kind.setdefault(network.shift, {}).setdefault(network.prefix, (order, rule.value))

    def answer(self, ip: _Ip) -> str | None:
        found = [
            prefixes[ip.number >> shift]
            for shift, prefixes in self._kinds.get(ip.width, {}).items()
            if ip.number >> shift in prefixes
        ]
        return min(found)[1] if found else None


class CidrTable:
    """Networks, in memory."""

    __slots__ = ("_rules", "_values", "name")
    takes_parts = False

    def __init__(self, name: str, rules: Sequence[Rule[_Ip]], values: Iterable[str]) -> None:
        self.name = name
        self._rules = rules
        self._values = frozenset(values)

    async def find(self, key: str) -> str | None:
        """The value of the first network that an address is in; none for what is no address."""
        ip = _address(key)
        return None if ip is None else first(self._rules, ip)

    def values(self) -> frozenset[str]:
        """Those of the rules."""
        return self._values

    async def close(self) -> None:
        """Nothing is held."""


def cidr_table(name: str, text: str, path: Path, _: Warn) -> CidrTable:
    """The table of a file.

    Raises:
        TableMistake: a line is no rule.
    """
    return _table(name, file_lines(text, path))


def cidr_inline(name: str, rest: str, _: Warn) -> CidrTable:
    """`cidr:{{rule}, {rule}}`.

    Raises:
        TableMistake: it is not of this form.
    """
    return _table(name, inline_lines(rest))


def _table(name: str, lines: Iterable[Line]) -> CidrTable:
    values: set[str] = set()

    def rule(line: Line) -> Rule[_Ip]:
        pattern, *rest = line.text.split(maxsplit=1)
        if not rest:
            raise line.mistake(f'expected "network value", and "{pattern}" has no value')
        values.add(rest[0])
        return _NetworkRule(_network(pattern, line), rest[0])

    return CidrTable(name, nested(lines, _condition, rule, _packed), values)


def _condition(line: Line) -> Callable[[_Ip], bool]:
    return _network(line.text, line).holds


def _packed(rules: Sequence[Rule[_Ip]]) -> Sequence[Rule[_Ip]]:
    """Neighbouring plain rules as one index; all others as they are, in their places."""
    packed: list[Rule[_Ip]] = []
    plain: list[_NetworkRule] = []
    for rule in rules:
        if isinstance(rule, _NetworkRule) and rule.network.inside:
            plain.append(rule)
            continue
        if plain:
            packed.append(_Index(plain))
            plain = []
        packed.append(rule)
    if plain:
        packed.append(_Index(plain))
    return tuple(packed)


def _network(pattern: str, line: Line) -> _Network:
    """`[!]address[/length]`, the address in brackets or not, no bit set beyond the length."""
    text = pattern.lstrip("!")
    inside = (len(pattern) - len(text)) % 2 == 0
    base, slash, length = _unbracketed(text, line).partition("/")
    ip = _address(base)
    if ip is None:
        raise line.mistake(f'expected an address or a network, not "{pattern[:60]}"')
    if not slash:
        return _Network(ip.width, ip.number, 0, inside)
    if not _LENGTH.fullmatch(length) or int(length) > ip.width:
        raise line.mistake(f'expected a length of 0 to {ip.width} bits, not "{length[:60]}"')
    shift = ip.width - int(length)
    if ip.number >> shift << shift != ip.number:
        right = f"{_text(_Ip(ip.width, ip.number >> shift << shift))}/{int(length)}"
        raise line.mistake(f'"{text}" has bits beyond its length; did you mean {right}?')
    return _Network(ip.width, ip.number >> shift, shift, inside)


def _unbracketed(text: str, line: Line) -> str:
    """`[address/length]` and `[address]/length` without the brackets."""
    if not text.startswith("["):
        return text
    inner, bracket, rest = text[1:].partition("]")
    if not bracket or (rest and not rest.startswith("/")):
        raise line.mistake(f'expected "[address]", not "{text[:60]}"')
    return inner + rest


def _address(text: str) -> _Ip | None:
    """As inet_pton(3) reads it: no abbreviations, no octal, no zone."""
    kind = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        octets = socket.inet_pton(kind, text)
    except (OSError, ValueError):  # the second of odd characters
        return None
    return _Ip(_WIDTH[kind], int.from_bytes(octets))


def _text(ip: _Ip) -> str:
    kind = socket.AF_INET6 if ip.width == 128 else socket.AF_INET
    return socket.inet_ntop(kind, ip.number.to_bytes(ip.width // 8))
