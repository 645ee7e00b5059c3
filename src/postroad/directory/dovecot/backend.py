"""Accounts that a running Dovecot has: Postroad stands where Postfix stands in the guides.

Dovecot checks the password, by its authentication socket, and says by its look-up socket which
accounts there are and where their mail lies. A password is sent to it by PLAIN whatever mechanism
the client chose: it must be known here to be checked there, so that mechanisms which prove a
password unsent (CRAM-MD5, SCRAM) cannot be had for these accounts, and none of them is asked for
what Dovecot offers. Passwords are in no error text. Whatever Dovecot answers that is neither yes
nor no means that it cannot be said now.
"""

from __future__ import annotations

import asyncio
import grp
import pwd
from base64 import b64encode
from collections.abc import Callable

from postroad.directory.backend import Account
from postroad.directory.dovecot.connection import DovecotSocket, Role
from postroad.directory.dovecot.settings import DovecotSettings
from postroad.directory.interface import Alias, DirectoryUnavailable, Place
from postroad.directory.names import address_form, domain_form
from postroad.directory.userdb import UserdbMistake, place_of
from postroad.directory.variables import Format
from postroad.model import Address, AddressError
from postroad.net.dovecot_lines import named
from postroad.tables.streams import Endpoint

__all__ = ["DovecotBackend", "endpoint_of"]

_TEMPORARY = frozenset({"temp", "temp_fail"})
"""What Dovecot calls a failure that is its own: up to 2.2, and since (its wiki, "Authentication
Protocol"); the first as a field, the second as the value of `code`."""


def endpoint_of(text: str) -> Endpoint:
    """A path, or `HOST:PORT`, perhaps with `unix:` or `inet:` in front as Postfix has them.

    Raises:
        TableMistake: it is neither.
    """
    if text.startswith("unix:"):
        return Endpoint.unix(text.removeprefix("unix:"))
    if text.startswith("/"):
        return Endpoint.unix(text)
    return Endpoint.inet(text.removeprefix("inet:"))


class DovecotBackend:
    """Implements `Backend` over Dovecot's sockets.

    Args:
        settings: which sockets; at least one of them is there.
        timeout: seconds for an answer.
        clock: seconds, never going back.
        home: the domain of names that Dovecot says without one; empty: the one asked about.
    """

    def __init__(
        self,
        settings: DovecotSettings,
        timeout: float,
        clock: Callable[[], float],
        home: str = "",
    ) -> None:
        self._format = Format(settings.username_format)
        self._home = settings.default_domain
        self._users_home = domain_form(settings.default_domain or home)
        self._logins = self._users = None
        if settings.socket:
            endpoint = endpoint_of(settings.socket)
            self._logins = DovecotSocket(endpoint, Role.CLIENT, timeout, clock)
        if settings.userdb_socket:
            endpoint = endpoint_of(settings.userdb_socket)
            self._users = DovecotSocket(endpoint, Role.MASTER, timeout, clock)

    async def has_domain(self, domain: str) -> bool:  # noqa: ARG002 - part of the interface
        """Dovecot knows names, and no domains."""
        return False

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`. Without a look-up socket each name may log in, and none has mail.

        Whose a name is then, only a password tells (`check`).

        Raises:
            DirectoryUnavailable: Dovecot does not answer, or says that it cannot.
        """
        if self._users is None:
            return Account(name, receives=False)
        verb, texts = await self._users.ask("USER", self._name(name), "service=lmtp")
        if verb == "NOTFOUND":
            return None
        if verb != "USER" or not texts:
            reason = named(texts).get("reason", "")
            raise DirectoryUnavailable(f"Dovecot cannot look a user up: {verb} {reason}".rstrip())
        return Account(self._canonical(name, texts[0]), place=_place(texts[1:]))

    async def alias(self, source: str) -> Alias | None:  # noqa: ARG002 - part of the interface
        """Dovecot knows no aliases."""
        return None

    async def named(self, login: str) -> str | None:
        """See `NamesLogins.named`: a name alone means one in the default domain."""
        if not self._home or "@" in login:
            return None
        try:
            return str(address_form(Address.parse(f"{login}@{self._home}")))
        except AddressError:
            return None

    async def check(self, name: str, password: str) -> str | bool | None:
        """See `Backend.check`; whose it is, is said by Dovecot's `user=`, as Postfix takes it.

        Raises:
            DirectoryUnavailable: Dovecot does not answer, or says that it cannot.
        """
        if self._logins is None:
            return None
        if not password or "\0" in password:  # RFC 4616 §2: a NUL ends the password
            return False
        message = f"\0{self._name(name)}\0{password}".encode("utf-8", "surrogatepass")
        # `resp` is the last (Dovecot reads no further), so that nothing in it could be a field.
        # Whether the client's connection is safe was asked before it was let say a password. Who
        # guesses is counted and slowed down here; Dovecot knows no address of a client, and would
        # let everybody wait for one who guesses.
        verb, texts = await self._logins.ask(
            "AUTH",
            "PLAIN",
            "service=smtp",
            "nologin",
            "secured",
            "no-penalty",
            f"resp={b64encode(message).decode()}",
        )
        if verb == "OK":
            user = named(texts).get("user", "")
            found = self._canonical(name, user) if user else name
            return True if found == name else found
        if verb != "FAIL" or _is_temporary(texts):
            raise DirectoryUnavailable(f"Dovecot cannot check a password: {verb} temp")
        return False

    async def close(self) -> None:
        """See `Backend.close`."""
        for each in (self._logins, self._users):
            if each is not None:
                each.close()
        await asyncio.sleep(0)  # the tasks that read see their end

    def _name(self, name: str) -> str:
        return self._format.of(name)

    def _canonical(self, name: str, user: str) -> str:
        """The account's name: Dovecot's own, which may be one for several that were asked for.

        Args:
            name: that was asked for.
            user: as Dovecot calls it; without a domain it is one of the home domain.
        """
        if "@" not in user:
            user = f"{user}@{self._users_home or name.rpartition('@')[2]}"
        try:
            return str(address_form(Address.parse(user)))
        except AddressError as error:
            raise DirectoryUnavailable(f"Dovecot calls {name} {user[:100]!r}: {error}") from error


def _place(texts: tuple[str, ...]) -> Place:
    try:
        return place_of(named(texts), user=_user, group=_group)
    except UserdbMistake as mistake:
        raise DirectoryUnavailable(f"Dovecot says what cannot be used: {mistake}") from mistake


def _user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    return grp.getgrnam(name).gr_gid


def _is_temporary(texts: tuple[str, ...]) -> bool:
    said = named(texts)
    return "temp" in said or said.get("code") in _TEMPORARY
