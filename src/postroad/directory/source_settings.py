"""`[directories.NAME]`: another directory beside the embedded one.

Each kind has its keys in a class of its own; a section is all of them together, so that one walk
finds every key, and `config` refuses those that belong to another kind (`KEYS_OF_KIND`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from postroad.directory.dovecot.settings import DovecotSettings
from postroad.directory.files.settings import FilesSettings
from postroad.directory.ldap.settings import LdapSettings
from postroad.directory.pam.settings import PamSettings
from postroad.directory.sql.settings import SqlSettings
from postroad.model.units import Duration

__all__ = ["KEYS_OF_KIND", "SourceKind", "SourceSettings"]

SourceKind = Literal["sql", "ldap", "dovecot", "files", "pam"]


@dataclass(frozen=True, kw_only=True)
class SourceSettings(SqlSettings, LdapSettings, DovecotSettings, FilesSettings, PamSettings):
    """`[directories.NAME]`: a directory that is asked after, or before, the embedded one.

    Attributes:
        kind: where the accounts are: `sql`, `ldap`, with a running `dovecot`, in `files`, or the
            users of this system (`pam`).
        domains: the domains it is asked about; empty: all. They count as ours even where the
            directory itself knows no domains.
        timeout: seconds for one answer; then senders are told to come back.
        pool: connections that a worker keeps at most, and questions asked at the same time.
        cache: seconds an answer is remembered; 0 switches it off. Errors are never remembered.
        negative_cache: the same for "there is none".
    """

    kind: SourceKind
    domains: tuple[str, ...] = ()
    timeout: Duration = 10.0
    pool: int = 2
    cache: Duration = 10.0
    negative_cache: Duration = 2.0


KEYS_OF_KIND: dict[str, frozenset[str]] = {
    "sql": frozenset(field.name for field in dataclasses.fields(SqlSettings)),
    "ldap": frozenset(field.name for field in dataclasses.fields(LdapSettings)),
    "dovecot": frozenset(field.name for field in dataclasses.fields(DovecotSettings)),
    "files": frozenset(field.name for field in dataclasses.fields(FilesSettings)),
    "pam": frozenset(field.name for field in dataclasses.fields(PamSettings)),
}
"""The keys that have a meaning for one kind only. A key may be several kinds'."""
