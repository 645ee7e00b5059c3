"""The checks of `[destinations]` and of the names in `[queue] defer_transports`."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.delivery.nexthop import Nexthop
from postroad.model.address import domain_key, is_domain
from postroad.queue.allowance import SITE, TRANSPORT, section_key
from postroad.queue.settings import DestinationSettings
from postroad.queue.suspension import DESTINATION

__all__ = ["deferred_faults", "destination_faults", "rates_without_mail"]

BUILT_IN = (
    *("smtp", "filter/smtp", "lmtp", "local", "capture", "discard", "error", "retry"),
    "alias-programs",
)
"""Transports that are there without a section of their own."""

_USUAL = ("", "smtp", "smtp:")
"""Words of `default_transport` by which mail goes to the smarthost, where there is one."""

_HOW = 'expected a domain, ".domain", "[host]:port", "site:DOMAIN" or "transport:NAME"'


def destination_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what is said of destinations."""
    seen: dict[str, str] = {}
    for name, section in configuration.destinations.items():
        yield from _name(name, configuration)
        yield from _bounds(name, section, configuration)
        key = section_key(name)
        if key in seen:
            words = f"is said twice: there is [destinations.{shown(seen[key])}] as well"
            yield Fault(("destinations", name), words)
        seen[key] = name
    yield from _deferred(configuration)


def rates_without_mail(configuration: Configuration) -> Iterator[str]:
    """A line for each domain with a rate that no mail can come to, as a smarthost takes it all."""
    relay, routing = configuration.relay, configuration.routing
    if not relay.smarthost or routing.transport or routing.default_transport not in _USUAL:
        return  # a table may lead mail there by itself
    parts = [relay.smarthost, *relay.smarthost.split(","), *configuration.domain]
    known = {section_key(each.strip()) for each in parts}
    for name, section in configuration.destinations.items():
        if section.rate and is_domain(name) and section_key(name) not in known:
            yield (
                f"[destinations.{shown(name)}] rate slows nothing down: all mail goes to the"
                f" smarthost; name that, [destinations.{shown(relay.smarthost)}], or give the"
                " domain a way of its own in [routing] transport"
            )


def _name(name: str, configuration: Configuration) -> Iterator[Fault]:
    path: KeyPath = ("destinations", name)
    if name.startswith(TRANSPORT):
        yield from _transport(path, name.removeprefix(TRANSPORT), configuration, TRANSPORT)
    elif name.startswith(SITE):
        if not is_domain(name.removeprefix(SITE)):
            yield Fault(path, f'expected "site:" and a domain, not {shown(name)}')
    elif name.startswith("."):
        if not is_domain(name[1:]):
            yield Fault(path, f'expected "." and a domain, not {shown(name)}')
    elif not _is_destination(name):
        word, colon, rest = name.partition(":")
        right = nearest(f"{word}{colon}", (SITE, TRANSPORT)) if colon else ""
        yield Fault(path, f"{_HOW}, not {shown(name)}", f'"{right}{rest}"' if right else "")


def _transport(
    path: KeyPath, name: str, configuration: Configuration, prefix: str
) -> Iterator[Fault]:
    known = _transports(configuration)
    if name not in known:
        right = nearest(name, known)
        yield Fault(
            path, f"there is no transport {shown(name)}", f'"{prefix}{right}"' if right else ""
        )


def _transports(configuration: Configuration) -> tuple[str, ...]:
    return (*BUILT_IN, *configuration.transports)


def _bounds(
    name: str, section: DestinationSettings, configuration: Configuration
) -> Iterator[Fault]:
    path: KeyPath = ("destinations", name)
    if section.total_concurrency is not None and not name.startswith(TRANSPORT):
        words = f'is for all mail of a transport: [destinations."{TRANSPORT}NAME"]'
        yield Fault((*path, "total_concurrency"), words)
    most, initial = section.concurrency, section.initial_concurrency
    if most and initial and initial > most:
        yield Fault((*path, "initial_concurrency"), f"is more than concurrency, which is {most}")
    shortest, longest = section.minimal_backoff, section.maximal_backoff
    if section.retry and (shortest is not None or longest is not None):
        yield Fault((*path, "retry"), "names every pause: minimal_backoff and the like add nothing")
    usual = configuration.queue.maximal_backoff
    if shortest is not None and longest is None and 0 < usual < shortest:
        words = f"is longer than [queue] maximal_backoff, {usual:g} seconds: say that here as well"
        yield Fault((*path, "minimal_backoff"), words)


def _deferred(configuration: Configuration) -> Iterator[Fault]:
    for at, name in enumerate(configuration.queue.defer_transports):
        yield from deferred_faults(("queue", "defer_transports", at), name, configuration)


def deferred_faults(path: KeyPath, name: str, configuration: Configuration) -> Iterator[Fault]:
    """Every fault in the name of a transport or destination whose mail is to wait.

    Args:
        path: where it was said.
        name: what was said.
        configuration: which transports there are.
    """
    if not name.startswith(DESTINATION):
        yield from _transport(path, name, configuration, "")
    elif not _is_destination(name.removeprefix(DESTINATION)):
        yield Fault(path, f'expected a transport or "dest:DOMAIN", not {shown(name)}')


def _is_destination(name: str) -> bool:
    """Whether the text is a domain or a next hop that could be one."""
    if is_domain(name):
        return domain_key(name) != ""
    if "[" not in name and ":" not in name:
        return False
    try:
        nexthop = Nexthop.parse(name)
    except ValueError:
        return False
    return name.startswith("[") or is_domain(nexthop.host)
