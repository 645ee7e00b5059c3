"""Logins over several directories: whose name it is, and whether the password is right.

The embedded directory checks what is stored as a hash, of whatever directory, and keeps the app
passwords of all accounts; a directory that holds no hashes is asked (`Backend.check`). A name that
nobody has takes as long as one that somebody has: it imitates an account of one of the directories
that are asked about its domain, always of the same one. So either a hash is checked for nothing, or
that directory is asked, as it would be for an account of its own; never both, which would tell.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network

from postroad.directory.backend import Account, Backend
from postroad.directory.embedded.directory import EmbeddedDirectory
from postroad.directory.interface import DirectoryUnavailable, Purpose
from postroad.directory.links import Link
from postroad.directory.names import address_form, has_a_label, login_form
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.passwords.password import MAX_PASSWORD
from postroad.directory.rules import find_account
from postroad.model import Address, AddressError
from postroad.model.ip_address import unmapped
from postroad.sasl.secrets import Secret, SecretKind

__all__ = ["ChainLogins"]

_USE = "imitation over directories"


class ChainLogins:
    """The logins of a chain.

    Args:
        embedded: checks hashes, and keeps app passwords.
        links: the other directories, in the order they are asked.
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
        self._rewriting = tuple(link.backend for link in links if link.logins is not None)
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
        usable = not barred and await self._is_usable(backend, account)
        if backend is self._embedded.backend:
            return await self._embedded.authenticate(
                account.name, password, purpose, address, barred=not usable
            )
        usable = usable and _may_come_from(account, address)
        user = await self._whose(backend, account, password, purpose, address, usable=usable)
        if user is None or not usable:
            return None
        if user != account.name:  # the directory says so: as one that judged a login itself may
            return await self.vouched(backend, user, address)
        # The check may have waited long behind others; an account can be disabled meanwhile.
        return await self._still(user, address)

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        """See `Secrets.secret`."""
        found = await self._account(name)
        if found is None or found[0] is self._embedded.backend:
            known = await self._embedded.secret(name if found is None else found[1].name, kind)
            # The work is the same; what it finds is not asked about this name, or may not log in.
            return None if found is None or not await self._is_usable(*found) else known
        account = found[1]
        secret = None if account.credentials is None else account.credentials.secret(kind)
        # A proof is made before anybody asks where it comes from (`nets`).
        if secret is None or account.nets or not await self._is_usable(*found):
            return None
        return account.name, secret

    async def login_name(self, name: str) -> str | None:
        """See `Accounts.login_name`.

        Who comes without a password is not asked for its network: an account that may log in from
        some only (`Account.nets`) cannot, as it cannot by a proof.
        """
        found = await self._account(name)
        if found is None or found[1].nets or not await self._is_usable(*found):
            return None
        return found[1].name

    async def vouched(self, backend: Backend, user: str, address: str) -> str | None:
        """The account's name, if a directory that judged a login itself may say that it is this.

        Args:
            backend: of that directory.
            user: whose login it is, as the directory says.
            address: the client's.

        Raises:
            DirectoryUnavailable: one before it cannot say whether it has the name.
        """
        form = address_form(Address.parse(user))
        if await self._real(form) != form:
            return None
        found = await find_account(str(form), self._asked(form.domain), receiving=False)
        return await self._still(str(form), address) if found and found[0] is backend else None

    async def account_name(self, name: str) -> str | None:
        """The canonical name of an account, whether it may log in or not; `None`: there is none."""
        found = await self._account(name)
        return None if found is None else found[1].name

    async def account(
        self, name: str, only: Backend | None = None
    ) -> tuple[Backend, Account] | None:
        """The account that a login name means, and who has it.

        Args:
            name: as somebody typed it.
            only: the one backend to ask; `None`: all that are asked about its domain.
        """
        if only is None:
            return await self._account(name)
        form = await self._form(name)
        if form is None or not has_a_label(form.domain):
            return None
        return await find_account(str(form), (only,), receiving=False)

    async def login_names(self, name: str) -> tuple[str, ...]:
        """See `LoginNames.login_names`.

        What an account of another directory is called is looked up; the login that follows asks the
        same, which is remembered (`recalled`).
        """
        found, typed = await self._account(name), login_form(name)
        form, asked = typed, self._rewriting
        with suppress(AddressError):
            real = await self._real(address_form(Address.parse(name)))
            form, asked = str(real), (*self._asked(real.domain), *asked)
        keys = [backend.key(each) for backend in asked for each in (form, typed)]
        return tuple(dict.fromkeys((form if found is None else found[1].name, *keys)))

    async def logs_in_only(self, user: str) -> bool:
        """Whether the account can log in, and no directory knows of mail for its name."""
        domain = user.rpartition("@")[2]
        if await find_account(user, self._asked(domain), receiving=True) is not None:
            return False
        found = await find_account(user, self._asked(domain), receiving=False)
        return found is not None and await self._is_usable(*found)

    async def _still(self, user: str, address: str) -> str | None:
        """The account's name, if it may log in from there."""
        found = await self._account(user)
        if found is None or not await self._is_usable(*found):
            return None
        return found[1].name if _may_come_from(found[1], address) else None

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
        if not self._naming or (form is not None and await self._is_somebody(form)):
            return form
        claimed: Address | None = None
        for naming in self._naming:
            named = await naming.named(name)
            if named is None:
                continue
            meant = Address.parse(named)
            if await self._is_somebody(meant):
                return meant
            claimed = claimed or meant  # by one that goes by the look of a name
        return claimed or form

    async def _is_somebody(self, form: Address) -> bool:
        found = await find_account(str(form), self._asked(form.domain), receiving=False)
        return found is not None

    async def _is_usable(self, backend: Backend, account: Account) -> bool:
        if account.doubt:
            raise DirectoryUnavailable(account.doubt)
        if not account.enabled or not await self._is_local(account.name.rpartition("@")[2]):
            return False
        if backend is not self._embedded.backend:
            return True
        return await self._embedded.login_name(account.name) is not None

    async def _whose(
        self,
        backend: Backend,
        account: Account,
        password: str,
        purpose: Purpose,
        address: str,
        *,
        usable: bool,
    ) -> str | None:
        """The canonical name of the account that a password is right for."""
        embedded, name = self._embedded, account.name
        if await embedded.fits_app_password(usable, name, password, purpose, address):
            return name
        if account.credentials is None:
            right = await backend.check(name, _bounded(password), address)
            if not right or len(password) > MAX_PASSWORD:
                return None
            return right if isinstance(right, str) else name
        if account.credentials.password:
            self._stand_in = account.credentials
        imitated = self._stand_in.password
        right = await embedded.verify(
            name, password, account.credentials, usable=usable, imitated=imitated
        )
        return name if right else None

    async def _refuse(
        self,
        name: str,
        password: str,
        purpose: Purpose,
        address: str,
        backends: Sequence[Backend],
    ) -> None:
        """Spend the time that a login takes, with an account of the backend that it imitates."""
        backend = await self._imitated(name, backends)
        if backend is self._embedded.backend:
            await self._embedded.authenticate(name, password, purpose, address, barred=True)
            return
        await self._embedded.fits_app_password(False, name, password, purpose, address)
        if await backend.check(name, _bounded(password), address) is not None:
            return
        await self._embedded.verify(
            name, password, None, usable=False, imitated=self._stand_in.password
        )

    async def _imitated(self, name: str, backends: Sequence[Backend]) -> Backend:
        """Whose account a name imitates: the same one's each time, and on every worker."""
        if not backends:
            return self._embedded.backend
        if not self._key:
            self._key = await self._embedded.key_for(_USE)
        digest = hmac.digest(self._key, name.encode("utf-8", "replace"), "sha256")
        return backends[digest[0] % len(backends)]


def _bounded(password: str) -> str:
    """What a backend is asked about: one that is too long is as wrong as none at all."""
    return password if len(password) <= MAX_PASSWORD else ""


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
    known = unmapped(client)
    return any(known in net for net in nets)
