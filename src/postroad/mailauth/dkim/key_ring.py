"""The keys that sign for a domain now: those in files of the operator's, and those made here.

A domain without keys of its own is signed for by the nearest one above it that has some: DMARC
aligns them (RFC 7489 §3.1.1). `[dkim.domain."NAME"]` may say otherwise. Files of the operator's are
read when the ring is made, at start and at a reload.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from postroad.mailauth.dkim.key_store import (
    KeyGone,
    KeyState,
    KeyStore,
    KeysUnavailable,
    read_key,
)
from postroad.mailauth.dkim.settings import (
    DkimDomainSettings,
    DkimKeySettings,
    DkimSettings,
    name_of_domain,
)
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.model.address import is_domain

__all__ = ["KeyRing", "keys_in_files"]

MOST_KEYS = 4
"""Keys that sign one message: two kinds, and room for a second pair. Verifiers stop counting."""

MOST_LOOKS = 8
"""Looks at the list for one message: each but the last found it changed since it was read."""

_PLAIN = DkimDomainSettings()


def keys_in_files(settings: Sequence[DkimKeySettings]) -> tuple[SigningKey, ...]:
    """The keys of `[[dkim.keys]]`.

    Raises:
        KeysUnavailable: one cannot be read, or everybody may read it: then it proves nothing.
    """
    for each in settings:
        if _is_open(each.file):
            raise KeysUnavailable(f"{each.file}: everybody may read this key: chmod o= {each.file}")
    return tuple(
        [read_key(each.file, name_of_domain(each.domain), each.selector) for each in settings]
    )


def _is_open(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IRWXO)
    except OSError:
        return False  # reading it will say why


def _nobody(_: str) -> None:
    """Takes what is said, where nobody listens."""


def _signers(name: str, said: DkimDomainSettings) -> Iterator[str]:
    """The domains whose keys may sign for one, the nearest first."""
    if said.signer:
        yield name_of_domain(said.signer)
        return
    while name:
        yield name
        name = name.partition(".")[2]


class KeyRing:
    """Which keys sign for whom."""

    def __init__(
        self,
        settings: DkimSettings,
        given: Sequence[SigningKey],
        store: KeyStore,
        warn: Callable[[str], None] = _nobody,
    ) -> None:
        """Take what there is.

        Args:
            settings: which of them are used.
            given: the keys in files of the operator's.
            store: those made here.
            warn: takes a line for the log, once for each key that cannot be read.
        """
        self._domains = {name_of_domain(name): each for name, each in settings.domain.items()}
        self._unpublished = settings.sign_unpublished
        self._given: dict[str, list[SigningKey]] = {}
        for key in given:
            self._given.setdefault(key.domain, []).append(key)
        self._store = store
        self._warn = warn
        self._warned: set[str] = set()

    def keys_for(self, author: str) -> tuple[SigningKey, ...]:
        """The keys for mail from a domain; none where it is not signed.

        Args:
            author: the domain of the From field.

        Raises:
            KeysUnavailable: the list cannot be read, or no key of a domain that has some.
        """
        name = name_of_domain(author)
        said = self._domains.get(name, _PLAIN)
        if not name or not said.sign:
            return ()
        for domain in _signers(name, said):
            if found := self._chosen(domain, said.selectors):
                return found
        return ()

    def lack(self, author: str) -> str:
        """Why `keys_for` has none, in words for an operator.

        Raises:
            KeysUnavailable: the list cannot be read.
        """
        name = name_of_domain(author)
        if not is_domain(name):
            return "the author's domain is none"
        said = self._domains.get(name, _PLAIN)
        if not said.sign:
            return f"{name} is switched off in [dkim.domain]"
        listed = self._store.by_domain()
        for domain in _signers(name, said):
            if any(kept.state is KeyState.PENDING for kept in listed.get(domain, ())):
                return f"the keys of {domain} wait for their records (postroad dkim check)"
        return f"{name} has no key in use"

    def _chosen(self, domain: str, selectors: Sequence[str]) -> tuple[SigningKey, ...]:
        for _ in range(MOST_LOOKS - 1):
            with suppress(KeyGone):  # another one may have taken its place
                return self._listed(domain, selectors)
        return self._listed(domain, selectors)

    def _listed(self, domain: str, selectors: Sequence[str]) -> tuple[SigningKey, ...]:
        broken: KeysUnavailable | None = None
        found = list(self._given.get(domain, ()))
        for kept in self._store.by_domain().get(domain, ()):
            if not self._signs(kept.state) or (selectors and kept.selector not in selectors):
                continue
            try:
                found.append(self._store.key(kept))
            except KeyGone:
                raise
            except KeysUnavailable as error:  # the others sign all the same
                broken = error
                self._say(kept.name, error)
        if selectors:
            found = [key for key in found if key.selector in selectors]
        if broken is not None and not found:
            raise broken
        return tuple(found[-MOST_KEYS:])

    def _say(self, name: str, error: KeysUnavailable) -> None:
        if name not in self._warned:
            self._warned.add(name)
            self._warn(f"the key {name} is not used: {error}")

    def _signs(self, state: KeyState) -> bool:
        return state is KeyState.ACTIVE or (self._unpublished and state is KeyState.PENDING)
