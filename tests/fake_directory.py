"""A `Directory` of plain dictionaries, held to the same conformance suite as the real one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from postroad.directory import Alias, DirectoryUnavailable, Mailbox, Resolution, Unknown
from postroad.directory.names import address_form, domain_form, without_extension
from postroad.model import Address, AddressError


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
    ) -> None:
        self.domains = [domain_form(domain) for domain in domains]
        given = {"john@example.org": "summersun"} if users is None else users
        self.passwords = {_key(name): password for name, password in given.items()}
        self.aliases = {
            _source(source): tuple(Address.parse(target) for target in targets)
            for source, targets in (aliases or {}).items()
        }
        self.disabled = {_key(name) for name in disabled}
        self.delimiters = delimiters
        self.unavailable = False

    async def is_local(self, domain: str) -> bool:
        self._check()
        return domain == "" or domain_form(domain) in self.domains

    async def resolve(self, address: Address) -> Resolution:
        self._check()
        form = address_form(address)
        if not form.domain and form.local == "postmaster" and self.domains:
            form = Address(form.local, self.domains[0])
        if form.domain not in self.domains:
            return Unknown()
        plain = without_extension(form, self.delimiters) or form
        for candidate in (str(form), str(plain)):
            if candidate in self.passwords:
                return Mailbox(candidate)
            if candidate in self.aliases:
                return Alias(self.aliases[candidate])
        caught = self.aliases.get(f"@{form.domain}", ())
        if caught and form not in map(address_form, caught):
            return Alias(caught)
        return self._postmaster(plain)

    async def authenticate(self, name: str, password: str) -> str | None:
        self._check()
        try:
            key = _key(name)
        except AddressError:
            return None
        local = key.rpartition("@")[2] in self.domains
        right = self.passwords.get(key) == password
        return key if local and right and key not in self.disabled else None

    async def owns(self, user: str, address: Address) -> bool:
        steps, seen = [address], {address_form(address)}
        while steps:
            answer = await self.resolve(steps.pop(0))
            if answer == Mailbox(user):
                return True
            if isinstance(answer, Alias):
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
