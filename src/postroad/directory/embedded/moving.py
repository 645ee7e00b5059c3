"""Everything out of a directory, and everything in: what `postroad directory` does.

Theory of operation. An import may bring very many rows, and the server goes on meanwhile. So all
that takes long is done first, without the file (`prepared`). Then one transaction writes every row
and looks at the result as mail would find it; readers see the old directory until it commits, and
a fault undoes it all. SQLite would shut readers out as soon as changed pages do not fit its cache;
it is told to keep them instead, some hundred megabytes for a hundred thousand accounts.

What became odd by removing (an alias that still names somebody who is gone, or that a catch-all
brings back to itself since) is in an export, and must come in again: it is a warning. `postroad
alias add` and its like refuse it, where somebody can still mean something else.

An entry of the file takes the place of what is there under its name. Accounts that stay keep their
app passwords and freezes, and their password where the file tells none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postroad.directory.embedded.alias_patterns import MOST_PATTERNS
from postroad.directory.embedded.contents import Contents, Mark, MovedUser
from postroad.directory.embedded.editing import Editing
from postroad.directory.embedded.entry import (
    AliasEntry,
    DomainEntry,
    GroupEntry,
    PatternEntry,
    parse_key,
)
from postroad.directory.embedded.groups import Senders
from postroad.directory.embedded.mistake import DirectoryMistake
from postroad.directory.embedded.moved_files import Faults
from postroad.directory.embedded.prepared import Prepared, Preparing, Progress
from postroad.directory.embedded.quota import Quota
from postroad.directory.embedded.routes import Routes

__all__ = ["Imported", "Moving"]

_PUT_USER = """
INSERT INTO users (name, domain, password, scram_sha_1, scram_sha_256, enabled, quota_bytes,
    quota_messages, lot)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, random())
ON CONFLICT (name) DO UPDATE SET enabled = excluded.enabled, quota_bytes = excluded.quota_bytes,
    quota_messages = excluded.quota_messages
"""
_SET_HASH = """
UPDATE users SET password = ?, scram_sha_1 = ?, scram_sha_256 = ? WHERE name = ?
"""
_PUT_TARGET = "INSERT INTO aliases (source, domain, target, target_key) VALUES (?, ?, ?, ?)"
_USERS = """
SELECT name, enabled, password, scram_sha_1, scram_sha_256, quota_bytes, quota_messages FROM users
ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many of each an import brought, how many accounts it removed, and what is odd of it."""

    domains: int
    users: int
    aliases: int
    groups: int
    patterns: int
    removed: int
    warnings: tuple[str, ...] = ()


class Moving(Editing):
    """Exports and imports."""

    def contents(self, *, secrets: bool = False) -> Contents:
        """Everything that can be moved, in the order in which it was added.

        Args:
            secrets: whether with hashes of passwords; without, an import keeps those there are.
        """
        configured = self._lookups.configured_domains
        with self._translated():
            targets: dict[str, list[str]] = {}
            for source, target in self._rows("SELECT source, target FROM aliases ORDER BY id"):
                targets.setdefault(str(source), []).append(str(target))
            rights: dict[str, list[str]] = {}
            for user, address in self._rows("SELECT user, address FROM send_as"):
                rights.setdefault(str(user), []).append(str(address))
            patterns: dict[str, list[str]] = {}
            for pattern, target in self._rows("SELECT pattern, target FROM patterns ORDER BY id"):
                patterns.setdefault(str(pattern), []).append(str(target))
            domains = self._rows("SELECT name, alias_of, recipients FROM domains ORDER BY name")
            groups = self._rows("SELECT name, owner, senders FROM groups ORDER BY name")
            users = self._rows(_USERS)
        made = Contents()
        made.domains = [
            (0, DomainEntry(str(name), configured=False, alias_of=str(of), recipients=str(rule)))
            for name, of, rule in domains
            if name not in configured
        ]
        made.users = [(0, _moved(row, targets, rights, secrets=secrets)) for row in users]
        made.groups = [
            (0, GroupEntry(str(name), tuple(targets.pop(str(name), ())), str(owner), Senders(who)))
            for name, owner, who in groups
        ]
        made.aliases = [(0, AliasEntry(each, tuple(found))) for each, found in targets.items()]
        made.patterns = [(0, PatternEntry(each, tuple(found))) for each, found in patterns.items()]
        return made

    def import_contents(
        self,
        contents: Contents,
        faults: Faults,
        *,
        replace: bool = False,
        dry_run: bool = False,
        hashed: bool = False,
        progress: Progress = lambda _done, _all: None,
    ) -> Imported:
        """Bring everything in, or nothing.

        Args:
            contents: what a file holds.
            faults: those that reading it found already; takes the others.
            replace: whether what is not in the file is removed.
            dry_run: whether to look only.
            hashed: whether the field `password` of accounts holds a hash.
            progress: is told how many passwords are hashed.

        Raises:
            Unimportable: entries are bad; nothing was changed.
        """
        preparing = Preparing(self._profile, self._kinds, self._default, faults, hashed=hashed)
        prepared = preparing.prepare(contents, progress)
        faults.end()
        self._rows("PRAGMA cache_spill = OFF")
        with self._change(keep=not dry_run):
            removed = self._make_room(prepared) if replace else 0
            self._refuse_taken(prepared, faults)
            self._write(prepared, faults)
            self._check(prepared, faults)
            faults.end()
        return Imported(
            len(prepared.domains),
            len(prepared.users),
            len(prepared.aliases),
            len(prepared.groups),
            len(prepared.patterns),
            removed,
            faults.warnings,
        )

    def _make_room(self, prepared: Prepared) -> int:
        """Remove everything but the accounts that are in the file; how many others there were."""
        for table in ("domains", "aliases", "groups", "send_as", "patterns"):
            self._rows(f"DELETE FROM {table}")  # noqa: S608 - no words from outside
        stay = {user.name for _, user in prepared.users}
        there = {str(row[0]) for row in self._rows("SELECT name FROM users")}
        gone = [(name,) for name in there - stay]
        for sql in (
            "DELETE FROM users WHERE name = ?",
            "DELETE FROM app_passwords WHERE user = ?",
            "DELETE FROM freezes WHERE user = ?",
        ):
            self._connection.executemany(sql, gone)
        return len(gone)

    def _refuse_taken(self, prepared: Prepared, faults: Faults) -> None:
        """An address is an account, an alias or a group, one of these, also with what is there."""
        users = self._names("SELECT name FROM users")
        groups = self._names("SELECT name FROM groups")
        aliases = self._names("SELECT source FROM aliases") - users - groups
        taken = {"an account": users, "a group": groups, "an alias": aliases}
        for kind, entries in (
            ("an account", [(mark, each.name) for mark, each in prepared.users]),
            ("an alias", [(mark, each.source) for mark, each in prepared.aliases]),
            ("a group", [(mark, each.name) for mark, each in prepared.groups]),
        ):
            for mark, name in entries:
                for other, names in taken.items():
                    if other != kind and name in names:
                        faults.add(mark, f"{name} is there already, as {other}")

    def _names(self, sql: str) -> set[str]:
        return {str(row[0]) for row in self._rows(sql)}

    def _write(self, prepared: Prepared, faults: Faults) -> None:
        put, connection = self._connection.executemany, self._connection
        configured = self._lookups.configured_domains
        for mark, domain in prepared.domains:
            if domain.name in configured and (domain.alias_of or domain.recipients):
                faults.add(mark, f"the domain {domain.name} stands in the configuration file")
        put(
            "INSERT OR REPLACE INTO domains VALUES (?, ?, ?)",
            [
                (each.name, each.alias_of, each.recipients)
                for _, each in prepared.domains
                if each.name not in configured
            ],
        )
        self._write_users(prepared, faults)
        sources = [each for _, each in prepared.sources]
        names = [(each.name,) for _, each in prepared.users]
        put("DELETE FROM aliases WHERE source = ?", [*names, *((each.source,) for each in sources)])
        put(
            _PUT_TARGET,
            [
                (each.source, each.domain, text, form)
                for each in sources
                for form, text in each.targets.items()
            ],
        )
        put(
            "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?)",
            [
                (each.name, each.name.rpartition("@")[2], each.owner, each.senders.value)
                for _, each in prepared.groups
            ],
        )
        put("DELETE FROM patterns WHERE pattern = ?", [(p.pattern,) for _, p in prepared.patterns])
        rows = [(p.pattern, target) for _, p in prepared.patterns for target in p.targets]
        put("INSERT INTO patterns (pattern, target) VALUES (?, ?)", rows)
        count = connection.execute("SELECT count(DISTINCT pattern) FROM patterns").fetchone()[0]
        if prepared.patterns and count > MOST_PATTERNS:
            faults.add(prepared.patterns[-1][0], f"there are more than {MOST_PATTERNS} patterns")

    def _write_users(self, prepared: Prepared, faults: Faults) -> None:
        put = self._connection.executemany
        there = self._names("SELECT name FROM users")
        for mark, user in prepared.users:
            if user.credentials is None and user.name not in there:
                faults.add(mark, f"{user.name} is new and has neither a hash nor a password")
        users = [each for _, each in prepared.users]
        put(_PUT_USER, [
            (
                user.name, user.domain,
                *(user.credentials.stored if user.credentials else ("", "", "")),
                int(user.enabled), user.quota.octets, user.quota.messages,
            )
            for user in users
        ])  # fmt: skip
        put(_SET_HASH, [
            (*user.credentials.stored, user.name)
            for user in users
            if user.credentials is not None and user.name in there
        ])  # fmt: skip
        put("DELETE FROM send_as WHERE user = ?", [(user.name,) for user in users])
        rows = [(user.name, each) for user in users for each in user.send_as]
        put("INSERT INTO send_as VALUES (?, ?)", rows)

    def _check(self, prepared: Prepared, faults: Faults) -> None:
        """Look at what was written as mail would find it."""
        self._check_domains(prepared, faults)
        routes = Routes(self._connection, self._lookups)
        for mark, entry in prepared.sources:
            for form, text in entry.targets.items():
                if routes.is_nobody(form):
                    faults.warn(mark, f"nobody has the address {text}")
            if loop := routes.loop_from(entry.source):
                faults.warn(mark, f"mail would go round for ever: {loop}")
        for mark, group in prepared.groups:
            if group.owner and routes.is_nobody(parse_key(group.owner)):
                faults.warn(mark, f"nobody has the address {group.owner}")
            elif group.owner and routes.leads_to(parse_key(group.owner), group.name):
                faults.warn(mark, f"the owner {group.owner} gets mail by the group itself")

    def _check_domains(self, prepared: Prepared, faults: Faults) -> None:
        known: dict[str, str] = {}

        def check(marked: Iterable[tuple[Mark, str]]) -> None:
            for mark, domain in marked:
                if domain not in known:
                    known[domain] = self._domain_fault(domain)
                if known[domain]:
                    faults.add(mark, known[domain])

        check((mark, each.domain) for mark, each in prepared.users)
        check((mark, each.domain) for mark, each in [*prepared.aliases, *prepared.members])
        check((mark, each.alias_of) for mark, each in prepared.domains if each.alias_of)
        stood_for = self._names("SELECT alias_of FROM domains WHERE alias_of != ''")
        for mark, entry in prepared.domains:
            if (entry.alias_of or entry.recipients) and self._is_used(entry.name, stood_for):
                faults.add(
                    mark, f"the domain {entry.name} has addresses of its own, or is stood for"
                )

    def _domain_fault(self, domain: str) -> str:
        try:
            self._require_domain(domain)
        except DirectoryMistake as error:
            return str(error)
        return ""

    def _is_used(self, domain: str, stood_for: set[str]) -> bool:
        return domain in stood_for or any(
            self._rows(f"SELECT 1 FROM {table} WHERE domain = ? LIMIT 1", domain)  # noqa: S608
            for table in ("users", "aliases")
        )


def _moved(
    row: tuple[object, ...],
    targets: dict[str, list[str]],
    rights: dict[str, list[str]],
    *,
    secrets: bool,
) -> MovedUser:
    """An account; takes its forwards out of the targets, so that aliases are left."""
    name, enabled, password, first, second, octets, messages = row
    return MovedUser(
        str(name),
        enabled=bool(enabled),
        stored=str(password) if secrets else "",
        scram_sha_1=str(first) if secrets else "",
        scram_sha_256=str(second) if secrets else "",
        quota=Quota(_number(octets), _number(messages)),
        forward=tuple(targets.pop(str(name), ())),
        send_as=tuple(rights.get(str(name), ())),
    )


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))
