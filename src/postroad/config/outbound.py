"""The checks of `[outbound_tls]`: its words, its files, and what its tables say.

A policy table with a mistake in it would leave its destinations without mail, and a level that
lacks what it needs would do so for everybody; both are said before anything is started.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, key_name, shown
from postroad.config.tables import Values
from postroad.delivery.settings import TlsLevel
from postroad.delivery.tls_table import fingerprint, is_name_to_match, policy_mistake
from postroad.net.certificates import TlsConfigurationError
from postroad.net.dns import DnsQuery
from postroad.net.tls_client import ClientContexts, ClientTls, parse_protocols

__all__ = [
    "outbound_faults",
    "outbound_file_faults",
    "policy_objection",
    "policy_table_faults",
    "unproved_levels",
]


def outbound_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in the values of `[outbound_tls]`."""
    tls = configuration.outbound_tls
    try:
        parse_protocols(tls.protocols)
    except ValueError as error:
        yield Fault(("outbound_tls", "protocols"), str(error))
    for key in ("verify_match", "secure_match"):
        names: tuple[str, ...] = getattr(tls, key)
        if not names:
            yield Fault(("outbound_tls", key), "needs a name, or nothing could ever match")
        for at, name in enumerate(names):
            if not is_name_to_match(name):
                words = (
                    'expected "hostname", "nexthop", "dot-nexthop", "example.net" or'
                    f' ".example.net", not {shown(name)}'
                )
                yield Fault(("outbound_tls", key, at), words)
    for at, text in enumerate(tls.fingerprint_match):
        if fingerprint(text) is None:
            words = f'expected a fingerprint such as "B6:B4:72…", not {shown(text)}'
            yield Fault(("outbound_tls", "fingerprint_match", at), words)
    for path, level in _levels(configuration):
        if level == "fingerprint" and not tls.fingerprint_match:
            words = 'the level "fingerprint" needs fingerprint_match in [outbound_tls]'
            yield Fault(path, words)
    if tls.key is not None and tls.certificate is None:
        words = "needs certificate, the certificate that it belongs to"
        yield Fault(("outbound_tls", "key"), words)


def unproved_levels(configuration: Configuration) -> Iterator[str]:
    """The keys that want DANE of a server whose resolver nobody trusts."""
    if DnsQuery(configuration.dns).is_trusted:
        return
    for path, level in _levels(configuration):
        if level in ("dane", "dane-only"):
            yield key_name(path)


def _levels(configuration: Configuration) -> Iterator[tuple[KeyPath, TlsLevel | None]]:
    """Every level that is set for more than one destination."""
    yield ("outbound_tls", "security_level"), configuration.outbound_tls.security_level
    yield ("relay", "tls"), configuration.relay.tls
    for name, transport in configuration.transports.items():
        yield ("transports", name, "tls"), transport.tls


def outbound_file_faults(configuration: Configuration) -> Iterator[Fault]:
    """A fault for each of its files that cannot be used."""
    tls = configuration.outbound_tls
    for key, wanted in (
        ("ca_file", ClientTls(verify=True, ca_file=tls.ca_file)),
        ("certificate", ClientTls(certificate=tls.certificate, key=tls.key)),
    ):
        if getattr(tls, key) is None:
            continue
        try:
            ClientContexts().of(wanted)
        except TlsConfigurationError as error:
            named = "key" if key == "certificate" and error.file == tls.key else key
            yield Fault(("outbound_tls", named), str(error))


def policy_table_faults(configuration: Configuration, values: Values) -> Iterator[Fault]:
    """A fault for each policy table with an entry that means nothing.

    Args:
        configuration: the configuration.
        values: what tables can answer.
    """
    for at, table in enumerate(configuration.outbound_tls.policy):
        words = _meaningless(values(table))
        if words:
            yield Fault(("outbound_tls", "policy", at), f"{table}: {words}")


def policy_objection(
    configuration: Configuration, table: str, values: frozenset[str] | None
) -> str:
    """Why a table must not answer so; empty if it may, or has nothing to do with TLS."""
    return _meaningless(values) if table in configuration.outbound_tls.policy else ""


def _meaningless(values: frozenset[str] | None) -> str:
    for value in sorted(values or ()):
        words = policy_mistake(value)
        if words:
            return f"the entry {shown(value)} means nothing: {words}"
    return ""
