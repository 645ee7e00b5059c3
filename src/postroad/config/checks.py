"""What single values cannot show: that a configuration means something and fits together.

Each check is a function from the configuration to its faults, and the table at the end is all of
them; they share nothing and none stops another. They look at values only. Whether the files that
are named can be used is asked in `files`, and what listeners say is judged in `doors`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from postroad.config.configuration import Configuration
from postroad.config.doors import door_faults
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault
from postroad.config.schema import settings
from postroad.model.address import domain_key, is_domain
from postroad.server.settings import Bind

__all__ = ["contradictions"]

_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?\Z")


def contradictions(configuration: Configuration) -> Iterator[Fault]:
    """Every fault that lies in what the values say."""
    for check in CHECKS:
        yield from check(configuration)


def _hostname(configuration: Configuration) -> Iterator[Fault]:
    """RFC 5321 §2.3.5: the name in greeting and EHLO is fully qualified."""
    name = configuration.hostname
    if not is_domain(name) or "." not in name.strip(".") or _is_ip(name):
        yield Fault(
            ("hostname",),
            f'expected a fully qualified name such as "mail.example.org", not "{name}"',
        )


def _domains(configuration: Configuration) -> Iterator[Fault]:
    seen: set[str] = set()
    for at, domain in enumerate(configuration.domains):
        path: KeyPath = ("domains", at)
        if not is_domain(domain) or _is_ip(domain):
            yield Fault(path, f'expected a domain such as "example.org", not "{domain}"')
        elif domain_key(domain) in seen:
            yield Fault(path, f"{domain} is listed twice")
        seen.add(domain_key(domain))


def _numbers(configuration: Configuration) -> Iterator[Fault]:
    """No count, size or time of ours can be negative or without end."""
    for setting in settings(Configuration):
        value: object = configuration
        for name in setting.path:
            value = getattr(value, name, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not math.isfinite(value):
            yield Fault(setting.path, "expected a number that has an end; 0 switches a limit off")
        elif value < 0:
            yield Fault(setting.path, f"expected 0 or more, not {value}")
    if not 1 <= configuration.delivery.mx_port <= 65_535:
        yield Fault(("delivery", "mx_port"), "expected a port from 1 to 65535")


def _smarthost(configuration: Configuration) -> Iterator[Fault]:
    relay = configuration.relay
    if relay.smarthost and not is_next_hop(relay.smarthost):
        yield Fault(
            ("relay", "smarthost"),
            f'expected "[host]:port", "[host]", "host:port" or "host", not "{relay.smarthost}"',
        )
    if relay.username and not relay.smarthost:
        yield Fault(("relay", "username"), "is for a smarthost, and none is given")
    if relay.username and relay.password_file is None:
        yield Fault(("relay", "username"), "needs password_file, a file that holds the password")
    if relay.password_file is not None and not relay.username:
        yield Fault(("relay", "password_file"), "needs username, the name to log in with")
    if relay.username and relay.tls == "none":
        yield Fault(("relay", "tls"), "a password is not sent without TLS", "verify")
    if relay.tls_wrapper and relay.tls == "none":
        yield Fault(("relay", "tls_wrapper"), 'is TLS, which tls = "none" forbids')


def _trusted_networks(configuration: Configuration) -> Iterator[Fault]:
    """Trusting the whole world is the open relay that this server promises not to be."""
    for at, network in enumerate(configuration.relay.trusted_networks):
        if network.prefixlen == 0:
            yield Fault(
                ("relay", "trusted_networks", at),
                f"{network} is every address there is: anybody could relay",
            )


def _dns_servers(configuration: Configuration) -> Iterator[Fault]:
    for at, server in enumerate(configuration.dns.servers):
        if _is_ip(server) and not server.startswith("["):
            continue
        try:
            named = Bind.parse(server).host
        except ValueError:
            named = ""
        if not named:
            yield Fault(
                ("dns", "servers", at),
                'expected an address such as "192.0.2.1", "127.0.0.1:5353" or "[::1]:53", '
                f'not "{server}"',
            )


def _log(configuration: Configuration) -> Iterator[Fault]:
    name = configuration.log.name
    if not name.isprintable() or not name or re.search(r"[\s\[\]:/]", name):
        yield Fault(("log", "name"), f'expected one word such as "postroad", not "{name}"')


def is_next_hop(text: str) -> bool:
    """Whether the text is `[host]:port`, `[host]`, `host:port` or `host`, as Postfix writes it."""
    found = _HOST_AND_PORT.match(text)
    if found is None or (found["port"] is not None and not _is_port(found["port"])):
        return False
    host = found["host"]
    name = host.strip("[]")
    return is_domain(name) or (host.startswith("[") and _is_ip(name.removeprefix("IPv6:")))


def _is_port(text: str | None) -> bool:
    return text is not None and 1 <= int(text) <= 65_535


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


CHECKS: tuple[Callable[[Configuration], Iterator[Fault]], ...] = (
    _hostname,
    _domains,
    _numbers,
    door_faults,
    _smarthost,
    _trusted_networks,
    _dns_servers,
    _log,
)
