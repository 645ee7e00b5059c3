"""From the configuration's listeners to the services that sessions run by."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence

from postroad.app.protection import Protection
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.config.relaying import trusted_at
from postroad.config.surroundings import surroundings_of
from postroad.delivery.probing import probe_sender
from postroad.directory.chain import Chain
from postroad.directory.embedded.groups import ClosedGroup
from postroad.directory.names import address_form, domain_form
from postroad.history import NO_HISTORY, Recorder
from postroad.intake import NOBODY, Board, Door
from postroad.model import PLAIN, Address, Disposition, Recipient
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import Resolver
from postroad.policy import Networks, Oracle, build
from postroad.policy.facts import Agents, Senders
from postroad.reports.arrival import key_of
from postroad.server.authorization import ActAs
from postroad.server.containment import Containing
from postroad.server.etrn import Flush, QueueStarting
from postroad.server.extensions import Extensions
from postroad.server.group_rules import GroupRules
from postroad.server.inquiries import DnsInquiry, Finding, TablesInquiry
from postroad.server.logins import Logins
from postroad.server.oracle import DirectoryOracle
from postroad.server.ownership import Ownership, Owning, SenderLogins
from postroad.server.relayed import RelayedDomains
from postroad.server.return_rules import ReturnRules
from postroad.server.service import Mailboxes, Room, Service
from postroad.server.settings import ResolvedListener

__all__ = [
    "extensions_of",
    "groups_of",
    "ownership_of",
    "relayed_of",
    "service_name",
    "services_of",
]


def services_of(
    running: Running,
    directory: Chain,
    *,
    addresses: Owning,
    names: Resolver,
    tables: Finding,
    agents: Agents,
    senders: Senders,
    door: Door,
    protection: Protection,
    logins: Logins,
    flush: Flush,
    journal: Journal,
    wrote_to: Callable[[Sequence[Recipient]], None] | None = None,
    history: Recorder = NO_HISTORY,
    containment: Containing,
    room: Room | None = None,
    mailboxes: Mailboxes | None = None,
    returns: ReturnRules | None = None,
    board: Callable[[ResolvedListener], Board] = lambda _: NOBODY,
) -> dict[str, Service]:
    """A service for each listener.

    Args:
        running: what to serve.
        directory: accounts and addresses.
        addresses: the same, with addresses in it that stand for foreign senders.
        names: finds clients' names, and asks the DNS for restrictions.
        tables: the tables that restrictions name.
        agents: whom restrictions have find something out.
        senders: knows who may send for a domain.
        door: takes messages.
        protection: keeps count of clients.
        logins: what logins go by.
        flush: starts the queue of a domain.
        journal: where events go.
        wrote_to: told of the recipients of our users' mail.
        history: remembers what is decided.
        containment: watches over logged-in users.
        room: knows how full the disks are.
        mailboxes: knows how full the mailboxes are.
        returns: what may be sent to addresses that stand for foreign senders.
        board: who looks at what comes in by a listener.

    Returns:
        Services by listener name.
    """
    configuration = running.configuration
    inquiry = TablesInquiry(tables)
    accounts = DirectoryOracle(
        addresses,
        ownership_of(configuration, directory, inquiry),
        more=frozenset(map(key_of, configuration.report_addresses)),
        relayed=relayed_of(configuration, directory, inquiry),
    )
    dns = DnsInquiry(names, lambda words: journal(Notice("smtpd", words, Level.WARNING)))
    oracle = Oracle(accounts, dns, inquiry, agents, senders)
    surroundings = surroundings_of(configuration)
    groups = groups_of(directory)
    etrn = QueueStarting.of(configuration.etrn, flush)
    return {
        listener.name: Service(
            name=service_name(listener.name),
            hostname=configuration.hostname,
            implicit_tls=listener.tls == "implicit",
            starttls=listener.tls == "starttls",
            require_tls=listener.require_tls and listener.tls != "none",
            auth=listener.auth,
            limits=configuration.limits,
            policy=build(listener.preset, listener.policy, surroundings),
            oracle=oracle,
            trusted=trusted_at(configuration, listener.settings),
            directory=directory,
            door=door,
            names=names,
            reverse_names=configuration.dns.reverse,
            tls_context=_tls_context(running, listener),
            handshake_timeout=configuration.tls.handshake_limit,
            gate=protection.gate(running, service_name(listener.name), listener.name),
            journal=journal,
            clock=time.time,
            probe_sender=probe_sender(configuration.verification, configuration.hostname).lower(),
            wrote_to=wrote_to,
            logins=logins,
            extensions=extensions_of(listener, etrn),
            from_header=listener.settings.from_header,
            listener=listener.name,
            disposition=_disposition(listener),
            history=history,
            containment=containment,
            room=room,
            mailboxes=mailboxes,
            groups=groups,
            returns=returns,
            board=board(listener),
            taken_before=listener.is_behind,
            daemon_name=listener.daemon_name,
        )
        for listener in configuration.resolved_listeners
    }


def ownership_of(
    configuration: Configuration, directory: Chain, tables: TablesInquiry
) -> Ownership:
    """Whose an address is, as `[login]` has it."""
    login, table = configuration.login, None
    if login.sender_login_maps:
        table = SenderLogins(
            login.sender_login_maps,
            tables,
            delimiters=configuration.directory.recipient_delimiter,
            domain="".join(map(domain_form, configuration.local_domains[:1])),
        )
    granted = ActAs.of(login.send_as)
    return Ownership(
        directory,
        granted=granted,
        catch_all=login.catch_all_senders,
        logins=table,
        rights=directory,
    )


def groups_of(directory: Chain) -> GroupRules:
    """Who may send to which group."""
    embedded = directory.embedded

    async def find(address: Address) -> ClosedGroup | None:
        # A domain may stand for another by the configuration, which the embedded one does not know.
        return await embedded.closed_group(await directory.real(address_form(address)))

    return GroupRules(embedded.closed_groups.may_be, find)


def relayed_of(
    configuration: Configuration, directory: Chain, tables: TablesInquiry
) -> RelayedDomains:
    """The domains that mail is passed on for."""
    delimiters = configuration.directory.recipient_delimiter
    return RelayedDomains(directory, tables, delimiters=delimiters)


def _tls_context(running: Running, listener: ResolvedListener) -> ssl.SSLContext | None:
    if running.tls is None or listener.tls == "none":
        return None
    return running.tls.context(client_certificates=listener.settings.client_certificates)


def _disposition(listener: ResolvedListener) -> Disposition:
    content_filter = listener.settings.content_filter
    return Disposition(content_filter=content_filter) if content_filter else PLAIN


def extensions_of(listener: ResolvedListener, etrn: QueueStarting) -> Extensions:
    """What a listener offers."""
    settings = listener.settings
    return Extensions(
        lmtp=listener.lmtp,
        plain_auth=settings.plain_auth,
        vrfy=settings.vrfy,
        future_release=settings.future_release,
        discarded=frozenset(each.upper() for each in settings.discard_ehlo_keywords),
        proxies=Networks(settings.proxy),
        impostors=Networks(settings.xclient),
        forwarders=Networks(settings.xforward),
        etrn=etrn,
    )


def service_name(listener: str) -> str:
    """How logs name a listener, by its name in the configuration."""
    return "smtpd" if listener == "mx" else f"{listener}/smtpd"
