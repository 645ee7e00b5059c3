"""A `Directory` of plain dictionaries, held to the same conformance suite as the real one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from postroad.directory import (
    Alias,
    DirectoryUnavailable,
    Mailbox,
    Place,
    Purpose,
    Resolution,
    Scope,
    Standing,
    Unknown,
)
from postroad.directory.names import address_form, domain_form, without_extension
from postroad.model import Address, AddressError
from postroad.sasl import CramSecret, ScramSecret, Secret, SecretKind


class FakeDirectory:
    """Answers from what it was given; `unavailable = True` makes every call fail."""

    def __init__(
        self,
        *,
        domains: Sequence[str] = ("example.org",),
        users: Mapping[str, str] | None = None,
        aliases: Mapping[str, Sequence[str]] | None = None,
        disabled: Iterable[str] = (),
        delimiters: str = "+",
        app_passwords: Mapping[str, tuple[str, Scope]] | None = None,
        hashed: Iterable[str] = (),
        relayed: Iterable[str] = (),
        places: Mapping[str, Place] | None = None,
    ) -> None:
        self.domains = [domain_form(domain) for domain in domains]
        given = {"john@example.org": "summersun"} if users is None else users
        self.passwords = {_key(name): password for name, password in given.items()}
        self.aliases = {
            _source(source): tuple(Address.parse(target) for target in targets)
            for source, targets in (aliases or {}).items()
        }
        self.disabled = {_key(name) for name in disabled}
        self.relayed = {domain_form(domain) for domain in relayed}
        self.places = {_key(name): place for name, place in (places or {}).items()}
        self.delimiters = delimiters
        self.unavailable = False
        self.without_secrets: set[str] = set()
        self.without_cram = {_key(name) for name in hashed}
        self.app_passwords = {
            text: (_key(name), scope) for text, (name, scope) in (app_passwords or {}).items()
        }

    async def is_local(self, domain: str) -> bool:
        self._check()
        return domain == "" or domain_form(domain) in self.domains

    async def standing(self, domain: str) -> Standing | None:
        if await self.is_local(domain):
            return Standing.LOCAL
        return Standing.RELAYED if domain_form(domain) in self.relayed else None

    async def place(self, user: str) -> Place:
        self._check()
        return self.places.get(user, Place())

    async def resolve(self, address: Address, *, catch_all: bool = True) -> Resolution:
        self._check()
        form = address_form(address)
        if not form.domain and form.local == "postmaster" and self.domains:
            form = Address(form.local, self.domains[0])
        if form.domain not in self.domains:
            return Unknown()
        plain = without_extension(form, self.delimiters) or form
        for candidate in (str(form), str(plain)):
            user = candidate if candidate in self.passwords else ""
            if candidate in self.aliases:
                extension = str(form.local)[len(candidate.rpartition("@")[0]) :]
                return Alias(self.aliases[candidate], user=user, extension=extension)
            if user:
                return Mailbox(user)
        caught = self.aliases.get(f"@{form.domain}", ())
        if caught and form not in map(address_form, caught):
            return Alias(caught) if catch_all else Unknown()
        return self._postmaster(plain)

    async def is_named(self, address: Address) -> bool:
        self._check()
        key = str(address_form(address))
        return key in self.passwords or key in self.aliases

    async def authenticate(
        self,
        name: str,
        password: str,
        purpose: Purpose = Purpose.SEND,
        address: str = "",
        *,
        barred: bool = False,
    ) -> str | None:
        self._check()
        user = self._login_name(name)
        if user is None or barred:
            return None
        owner, scope = self.app_passwords.get(password, ("", Scope.ALL))
        right = self.passwords[user] == password or (owner == user and scope.allows(purpose))
        return user if right else None

    async def login_name(self, name: str) -> str | None:
        self._check()
        return self._login_name(name)

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        self._check()
        user = self._login_name(name)
        if user is None or user in self.without_secrets:
            return None
        password = self.passwords[user]
        if kind is SecretKind.CRAM_MD5 and user in self.without_cram:
            return None
        if kind is SecretKind.CRAM_MD5:
            return user, CramSecret.of(password.encode())
        return user, ScramSecret.of(kind, password, user.encode()[:16].ljust(16), 16)

    async def all_have_verifiers(self) -> bool:
        self._check()
        lacking = self.without_secrets - self.disabled
        owners = {owner for owner, _ in self.app_passwords.values()}
        return not lacking and not owners - self.disabled

    def _login_name(self, name: str) -> str | None:
        try:
            key = _key(name)
        except AddressError:
            return None
        local = key.rpartition("@")[2] in self.domains
        return key if local and key in self.passwords and key not in self.disabled else None

    async def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        steps, seen, first = [address], {address_form(address)}, True
        while steps:
            answer = await self.resolve(steps.pop(0), catch_all=catch_all or not first)
            first = False
            if not isinstance(answer, Unknown) and answer.user == user:
                return True
            if isinstance(answer, Alias) and not answer.user:
                new = [one for one in answer.targets if address_form(one) not in seen]
                seen.update(map(address_form, new))
                steps.extend(new)
        return False

    def _postmaster(self, plain: Address) -> Resolution:
        if plain.local != "postmaster":
            return Unknown()
        enabled = [name for name in self.passwords if name not in self.disabled]
        near = [name for name in enabled if name.endswith(f"@{plain.domain}")]
        return Mailbox((near or enabled)[0]) if enabled else Unknown()

    def _check(self) -> None:
        if self.unavailable:
            raise DirectoryUnavailable("the fake was told to fail")


def _key(text: str) -> str:
    return str(address_form(Address.parse(text)))


def _source(text: str) -> str:
    return f"@{domain_form(text[1:])}" if text.startswith("@") else _key(text)
