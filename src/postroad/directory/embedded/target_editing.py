"""What aliases, forwards and groups have in common: targets, and what they must not lead to.

All three are rows of one table: an address, and one of those that its mail goes to. A change is
written first and then looked at as mail would find it, within its transaction, so that extensions,
catch-alls and alias domains count as they do for mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from postroad.directory.embedded.editing import Editing
from postroad.directory.embedded.mistake import AliasLoop, UnknownTarget
from postroad.directory.interface import Alias, Unknown
from postroad.directory.names import address_form
from postroad.model import Address

__all__ = ["TargetEditing"]

_INSERT = "INSERT INTO aliases (source, domain, target, target_key) VALUES (?, ?, ?, ?)"


class TargetEditing(Editing):
    """Writes the targets of a source, and refuses what would lose mail."""

    def _write_targets(self, source: str, targets: Mapping[str, str]) -> None:
        """Add targets, by their form as they were written, and look at what became of it.

        Raises:
            UnknownTarget: one is in a domain of ours and nobody has it.
            AliasLoop: mail would come back to the source.
        """
        domain = source.rpartition("@")[2]
        for form, text in targets.items():
            self._rows(_INSERT, source, domain, text, form)
        self._refuse_unknown(targets.values())
        self._refuse_loop(source)

    def _targets(self, source: str) -> dict[str, str]:
        """The targets of a source by their form, as they were written, in order."""
        rows = self._rows(
            "SELECT target_key, target FROM aliases WHERE source = ? ORDER BY id", source
        )
        return {str(form): str(text) for form, text in rows}

    def _delete_targets(self, source: str, forms: Iterable[str] | None = None) -> None:
        """Remove some targets of a source, or all."""
        if forms is None:
            self._rows("DELETE FROM aliases WHERE source = ?", source)
            return
        for form in forms:
            self._rows("DELETE FROM aliases WHERE source = ? AND target_key = ?", source, form)

    def _refuse_unknown(self, targets: Iterable[str]) -> None:
        for target in targets:
            address = Address.parse(target)
            if self._lookups.is_local(address.domain) and isinstance(
                self._lookups.resolve(address), Unknown
            ):
                raise UnknownTarget(f"nobody has the address {target}; add it first")

    def _refuse_loop(self, source: str) -> None:
        """Follow the source as mail would, now that its rows are written.

        A loop repeats an address sooner or later, because targets are finite in number; so it
        is found by the addresses on the way, whatever extension or catch-all it goes through.
        Where an account keeps a copy, mail comes to rest, and the way ends.
        """
        done: set[str] = set()
        ways: list[tuple[str, ...]] = [(source, each) for each in self._beyond(source)]
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
                forms = [str(address_form(target)) for target in answer.targets]
                if answer.user not in forms:
                    ways.extend((*way, form) for form in forms)

    def _beyond(self, source: str) -> list[str]:
        """The targets of a source; none where it keeps a copy itself."""
        forms = list(self._targets(source))
        return [] if source in forms and self._is_user(source) else forms
