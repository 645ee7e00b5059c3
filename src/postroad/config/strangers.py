"""What `[greylist]` and `[verification]` say, and must not say."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault, shown
from postroad.model import Address, AddressError
from postroad.model.address import domain_key

__all__ = ["stranger_faults"]


def stranger_faults(configuration: Configuration) -> Iterator[Fault]:
    """A greylist that lets nobody pass; a sender of probes that is none, or somebody else's."""
    greylist = configuration.greylist
    if 0 < greylist.retry_window <= greylist.delay:
        words = "must be longer than delay: else nobody passes"
        yield Fault(("greylist", "retry_window"), words)
    sender = configuration.verification.sender
    if sender in {"", "<>"}:
        return
    path = ("verification", "sender")
    try:
        address = Address.parse(sender)
    except AddressError as error:
        yield Fault(path, f"expected an address, not {shown(sender)}: {error}")
        return
    ours = {domain_key(each) for each in (configuration.hostname, *configuration.local_domains)}
    if domain_key(address.domain) not in ours:
        words = f"expected an address at {configuration.hostname} or in one of the domains"
        yield Fault(path, f"{words}, not {shown(sender)}: mail for it is always taken")
