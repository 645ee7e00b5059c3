"""What single values cannot show: that a configuration means something and fits together.

Each check is a function from the configuration to its faults, and the table at the end is all of
them; they share nothing and none stops another. They look at values only. A text that another
package reads is judged by that package's own parser. Whether the files that are named can be used
is asked in `files`, and what listeners say is judged in `doors`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from postroad.config.account_files import account_faults
from postroad.config.bounds import numbers_out_of_bounds
from postroad.config.configuration import Configuration
from postroad.config.destinations import destination_faults
from postroad.config.directories import directory_faults
from postroad.config.directory_servers import directory_server_faults
from postroad.config.dkim import dkim_faults
from postroad.config.dmarc import dmarc_faults
from postroad.config.doors import door_faults
from postroad.config.encryption import tls_faults
from postroad.config.filters import filter_faults
from postroad.config.lines import KeyPath
from postroad.config.logins_elsewhere import login_faults, warmup_faults
from postroad.config.mailboxes import mailbox_faults
from postroad.config.mistake import Fault, shown
from postroad.config.offers import offer_faults
from postroad.config.outbound import outbound_faults
from postroad.config.ownership import is_system_directory
from postroad.config.pipes import pipe_faults
from postroad.config.policies import policy_faults
from postroad.config.rates import rate_faults
from postroad.config.relaying import relay_faults, silent_tables
from postroad.config.reports import report_faults
from postroad.config.sockets import socket_faults
from postroad.config.strangers import stranger_faults
from postroad.config.ways import way_faults
from postroad.directory.names import domain_form, has_a_label
from postroad.model.address import Address, AddressError, domain_key, is_domain
from postroad.model.ip_address import is_ip_address
from postroad.net.dns import DnsQuery
from postroad.net.settings import DnsSettings
from postroad.server.authorization import ActAs, Named

__all__ = ["contradictions"]


def contradictions(configuration: Configuration) -> Iterator[Fault]:
    """Every fault that lies in what the values say."""
    for check in CHECKS:
        yield from check(configuration)


def _hostname(configuration: Configuration) -> Iterator[Fault]:
    """RFC 5321 §2.3.5: the name in greeting and EHLO is fully qualified."""
    name = configuration.hostname
    if not is_domain(name) or "." not in name.strip(".") or is_ip_address(name):
        yield Fault(
            ("hostname",),
            f'expected a fully qualified name such as "mail.example.org", not {shown(name)}',
        )


def _domains(configuration: Configuration) -> Iterator[Fault]:
    seen: set[str] = set()
    for at, domain in enumerate(configuration.domains):
        path: KeyPath = ("domains", at)
        if not is_domain(domain) or is_ip_address(domain) or not has_a_label(domain_form(domain)):
            yield Fault(path, f'expected a domain such as "example.org", not {shown(domain)}')
        elif domain_key(domain) in seen:
            yield Fault(path, f"{domain} is listed twice")
        seen.add(domain_key(domain))


def _state_directory(configuration: Configuration) -> Iterator[Fault]:
    """Started as root, the server gives its state away: a typing error must not give the system."""
    state = configuration.state_directory
    if is_system_directory(state):
        yield Fault(("state_directory",), f"{state} is a directory of the system; name one below")


def _login(configuration: Configuration) -> Iterator[Fault]:
    names = configuration.login.mechanisms
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Fault(("login", "mechanisms", at), f"{name} is listed twice")
        missing = _missing_for(name, configuration)
        if missing:
            yield Fault(("login", "mechanisms", at), f"{name} needs {missing}")
    for key, rule in (
        ("act_as", configuration.login.act_as),
        ("send_as", configuration.login.send_as),
    ):
        for user, others in rule.items():
            try:
                ActAs.of({user: others})
            except ValueError as error:
                yield Fault(("login", key, user), str(error))


def _missing_for(mechanism: str, configuration: Configuration) -> str:
    """What must be configured before anybody can log in by a mechanism."""
    if mechanism in {"OAUTHBEARER", "XOAUTH2"} and not configuration.oauth.is_on:
        return "[oauth], which says whose tokens are good"
    if mechanism == "EXTERNAL" and not configuration.directory.certificates:
        return "[directory] certificates, which says whose they are"
    return ""


def _containment(configuration: Configuration) -> Iterator[Fault]:
    settings = configuration.containment
    for at, name in enumerate(settings.exempt):
        try:
            Named.of((name,))
        except ValueError as error:
            yield Fault(("containment", "exempt", at), str(error))
    for at, text in enumerate(settings.notify):
        try:
            Address.parse(text)
        except AddressError:
            words = f'expected an address such as "john@example.org", not {shown(text)}'
            yield Fault(("containment", "notify", at), words)


def _relaying(configuration: Configuration) -> Iterator[Fault]:
    """An open relay, whatever its tables hold; what they hold is looked into in `files`."""
    yield from relay_faults(configuration, silent_tables)


def _oauth(configuration: Configuration) -> Iterator[Fault]:
    for key, words in configuration.oauth.contradictions().items():
        yield Fault(("oauth", key), words)


def _dns_servers(configuration: Configuration) -> Iterator[Fault]:
    for at, server in enumerate(configuration.dns.servers):
        try:
            DnsQuery(DnsSettings(servers=(server,)))
        except ValueError as error:
            yield Fault(("dns", "servers", at), str(error))


def _log(configuration: Configuration) -> Iterator[Fault]:
    name = configuration.log.name
    if not name.isprintable() or not name or re.search(r"[\s\[\]:/]", name):
        yield Fault(("log", "name"), f'expected one word such as "postroad", not {shown(name)}')


CHECKS: tuple[Callable[[Configuration], Iterator[Fault]], ...] = (
    _hostname,
    _domains,
    _state_directory,
    numbers_out_of_bounds,
    policy_faults,
    rate_faults,
    destination_faults,
    stranger_faults,
    report_faults,
    directory_faults,
    door_faults,
    offer_faults,
    tls_faults,
    outbound_faults,
    way_faults,
    pipe_faults,
    filter_faults,
    dkim_faults,
    dmarc_faults,
    login_faults,
    warmup_faults,
    account_faults,
    directory_server_faults,
    socket_faults,
    mailbox_faults,
    _login,
    _containment,
    _relaying,
    _oauth,
    _dns_servers,
    _log,
)
