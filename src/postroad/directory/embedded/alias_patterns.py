r"""Aliases by regular expression: `/^info-(.*)$/` with the target `\1`.

The patterns are those of the tables `pcre:`, searched in the whole address, in the order they were
added; the first that fits answers with all its targets. What a group found stands in a target as
`\1`, or `$1` as in those tables. An address is a stranger's word, so a pattern that some addresses
make slow is not taken at all, where a table only warns of it, and there are few of them.

This module compiles and searches; the rows are read by `lookups`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from postroad.directory.embedded.mistake import UnusablePattern
from postroad.directory.names import address_form
from postroad.model import Address, AddressError
from postroad.tables.dialect import Dialect, Manner, PatternError, translate

__all__ = ["MOST_PATTERNS", "AliasPattern", "AliasPatterns"]

MOST_PATTERNS = 100
"""Each is searched for every address that nobody has: together some tenths of a millisecond."""

MOST_WILDCARDS = 2
"""`.*` in one pattern: each further one takes some sixty times as long for the longest address."""

MAX_PATTERN = 500  # characters
MAX_ADDRESS = 256
"""Characters that are searched: RFC 5321 §4.5.3.1.3 allows a path of no more, with its brackets."""

_FORM = re.compile(r"/((?:[^/\\]|\\.)+)/(i?)")
_TAKEN = re.compile(r"\\([0-9]{1,2})|\$(?:([0-9]{1,2})|\{([0-9]{1,2})\})|\$\$")


@dataclass(frozen=True, slots=True)
class AliasPattern:
    """A pattern and its targets.

    Attributes:
        text: as it was written.
        search: what the pattern was made into.
        targets: each as texts and numbers of groups, in turn.
    """

    text: str
    search: re.Pattern[str]
    targets: tuple[tuple[str | int, ...], ...]

    @classmethod
    def of(cls, text: str, targets: Iterable[str]) -> AliasPattern:
        r"""Read a pattern.

        Args:
            text: `/pattern/`, with an `i` behind it where capitals matter.
            targets: addresses, perhaps with `\1`.

        Raises:
            UnusablePattern: it is none, may be slow, or a target cannot become an address.
        """
        search = _compiled(text)
        return cls(text, search, tuple(_pieces(each, search.groups, text) for each in targets))

    def answer(self, address: str) -> tuple[Address, ...]:
        """The targets for an address; none if the pattern does not fit.

        A target that an odd address would make into no address is left out: nobody has that.
        """
        found = self.search.search(address)
        if found is None:
            return ()
        texts = (
            "".join(each if isinstance(each, str) else found[each] or "" for each in pieces)
            for pieces in self.targets
        )
        return tuple(each for each in map(_address, texts) if each is not None)


class AliasPatterns:
    """The patterns of a directory, compiled once as long as the rows stay the same."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str]] = []
        self._patterns: tuple[AliasPattern, ...] = ()

    def answer(self, rows: list[tuple[str, str]], form: Address) -> tuple[Address, ...]:
        """The targets of the first pattern that fits and makes an address; else none.

        Args:
            rows: pattern and target of each row, in order.
            form: the address, in the form of `names`.

        Raises:
            UnusablePattern: a row holds none; only a hand that edits the file can cause this.
        """
        if rows != self._rows:
            grouped: dict[str, list[str]] = {}
            for pattern, target in rows:
                grouped.setdefault(pattern, []).append(target)
            self._patterns = tuple(AliasPattern.of(*each) for each in grouped.items())
            self._rows = rows
        text = str(form)
        if len(text) > MAX_ADDRESS:
            return ()
        for compiled in self._patterns:
            targets = tuple(each for each in compiled.answer(text) if address_form(each) != form)
            if targets:
                return targets
        return ()


def _compiled(text: str) -> re.Pattern[str]:
    form = _FORM.fullmatch(text)
    if form is None or len(text) > MAX_PATTERN:
        raise UnusablePattern(
            rf"expected a pattern between slashes, such as /^info-(.*)@example\.org$/, not {text!r}"
        )
    try:
        translated = translate(form[1].replace(r"\/", "/"), Manner(Dialect.PCRE))
        compiled = re.compile(
            translated.text, re.ASCII | re.DOTALL | (0 if form[2] else re.IGNORECASE)
        )
    except (PatternError, re.error, OverflowError, RecursionError) as error:
        raise UnusablePattern(f"the pattern {text!r} cannot be used: {error}") from error
    if translated.explosive or translated.wildcards > MOST_WILDCARDS:
        raise UnusablePattern(
            f"the pattern {text!r} may take very long for some addresses: it repeats what can "
            f"match in several ways, or holds .* more than {MOST_WILDCARDS} times"
        )
    return compiled


def _pieces(target: str, groups: int, pattern: str) -> tuple[str | int, ...]:
    if not target.isprintable() or " " in target:
        raise UnusablePattern(f"{target!r} is not an address: it holds blanks")
    pieces: list[str | int] = []
    at = 0
    for found in _TAKEN.finditer(target):
        pieces.append(target[at : found.start()])
        at = found.end()
        if found[0] == "$$":
            pieces.append("$")
            continue
        number = int(found[1] or found[2] or found[3])
        if not 1 <= number <= groups:
            raise UnusablePattern(f"the pattern {pattern!r} has no group {number}: {target!r}")
        pieces.append(number)
    pieces.append(target[at:])
    if (
        all(isinstance(each, str) for each in pieces)
        and _address("".join(map(str, pieces))) is None
    ):
        raise UnusablePattern(f"{target!r} is not an address")
    if "@" not in target and not any(isinstance(each, int) for each in pieces):
        raise UnusablePattern(f"{target!r} is not an address")
    return tuple(each for each in pieces if each != "")


def _address(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except AddressError:
        return None
