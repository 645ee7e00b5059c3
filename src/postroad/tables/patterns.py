"""Tables of patterns: `regexp:` and `pcre:`, in the order written (regexp_table(5), pcre_table(5)).

A key is searched whole. Case is ignored unless the flag `i` says otherwise. The answer may take up
what the pattern found in parentheses, as `$1`.

A pattern can be such that a search takes time without end, and `re` cannot be interrupted: it
counts no steps, and a thread that searches holds the interpreter, so that all others wait all the
same. Keys are addresses and host names, so a key has a bound here; beyond it the answer is «I
cannot say», which defers the mail, and not «nothing found», which would let the sender of a long
address pass. Repeats of what can take one text in several ways, which no bound would help against,
and many `.*` in one pattern are warned of when the table is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.tables.blocks import Rule, first, nested
from postroad.tables.dialect import Dialect, Manner, PatternError, translate
from postroad.tables.source import Line, file_lines, inline_lines
from postroad.tables.table import TableUnavailable, Warn

__all__ = ["MAX_KEY", "PatternTable", "pattern_inline", "pattern_table"]

MAX_KEY = 256
"""Characters of a key. An address of RFC 5321 §4.5.3.1.3 has at most 254, a host name 255."""

MANY_WILDCARDS = 3
"""`.*` in one pattern from which on it is warned of: each further one takes some sixty times as
long with the longest key. docs/reference/tables.md has figures."""

_FLAGS: Mapping[str, str] = {"regexp": "imx", "pcre": "imsxAEU"}
_NUMBER = re.compile(r"0*[1-9][0-9]?")
_MACRO = re.compile(r"\$(?:\$|(\w+)|\{([^{}]*)\}|\(([^()]*)\)|)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A compiled pattern with what decides whether it holds."""

    search: Callable[[str], re.Match[str] | None]
    groups: int
    positive: bool

    def holds(self, key: str) -> bool:
        return (self.search(key) is not None) is self.positive


@dataclass(frozen=True, slots=True)
class _PatternRule:
    """`/pattern/ value`, and also `/pattern/!/other/ value` in `regexp:`."""

    pattern: _Pattern
    other: _Pattern | None
    value: str

    def answer(self, key: str) -> str | None:
        if self.pattern.holds(key) and (self.other is None or self.other.holds(key)):
            return self.value
        return None


@dataclass(frozen=True, slots=True)
class _SubstitutionRule:
    """A rule whose value takes up what was found: texts and the numbers of groups, in turn."""

    pattern: _Pattern
    other: _Pattern | None
    pieces: tuple[str | int, ...]

    def answer(self, key: str) -> str | None:
        found = self.pattern.search(key)
        if found is None or (self.other is not None and not self.other.holds(key)):
            return None
        return "".join(each if isinstance(each, str) else found[each] or "" for each in self.pieces)


class PatternTable:
    """Patterns, in memory."""

    __slots__ = ("_rules", "_values", "name")
    takes_parts = False

    def __init__(
        self, name: str, rules: Sequence[Rule[str]], values: frozenset[str] | None
    ) -> None:
        self.name = name
        self._rules = rules
        self._values = values

    async def find(self, key: str) -> str | None:
        """The answer of the first rule that holds.

        Raises:
            TableUnavailable: the key is longer than any address.
        """
        if len(key) > MAX_KEY:
            raise TableUnavailable(
                f"a key of {len(key)} characters; at most {MAX_KEY} are searched"
            )
        return first(self._rules, key)

    def values(self) -> frozenset[str] | None:
        """Those of the rules; `None` where one takes up a part of the key."""
        return self._values

    async def close(self) -> None:
        """Nothing is held."""


def pattern_table(name: str, text: str, path: Path, warn: Warn) -> PatternTable:
    """The table of a file.

    Raises:
        TableMistake: a line is no rule.
    """
    return _Rules(name, warn).table(file_lines(text, path))


def pattern_inline(name: str, rest: str, warn: Warn) -> PatternTable:
    """`regexp:{{rule}, {rule}}`.

    Raises:
        TableMistake: it is not of this form.
    """
    return _Rules(name, warn).table(inline_lines(rest))


class _Rules:
    """Reads the rules of one table."""

    def __init__(self, name: str, warn: Warn) -> None:
        self._name = name
        self._kind = name.removeprefix("proxy:").partition(":")[0]
        self._warn = warn
        self._values: set[str] | None = set()

    def table(self, lines: Iterable[Line]) -> PatternTable:
        rules = nested(lines, self._condition, self._rule, tuple)
        values = None if self._values is None else frozenset(self._values)
        return PatternTable(self._name, rules, values)

    def _condition(self, line: Line) -> Callable[[str], bool]:
        pattern, rest = self._pattern(line, line.text)
        if rest:
            message = 'nothing may follow "if" and its pattern; a line that begins with white space'
            raise line.mistake(f"{message} goes on with the one before")
        return pattern.holds

    def _rule(self, line: Line) -> Rule[str]:
        if line.text[0].isalnum():
            raise line.mistake(f'expected "/pattern/ value", not "{line.text[:60]}"')
        pattern, rest = self._pattern(line, line.text)
        other = None
        if self._kind == "regexp" and rest.startswith("!"):
            other, rest = self._pattern(line, rest)
        if not rest:
            self._warn(line.warning("the pattern has no value; it finds an empty one"))
        return self._with_value(line, pattern, other, _pieces(rest, line))

    def _with_value(
        self, line: Line, pattern: _Pattern, other: _Pattern | None, pieces: tuple[str | int, ...]
    ) -> Rule[str]:
        numbers = [each for each in pieces if isinstance(each, int)]
        if not numbers:
            value = "".join(str(each) for each in pieces)
            if self._values is not None:
                self._values.add(value)
            return _PatternRule(pattern, other, value)
        if not pattern.positive:
            raise line.mistake("what does not match has no $1 that the value could take up")
        if max(numbers) > pattern.groups:
            raise line.mistake(f"the pattern has no ${max(numbers)}; its groups: {pattern.groups}")
        self._values = None
        return _SubstitutionRule(pattern, other, pieces)

    def _pattern(self, line: Line, text: str) -> tuple[_Pattern, str]:
        """`[!]/pattern/flags` at the start of a text, and what comes after it."""
        bare = text.lstrip("! \t")
        positive = text[: len(text) - len(bare)].count("!") % 2 == 0
        if not bare:
            raise line.mistake("expected a pattern, such as /^postmaster@/")
        end = _closing(bare)
        if end < 0:
            raise line.mistake(f'the pattern is not closed with another "{bare[0]}"')
        flags = re.compile(r"[^\s!]*" if self._kind == "regexp" else r"\S*").match(bare, end + 1)
        assert flags is not None
        search, groups = self._compiled(line, bare[1:end], flags.group())
        return _Pattern(search, groups, positive), bare[flags.end() :].strip()

    def _compiled(
        self, line: Line, pattern: str, flags: str
    ) -> tuple[Callable[[str], re.Match[str] | None], int]:
        """The function that searches, and the number of groups."""
        wrong = next((each for each in flags if each not in _FLAGS[self._kind]), "")
        if wrong:
            known = ", ".join(_FLAGS[self._kind])
            raise line.mistake(f'"{wrong}" is no flag of {self._kind}: these are {known}')
        on = {each for each in flags if flags.count(each) % 2}
        try:
            translated = translate(pattern, self._manner(on))
            compiled = re.compile(translated.text, self._options(on))
        except (PatternError, re.error, OverflowError, RecursionError) as error:
            raise line.mistake(f'the pattern "{pattern[:60]}" cannot be used: {error}') from error
        if translated.explosive:
            words = "repeats what can match in several ways; some keys may take very long"
            self._warn(line.warning(f'"{pattern[:60]}" {words}'))
        elif translated.wildcards >= MANY_WILDCARDS:
            words = f"holds .* {translated.wildcards} times; some keys may take long"
            self._warn(line.warning(f'"{pattern[:60]}" {words}'))
        return (compiled.match if "A" in on else compiled.search), compiled.groups

    def _manner(self, on: set[str]) -> Manner:
        if self._kind == "pcre":
            return Manner(Dialect.PCRE, "E" in on and "m" not in on, "U" in on, "x" in on)
        return Manner(Dialect.BASIC if "x" in on else Dialect.EXTENDED, "m" not in on)

    def _options(self, on: set[str]) -> re.RegexFlag:
        """Ignoring case, and a dot that takes line ends: both hold unless a flag turns them."""
        options = re.ASCII
        if "i" not in on:
            options |= re.IGNORECASE
        if "m" in on:
            options |= re.MULTILINE
        if "s" not in on and not (self._kind == "regexp" and "m" in on):
            options |= re.DOTALL
        return options


def _closing(text: str) -> int:
    """Where the character that a text begins with comes again; -1 if it does not."""
    at = 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == text[0]:
            return at
        at += 1
    return -1


def _pieces(value: str, line: Line) -> tuple[str | int, ...]:
    """A value as texts and numbers of groups: `$1`, `${1}`, `$(1)`; `$$` is a dollar."""
    pieces: list[str | int] = []
    at = 0
    for found in _MACRO.finditer(value):
        pieces.append(value[at : found.start()])
        at = found.end()
        if found.group() == "$$":
            pieces.append("$")
            continue
        name = found.group(1) or found.group(2) or found.group(3) or ""
        if not _NUMBER.fullmatch(name):
            raise line.mistake(
                f'expected the number of a group, such as ${{1}}, not "{value[:60]}"'
            )
        pieces.append(int(name))
    pieces.append(value[at:])
    return tuple(each for each in pieces if each != "")
