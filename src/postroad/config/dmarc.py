"""What `[dmarc]` and `[arc]` say, and must not say: what is neither an address nor a domain."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault, shown
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.model.address import is_domain

__all__ = ["dmarc_faults"]


def dmarc_faults(configuration: Configuration) -> Iterator[Fault]:
    """Servers and domains that are none."""
    dmarc, arc = configuration.dmarc, configuration.arc
    for key, entries in (("forwarders", dmarc.forwarders), ("lists", dmarc.lists)):
        for at, entry in enumerate(entries):
            if not _is_server(entry):
                words = f"expected an IP address, a network or a domain name, not {shown(entry)}"
                yield Fault(("dmarc", key, at), words)
    for at, entry in enumerate(dmarc.exempt):
        if not _is_domain(entry):
            yield Fault(("dmarc", "exempt", at), _no_domain(entry))
    for at, entry in enumerate(arc.trusted_sealers):
        if not _is_domain(entry):
            yield Fault(("arc", "trusted_sealers", at), _no_domain(entry))
    if arc.domain and not _is_domain(arc.domain):
        yield Fault(("arc", "domain"), _no_domain(arc.domain))


def _no_domain(text: str) -> str:
    return f"expected a domain name, not {shown(text)}"


def _is_domain(text: str) -> bool:
    return is_domain(name_of_domain(text)) and not text.startswith("[")


def _is_server(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:  # 192.0.2.300 is no domain, but a slip
        return _is_domain(text) and not text.rpartition(".")[2].isdigit()
    return True
