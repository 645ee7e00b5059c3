"""Who is believed though DMARC fails: forwarders, mailing lists, sealers; and who is left out.

A forwarder breaks SPF, and a mailing list that changes mail breaks signatures too. Neither says
anything against the mail, if one knows who they are. An operator names them by address, or by a
domain; a domain counts where SPF or a signature proves that it is there, not where it is only
named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from postroad.mailauth.dkim.result import Verified
from postroad.mailauth.dmarc.result import Override, OverrideKind
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model.address import belongs_to, domain_key
from postroad.model.ip_address import ip_of
from postroad.net.dns_records import to_ascii

__all__ = ["Exceptions", "Trusted", "name_of"]


class Trusted:
    """Servers that are believed, as a list of the configuration names them."""

    def __init__(self, entries: Sequence[str]) -> None:
        """Read them.

        Args:
            entries: IP addresses, networks, and domains.

        Raises:
            ValueError: one is neither; the text says which.
        """
        self._networks: list[IPv4Network | IPv6Network] = []
        self._domains: list[str] = []
        for entry in entries:
            network = _network(entry)
            if network is not None:
                self._networks.append(network)
            elif name := name_of(entry):
                self._domains.append(name)
            else:
                raise ValueError(f"{entry!r} is no IP address, network or domain")

    def found(self, address: str, spf: Sequence[SpfVerdict], dkim: Sequence[Verified]) -> str:
        """Which of them sent a message; empty: none.

        Args:
            address: the client's IP address; empty for none.
            spf: what SPF said, of the reverse-path and of HELO.
            dkim: all signatures.
        """
        by_address = self._holding(address) if self._networks and address else ""
        if by_address or not self._domains:
            return by_address
        proved = [each.domain for each in spf if each.result is SpfResult.PASS]
        proved += [each.domain for each in dkim if each.counts]
        for name in proved:
            for domain in self._domains:
                if belongs_to(name, domain):
                    return domain
        return ""

    def _holding(self, address: str) -> str:
        client = ip_of(address)
        if client is None:
            return ""
        return next((str(each) for each in self._networks if client in each), "")


class Exceptions:
    """Why a policy may not be carried out for one message."""

    def __init__(self, settings: DmarcSettings) -> None:
        """By `[dmarc]`.

        Raises:
            ValueError: an entry is neither address nor domain.
        """
        self._forwarders = Trusted(settings.forwarders)
        self._lists = Trusted(settings.lists)
        self._exempt = frozenset([name_of(each) for each in settings.exempt])

    def of(
        self,
        author: str,
        address: str,
        spf: Sequence[SpfVerdict],
        dkim: Sequence[Verified],
        voucher: str,
    ) -> Iterator[Override]:
        """All reasons that apply, the best first.

        Args:
            author: the author's domain.
            address: the client's IP address.
            spf: what SPF said.
            dkim: all signatures.
            voucher: why a trusted sealer's word is taken that the message passed; empty: none.
        """
        if server := self._lists.found(address, spf, dkim):
            yield Override(OverrideKind.MAILING_LIST, f"{server} is a list that is known here")
        if server := self._forwarders.found(address, spf, dkim):
            words = f"{server} is a forwarder that is known here"
            yield Override(OverrideKind.TRUSTED_FORWARDER, words)
        if voucher:
            yield Override(OverrideKind.LOCAL_POLICY, voucher)
        if author in self._exempt:
            yield Override(OverrideKind.LOCAL_POLICY, f"{author} is exempt here")


def name_of(text: str) -> str:
    """A domain in A-labels and lower case; empty where it is none."""
    name = domain_key(text)
    name = name if name.isascii() else to_ascii(name)
    return name if name and not set(name) & set(" /:@[]") else ""


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
