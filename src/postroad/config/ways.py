"""Which ways mail can go by a configuration, and what is wrong with what it says of them.

The sections `[routing]`, `[transports]` and `[listeners.NAME] transport`, and the smarthosts of
`[relay]`. A way that no transport could read is told of here, with its line; one that a table has
is told of too, where the table's answers can be known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.config.tables import Values
from postroad.delivery.nexthop import LmtpTarget, Nexthop
from postroad.delivery.pipe_settings import PipeSettings
from postroad.delivery.routing import Ways
from postroad.delivery.source_pool import read_source
from postroad.delivery.transport_settings import TransportSettings
from postroad.delivery.ways import BUILT_IN, Kind, read_way
from postroad.directory.names import domain_form
from postroad.model.address import is_domain
from postroad.model.ip_address import is_ip_address
from postroad.sasl.client import CLIENT_MECHANISMS

__all__ = ["is_next_hop", "kinds_of", "way_faults", "way_objection", "way_table_faults", "ways_of"]

_OF_PIPES = frozenset(field.name for field in dataclasses.fields(PipeSettings))
_OF_ALL = frozenset({"kind", "nexthop"})
_OF_LMTP = frozenset(
    {
        "helo",
        "connect_timeout",
        "command_timeout",
        "data_timeout",
        "idle_timeout",
        "messages_per_connection",
    }
)
_MAX_NAME = 40
"""Characters of a transport's name; it stands in every line of the log about its deliveries."""


def kinds_of(configuration: Configuration) -> Mapping[str, Kind]:
    """Every transport there is, by name."""
    return {**BUILT_IN, **{name: each.kind for name, each in configuration.transports.items()}}


def ways_of(configuration: Configuration) -> Ways:
    """What the router goes by."""
    relay = configuration.relay
    return Ways(
        routing=configuration.routing,
        kinds=kinds_of(configuration),
        nexthops={
            name: _nexthop_of(each)
            for name, each in configuration.transports.items()
            if each.nexthop
        },
        domains=_of_domains(configuration),
        listeners={
            name: each.transport for name, each in configuration.listeners.items() if each.transport
        },
        sender_smarthosts=relay.sender_smarthosts,
        sender_logins=relay.logins if relay.sender_logins else (),
        delimiters=configuration.directory.recipient_delimiter,
    )


def _of_domains(configuration: Configuration) -> dict[str, str]:
    """The ways of domains that have one of their own; `maildir` is the transport `local`."""
    ways = {}
    for name, each in configuration.domain.items():
        transport = "local" if each.transport == "maildir" else each.transport
        if each.nexthop and ":" not in transport:
            ways[domain_form(name)] = f"{transport}:{each.nexthop}"
        elif transport:
            ways[domain_form(name)] = transport
    return ways


def way_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what the values say of ways."""
    kinds = kinds_of(configuration)
    for key in ("default_transport", "relay_transport"):
        yield from _way(("routing", key), getattr(configuration.routing, key), kinds)
    for name, each in configuration.domain.items():
        own = _of_domains(configuration).get(domain_form(name))
        if own is not None:
            key = "transport" if each.transport else "nexthop"
            yield from _way(("domain", name, key), own, kinds, whole=key == "transport")
    for at, domain in enumerate(configuration.routing.relay_domains):
        if not is_domain(domain.removeprefix(".")):
            words = (
                f'expected a domain such as "example.org" or ".example.org", not {shown(domain)}'
            )
            yield Fault(("routing", "relay_domains", at), words)
    for name, listener in configuration.listeners.items():
        if listener.transport:
            yield from _way(("listeners", name, "transport"), listener.transport, kinds)
    yield from _smarthosts(configuration)
    for name, transport in configuration.transports.items():
        yield from _transport(("transports", name), name, transport)
    yield from _sources(("delivery",), configuration.delivery.source_addresses)
    yield from _mechanisms(("relay",), configuration.relay.login_mechanisms)


def way_table_faults(configuration: Configuration, values: Values) -> Iterator[Fault]:
    """A fault for each table with a way that is none.

    Args:
        configuration: whose tables they are.
        values: what tables can answer.
    """
    for path, table in _way_tables(configuration):
        words = _meaningless(configuration, path, values(table))
        if words:
            yield Fault(path, f"{table}: {words}")


def way_objection(configuration: Configuration, table: str, values: frozenset[str] | None) -> str:
    """Why a table must not answer so; empty if it may, or has no ways."""
    for path, name in _way_tables(configuration):
        words = _meaningless(configuration, path, values) if name == table else ""
        if words:
            return words
    return ""


def _way_tables(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    for key in ("transport", "sender_transport"):
        for at, name in enumerate(getattr(configuration.routing, key)):
            yield ("routing", key, at), name
    for at, name in enumerate(configuration.relay.sender_smarthosts):
        yield ("relay", "sender_smarthosts", at), name


def _meaningless(configuration: Configuration, path: KeyPath, values: frozenset[str] | None) -> str:
    """What is wrong with the first of a table's values, in the order of the alphabet."""
    kinds, key = kinds_of(configuration), path[1]
    for value in sorted(values or ()):
        if key != "transport" and value.lower() == "dunno":
            continue
        text = f":{value}" if key == "sender_smarthosts" else value
        try:
            read_way(text, kinds)
        except ValueError as error:
            if key == "transport" and value.startswith(":"):
                continue  # whose next hop it is depends on what it overrides
            return f"the entry {shown(value)} means nothing: {error}"
    return ""


def _nexthop_of(transport: TransportSettings) -> str:
    """As the queue groups by it."""
    name = transport.kind
    return read_way(f"{name}:{transport.nexthop}", {name: transport.kind}).nexthop


def _way(
    path: KeyPath, text: str, kinds: Mapping[str, Kind], *, whole: bool = True
) -> Iterator[Fault]:
    try:
        way = read_way(text, kinds)
    except ValueError as error:
        transport = text.partition(":")[0]
        yield Fault(path, str(error).partition("; did you mean")[0], nearest(transport, kinds))
        return
    if whole and not way.transport:
        yield Fault(path, f'expected "TRANSPORT" or "TRANSPORT:NEXT-HOP", not {shown(text)}')


def _smarthosts(configuration: Configuration) -> Iterator[Fault]:
    relay = configuration.relay
    for key in ("smarthost", "fallback"):
        if getattr(relay, key):
            yield from _next_hops(("relay", key), getattr(relay, key))
    for at, each in enumerate(relay.smarthosts):
        path: KeyPath = ("relay", "smarthosts", at)
        yield from _next_hops((*path, "host"), each.host, several=False)
        if not 0 < each.weight <= 1000:
            yield Fault((*path, "weight"), "expected a number from 1 to 1000")


def _next_hops(path: KeyPath, text: str, *, several: bool = True) -> Iterator[Fault]:
    if not is_next_hop(text) or "/" in text or "*" in text or (not several and "," in text):
        words = f'expected "[host]:port", "[host]", "host:port" or "host", not {shown(text)}'
        yield Fault(path, words)


def is_next_hop(text: str) -> bool:
    """Whether these are next hops to delivery, and such that can exist."""
    try:
        parts = Nexthop.parse_list(text)
    except ValueError:
        return False
    return all(
        is_domain(part.host) or (not part.exchangers and is_ip_address(part.host)) for part in parts
    )


def _transport(path: KeyPath, name: str, transport: TransportSettings) -> Iterator[Fault]:
    if name in BUILT_IN:
        yield Fault(path, "is the name of a transport that is there already; choose another one")
        return
    if len(name) > _MAX_NAME or not all(c.isalnum() or c in "-_./" for c in name) or not name:
        yield Fault(path, 'expected a name of letters, digits and "-_./"')
        return
    yield from _foreign_keys(path, transport)
    if transport.nexthop:
        yield from _nexthop(path, transport)
    if transport.helo and not is_domain(transport.helo):
        words = f'expected a name such as "mail.example.org", not {shown(transport.helo)}'
        yield Fault((*path, "helo"), words)
    if transport.kind == "smtp":
        yield from _smtp_transport(path, transport)


def _smtp_transport(path: KeyPath, transport: TransportSettings) -> Iterator[Fault]:
    if not 0 <= transport.port < 65_536:
        yield Fault((*path, "port"), "expected a TCP port, or 0")
    if transport.fallback:
        yield from _next_hops((*path, "fallback"), transport.fallback)
    yield from _sources(path, transport.source_addresses)
    yield from _mechanisms(path, transport.login_mechanisms)
    if transport.tls == "none" and transport.tls_wrapper:
        yield Fault((*path, "tls_wrapper"), 'is TLS, which tls = "none" forbids')


def _nexthop(path: KeyPath, transport: TransportSettings) -> Iterator[Fault]:
    try:
        if transport.kind == "lmtp" and transport.nexthop.startswith(("unix:", "inet:")):
            LmtpTarget.parse(transport.nexthop)
        _nexthop_of(transport)
    except ValueError as error:
        yield Fault((*path, "nexthop"), str(error))


def _foreign_keys(path: KeyPath, transport: TransportSettings) -> Iterator[Fault]:
    """Keys that say nothing to a transport of this kind."""
    known = {
        "pipe": _OF_PIPES | _OF_ALL,
        "lmtp": _OF_LMTP | _OF_ALL,
        "smtp": None,
    }.get(transport.kind, _OF_ALL)
    for field in dataclasses.fields(transport):
        default = field.default
        given = getattr(transport, field.name) != default
        foreign = field.name in _OF_PIPES if known is None else field.name not in known
        if given and foreign:
            words = f"says nothing to a transport of the kind {transport.kind}"
            yield Fault((*path, field.name), words)


def _sources(path: KeyPath, texts: tuple[str, ...]) -> Iterator[Fault]:
    seen: set[str] = set()
    for at, text in enumerate(texts):
        key: KeyPath = (*path, "source_addresses", at)
        try:
            source = read_source(text)
        except ValueError as error:
            yield Fault(key, str(error))
            continue
        if source.address in seen:
            yield Fault(key, f"{source.address} is listed twice")
        seen.add(source.address)


def _mechanisms(path: KeyPath, names: tuple[str, ...]) -> Iterator[Fault]:
    for at, name in enumerate(names):
        if name not in CLIENT_MECHANISMS:
            words = f"expected one of {', '.join(CLIENT_MECHANISMS)}, not {shown(name)}"
            suggestion = nearest(name, CLIENT_MECHANISMS)
            yield Fault((*path, "login_mechanisms", at), words, suggestion)
