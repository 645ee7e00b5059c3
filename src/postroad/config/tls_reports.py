"""What `[tls_reports]` says, and must not say: addresses that reports are from, and come to."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, shown
from postroad.model import Address, AddressError
from postroad.model.address import domain_key

__all__ = ["report_faults"]


def report_faults(configuration: Configuration) -> Iterator[Fault]:
    """Addresses that are none, or none of ours."""
    settings = configuration.tls_reports
    if settings.from_address:
        path: KeyPath = ("tls_reports", "from_address")
        yield from _fault(configuration, path, settings.from_address, ascii_only=True)
    for at, text in enumerate(settings.receive):
        yield from _fault(configuration, ("tls_reports", "receive", at), text)


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
