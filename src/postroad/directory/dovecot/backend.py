"""Accounts that a running Dovecot has: Postroad stands where Postfix stands in the guides.

Dovecot checks the password, by its authentication socket, and says by its look-up socket which
accounts there are and where their mail lies. A password that a client sends is checked by PLAIN,
whether it came by that or by LOGIN. Mechanisms that prove a password unsent (CRAM-MD5, SCRAM) need
what only Dovecot knows: where the operator names them, they are passed on to it (`passing`).
Passwords are in no error text. Whatever Dovecot answers that is neither yes
nor no means that it cannot be said now.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable

from postroad.directory.backend import Account
from postroad.directory.dovecot.connection import DovecotSocket, Role
from postroad.directory.dovecot.passing import (
    PENALTY,
    DovecotLogin,
    is_barred,
    is_temporary,
    told_of,
)
from postroad.directory.dovecot.settings import DovecotSettings
from postroad.directory.identities import Identities
from postroad.directory.interface import (
    Alias,
    DirectoryUnavailable,
    Origin,
    PassedLogin,
    Place,
)
from postroad.directory.names import address_form, domain_form, login_form
from postroad.directory.userdb import UserdbMistake
from postroad.directory.variables import Format
from postroad.model import Address, AddressError
from postroad.net.dovecot_lines import named
from postroad.tables.streams import Endpoint

__all__ = ["LONGEST_NAME", "LONGEST_PROOF", "DovecotBackend", "endpoint_of"]

# Dovecot hangs up on a line that is longer than it reads, and whoever else waits on the connection
# would get no answer. So what is longer is nobody's name or password, and is not asked about.
LONGEST_NAME = 480
"""Octets of a name in a look-up. Dovecot 2.3 reads lines of 1024 there, in which each octet of the
name may take two; a mailbox in SMTP has at most 254 (RFC 5321 §4.5.3.1.3)."""

LONGEST_PROOF = 9216
"""Octets of a name with its password: 12288 in base64, the most that a client may say at once
(RFC 4954 §4). Dovecot reads lines of 16384 there."""


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
        self._passed = settings.mechanisms
        self._identities = Identities(clock=clock)
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
        asked = self._name(name)
        if len(asked.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
            return None
        verb, texts = await self._users.ask("USER", asked, "service=lmtp")
        if verb == "NOTFOUND":
            return None
        if verb != "USER" or not texts:
            reason = named(texts).get("reason", "")
            raise DirectoryUnavailable(f"Dovecot cannot look a user up: {verb} {reason}".rstrip())
        return Account(self._canonical(name, texts[0]), place=await self._place(texts[1:]))

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

    async def check(self, name: str, password: str, address: str = "") -> str | bool | None:
        """See `Backend.check`; whose it is, is said by Dovecot's `user=`, as Postfix takes it.

        Raises:
            DirectoryUnavailable: Dovecot does not answer, or says that it cannot.
        """
        if self._logins is None:
            return None
        if not password or "\0" in password:  # RFC 4616 §2: a NUL ends the password
            return False
        message = f"\0{self._name(name)}\0{password}".encode("utf-8", "surrogatepass")
        if len(message) > LONGEST_PROOF:
            return False
        # `resp` is the last (Dovecot reads no further), so that nothing in it could be a field.
        # Whether the client's connection is safe was asked before it was let say a password.
        origin = Origin(address=address)
        verb, texts = await self._logins.ask(
            "AUTH",
            "PLAIN",
            *told_of(origin),
            "secured",
            f"resp={b64encode(message).decode()}",
            longer=PENALTY if address else 0.0,
        )
        if verb == "OK":
            said = named(texts)
            if is_barred(said):
                return False
            user = said.get("user", "")
            found = self._canonical(name, user) if user else name
            return True if found == name else found
        if verb != "FAIL" or is_temporary(named(texts)):
            raise DirectoryUnavailable(f"Dovecot cannot check a password: {verb} temp")
        return False

    def key(self, login: str) -> str:
        """See `Backend.key`: what `username_format` makes of it."""
        asked = self._name(login)
        home = self._users_home or login.rpartition("@")[2]
        return login_form(asked if "@" in asked or not home else f"{asked}@{home}")

    @property
    def passed_mechanisms(self) -> tuple[str, ...]:
        """See `Passing.passed_mechanisms`."""
        return self._passed if self._logins is not None else ()

    def pass_login(self, mechanism: str, origin: Origin) -> PassedLogin:
        """See `Passing.pass_login`."""
        assert self._logins is not None, "mechanisms are passed on only where there is a socket"
        return DovecotLogin(
            self._logins, mechanism, origin, lambda user: self._canonical(user, user)
        )

    async def close(self) -> None:
        """See `Backend.close`."""
        for each in (self._logins, self._users):
            if each is not None:
                each.close()
        await asyncio.sleep(0)  # the tasks that read see their end

    async def _place(self, texts: tuple[str, ...]) -> Place:
        try:
            return await self._identities.place(named(texts))
        except UserdbMistake as mistake:
            raise DirectoryUnavailable(f"Dovecot says what cannot be used: {mistake}") from mistake

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
