"""The entries of a file as rows of the database: what can be said of them without looking there.

Names get the form they are kept in. Hashes are read; that one computes at all is tried once for
each form of hash (its scheme and its parameters), because a computation is as slow as a login.
Passwords in clear text are hashed, on all cores, which takes some 25 ms each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from postroad.directory.embedded.alias_editing import check_pattern
from postroad.directory.embedded.contents import Contents, Mark, MovedUser
from postroad.directory.embedded.domain_editing import check_recipients
from postroad.directory.embedded.entry import (
    AliasEntry,
    DomainEntry,
    GroupEntry,
    PatternEntry,
    parse_domain,
    parse_key,
    parse_right,
    parse_source,
    parse_targets,
    parse_user,
)
from postroad.directory.embedded.mistake import (
    AliasExists,
    DirectoryMistake,
    InvalidName,
    UnusableHash,
)
from postroad.directory.embedded.moved_files import Faults
from postroad.directory.embedded.quota import Quota
from postroad.directory.passwords.credentials import (
    Credentials,
    credentials_of,
    credentials_of_hash,
)
from postroad.directory.passwords.password import PasswordProfile
from postroad.directory.passwords.scram import read_verifier
from postroad.sasl.secrets import SecretKind

__all__ = ["Prepared", "PreparedSource", "PreparedUser", "Preparing", "Progress"]

Progress = Callable[[int, int], None]
"""Takes the number of passwords that are hashed, and of those that have to be."""

_FREE = re.compile(r"[A-Za-z0-9+/.]{8,}")
"""What differs between two hashes of one form: salts and digests."""

_CLEAR = re.compile(r"\{(?:PLAIN|CLEAR|CLEARTEXT)(?:\.\w+)?\}", re.IGNORECASE)
"""A stored password that is no hash; the verifiers beside it take some milliseconds to make."""


@dataclass(frozen=True, slots=True)
class PreparedUser:
    """An account; `credentials` is `None` where the file tells no password."""

    name: str
    domain: str
    enabled: bool
    quota: Quota
    send_as: tuple[str, ...]
    credentials: Credentials | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreparedSource:
    """An alias, the forward of an account, or the members of a group: targets by their form."""

    source: str
    domain: str
    targets: dict[str, str]


@dataclass(slots=True)
class Prepared:
    """The rows of a file, each with the line it stands on."""

    domains: list[tuple[Mark, DomainEntry]] = field(default_factory=list)
    users: list[tuple[Mark, PreparedUser]] = field(default_factory=list)
    aliases: list[tuple[Mark, PreparedSource]] = field(default_factory=list)
    forwards: list[tuple[Mark, PreparedSource]] = field(default_factory=list)
    groups: list[tuple[Mark, GroupEntry]] = field(default_factory=list)
    members: list[tuple[Mark, PreparedSource]] = field(default_factory=list)
    patterns: list[tuple[Mark, PatternEntry]] = field(default_factory=list)

    @property
    def sources(self) -> list[tuple[Mark, PreparedSource]]:
        """Everything that has targets."""
        return [*self.aliases, *self.forwards, *self.members]


class Preparing:
    """Prepares entries.

    Args:
        profile: the cost of new hashes.
        kinds: the secrets that are kept beside a hash.
        default: the scheme of a hash without braces.
        faults: takes entries that cannot be.
        hashed: whether the field `password` holds a hash, too.
    """

    def __init__(
        self,
        profile: PasswordProfile,
        kinds: Collection[SecretKind],
        default: str,
        faults: Faults,
        *,
        hashed: bool = False,
    ) -> None:
        self._profile = profile
        self._kinds = kinds
        self._default = default
        self._faults = faults
        self._hashed = hashed
        self._good: set[str] = set()
        self._taken: dict[str, Mark] = {}
        self._waiting: dict[str, tuple[Mark, MovedUser]] = {}  # those to be hashed

    def prepare(self, contents: Contents, progress: Progress) -> Prepared:
        """Prepare everything; what cannot be is among the faults."""
        made = Prepared()
        for mark, domain in contents.domains:
            self._try(mark, partial(self._domain, made, mark, domain))
        for mark, pattern in contents.patterns:
            self._try(mark, partial(self._pattern, made, mark, pattern))
        for mark, group in contents.groups:
            self._try(mark, partial(self._group, made, mark, group))
        for mark, alias in contents.aliases:
            self._try(mark, partial(self._alias, made, mark, alias))
        for mark, user in contents.users:
            self._try(mark, partial(self._user, made, mark, user))
        self._hash(made, progress)
        return made

    def _try(self, mark: Mark, step: Callable[[], None]) -> None:
        try:
            step()
        except DirectoryMistake as error:
            self._faults.add(mark, str(error))

    def _domain(self, made: Prepared, mark: Mark, entry: DomainEntry) -> None:
        name = parse_domain(entry.name)
        self._take(f"the domain {name}", mark)
        if entry.alias_of and entry.recipients:
            raise InvalidName(f"{name} stands for another or is relayed, not both")
        if entry.recipients:
            check_recipients(entry.recipients)
        alias_of = parse_domain(entry.alias_of) if entry.alias_of else ""
        made.domains.append((mark, replace(entry, name=name, alias_of=alias_of)))

    def _pattern(self, made: Prepared, mark: Mark, entry: PatternEntry) -> None:
        self._take(entry.pattern, mark)
        made.patterns.append((mark, check_pattern(entry.pattern, entry.targets)))

    def _group(self, made: Prepared, mark: Mark, entry: GroupEntry) -> None:
        name = parse_key(entry.name)
        targets = parse_targets(entry.members)
        if entry.owner:
            parse_key(entry.owner)
        self._take(name, mark)
        made.groups.append((mark, replace(entry, name=name)))
        made.members.append((mark, PreparedSource(name, name.rpartition("@")[2], targets)))

    def _alias(self, made: Prepared, mark: Mark, entry: AliasEntry) -> None:
        source, domain = parse_source(entry.source)
        targets = parse_targets(entry.targets)
        self._take(source, mark)
        made.aliases.append((mark, PreparedSource(source, domain, targets)))

    def _user(self, made: Prepared, mark: Mark, user: MovedUser) -> None:
        form = parse_user(user.name)
        name = str(form)
        rights = tuple(dict.fromkeys(map(parse_right, user.send_as)))
        forward = parse_targets(user.forward) if user.forward else {}
        credentials = None if self._is_clear(user) else self._credentials(user)
        self._take(name, mark)
        if self._is_clear(user):
            self._waiting[name] = mark, user
        if forward:
            made.forwards.append((mark, PreparedSource(name, form.domain, forward)))
        prepared = PreparedUser(name, form.domain, user.enabled, user.quota, rights, credentials)
        made.users.append((mark, prepared))

    def _take(self, name: str, mark: Mark) -> None:
        if name in self._taken:
            raise AliasExists(f"{name} is there already, on line {self._taken[name]}")
        self._taken[name] = mark

    def _credentials(self, user: MovedUser) -> Credentials | None:
        """What a hash gives; a password in clear text is left to `_hash`."""
        stored = user.stored or (user.password if self._hashed else "")
        given = {
            SecretKind.SCRAM_SHA_1: user.scram_sha_1,
            SecretKind.SCRAM_SHA_256: user.scram_sha_256,
        }
        for kind, text in given.items():
            if text and (not stored or read_verifier(kind, text) is None):
                raise UnusableHash(f"a verifier of {kind.value} that is none, or without a hash")
        if not stored:
            return None
        form = _FREE.sub(lambda found: f"<{len(found[0])}>", stored)
        kinds = () if any(given.values()) else self._kinds  # made from clear text if none is given
        made = credentials_of_hash(
            stored, self._profile, kinds, self._default, tried=form in self._good
        )
        self._good.add(form)
        if not any(given.values()):
            return made
        return replace(made, scram_sha_1=user.scram_sha_1, scram_sha_256=user.scram_sha_256)

    def _is_clear(self, user: MovedUser) -> bool:
        """Whether a hash or verifiers have yet to be made of a password in clear text."""
        if user.password and not self._hashed:
            return True
        has_verifiers = user.scram_sha_1 or user.scram_sha_256
        return not has_verifiers and _CLEAR.match(user.stored or user.password) is not None

    def _hash(self, made: Prepared, progress: Progress) -> None:
        """Hash what came in clear text: what is slow of it lets threads run at the same time."""
        if not self._waiting:
            return
        hashes: dict[str, Credentials | None] = {}
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            begun = {
                name: threads.submit(self._made, user) for name, (_, user) in self._waiting.items()
            }
            for number, (name, future) in enumerate(begun.items(), 1):
                try:
                    hashes[name] = future.result()
                except DirectoryMistake as error:
                    self._faults.add(self._waiting[name][0], str(error))
                progress(number, len(begun))
        made.users = [
            (mark, replace(user, credentials=hashes.get(user.name, user.credentials)))
            for mark, user in made.users
        ]

    def _made(self, user: MovedUser) -> Credentials | None:
        if user.password and not self._hashed:
            return credentials_of(user.password, self._profile, self._kinds)
        return self._credentials(user)
