"""What sections about reports must not say, and what is worth a warning.

That is: addresses that reports are from, and come to, and whether those that are sent are signed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, shown
from postroad.model import Address, AddressError
from postroad.model.address import domain_key, is_domain

__all__ = ["report_faults", "unsigned_reports"]


def report_faults(configuration: Configuration) -> Iterator[Fault]:
    """Addresses that are none, or none of ours."""
    for section, settings in (
        ("tls_reports", configuration.tls_reports),
        ("dmarc_reports", configuration.dmarc_reports),
    ):
        if settings.from_address:
            path: KeyPath = (section, "from_address")
            yield from _fault(configuration, path, settings.from_address, ascii_only=True)
        for at, text in enumerate(settings.receive):
            yield from _fault(configuration, (section, "receive", at), text)
    for at, text in enumerate(configuration.dmarc_reports.exclude):
        name = domain_key(text)
        if not is_domain(name) or name.startswith("["):
            yield Fault(("dmarc_reports", "exclude", at), f"expected a domain, not {shown(text)}")


def _fault(
    configuration: Configuration, path: KeyPath, text: str, *, ascii_only: bool = False
) -> Iterator[Fault]:
    try:
        address = Address.parse(text)
    except AddressError as error:
        yield Fault(path, f"expected an address, not {shown(text)}: {error}")
        return
    ours = {domain_key(each) for each in (configuration.hostname, *configuration.local_domains)}
    if ascii_only and not address.is_ascii:
        yield Fault(path, f"expected an address of ASCII characters, not {shown(text)}")
    if domain_key(address.domain) not in ours:
        words = f"expected an address at {configuration.hostname} or in one of the domains"
        yield Fault(path, f"{words}, not {shown(text)}")


def unsigned_reports(configuration: Configuration) -> Iterator[str]:
    """A warning for each kind of reports that is sent whether or not it is signed, and is not."""
    for section, settings in (
        ("tls_reports", configuration.tls_reports),
        ("dmarc_reports", configuration.dmarc_reports),
    ):
        home = (configuration.local_domains or (configuration.hostname,))[0]
        domain = settings.from_address.rpartition("@")[2] or home
        if settings.send and not _has_key(configuration, domain):
            yield (
                f"{section}.send: there is no active key for {domain}, so reports are not signed,"
                " and few who receive them will look at them (postroad dkim check)"
            )


def _has_key(configuration: Configuration, domain: str) -> bool:
    if not configuration.dkim.sign:
        return False
    # They load much that other configurations do not need.
    from postroad.mailauth.dkim.key_ring import KeyRing, keys_in_files  # noqa: PLC0415
    from postroad.mailauth.dkim.key_store import KeyStore, KeysUnavailable  # noqa: PLC0415

    store = KeyStore(configuration.dkim_directory, time.time)
    try:
        ring = KeyRing(configuration.dkim, keys_in_files(configuration.dkim.keys), store)
        return bool(ring.keys_for(domain))
    except KeysUnavailable:
        return True  # who asks may not read them, or the signer says what is wrong with them
