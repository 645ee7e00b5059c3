"""What `postroad dkim` asks and does: keys made, looked for in the DNS, shown and deleted.

It works on the files that the workers read, whether the server runs or not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

from postroad.app.dkim import store_of
from postroad.config import Configuration
from postroad.config.ownership import acting_as, owner_of
from postroad.mailauth.dkim.key_ring import keys_in_files
from postroad.mailauth.dkim.key_store import KeptKey, KeyState, KeyStore
from postroad.mailauth.dkim.publication import Publication, objection
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.mailauth.dkim.signing_key import KEY_KINDS, SigningKey, new_key
from postroad.model.address import is_domain
from postroad.net.dns import Resolver

__all__ = ["DkimMistake", "KeyView", "checked", "delete", "keys", "make", "removable_at"]


class DkimMistake(Exception):
    """What the operator asked for cannot be done; one line, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key.

    Attributes:
        key: with its private half.
        kept: what is known of it; `None` for one in a file of the operator's.
        words: what is wrong with its record; empty: nothing, or nobody has looked.
    """

    key: SigningKey
    kept: KeptKey | None
    words: str

    @property
    def state(self) -> str:
        """How far it is; `file` for one of the operator's."""
        return "file" if self.kept is None else self.kept.state.value


def keys(configuration: Configuration, domain: str = "") -> list[KeyView]:
    """The keys of a domain, or all of them.

    Raises:
        KeysUnavailable: one cannot be read.
        DkimMistake: the domain is none.
    """
    name = _domain(domain) if domain else ""
    with _acting(configuration) as store:
        found = [KeyView(store.key(kept), kept, kept.words) for kept in store.all()]
    found += [KeyView(key, None, "") for key in keys_in_files(configuration.dkim.keys)]
    return [each for each in found if name in ("", each.key.domain)]


def make(
    configuration: Configuration,
    domain: str,
    selector: str,
    kinds: Sequence[str],
    bits: int,
) -> list[KeyView]:
    """Make keys for a domain; they wait for their records.

    Args:
        configuration: of the server.
        domain: whose.
        selector: the beginning of their names, or the name where one kind is made; empty: of today.
        kinds: some of `KEY_KINDS`.
        bits: of an RSA key; 0: as `[dkim]` says.

    Raises:
        KeysUnavailable: they cannot be written, or are there already.
        DkimMistake: a name is none.
    """
    name = _domain(domain)
    given = keys_in_files(configuration.dkim.keys)
    with _acting(configuration) as store:
        taken = {each.selector for each in store.all() if each.domain == name}
        taken |= {each.selector for each in given if each.domain == name}
        chosen = selector.lower() or _free(taken, kinds)
        names = _selectors(chosen, kinds)
        for each in names:
            if not is_domain(each) or not each.isascii():
                raise DkimMistake(f"{each} is no selector")
            if each in taken:
                raise DkimMistake(f"the selector {each} of {name} is in use already")
        size = bits or configuration.dkim.bits
        made = [new_key(name, each, kind, size) for each, kind in zip(names, kinds, strict=True)]
        kept = store.add(made, KeyState.PENDING)
    return [KeyView(key, each, "") for key, each in zip(made, kept, strict=True)]


async def checked(configuration: Configuration, domain: str = "") -> list[KeyView]:
    """The same keys, their records looked for; new ones whose record is right begin to sign.

    Raises:
        KeysUnavailable: a key, or the list, cannot be read or written.
        DkimMistake: the domain is none.
    """
    found = keys(configuration, domain)
    async with AsyncExitStack() as exits:
        resolver = Resolver(configuration.dns, time.monotonic)
        exits.push_async_callback(resolver.close)
        store = exits.enter_context(_acting(configuration))
        publication = Publication(store, resolver, lambda words: None)  # noqa: ARG005
        looked: list[KeyView] = []
        for each in found:
            if each.kept is None:
                looked.append(KeyView(each.key, None, await objection(resolver, each.key)))
            else:
                kept = await publication.look(each.kept)
                looked.append(KeyView(each.key, kept, kept.words))
    # One that began to sign may have taken the place of another one.
    now = {each.kept.name: each for each in keys(configuration, domain) if each.kept is not None}
    return [now.get(each.key.name, each) if each.kept is not None else each for each in looked]


def delete(configuration: Configuration, domain: str, selector: str, *, force: bool) -> None:
    """Delete a key that was made here.

    Args:
        configuration: of the server.
        domain: whose it is.
        selector: its name.
        force: also one that signs.

    Raises:
        KeysUnavailable: the list cannot be written.
        DkimMistake: there is no such key, or it signs.
    """
    name = _domain(domain)
    with _acting(configuration) as store:
        for kept in store.all():
            if (kept.domain, kept.selector) == (name, selector.lower()):
                if kept.state is KeyState.ACTIVE and not force:
                    raise DkimMistake(
                        f"{kept.name} signs mail now; --force deletes it all the same"
                    )
                store.remove(kept)
                return
    raise DkimMistake(f"{name} has no key {selector} that was made here")


def removable_at(configuration: Configuration, kept: KeptKey) -> float | None:
    """When the record of a retired key may go, seconds since the epoch; `None` for the others."""
    if kept.state is not KeyState.RETIRED:
        return None
    return kept.changed + configuration.dkim.retire


@contextmanager
def _acting(configuration: Configuration) -> Iterator[KeyStore]:
    with acting_as(owner_of(configuration.state_directory)):
        yield store_of(configuration)


def _domain(text: str) -> str:
    name = name_of_domain(text)
    if not is_domain(name) or "." not in name:
        raise DkimMistake(f"{text} is no domain")
    return name


def _selectors(chosen: str, kinds: Sequence[str]) -> list[str]:
    """Each record holds one key, so keys of two kinds have two names."""
    return [chosen] if len(kinds) == 1 else [f"{chosen}-{kind}" for kind in kinds]


def _free(taken: set[str], kinds: Sequence[str]) -> str:
    """The month, and a letter where the month has been used."""
    month = time.strftime("%Y%m", time.gmtime())
    for letter in ("", *"bcdefghijklmnopqrstuvwxyz"):
        names = {f"{month}{letter}", *(f"{month}{letter}-{kind}" for kind in KEY_KINDS)}
        if not names & taken:
            return f"{month}{letter}" if len(kinds) > 1 else f"{month}{letter}-{kinds[0]}"
    raise DkimMistake("all names of this month are in use; give one by --selector")
