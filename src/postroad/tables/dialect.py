"""Patterns of `regexp:` and `pcre:` in Python's words.

Both kinds are searched by the standard library's `re`. Its syntax is nearly PCRE's; POSIX differs
in more places. So a pattern is read here piece by piece and written anew: POSIX classes such as
`[[:alnum:]]`, a backslash that is an ordinary character in a POSIX set, basic expressions,
repeats of repeats, `$` for the very end, the letters that PCRE has and `re` has not. What has no
counterpart is a mistake, never another meaning. docs/reference/tables.md lists what stays
different: POSIX takes the longest alternative, `re` the first one that fits.

A piece is an atom (one character, set or group) or a repeat of the atom before it; keeping them
apart is also what tells of a repeat of what can take one text in several ways, such as `(a+)*` or
`(a|a)*`, for which `re` can need exponential time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from postroad.tables.alternatives import overlap
from postroad.tables.character_set import CharacterSet, PatternError, by_number, numbered

__all__ = ["Dialect", "PatternError", "Translation", "translate"]

MAX_REPEAT = 32_767
"""Of `{n}`; the GNU library has the same bound, and longer keys are not searched anyway."""

_INTERVAL = re.compile(r"\{([0-9]{1,5})?(,)?([0-9]{1,5})?\}")
_BASIC_INTERVAL = re.compile(r"\\\{([0-9]{1,5})?(,)?([0-9]{1,5})?\\\}")
_POSIX_ESCAPES = {
    "<": r"\b(?=\w)",
    ">": r"\b(?<=\w)",
    "`": r"\A",
    "'": r"\Z",
    **{letter: rf"\{letter}" for letter in "bBwWsS"},
}
"""What the GNU library adds to POSIX; other letters after a backslash have no meaning there."""

_PCRE_ESCAPES = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "A": r"\A",
    "e": r"\x1b",
    "h": r"[ \t]",
    "H": r"[^ \t]",
    "N": r"[^\n]",
    "R": r"(?:\r\n|[\n\v\f\r])",
    "v": r"[\n\v\f\r]",
    "V": r"[^\n\v\f\r]",
    **{letter: rf"\{letter}" for letter in "bBdDsSwWnrtfa"},
}
_GROUP = re.compile(
    r"\?(?:P?<([A-Za-z_][A-Za-z0-9_]{0,31})>|'([A-Za-z_][A-Za-z0-9_]{0,31})'|#[^)]*)"
)

_SPECIAL = re.compile(r"\?(?:[:=!>]|<[=!]|[ims]*(?:-[ims]+)?:|\([0-9]{1,2}\))")
_FLAGS = re.compile(r"\?[ims]+(?=\))")


class Dialect(Enum):
    """Whose rules a pattern is written by."""

    EXTENDED = "POSIX extended"
    BASIC = "POSIX basic"
    PCRE = "Perl-compatible"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a pattern is to be read.

    Attributes:
        dialect: whose rules it follows.
        end_only: whether `$` is the very end, and not also before a last line end.
        ungreedy: whether repeats take as little as they can.
        spaced: whether white space in it says nothing, and `#` begins a comment.
    """

    dialect: Dialect
    end_only: bool = True
    ungreedy: bool = False
    spaced: bool = False


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern for `re`.

    Attributes:
        text: what `re.compile` takes.
        explosive: whether what is repeated without bound can take the same text in several ways:
            by a repeat in it, or by alternatives that begin alike.
        wildcards: how many `.*` and `.+` one way through the pattern meets.
    """

    text: str
    explosive: bool
    wildcards: int = 0


@dataclass(slots=True)
class _Level:
    """A group that is being read; the whole pattern is the first one."""

    opening: str = ""
    pieces: list[str] = field(default_factory=list)
    atom: bool = False  # whether the last piece can be repeated
    repeated: bool = False  # whether the last piece is a repeat already
    ambiguous: bool = False  # whether anything in it can take one text in several ways
    last_ambiguous: bool = False  # whether the last piece can
    wildcards: int = 0  # in this alternative
    most_wildcards: int = 0  # in those before it

    def branch(self) -> None:
        """Another alternative begins."""
        self.most_wildcards = max(self.most_wildcards, self.wildcards)
        self.wildcards = 0

    def closed(self) -> None:
        """The last alternative is read: judge them together."""
        self.branch()
        self.ambiguous = self.ambiguous or overlap(self.pieces)


def translate(pattern: str, manner: Manner) -> Translation:
    """A pattern as `re` understands it.

    Args:
        pattern: what stands between the delimiters.
        manner: how it is to be read.

    Raises:
        PatternError: it is wrong, or means what `re` cannot do.
    """
    return _Reader(pattern, manner).whole()


class _Reader:
    """A position in a pattern that only moves forward."""

    def __init__(self, pattern: str, manner: Manner) -> None:
        self._text = pattern
        self._manner = manner
        self._posix = manner.dialect is not Dialect.PCRE
        self._is_basic = manner.dialect is Dialect.BASIC
        self._at = 0
        self._levels = [_Level()]
        self._explosive = False

    def whole(self) -> Translation:
        while self._at < len(self._text):
            self._piece()
        if len(self._levels) > 1:
            raise PatternError("a parenthesis is not closed")
        level = self._levels[0]
        level.branch()
        return Translation("".join(level.pieces), self._explosive, level.most_wildcards)

    def _piece(self) -> None:
        character = self._text[self._at]
        basic = self._is_basic
        if self._manner.spaced and (character.isspace() or character == "#"):
            self._space(character)
        elif character == "\\":
            self._escape()
        elif character == "[":
            self._set()
        elif character == "*" or (character in "+?" and not basic):
            self._star(character)
        elif character == "{" and not basic:
            self._interval(_INTERVAL)
        elif character in "()|" and not basic:
            self._at += 1
            self._structure(character)
        elif character in "^$":
            self._anchor(character)
        else:
            self._at += 1
            self._add("." if character == "." else re.escape(character))

    def _space(self, character: str) -> None:
        end = self._text.find("\n", self._at) if character == "#" else self._at
        self._at = len(self._text) if end < 0 else end + 1

    def _structure(self, character: str) -> None:
        if character == "(":
            self._open()
        elif character == ")":
            self._close()
        else:
            self._levels[-1].branch()
            self._add("|", atom=False)

    def _open(self) -> None:
        opening = "("
        if not self._posix and self._text.startswith("?", self._at):
            named = _GROUP.match(self._text, self._at)
            if named and named.group().startswith("?#"):
                self._at = named.end() + 1
                return
            if named:
                opening = f"(?P<{named.group(1) or named.group(2)}>"
                self._at = named.end()
            else:
                opening = self._special()
        self._levels.append(_Level(opening))

    def _special(self) -> str:
        """`(?:`, `(?=`, `(?i)` and their kin, which `re` spells as PCRE does."""
        found = _SPECIAL.match(self._text, self._at)
        flags = _FLAGS.match(self._text, self._at)
        if flags and self._at == 1:
            self._at = flags.end()
            return f"({flags.group()}"
        if found is None:
            raise PatternError(f'"({self._text[self._at : self._at + 8]}…" is not understood here')
        self._at = found.end()
        return f"({found.group()}"

    def _close(self) -> None:
        if len(self._levels) == 1:
            raise PatternError("a parenthesis is closed that was not opened")
        level = self._levels.pop()
        level.closed()
        self._add(f"{level.opening}{''.join(level.pieces)})")
        outer = self._levels[-1]
        outer.last_ambiguous = level.ambiguous
        outer.ambiguous = outer.ambiguous or level.ambiguous
        outer.wildcards += level.most_wildcards

    def _anchor(self, character: str) -> None:
        rest = self._text[self._at + 1 :]
        self._at += 1
        literal = self._is_basic and (
            bool(self._levels[-1].pieces) if character == "^" else rest and rest[:2] != r"\)"
        )
        if literal:
            self._add(re.escape(character))
        elif character == "$" and self._manner.end_only:
            self._add(r"\Z", atom=False)
        else:
            self._add(character, atom=False)

    def _star(self, character: str) -> None:
        self._at += 1
        level = self._levels[-1]
        if self._is_basic and not level.atom:
            self._add(re.escape(character))  # POSIX: at the beginning it is itself
            return
        self._repeat(character, unbounded=character != "?", varies=character != "?")

    def _interval(self, form: re.Pattern[str]) -> None:
        found = form.match(self._text, self._at)
        if found is None or not (found.group(1) or found.group(3)):
            self._at += 1 if form is _INTERVAL else 2
            self._add(r"\{")
            return
        self._at = found.end()
        low, comma, high = found.group(1) or "0", found.group(2), found.group(3) or ""
        if max(int(low), int(high or 0)) > MAX_REPEAT:
            raise PatternError(f'"{found.group()}" repeats more than {MAX_REPEAT} times')
        if high and int(high) < int(low):
            raise PatternError(f'"{found.group()}" repeats less often than it repeats')
        bounds = f"{{{low},{high}}}" if comma else f"{{{low}}}"
        varies = bool(comma) and high != low
        self._repeat(bounds, unbounded=bool(comma and not high), varies=varies)

    def _repeat(self, mark: str, *, unbounded: bool, varies: bool) -> None:
        level = self._levels[-1]
        if not level.atom:
            raise PatternError(f'nothing stands before "{mark}" that it could repeat')
        if level.repeated:
            if not self._posix:
                raise PatternError(f'"{mark}" repeats a repeat')
            level.pieces[-1] = f"(?:{level.pieces[-1]})"
        if unbounded and level.last_ambiguous:
            self._explosive = True
        if unbounded and level.pieces[-1] == ".":
            level.wildcards += 1
        level.pieces[-1] += mark + self._mood()
        level.repeated = True
        level.last_ambiguous = level.last_ambiguous or varies
        level.ambiguous = level.ambiguous or varies

    def _mood(self) -> str:
        """`?` for as little as possible, `+` for all or nothing (PCRE only)."""
        if self._posix:
            return ""
        after = self._text[self._at : self._at + 1]
        if after == "+":
            self._at += 1
            return "+"
        if after == "?":
            self._at += 1
        return "?" if (after == "?") is not self._manner.ungreedy else ""

    def _escape(self) -> None:
        if self._at + 1 == len(self._text):
            raise PatternError("a backslash stands at the end")
        character = self._text[self._at + 1]
        if self._is_basic and character in "(){}+?|":
            self._basic(character)
            return
        self._at += 2
        if character.isascii() and character.isdigit():
            self._backward(character)
        elif not (character.isascii() and character.isalnum()):
            known = _POSIX_ESCAPES.get(character) if self._posix else None
            self._add(known or re.escape(character), atom=known is None)
        elif self._posix:
            self._posix_letter(character)
        else:
            self._pcre_letter(character)

    def _basic(self, character: str) -> None:
        if character in "{}":
            self._interval(_BASIC_INTERVAL)
            return
        self._at += 1
        if character in "+?":
            self._star(character)
        else:
            self._at += 1
            self._structure(character)

    def _backward(self, digit: str) -> None:
        if digit == "0":
            raise PatternError(r'"\0" is not understood here; write \x00')
        self._add(rf"(?:\{digit})")

    def _posix_letter(self, letter: str) -> None:
        known = _POSIX_ESCAPES.get(letter)
        if known is None:
            raise PatternError(
                rf'"\{letter}" has no meaning in a POSIX expression;'
                r" [[:digit:]] is a digit, and pcre: knows \d"
            )
        self._add(known, atom=letter not in "bB")

    def _pcre_letter(self, letter: str) -> None:
        found = numbered(self._text, self._at - 1)
        if letter == "Q":
            end = self._text.find(r"\E", self._at)
            quoted = self._text[self._at : end] if end >= 0 else self._text[self._at :]
            self._at = end + 2 if end >= 0 else len(self._text)
            for character in quoted:
                self._add(re.escape(character))
        elif letter == "E":
            return
        elif found:
            self._at = found.end()
            self._add(by_number(found))
        elif letter in _PCRE_ESCAPES:
            self._add(_PCRE_ESCAPES[letter], atom=letter not in "zZAbB")
        else:
            raise PatternError(rf'"\{letter}" is not understood here')

    def _add(self, piece: str, *, atom: bool = True) -> None:
        level = self._levels[-1]
        level.pieces.append(piece)
        level.atom = atom
        level.repeated = level.last_ambiguous = False

    def _set(self) -> None:
        reader = CharacterSet(self._text, self._at, posix=self._posix)
        self._add(reader.read())
        self._at = reader.at
