"""The embedded directory as the server reads it: `Directory` over a local SQLite file.

Look-ups run on the event loop, because they take microseconds; what is slow does not: passwords
are checked elsewhere (`verifier`), and a file locked by the command line is waited for without
blocking. Each worker has its own connection. Answers are remembered as long as nobody changes the
file (`memory`), and passwords that were right as long as the stored hash stays the same.
"""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from postroad.directory.certificates import CertificateMap
from postroad.directory.embedded import app_password
from postroad.directory.embedded.backend import EmbeddedBackend
from postroad.directory.embedded.freezing import Freezes
from postroad.directory.embedded.granted import GrantedAddresses
from postroad.directory.embedded.groups import ClosedGroup, ClosedGroups
from postroad.directory.embedded.last_use import LastUse
from postroad.directory.embedded.logins import Logins
from postroad.directory.embedded.lookups import Lookups
from postroad.directory.embedded.memory import Memory
from postroad.directory.embedded.renewal import Renewal
from postroad.directory.embedded.schema import (
    SchemaTooOld,
    is_busy,
    open_for_change,
    open_for_reading,
)
from postroad.directory.embedded.writer import DirectoryWriter
from postroad.directory.interface import (
    DirectoryUnavailable,
    Place,
    Purpose,
    Resolution,
    Standing,
)
from postroad.directory.names import login_form
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.passwords.password import OWASP, PasswordProfile
from postroad.directory.passwords.verifier import PasswordVerifier
from postroad.directory.settings import DirectorySettings
from postroad.model import Address
from postroad.sasl.secrets import Secret, SecretKind

__all__ = ["EmbeddedDirectory"]

BUSY_PAUSE = 0.01  # seconds between two tries while an editor commits
BUSY_TRIES = 500  # then the sender is told to come back: 5 seconds in all

MOST_REPORTED = 1000
"""Accounts with unusable hashes that are named in the log."""

_NO_PROOF = (bytes(app_password.SALT_LENGTH), bytes(app_password.DIGEST_LENGTH))
"""Of an app password that is not there: no text is known to have this digest."""

_NOTHING = Credentials("")

_Answer = TypeVar("_Answer")


class EmbeddedDirectory:
    """Implements `Directory`, `Secrets` and `Accounts`.

    Open it after the last fork, in the event loop's thread.

    Args:
        connection: from `schema.open_for_reading`; closed by `close`.
        lookups: over the same connection.
        logins: the same.
        verifier: closed by `close`.
        memory: of the same file; closed by `close`.
        writer: of the same file; closed by `close`.
        settings: `[directory]`.
        profile: the cost of new password hashes.
        now: seconds since the epoch.
        pause: waits for so many seconds while an editor commits.
        report: takes a line for the log.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        lookups: Lookups,
        logins: Logins,
        verifier: PasswordVerifier,
        memory: Memory,
        writer: DirectoryWriter,
        settings: DirectorySettings,
        profile: PasswordProfile,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._lookups = lookups
        self._logins = logins
        self._verifier = verifier
        self.backend = EmbeddedBackend(lookups, logins, self._ask)
        """The same, name by name, for a chain of several directories."""
        self._memory = memory
        self._writer = writer
        self.freezes = Freezes(connection, memory.counter, writer)
        """The accounts that may not send."""
        self.closed_groups = ClosedGroups(connection, memory.counter, settings.recipient_delimiter)
        """The groups that not everybody may send to."""
        self.granted = GrantedAddresses(connection, memory.counter)
        """The addresses that accounts were given the right to send as."""
        self._certificates = CertificateMap(settings.certificates)
        self._last_use = LastUse(writer, now)
        kinds = settings.kinds
        self._renewal = (
            Renewal(verifier, writer, profile, kinds, report) if settings.rehash else None
        )
        self._pause = pause
        self._report = report
        self._reported: set[tuple[str, str]] = set()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        domains: Sequence[str],
        settings: DirectorySettings,
        clock: Callable[[], float],
        profile: PasswordProfile = OWASP,
        now: Callable[[], float] = time.time,
        report: Callable[[str], None] = lambda _: None,
        turn: Callable[[], float] | None = None,
    ) -> EmbeddedDirectory:
        """Open the database for one worker; one of an earlier release is brought up to date.

        Args:
            path: the file; `DirectoryEditor.open` creates it.
            domains: the domains of the configuration.
            settings: `[directory]`.
            clock: seconds, never going back.
            profile: the cost of new password hashes.
            now: seconds since the epoch.
            report: takes a line for the log, about a stored hash that cannot be used.
            turn: see `Memory`.

        Raises:
            DirectoryUnavailable: the file is missing, unreadable or no directory database.
            SchemaTooNew: a later release wrote it.
        """
        try:
            connection = open_for_reading(path)
        except SchemaTooOld:
            open_for_change(path).close()
            connection = open_for_reading(path)
        memory = Memory(path, turn)
        verifier = PasswordVerifier(
            profile=profile,
            threads=settings.password_threads,
            remember=settings.success_cache,
            clock=clock,
            default=settings.default_scheme,
        )
        lookups = Lookups(
            connection, domains, settings.recipient_delimiter, patterns=settings.patterns
        )
        return cls(
            connection,
            lookups=lookups,
            logins=Logins(connection, lookups, settings.default_scheme),
            verifier=verifier,
            memory=memory,
            writer=DirectoryWriter(path),
            settings=settings,
            profile=profile,
            now=now,
            report=report,
        )

    async def is_local(self, domain: str) -> bool:
        """See `Directory.is_local`: a domain of the configuration or of the database."""
        return await self._remembered(domain, lambda: self._lookups.is_local(domain))

    async def standing(self, domain: str) -> Standing | None:
        """See `Directory.standing`."""
        question = ("standing", domain)
        return (await self._remembered(question, lambda: (self._lookups.standing(domain),)))[0]

    async def recipients(self, domain: str) -> str:
        """Which addresses of a relayed domain of the database take mail.

        Returns:
            `any`, `verify` or a table, as in `[domain."NAME"] recipients`; empty for any other
            domain.
        """
        question = ("recipients", domain)
        return await self._remembered(question, lambda: self._lookups.recipients(domain))

    async def place(self, user: str) -> Place:
        """See `Places.place`: the account's quota, where it has one of its own."""
        return await self._remembered(("place", user), lambda: self._lookups.place(user))

    async def closed_group(self, address: Address) -> ClosedGroup | None:
        """The group that an address is, if not everybody may send to it.

        Raises:
            DirectoryUnavailable: it cannot be known now.
        """
        return await self._ask(lambda: self._lookups.closed_group(address))

    async def resolve(self, address: Address) -> Resolution:
        """See `Directory.resolve`; the order of the rules stands in `lookups`."""
        return await self._remembered(address, lambda: self._lookups.resolve(address))

    async def authenticate(
        self,
        name: str,
        password: str,
        purpose: Purpose = Purpose.SEND,
        address: str = "",
        *,
        barred: bool = False,
    ) -> str | None:
        """See `Directory.authenticate`."""
        account, imitated = await self._ask(lambda: self._logins.find(name))
        usable = account is not None and account.usable and not barred
        if await self.fits_app_password(usable, name, password, purpose, address):
            return None if account is None else account.name
        if account is None:
            await self._verifier.verify(name, password, None, imitated=imitated.password)
            return None
        verdict = await self._verifier.verify(
            account.name,
            password,
            account.credentials.password,
            imitated=imitated.password,
            usable=usable,
        )
        if verdict.objection:
            self._object(account.name, verdict.objection)
        # The check may have waited long behind others; an account can be disabled meanwhile.
        if not verdict or await self.login_name(account.name) is None:
            return None
        if self._renewal is not None:
            self._renewal.consider(account, password)
        return account.name

    async def verify(
        self,
        name: str,
        password: str,
        credentials: Credentials | None,
        *,
        usable: bool,
        imitated: str = "",
    ) -> bool:
        """Whether a password is that of an account which another directory keeps.

        Args:
            name: the account's name, or what was given for it.
            password: as the client sent it.
            credentials: what is kept of its password; `None`: there is no such account.
            usable: whether it may log in.
            imitated: a stored hash to check for nothing where there is none.

        Raises:
            DirectoryUnavailable: too many checks wait already.
        """
        stored = None if credentials is None or not credentials.password else credentials
        if stored is None:
            await self._verifier.verify(name, password, None, imitated=imitated)
            return False
        verdict = await self._verifier.verify(
            name, password, _with_scheme(stored), imitated=imitated, usable=usable
        )
        if verdict.objection:
            self._object(name, verdict.objection)
        return bool(verdict)

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        """See `Secrets.secret`."""
        account, imitated = await self._ask(lambda: self._logins.find(name))
        # Two are read, one of which is there and one is not, for every name.
        secret = (_NOTHING if account is None else account.credentials).secret(kind)
        (imitated if secret is None else _NOTHING).secret(kind)
        if account is None or secret is None or not account.usable:
            return None
        return account.name, secret

    async def all_have_verifiers(self) -> bool:
        """See `Secrets.all_have_verifiers`."""
        return await self._remembered(SecretKind.SCRAM_SHA_256, self._logins.all_have_verifiers)

    async def key_for(self, use: str) -> bytes:
        """A key that is the same on every worker and after each start, and that nobody outside has.

        Args:
            use: what for; each use has its own.
        """
        return hmac.digest(await self._ask(self._logins.key), use.encode(), "sha256")

    async def login_name(self, name: str) -> str | None:
        """See `Accounts.login_name`."""
        account = await self._ask(lambda: self._logins.account(name))
        return account.name if account is not None and account.usable else None

    async def login_names(self, name: str) -> tuple[str, ...]:
        """See `LoginNames.login_names`."""
        form = login_form(name)
        local, at, domain = form.rpartition("@")
        if not at:
            return (form,)
        real = await self._remembered(
            ("real", domain), lambda: self._lookups.real(Address("x", domain)).domain
        )
        return (f"{local}@{real}",)

    async def user_of_certificate(self, certificate: bytes) -> str | None:
        """The canonical name of the account that a client certificate stands for, if it may log in.

        Args:
            certificate: DER, verified by the handshake.
        """
        user = self._certificates.user_of(certificate)
        return None if user is None else await self.login_name(user)

    async def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        """See `Directory.owns`."""
        return await self._remembered(
            ("owns", user, address, catch_all),
            lambda: self._lookups.owns(user, address, catch_all=catch_all),
        )

    def close(self) -> None:
        """Close the file and end the threads; blocks until running checks and writings end."""
        if self._renewal is not None:
            self._renewal.close()
        self._last_use.close()
        self._verifier.close()
        self._writer.close()
        self._connection.close()
        self._memory.close()

    async def fits_app_password(
        self, usable: bool, name: str, password: str, purpose: Purpose, address: str
    ) -> bool:
        """Whether it is an app password of a usable account, good for this; notes its use."""
        typed = app_password.parse_typed(password)
        if typed is None:
            return False
        row = await self._ask(lambda: self._logins.app_password(name, typed.tag))
        # As much work for a tag that is not there as for one that is.
        salt, digest = _NO_PROOF if row is None else row.proof
        fits = app_password.fits(typed, salt, digest)
        if row is None or not fits or not usable:
            return False
        if not row.scope.allows(purpose):
            return False
        self._last_use.note(row.id, address)
        return True

    def _object(self, name: str, objection: str) -> None:
        """Say once that nobody can log in with a stored hash."""
        if (name, objection) not in self._reported and len(self._reported) < MOST_REPORTED:
            self._reported.add((name, objection))
            self._report(f"the password of {name} cannot be checked: {objection}")

    async def _remembered(self, question: Hashable, find: Callable[[], _Answer]) -> _Answer:
        """The answer to a domain, an address, a kind of secret or a tuple: no two are equal."""
        memory = self._memory
        counter = memory.counter()
        known = memory.recall(question, counter)
        if known is not None:
            return cast("_Answer", known)
        answer = await self._ask(find)
        memory.keep(question, answer, counter)
        return answer

    async def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        for _ in range(BUSY_TRIES):
            try:
                return question()
            except sqlite3.Error as error:
                if not is_busy(error):
                    raise DirectoryUnavailable(str(error)) from error
            await self._pause(BUSY_PAUSE)
        raise DirectoryUnavailable("the directory database stays locked")


def _with_scheme(credentials: Credentials) -> str:
    """The hash with its scheme: another directory's default need not be ours."""
    if credentials.password.startswith(("{", "$1$")):  # the latter says itself what it is
        return credentials.password
    return f"{{{credentials.default}}}{credentials.password}"
