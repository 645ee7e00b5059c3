"""All directories of a server as one: the embedded one and those of `[directories.NAME]`.

Implements `Directory`, `Secrets`, `Accounts` and `Places`. Where there is no other directory, every
question goes straight to the embedded one, which answers it with one query. Beside others, it is
one backend among them; the rules of addresses are in `rules`, who may log in is in `chain_logins`.

What a domain is to us is said by `[domain."NAME"]` first, then by the embedded directory, then by
the others. A backend that is away makes that unknown, `DirectoryUnavailable`, unless the domain
was named before: in the configuration, or in the `domains` of a section.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from postroad.directory.backend import Account, Backend, ReadsFiles
from postroad.directory.certificates import CertificateMap
from postroad.directory.chain_logins import ChainLogins
from postroad.directory.embedded.directory import EmbeddedDirectory
from postroad.directory.interface import (
    Alias,
    Mailbox,
    Place,
    Purpose,
    Resolution,
    Standing,
    Unknown,
)
from postroad.directory.links import EMBEDDED, Link, Plan
from postroad.directory.names import address_form, domain_form, has_a_label, without_extension
from postroad.directory.passed import Passings
from postroad.directory.rules import Matched, find_account, is_owner, who_has
from postroad.directory.walled import WalledBackend
from postroad.model import Address
from postroad.sasl.secrets import Secret, SecretKind

__all__ = ["Chain"]

POSTMASTER = "postmaster"


class Chain:
    """Asks directories in order.

    Args:
        embedded: keeps freezes, keys and app passwords for the accounts of all.
        links: the others, by their names in the order of the configuration.
        plan: what the configuration says.
    """

    def __init__(
        self, embedded: EmbeddedDirectory, links: Sequence[Link] = (), plan: Plan | None = None
    ) -> None:
        self.embedded = embedded
        self._plan = plan or Plan()
        self._links = tuple(links)
        self._domains = {link.name: link.domains for link in links}
        self._rules = {link.name: link.senders for link in links if link.senders is not None}
        self._backends: dict[str, Backend] = {EMBEDDED: embedded.backend}
        self._backends |= {link.name: self._walled(link) for link in links}
        self._order = self._plan.order or tuple(self._backends)
        self._alone = not links and not self._plan.domains
        self._certificates = CertificateMap(self._plan.certificates)
        by_name = {link.name: link for link in links}
        named = [by_name[name] for name in self._order if name in by_name]
        self._logins = ChainLogins(embedded, named, self._asked, self.real, self.is_local)
        self.passing = Passings(
            {
                link.passing: partial(self._logins.vouched, self._backends[link.name])
                for link in named
                if link.passing is not None
            }
        )

    def reload(self) -> None:
        """Take the files of directories as they are now, also those that seem to be cut."""
        for backend in self.others.values():
            if isinstance(backend, ReadsFiles):
                backend.take_as_they_are()

    @property
    def others(self) -> dict[str, Backend]:
        """The directories beside the embedded one, by name."""
        return {link.name: link.backend for link in self._links}

    async def is_local(self, domain: str) -> bool:
        """See `Directory.is_local`."""
        if self._alone:
            return await self.embedded.is_local(domain)
        return await self.standing(domain) is Standing.LOCAL

    async def standing(self, domain: str) -> Standing | None:
        """See `Directory.standing`."""
        if self._alone:
            return await self.embedded.standing(domain)
        form = domain_form(domain)
        if not has_a_label(form):
            return None
        said = self._plan.domains.get(form)
        if said is not None:
            return said.standing
        others = [name for name in self._names_asked(form) if name != EMBEDDED]
        if any(self._domains[name] for name in others):
            return Standing.LOCAL
        found = await self.embedded.standing(domain)
        if found is not None:
            return found
        for name in others:
            if await self._backends[name].has_domain(form):
                return Standing.LOCAL
        return None

    async def recipients(self, domain: str) -> str:
        """Which addresses of a relayed domain take mail.

        Returns:
            `any`, `verify` or a table, as in `[domain."NAME"] recipients`; empty for any other.
        """
        said = self._plan.domains.get(domain_form(domain))
        if said is not None:
            return said.recipients if said.standing is Standing.RELAYED else ""
        return await self.embedded.recipients(domain)

    async def resolve(self, address: Address) -> Resolution:
        """See `Directory.resolve`."""
        if self._alone:
            return await self.embedded.resolve(address)
        return await self._resolve(address, True)

    async def is_named(self, address: Address) -> bool:
        """Whether exactly this name was given to somebody: an account, or an alias.

        Not where an extension, a pattern, a catch-all or the rules of postmaster lead to one.
        """
        form = await self._form(address)
        if await self.standing(form.domain) is not Standing.LOCAL:
            return False
        found = await who_has(form, self._asked(form.domain), "", catch_all=False)
        return not isinstance(found, Unknown)

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
        asked = self.embedded if self._alone else self._logins
        return await asked.authenticate(name, password, purpose, address, barred=barred)

    async def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        """See `Directory.owns`."""
        if self._alone:
            return await self.embedded.owns(user, address, catch_all=catch_all)
        form = await self._form(address)
        if await self.embedded.backend.grants(user, form):
            return True
        senders = await self._senders(form)
        if senders is not None:
            return user in senders
        if str(form) == user and await self._logins.logs_in_only(user):
            return True  # nothing is known of its mail, and nobody else has the name
        return await is_owner(user, form, self._resolve, catch_all=catch_all)

    async def granted(self, address: Address) -> frozenset[str]:
        """The accounts that were given the right to send as an address (`user send-as`)."""
        rights = self.embedded.granted
        return rights.users(await self._form(address)) if rights else frozenset()

    async def senders(self, address: Address) -> frozenset[str] | None:
        """Who may send as an address, where a directory says so in the place of its aliases.

        Returns:
            Accounts; `None` where none says so.
        """
        return await self._senders(await self._form(address)) if self._links else None

    async def logging_in(self, address: Address) -> str | None:
        """The account of exactly this name, if it can log in and nothing is known of its mail."""
        if not self._links:
            return None
        user = str(await self._form(address))
        return user if await self._logins.logs_in_only(user) else None

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        """See `Secrets.secret`."""
        asked = self.embedded if self._alone else self._logins
        return await asked.secret(name, kind)

    async def all_have_verifiers(self) -> bool:
        """See `Secrets.all_have_verifiers`; of other directories it is not known."""
        return not self._links and await self.embedded.all_have_verifiers()

    async def login_name(self, name: str) -> str | None:
        """See `Accounts.login_name`."""
        asked = self.embedded if self._alone else self._logins
        return await asked.login_name(name)

    async def login_names(self, name: str) -> tuple[str, ...]:
        """See `LoginNames.login_names`."""
        asked = self.embedded if self._alone else self._logins
        return await asked.login_names(name)

    async def account_name(self, name: str) -> str | None:
        """The canonical name of an account, whether it may log in or not; `None`: there is none."""
        return await self._logins.account_name(name)

    async def account(self, name: str, directory: str = "") -> tuple[str, Account] | None:
        """The account of a login name or an address, and the name of the directory that has it.

        Args:
            name: as somebody typed it.
            directory: the one to ask; empty: the first that has it.
        """
        only = None if not directory else self._backends[directory]
        found = await self._logins.account(name, only)
        if found is None:
            return None
        return next(each for each, one in self._backends.items() if one is found[0]), found[1]

    async def user_of_certificate(self, certificate: bytes) -> str | None:
        """The canonical name of the account that a client certificate stands for, if it may log in.

        Args:
            certificate: DER, verified by the handshake.
        """
        user = self._certificates.user_of(certificate)
        return None if user is None else await self.login_name(user)

    async def place(self, user: str) -> Place:
        """See `Places.place`."""
        if self._alone:
            return await self.embedded.place(user)
        found = await find_account(user, self._asked(user.rpartition("@")[2]), receiving=True)
        return Place() if found is None else found[1].place

    async def real(self, form: Address) -> Address:
        """The address that one in an alias domain stands for; any other as it is."""
        said = self._plan.real(form)
        return await self.embedded.backend.real(form) if said is None else said

    async def _form(self, address: Address) -> Address:
        return await self.real(address_form(address))

    def _asked(self, domain: str) -> tuple[Backend, ...]:
        """The backends that know of a domain's addresses, in order."""
        return tuple(self._backends[name] for name in self._names_asked(domain))

    def _names_asked(self, domain: str) -> tuple[str, ...]:
        if not has_a_label(domain):
            return ()
        said = self._plan.domains.get(domain)
        order = said.directories if said is not None and said.directories else self._order
        return tuple(
            name for name in order if not (domains := self._domains.get(name)) or domain in domains
        )

    def _walled(self, link: Link) -> Backend:
        """The link's backend, kept to the accounts of the domains that it is asked about."""
        return WalledBackend(
            link.name, link.backend, lambda domain: link.name in self._names_asked(domain)
        )

    async def _resolve(self, address: Address, catch_all: bool) -> Resolution:
        form = address_form(address)
        if not form.domain:
            return await self._postmaster_of_the_server(form)
        named, form = form, await self.real(form)
        if await self.standing(form.domain) is not Standing.LOCAL:
            return Unknown()
        found = await self._found(form, catch_all)
        if form.domain != named.domain and isinstance(found, Mailbox):
            return replace(found, domain=form.domain)
        return found

    async def _found(self, form: Address, catch_all: bool) -> Resolution:
        """Who has an address of a domain that stands for itself."""
        backends = self._asked(form.domain)
        found = await who_has(
            form,
            backends,
            self._plan.delimiters,
            catch_all=catch_all,
            matched=self._matched(backends),
        )
        if not isinstance(found, Unknown):
            return found
        return await self._postmaster(form, backends, catch_all)

    def _matched(self, backends: Sequence[Backend]) -> Matched | None:
        return self.embedded.backend.matched if self.embedded.backend in backends else None

    async def _postmaster(
        self, form: Address, backends: Sequence[Backend], catch_all: bool
    ) -> Resolution:
        """Who answers for a domain where nobody has the name (RFC 5321 §4.5.1).

        The address of `[directory] postmaster`; else whom the embedded directory finds for the
        domain or the server; else postmaster of the first domain.
        """
        plain = without_extension(form, self._plan.delimiters) or form
        if plain.local != POSTMASTER:
            return Unknown()
        if not catch_all and await self._is_caught(form, backends):
            return Unknown()
        named = self._plan.postmaster
        if named is not None and address_form(named) != plain:
            found = await self.resolve(named)
            return Mailbox(found.user) if isinstance(found, Mailbox) else Alias((named,))
        for each in (plain, Address(POSTMASTER, "")):
            found = await self.embedded.resolve(each)
            if isinstance(found, Mailbox):
                return found
        first = self._plan.first_domain
        if not first or first == form.domain:
            return Unknown()
        return await who_has(Address(POSTMASTER, first), self._asked(first), "")

    async def _is_caught(self, form: Address, backends: Sequence[Backend]) -> bool:
        found = await who_has(form, backends, self._plan.delimiters)
        return not isinstance(found, Unknown)

    async def _postmaster_of_the_server(self, form: Address) -> Resolution:
        if form.local != POSTMASTER:
            return Unknown()
        first = self._plan.first_domain
        if first:
            return await self._resolve(Address(POSTMASTER, first), True)
        return await self.embedded.resolve(form)

    async def _senders(self, form: Address) -> frozenset[str] | None:
        """Who may send as an address, where a directory of its domain says so itself."""
        asked = self._names_asked(form.domain)
        rules = [self._rules[name] for name in asked if name in self._rules]
        plain = without_extension(form, self._plan.delimiters)
        keys = [str(form), *([] if plain is None else [str(plain)]), f"@{form.domain}"]
        for key in keys if rules else ():
            for rule in rules:
                found = await rule.senders(key)
                if found is not None:
                    return found
        return None
