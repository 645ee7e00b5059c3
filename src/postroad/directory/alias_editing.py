"""Changes to aliases: addresses that stand for others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from postroad.directory.editing import Editing
from postroad.directory.entry import AliasEntry, parse_source, parse_targets
from postroad.directory.interface import Alias, Unknown
from postroad.directory.mistake import AliasExists, AliasLoop, UnknownAlias, UnknownTarget
from postroad.directory.names import address_form
from postroad.model import Address

__all__ = ["AliasEditing"]


class AliasEditing(Editing):
    """Lists, adds and removes aliases."""

    def aliases(self) -> tuple[AliasEntry, ...]:
        """All aliases, by domain and source."""
        found: dict[str, list[str]] = {}
        with self._translated():
            rows = self._rows("SELECT source, target FROM aliases ORDER BY domain, source, id")
        for source, target in rows:
            found.setdefault(str(source), []).append(str(target))
        return tuple(AliasEntry(source, tuple(targets)) for source, targets in found.items())

    def add_alias(self, source: str, targets: Sequence[str]) -> AliasEntry:
        """Add an alias, or more targets to one; returns it with all its targets.

        Args:
            source: an address in one of our domains, or `@domain` to catch all.
            targets: addresses, at least one.

        Raises:
            InvalidName: the source or a target is no address, or there is no target.
            UnknownDomain: the source's domain is not ours.
            UserExists: the source is an account.
            AliasExists: it delivers to all of them already.
            UnknownTarget: a target is in a domain of ours and nobody has it.
            AliasLoop: mail would come back to the alias.
        """
        key, domain = parse_source(source)
        wanted = parse_targets(targets)
        with self._change():
            self._require_domain(domain)
            self._refuse_user(key)
            there = {row[0] for row in self._alias_rows("target_key", key)}
            new = {form: text for form, text in wanted.items() if form not in there}
            if not new:
                raise AliasExists(f"{key} already delivers to {', '.join(wanted.values())}")
            for form, text in new.items():
                self._rows(
                    "INSERT INTO aliases (source, domain, target, target_key) VALUES (?, ?, ?, ?)",
                    *(key, domain, text, form),
                )
            self._refuse_unknown(new.values())
            self._refuse_loop(key)
            result = tuple(str(row[0]) for row in self._alias_rows("target", key))
        return AliasEntry(key, result)

    def remove_alias(self, source: str, targets: Sequence[str] = ()) -> AliasEntry | None:
        """Remove targets of an alias, or the whole alias if none is named.

        Returns:
            What is left of it; `None` when it is gone.

        Raises:
            UnknownAlias: there is no such alias, or it does not have such a target.
        """
        key, _ = parse_source(source)
        wanted = parse_targets(targets) if targets else {}
        with self._change():
            there = {str(row[0]) for row in self._alias_rows("target_key", key)}
            if not there:
                raise UnknownAlias(f"there is no alias {key}")
            for form in wanted or there:
                if form not in there:
                    raise UnknownAlias(f"{key} does not deliver to {wanted[form]}")
                self._rows("DELETE FROM aliases WHERE source = ? AND target_key = ?", key, form)
            left = tuple(str(row[0]) for row in self._alias_rows("target", key))
        return AliasEntry(key, left) if left else None

    def _alias_rows(self, column: str, source: str) -> list[tuple[object, ...]]:
        sql = {
            "target": "SELECT target FROM aliases WHERE source = ? ORDER BY id",
            "target_key": "SELECT target_key FROM aliases WHERE source = ? ORDER BY id",
        }
        return self._rows(sql[column], source)

    def _refuse_unknown(self, targets: Iterable[str]) -> None:
        for target in targets:
            address = Address.parse(target)
            if self._lookups.is_local(address.domain) and isinstance(
                self._lookups.resolve(address), Unknown
            ):
                raise UnknownTarget(f"nobody has the address {target}; add it first")

    def _refuse_loop(self, source: str) -> None:
        """Follow the alias as mail would, now that its rows are written.

        A loop repeats an address sooner or later, because targets are finite in number; so it
        is found by the addresses on the way, whatever extension or catch-all it goes through.
        """
        done: set[str] = set()
        ways: list[tuple[str, ...]] = [
            (source, str(row[0])) for row in self._alias_rows("target_key", source)
        ]
        while ways:
            way = ways.pop()
            address = way[-1]
            if address in way[:-1]:
                raise AliasLoop(f"mail would go round for ever: {' -> '.join(way)}")
            if address in done:
                continue
            done.add(address)
            answer = self._lookups.resolve(Address.parse(address))
            if isinstance(answer, Alias):
                ways.extend((*way, str(address_form(target))) for target in answer.targets)
