"""The entries of an export as rows of texts, lists and numbers, for JSON and CSV alike.

A row is a mapping; a field that says nothing is left out. Reading is strict: a field nobody knows
or a value of another kind is a mistake, because what is skipped in silence is lost. The names of
fields are those of `postroad … list --json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from postroad.directory.embedded.contents import Contents, Mark, MovedUser
from postroad.directory.embedded.entry import AliasEntry, DomainEntry, GroupEntry, PatternEntry
from postroad.directory.embedded.groups import Senders
from postroad.directory.embedded.mistake import DirectoryMistake
from postroad.directory.embedded.nearest import hint, near_word
from postroad.directory.embedded.quota import Quota
from postroad.directory.names import is_text

__all__ = ["FIELDS", "KINDS", "Kind", "Row", "Value", "add_row", "rows_of"]

Value = str | int | bool | list[str]
Row = Mapping[str, object]
Kind = Literal["domain", "user", "alias", "group", "pattern"]

KINDS: tuple[Kind, ...] = ("domain", "user", "alias", "group", "pattern")
"""In the order in which an export has them."""

FIELDS: Mapping[Kind, Mapping[str, type]] = {
    "domain": {"name": str, "alias_of": str, "recipients": str},
    "user": {
        "name": str,
        "enabled": bool,
        "hash": str,
        "password": str,
        "scram_sha_1": str,
        "scram_sha_256": str,
        "quota_bytes": int,
        "quota_messages": int,
        "forward": list,
        "send_as": list,
    },
    "alias": {"source": str, "targets": list},
    "group": {"name": str, "members": list, "owner": str, "senders": str},
    "pattern": {"pattern": str, "targets": list},
}
"""The fields of each kind, and what they hold; the first one must be there."""

_WORDS = {str: "a text", bool: "true or false", int: "a number", list: "a list of texts"}


def rows_of(contents: Contents, kind: Kind) -> list[dict[str, Value]]:
    """The rows of one kind, without what says nothing."""
    makers: dict[Kind, Callable[[], list[dict[str, Value]]]] = {
        "domain": lambda: [
            {"name": each.name, "alias_of": each.alias_of, "recipients": each.recipients}
            for _, each in contents.domains
        ],
        "user": lambda: [_user_row(each) for _, each in contents.users],
        "alias": lambda: [
            {"source": each.source, "targets": list(each.targets)} for _, each in contents.aliases
        ],
        "group": lambda: [
            {
                "name": each.name,
                "members": list(each.members),
                "owner": each.owner,
                "senders": each.senders.value,
            }
            for _, each in contents.groups
        ],
        "pattern": lambda: [
            {"pattern": each.pattern, "targets": list(each.targets)}
            for _, each in contents.patterns
        ],
    }
    return [
        {name: value for name, value in row.items() if value not in ("", [])}
        for row in makers[kind]()
    ]


def add_row(contents: Contents, kind: Kind, mark: Mark, row: Row) -> None:
    """Add an entry.

    Raises:
        DirectoryMistake: the row is no entry of this kind.
    """
    known = FIELDS[kind]
    row = {name: value for name, value in row.items() if value is not None}  # as lists print it
    for name, value in row.items():
        if name not in known:
            right = hint(near_word(name[:40], known)) or f"; it has {', '.join(known)}"
            raise DirectoryMistake(f"a {kind} has no field {name[:40]!r}{right}")
        wanted = known[name]
        # A boolean is an integer to Python, and not to anybody else.
        if type(value) is not wanted or (
            isinstance(value, list) and not all(isinstance(each, str) for each in value)
        ):
            raise DirectoryMistake(f"{name} is {_WORDS[wanted]}")
        if not _is_text(value):
            raise DirectoryMistake(f"{name} holds what is no character")
    first = next(iter(known))
    if not row.get(first):
        raise DirectoryMistake(f"a {kind} needs the field {first!r}")
    _ADD[kind](contents, mark, _Fields(row))


def _is_text(value: object) -> bool:
    """Whether it can be written: JSON has a spelling for halves of characters, UTF-8 has none."""
    texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return all(map(is_text, texts))


class _Fields:
    """The checked fields of a row."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def text(self, name: str) -> str:
        return str(self._row.get(name, ""))

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._row.get(name, [])
        return tuple(map(str, value)) if isinstance(value, list) else ()

    def number(self, name: str) -> int | None:
        value = self._row.get(name)
        if not isinstance(value, int):
            return None
        if not 0 <= value < 1 << 63:
            raise DirectoryMistake(f"{name} is 0 (no limit) or more")
        return value

    def enabled(self) -> bool:
        return self._row.get("enabled", True) is True


def _user_row(user: MovedUser) -> dict[str, Value]:
    row: dict[str, Value] = {
        "name": user.name,
        "hash": user.stored,
        "password": user.password,
        "scram_sha_1": user.scram_sha_1,
        "scram_sha_256": user.scram_sha_256,
        "forward": list(user.forward),
        "send_as": list(user.send_as),
    }
    if not user.enabled:
        row["enabled"] = False
    limits = {"quota_bytes": user.quota.octets, "quota_messages": user.quota.messages}
    return row | {name: limit for name, limit in limits.items() if limit is not None}


def _add_domain(contents: Contents, mark: Mark, row: _Fields) -> None:
    entry = DomainEntry(
        row.text("name"),
        configured=False,
        alias_of=row.text("alias_of"),
        recipients=row.text("recipients"),
    )
    contents.domains.append((mark, entry))


def _add_user(contents: Contents, mark: Mark, row: _Fields) -> None:
    user = MovedUser(
        row.text("name"),
        enabled=row.enabled(),
        stored=row.text("hash"),
        password=row.text("password"),
        scram_sha_1=row.text("scram_sha_1"),
        scram_sha_256=row.text("scram_sha_256"),
        quota=Quota(row.number("quota_bytes"), row.number("quota_messages")),
        forward=row.texts("forward"),
        send_as=row.texts("send_as"),
    )
    if user.stored and user.password:
        raise DirectoryMistake("an account has a hash or a password, not both")
    contents.users.append((mark, user))


def _add_alias(contents: Contents, mark: Mark, row: _Fields) -> None:
    contents.aliases.append((mark, AliasEntry(row.text("source"), row.texts("targets"))))


def _add_group(contents: Contents, mark: Mark, row: _Fields) -> None:
    word = row.text("senders") or Senders.EVERYBODY.value
    senders = next((each for each in Senders if each.value == word), None)
    if senders is None:
        raise DirectoryMistake(f"senders is one of {', '.join(each.value for each in Senders)}")
    entry = GroupEntry(row.text("name"), row.texts("members"), row.text("owner"), senders)
    contents.groups.append((mark, entry))


def _add_pattern(contents: Contents, mark: Mark, row: _Fields) -> None:
    contents.patterns.append((mark, PatternEntry(row.text("pattern"), row.texts("targets"))))


_ADD: Mapping[Kind, Callable[[Contents, Mark, _Fields], None]] = {
    "domain": _add_domain,
    "user": _add_user,
    "alias": _add_alias,
    "group": _add_group,
    "pattern": _add_pattern,
}
