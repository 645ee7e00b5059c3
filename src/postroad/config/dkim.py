"""What `[dkim]` says, and must not say: names that are none, and keys that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, shown
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.model.address import is_domain

__all__ = ["dkim_faults", "dkim_file_faults"]


def dkim_faults(configuration: Configuration) -> Iterator[Fault]:
    """Domains and selectors that are no names, and keys that are there twice."""
    taken: set[tuple[str, str]] = set()
    for at, key in enumerate(configuration.dkim.keys):
        path: KeyPath = ("dkim", "keys", at)
        yield from _domain((*path, "domain"), key.domain)
        yield from _selector((*path, "selector"), key.selector)
        identity = (name_of_domain(key.domain), key.selector.lower())
        if identity in taken:
            words = f"{key.domain} has another key with the selector {shown(key.selector)}"
            yield Fault((*path, "selector"), words)
        taken.add(identity)
    for name, settings in configuration.dkim.domain.items():
        path = ("dkim", "domain", name)
        yield from _domain(path, name)
        if settings.signer:
            yield from _domain((*path, "signer"), settings.signer)
        for place, selector in enumerate(settings.selectors):
            yield from _selector((*path, "selectors", place), selector)


def dkim_file_faults(configuration: Configuration) -> Iterator[Fault]:
    """Keys of `[[dkim.keys]]` that cannot be read, or could not sign."""
    if not configuration.dkim.keys:
        return
    # They load much that other configurations do not need.
    from postroad.mailauth.dkim.key_ring import keys_in_files  # noqa: PLC0415
    from postroad.mailauth.dkim.key_store import KeysUnavailable  # noqa: PLC0415

    for at, key in enumerate(configuration.dkim.keys):
        try:
            keys_in_files([key])
        except KeysUnavailable as error:
            yield Fault(("dkim", "keys", at, "file"), str(error))


def _domain(path: KeyPath, text: str) -> Iterator[Fault]:
    if not is_domain(name_of_domain(text)):
        yield Fault(path, f"expected a domain name, not {shown(text)}")


def _selector(path: KeyPath, text: str) -> Iterator[Fault]:
    if not is_domain(text) or not text.isascii():
        yield Fault(path, f"expected a selector such as 202611-rsa, not {shown(text)}")
