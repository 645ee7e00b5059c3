"""Changes to aliases: addresses that stand for others, and patterns of such addresses."""

from __future__ import annotations

from collections.abc import Sequence

from postroad.directory.embedded.alias_patterns import MOST_PATTERNS, AliasPattern
from postroad.directory.embedded.entry import AliasEntry, PatternEntry, parse_source, parse_targets
from postroad.directory.embedded.mistake import (
    AliasExists,
    UnknownAlias,
    UnusablePattern,
    UserExists,
)
from postroad.directory.embedded.nearest import hint, near_source
from postroad.directory.embedded.target_editing import TargetEditing

__all__ = ["AliasEditing"]

_LIST = """
SELECT source, target FROM aliases
WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.name = source)
AND NOT EXISTS (SELECT 1 FROM groups WHERE groups.name = source)
ORDER BY domain, source, id
"""
_PATTERNS = "SELECT pattern, target FROM patterns ORDER BY id"


class AliasEditing(TargetEditing):
    """Lists, adds and removes aliases."""

    def aliases(self) -> tuple[AliasEntry, ...]:
        """All aliases, by domain and source; neither groups nor what accounts forward."""
        with self._translated():
            rows = self._rows(_LIST)
        return tuple(AliasEntry(*each) for each in _grouped(rows))

    def add_alias(self, source: str, targets: Sequence[str]) -> AliasEntry:
        """Add an alias, or more targets to one; returns it with all its targets.

        Args:
            source: an address in one of our domains, or `@domain` to catch all.
            targets: addresses, at least one.

        Raises:
            InvalidName: the source or a target is no address, or there is no target.
            UnknownDomain: the source's domain is not ours.
            UserExists, GroupExists: the source is an account or a group.
            AliasExists: it delivers to all of them already.
            UnknownTarget: a target is in a domain of ours and nobody has it.
            AliasLoop: mail would come back to the alias.
        """
        key, domain = parse_source(source)
        wanted = parse_targets(targets)
        with self._change():
            self._require_domain(domain)
            if self._is_user(key):
                raise UserExists(
                    f"there is an account {key} already; to send its mail on: "
                    f"postroad user forward {key}"
                )
            self._refuse_group(key)
            there = self._targets(key)
            new = {form: text for form, text in wanted.items() if form not in there}
            if not new:
                raise AliasExists(f"{key} already delivers to {', '.join(wanted.values())}")
            self._write_targets(key, new)
        return AliasEntry(key, (*there.values(), *new.values()))

    def remove_alias(self, source: str, targets: Sequence[str] = ()) -> AliasEntry | None:
        """Remove targets of an alias, or the whole alias if none is named.

        Returns:
            What is left of it; `None` when it is gone.

        Raises:
            UnknownAlias: there is no such alias, or it does not have such a target.
            UserExists, GroupExists: it is what an account forwards, or a group.
        """
        key, _ = parse_source(source)
        wanted = parse_targets(targets) if targets else {}
        with self._change():
            there = self._targets(key)
            if not there:
                near = near_source(self._connection, key)
                raise UnknownAlias(f"there is no alias {key}{hint(near)}")
            self._refuse_user(key)
            self._refuse_group(key)
            for form in wanted or there:
                if form not in there:
                    raise UnknownAlias(f"{key} does not deliver to {wanted[form]}")
            self._delete_targets(key, wanted or None)
            left = {} if not wanted else self._targets(key)
        return AliasEntry(key, tuple(left.values())) if left else None

    def patterns(self) -> tuple[PatternEntry, ...]:
        """The aliases by regular expression, in the order they are tried."""
        with self._translated():
            rows = self._rows(_PATTERNS)
        return tuple(PatternEntry(*each) for each in _grouped(rows))

    def add_pattern(self, pattern: str, targets: Sequence[str]) -> PatternEntry:
        """Add an alias by regular expression, or more targets to one.

        Args:
            pattern: `/…/`, searched in whole addresses of our domains that nobody has.
            targets: addresses, in which a group of the pattern may stand as a backslash and its
                number; at least one.

        Raises:
            UnusablePattern: it cannot be used, may be slow, patterns are switched off, or there
                are too many.
            AliasExists: it delivers to all of them already.
            UnknownTarget: a target without groups is in a domain of ours and nobody has it.
        """
        if not self._lookups.has_patterns:
            raise UnusablePattern(
                "aliases by regular expression are switched off; set [directory] patterns = true"
            )
        entry = check_pattern(pattern, targets)
        fixed = [each for each in entry.targets if "\\" not in each and "$" not in each]
        with self._change():
            there = [each.targets for each in self._patterns_now() if each.pattern == pattern]
            old = there[0] if there else ()
            new = [each for each in entry.targets if each not in old]
            if not new:
                raise AliasExists(f"{pattern} already delivers to {', '.join(entry.targets)}")
            if not there and len(self._patterns_now()) >= MOST_PATTERNS:
                raise UnusablePattern(f"there are {MOST_PATTERNS} patterns; remove some first")
            for target in new:
                self._rows("INSERT INTO patterns (pattern, target) VALUES (?, ?)", pattern, target)
            self._refuse_unknown(fixed)
        return PatternEntry(pattern, (*old, *new))

    def remove_pattern(self, pattern: str) -> PatternEntry:
        """Remove an alias by regular expression; returns what it was.

        Raises:
            UnknownAlias: there is no such pattern.
        """
        with self._change():
            found = [each for each in self._patterns_now() if each.pattern == pattern]
            if not found:
                raise UnknownAlias(f"there is no pattern {pattern}")
            self._rows("DELETE FROM patterns WHERE pattern = ?", pattern)
        return found[0]

    def _patterns_now(self) -> list[PatternEntry]:
        return [PatternEntry(*each) for each in _grouped(self._rows(_PATTERNS))]


def check_pattern(pattern: str, targets: Sequence[str]) -> PatternEntry:
    """A pattern and its targets, each once.

    Raises:
        UnusablePattern: it cannot be used, may be slow, or there is no target.
    """
    once = tuple(dict.fromkeys(targets))
    if not once:
        raise UnusablePattern(f"the pattern {pattern} needs a target")
    AliasPattern.of(pattern, once)
    return PatternEntry(pattern, once)


def _grouped(rows: Sequence[tuple[object, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    found: dict[str, list[str]] = {}
    for source, target in rows:
        found.setdefault(str(source), []).append(str(target))
    return [(source, tuple(targets)) for source, targets in found.items()]
