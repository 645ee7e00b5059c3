"""Logins over several directories: whose name it is, and whether the password is right.

The embedded directory checks what is stored as a hash, of whatever directory, and keeps the app
passwords of all accounts; a directory that holds no hashes is asked (`Backend.check`). A name that
nobody has takes as long as one that somebody has: it imitates, always the same way, either an
account of the embedded directory or the last one that another directory gave; and every directory
that could check a password by itself is asked to.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network

from postroad.directory.backend import Account, Backend
from postroad.directory.credentials import Credentials
from postroad.directory.embedded import EmbeddedDirectory
from postroad.directory.interface import Purpose
from postroad.directory.links import Link
from postroad.directory.names import address_form
from postroad.directory.password import MAX_PASSWORD
from postroad.directory.rules import find_account
from postroad.model import Address, AddressError
from postroad.sasl.secrets import Secret, SecretKind

__all__ = ["ChainLogins"]

_USE = "imitation over directories"


class ChainLogins:
    """The logins of a chain.

    Args:
        embedded: checks hashes, and keeps app passwords.
        links: the other directories.
        asked: the backends of a domain, in order.
        real: the address that one in an alias domain stands for.
        is_local: whether a domain is ours.
    """

    def __init__(
        self,
        embedded: EmbeddedDirectory,
        links: Sequence[Link],
        asked: Callable[[str], Sequence[Backend]],
        real: Callable[[Address], Awaitable[Address]],
        is_local: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._embedded = embedded
        self._naming = tuple(link.logins for link in links if link.logins is not None)
        self._asked = asked
        self._real = real
        self._is_local = is_local
        self._stand_in = Credentials("")
        self._key = b""

    async def authenticate(
        self, name: str, password: str, purpose: Purpose, address: str, *, barred: bool
    ) -> str | None:
        """See `Directory.authenticate`."""
        form = await self._form(name)
        if form is None:
            return await self._embedded.authenticate(name, password, purpose, address, barred=True)
        backends = self._asked(form.domain)
        found = await find_account(str(form), backends, receiving=False)
        if found is None:
            await self._refuse(str(form), password, purpose, address, backends)
            return None
        backend, account = found
        if backend is self._embedded.backend:
            return await self._embedded.authenticate(
                account.name, password, purpose, address, barred=barred
            )
        usable = not barred and await self._is_usable(account) and _may_come_from(account, address)
        right = await self._is_right(backend, account, password, purpose, address, usable=usable)
        # The check may have waited long behind others; an account can be disabled meanwhile.
        return await self.login_name(account.name) if right and usable else None

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        """See `Secrets.secret`."""
        found = await self._account(name)
        if found is None or found[0] is self._embedded.backend:
            return await self._embedded.secret(name if found is None else found[1].name, kind)
        account = found[1]
        secret = None if account.credentials is None else account.credentials.secret(kind)
        # A proof is made before anybody asks where it comes from (`nets`).
        if secret is None or account.nets or not await self._is_usable(account):
            return None
        return account.name, secret

    async def login_name(self, name: str) -> str | None:
        """See `Accounts.login_name`."""
        found = await self._account(name)
        return found[1].name if found is not None and await self._is_usable(found[1]) else None

    async def logs_in_only(self, user: str) -> bool:
        """Whether the account can log in, and no directory knows of mail for its name."""
        domain = user.rpartition("@")[2]
        if await find_account(user, self._asked(domain), receiving=True) is not None:
            return False
        found = await find_account(user, self._asked(domain), receiving=False)
        return found is not None and await self._is_usable(found[1])

    async def _account(self, name: str) -> tuple[Backend, Account] | None:
        form = await self._form(name)
        if form is None:
            return None
        return await find_account(str(form), self._asked(form.domain), receiving=False)

    async def _form(self, name: str) -> Address | None:
        """The account's name that a login name means, as far as its looks tell."""
        form = None
        with suppress(AddressError):
            form = await self._real(address_form(Address.parse(name)))
        # A directory may know an account by other names (`username_format`), never one that
        # somebody has.
        if self._naming and (form is None or not await self._is_somebody(form)):
            for naming in self._naming:
                named = await naming.named(name)
                if named is not None:
                    return Address.parse(named)
        return form

    async def _is_somebody(self, form: Address) -> bool:
        found = await find_account(str(form), self._asked(form.domain), receiving=False)
        return found is not None

    async def _is_usable(self, account: Account) -> bool:
        return account.enabled and await self._is_local(account.name.rpartition("@")[2])

    async def _is_right(
        self,
        backend: Backend,
        account: Account,
        password: str,
        purpose: Purpose,
        address: str,
        *,
        usable: bool,
    ) -> bool:
        embedded, name = self._embedded, account.name
        if await embedded.fits_app_password(usable, name, password, purpose, address):
            return True
        if account.credentials is None:
            right = len(password) <= MAX_PASSWORD and await backend.check(name, password)
            return bool(right)
        if account.credentials.password:
            self._stand_in = account.credentials
        imitated = self._stand_in.password
        return await embedded.verify(
            name, password, account.credentials, usable=usable, imitated=imitated
        )

    async def _refuse(
        self,
        name: str,
        password: str,
        purpose: Purpose,
        address: str,
        backends: Sequence[Backend],
    ) -> None:
        """Spend the time that a login takes."""
        for backend in backends:
            if len(password) <= MAX_PASSWORD:
                await backend.check(name, password)
        if not self._stand_in.password or await self._imitates_embedded(name):
            await self._embedded.authenticate(name, password, purpose, address, barred=True)
            return
        await self._embedded.fits_app_password(False, name, password, purpose, address)
        await self._embedded.verify(
            name, password, None, usable=False, imitated=self._stand_in.password
        )

    async def _imitates_embedded(self, name: str) -> bool:
        """Which of the two a name imitates: half of them, the same ones on every worker."""
        if not self._key:
            self._key = await self._embedded.key_for(_USE)
        return bool(hmac.digest(self._key, name.encode("utf-8", "replace"), "sha256")[0] & 1)


def _may_come_from(account: Account, address: str) -> bool:
    """Whether the client is in one of the account's networks; one without address is this host."""
    if not account.nets:
        return True
    try:
        client = ip_address(address) if address else None
        nets = [ip_network(each, strict=False) for each in account.nets if each != "local"]
    except ValueError:
        return False
    if client is None:
        return "local" in account.nets
    mapped = getattr(client, "ipv4_mapped", None) or client
    return any(mapped in net for net in nets)
