"""The DNS records that a configuration asks for, as lines of a zone file.

Values only: nothing is looked up here. What cannot be known from the configuration, the server's
addresses, are shown as addresses from the documentation ranges (RFC 5737, RFC 3849) unless given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote

from postroad.config.configuration import Configuration
from postroad.model.address import domain_key

__all__ = ["EXAMPLE_ADDRESSES", "Record", "records_for"]

MX_PREFERENCE = 10

EXAMPLE_ADDRESSES = ("192.0.2.1", "2001:db8::1")


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish.

    Attributes:
        name: the owner, fully qualified with the root's dot.
        kind: `MX`, `A`, `TXT`…
        value: as a zone file writes it.
        why: what it is for, in a few words.
    """

    name: str
    kind: str
    value: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} {self.kind} {self.value}"


def records_for(configuration: Configuration, addresses: Sequence[str] = ()) -> list[Record]:
    """Everything to publish, the server's own records first.

    Args:
        configuration: hostname, domains and listeners.
        addresses: the server's public IP addresses, where they are known.
    """
    host = f"{configuration.hostname.rstrip('.')}."
    shown = addresses or EXAMPLE_ADDRESSES
    records = [_address(host, address) for address in shown]
    records.append(Record(host, "TXT", '"v=spf1 a -all"', "bounces come from here (SPF)"))
    records += [_pointer(host, address) for address in shown]
    submits = [listener for listener in configuration.resolved_listeners if listener.auth]
    for name in configuration.local_domains:
        domain = f"{name.rstrip('.')}."
        records += _domain_records(domain, host)
        records += _dmarc(domain, configuration)
        records.append(_tls_reports(domain, configuration))
        for listener in submits:
            label = "_submissions" if listener.tls == "implicit" else "_submission"
            port = listener.binds[0].port
            service = "users' programs find the server (RFC 6186, RFC 8314)"
            record = Record(f"{label}._tcp.{domain}", "SRV", f"0 1 {port} {host}", service)
            if record not in records:
                records.append(record)
    return records


def _domain_records(domain: str, host: str) -> list[Record]:
    return [
        Record(domain, "MX", f"{MX_PREFERENCE} {host}", "mail for the domain comes here"),
        Record(domain, "TXT", '"v=spf1 mx -all"', "only this server sends for it (SPF)"),
    ]


def _dmarc(domain: str, configuration: Configuration) -> list[Record]:
    """The policy, and where others report on mail in its name (RFC 9989 §4.7)."""
    name = domain.rstrip(".")
    receive = configuration.dmarc_reports.receive
    local, at = _reported_to(receive, name)
    value = f'"v=DMARC1; p=none; rua=mailto:{quote(local, safe="-")}@{at}"'
    why = f"reports about mail in its name (DMARC){_unread('dmarc_reports', receive)}"
    records = [Record(f"_dmarc.{domain}", "TXT", value, why)]
    if domain_key(at) != domain_key(name):  # RFC 9990 §4: who gets them has to want them
        agreed = f"{name}._report._dmarc.{at}."
        records.append(Record(agreed, "TXT", '"v=DMARC1"', f"reports on {name} are welcome there"))
    return records


def _reported_to(given: Sequence[str], name: str) -> tuple[str, str]:
    """The local part and the domain of the address that reports on a domain go to."""
    own = [each for each in given if domain_key(each.rpartition("@")[2]) == name]
    local, _, at = ((*own, *given, f"postmaster@{name}")[0]).rpartition("@")
    return local, at


def _tls_reports(domain: str, configuration: Configuration) -> Record:
    """Where others report about TLS with our hosts (RFC 8460 §3)."""
    receive = configuration.tls_reports.receive
    local, at = _reported_to(receive, domain.rstrip("."))
    value = f'"v=TLSRPTv1; rua=mailto:{quote(local, safe="-")}@{at}"'
    why = f"reports about TLS with it (TLS-RPT){_unread('tls_reports', receive)}"
    return Record(f"_smtp._tls.{domain}", "TXT", value, why)


def _unread(section: str, receive: Sequence[str]) -> str:
    """That reports are only mail for a mailbox, unless an address is named for them."""
    return "" if receive else f"; read only if [{section}] receive names the address"


def _address(host: str, address: str) -> Record:
    kind = "AAAA" if ip_address(address).version == 6 else "A"
    return Record(host, kind, address, "the server's address")


def _pointer(host: str, address: str) -> Record:
    name = f"{ip_address(address).reverse_pointer}."
    return Record(name, "PTR", host, "set by whoever gave you the address")
