"""The whole configuration: every component's section, and what follows from them together.

A value, built by `load` from a file or by the development server from nothing. Sections belong to
the components that define them; only what concerns the server as a whole is defined here. What an
operator leaves out is derived from the state directory by the properties below, so that no
component guesses where another one's files are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from postroad.delivery.settings import DeliverySettings, RelaySettings, VerificationSettings
from postroad.delivery.suppression_settings import SuppressionSettings
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.delivery.token_settings import TokenSettings
from postroad.delivery.transport_settings import RoutingSettings, TransportSettings
from postroad.delivery.warmup_settings import WarmupSettings
from postroad.directory.domain_settings import DomainSettings
from postroad.directory.oauth.settings import OAuthSettings
from postroad.directory.settings import DirectorySettings
from postroad.directory.source_settings import SourceSettings
from postroad.filters.settings import FilterSettings
from postroad.history.settings import HistorySettings
from postroad.intake.settings import ForwardingSettings, IntakeSettings
from postroad.limits.conduct_settings import ContainmentSettings
from postroad.limits.greylist_settings import GreylistSettings
from postroad.limits.settings import GuessingSettings, Limits, RateSettings
from postroad.mailauth.arc.settings import ArcSettings
from postroad.mailauth.dkim.settings import DkimSettings
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.settings import AuthenticationSettings
from postroad.mailauth.spf.settings import SpfSettings
from postroad.mailbox.location import DEFAULT_TEMPLATE
from postroad.mailbox.settings import MailboxSettings
from postroad.maildrop.settings import SendmailSettings
from postroad.model.log_settings import LogSettings
from postroad.net.certificates import KeyPair
from postroad.net.settings import DnsSettings, TlsSettings
from postroad.policy.settings import SharedPolicySettings
from postroad.queue.settings import DestinationSettings, QueueSettings
from postroad.reports.dmarc.settings import DmarcReportSettings
from postroad.reports.tls.settings import TlsReportSettings
from postroad.served.settings import SocketSettings
from postroad.server.login_settings import LoginSettings
from postroad.server.settings import EtrnSettings, ListenerSettings, ResolvedListener
from postroad.spool.settings import SpoolSettings

__all__ = ["Configuration"]

MOST_WORKERS = 4
"""Beyond four, the disk's syncs and not the processors bound a mail server's speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything an operator can say.

    Attributes:
        hostname: the server's fully qualified name, as greetings, EHLO and trace headers show it.
        domains: the domains whose mail is delivered here.
        state_directory: where spool, directory database, mail and keys are kept.
        workers: processes that accept and deliver; 0 is one per core, up to four.
        user: the account the server becomes after binding its ports when started as root.
        listeners: the doors, by name.
        tls: certificate and TLS versions.
        relay: who may send to other domains, and by which way.
        routing: which transport takes mail, and where to.
        transports: transports of the operator's, by name.
        tokens: where the bearer tokens of logins at other servers come from, by user name.
        warmup: how much new source addresses may send, by address.
        policy: what the restriction lists of all listeners share.
        etrn: who may start the queue of which domain.
        login: how users prove who they are, and who may act for whom.
        limits: bounds of one SMTP session, and of what one client may do.
        rates: further bounds of what may come from whom in a window, by name.
        guessing: what becomes of those who guess passwords.
        containment: what gives a stolen account away, and what happens then.
        greylist: how long strangers wait.
        verification: how addresses are probed.
        suppression: addresses elsewhere that do not exist.
        tls_reports: what other domains are told of TLS, and tell us.
        dmarc_reports: what they are told of mail in their name, and tell us of mail in ours.
        intake: bounds on messages at the door.
        forwarding: how mail goes on to other servers.
        sendmail: mail from programs of this machine.
        filters: who looks at mail before it is taken, by name, in order.
        dkim: signatures on mail that leaves.
        authentication: what is verified of mail that comes in.
        spf: whether clients may send for the domains that they name.
        dmarc: whether mail is from whom it says, and what is done if not.
        arc: what servers on the way say that they have verified.
        spool: how messages are kept on disk.
        queue: retries, lifetimes, concurrency.
        destinations: what holds for mail to some destination instead, by its name.
        delivery: connections to other servers.
        outbound_tls: what TLS to them has to be.
        mailbox: where local mail goes.
        directory: accounts and aliases.
        directories: other directories of accounts and aliases, by name.
        domain: what holds for one domain, by its name.
        sockets: sockets by which other mail servers use our accounts, by name.
        oauth: whose bearer tokens are good for a login.
        history: for how long decisions are remembered.
        dns: which servers are asked.
        log: how events are written.
    """

    hostname: str
    domains: tuple[str, ...]
    state_directory: Path = Path("/var/lib/postroad")
    workers: int = 0
    user: str = "postroad"
    listeners: dict[str, ListenerSettings] = field(default_factory=dict)
    tls: TlsSettings = field(default_factory=TlsSettings)
    relay: RelaySettings = field(default_factory=RelaySettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    transports: dict[str, TransportSettings] = field(default_factory=dict)
    tokens: dict[str, TokenSettings] = field(default_factory=dict)
    warmup: dict[str, WarmupSettings] = field(default_factory=dict)
    policy: SharedPolicySettings = field(default_factory=SharedPolicySettings)
    etrn: dict[str, EtrnSettings] = field(default_factory=dict)
    login: LoginSettings = field(default_factory=LoginSettings)
    limits: Limits = field(default_factory=Limits)
    rates: dict[str, RateSettings] = field(default_factory=dict)
    guessing: GuessingSettings = field(default_factory=GuessingSettings)
    containment: ContainmentSettings = field(default_factory=ContainmentSettings)
    greylist: GreylistSettings = field(default_factory=GreylistSettings)
    verification: VerificationSettings = field(default_factory=VerificationSettings)
    suppression: SuppressionSettings = field(default_factory=SuppressionSettings)
    tls_reports: TlsReportSettings = field(default_factory=TlsReportSettings)
    dmarc_reports: DmarcReportSettings = field(default_factory=DmarcReportSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    forwarding: ForwardingSettings = field(default_factory=ForwardingSettings)
    sendmail: SendmailSettings = field(default_factory=SendmailSettings)
    filters: dict[str, FilterSettings] = field(default_factory=dict)
    dkim: DkimSettings = field(default_factory=DkimSettings)
    authentication: AuthenticationSettings = field(default_factory=AuthenticationSettings)
    spf: SpfSettings = field(default_factory=SpfSettings)
    dmarc: DmarcSettings = field(default_factory=DmarcSettings)
    arc: ArcSettings = field(default_factory=ArcSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    destinations: dict[str, DestinationSettings] = field(default_factory=dict)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    outbound_tls: OutboundTlsSettings = field(default_factory=OutboundTlsSettings)
    mailbox: MailboxSettings = field(default_factory=MailboxSettings)
    directory: DirectorySettings = field(default_factory=DirectorySettings)
    directories: dict[str, SourceSettings] = field(default_factory=dict)
    domain: dict[str, DomainSettings] = field(default_factory=dict)
    sockets: dict[str, SocketSettings] = field(default_factory=dict)
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    dns: DnsSettings = field(default_factory=DnsSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def local_domains(self) -> tuple[str, ...]:
        """`domains`, and those of `[domain."NAME"]` whose kind is local."""
        said = (name for name, each in self.domain.items() if each.kind == "local")
        return tuple(dict.fromkeys((*self.domains, *said)))

    @property
    def spool_directory(self) -> Path:
        """Where the shards are, one directory each."""
        return self.state_directory / "spool"

    @property
    def maildrop_directory(self) -> Path:
        """Where programs of this machine leave mail."""
        return self.state_directory / (self.sendmail.directory or "maildrop")

    @property
    def directory_file(self) -> Path:
        """The database of accounts, domains and aliases."""
        return self.directory.file or self.state_directory / "directory.db"

    @property
    def forwarding_domain(self) -> str:
        """The domain of the addresses that stand for foreign senders."""
        return self.forwarding.domain or next(iter(self.domains), self.hostname)

    @property
    def srs_keys_file(self) -> Path:
        """The keys that such addresses are signed with."""
        return self.state_directory / "srs.keys"

    @property
    def extents_directory(self) -> Path:
        """How much was in the files of directories when they were last taken."""
        return self.state_directory / "extents"

    @property
    def dkim_directory(self) -> Path:
        """The keys that sign mail, as far as they are made here."""
        return self.state_directory / "dkim"

    @property
    def bans_file(self) -> Path:
        """The database of bans."""
        return self.state_directory / "bans.db"

    @property
    def habits_file(self) -> Path:
        """The database of what is usual for accounts."""
        return self.state_directory / "habits.db"

    @property
    def greylist_file(self) -> Path:
        """The database of strangers."""
        return self.state_directory / "greylist.db"

    @property
    def verified_file(self) -> Path:
        """The database of verified addresses."""
        return self.state_directory / "verified.db"

    @property
    def sts_file(self) -> Path:
        """The database of MTA-STS policies."""
        return self.state_directory / "sts.db"

    @property
    def tokens_file(self) -> Path:
        """The database of bearer tokens for logins at other servers."""
        return self.state_directory / "tokens.db"

    @property
    def warmup_file(self) -> Path:
        """The database of what new source addresses have sent."""
        return self.state_directory / "warmup.db"

    @property
    def suppression_file(self) -> Path:
        """The database of suppressed addresses."""
        return self.state_directory / "suppression.db"

    @property
    def spam_directory(self) -> Path:
        """What was learned of spam, and what accounts think of scores."""
        return self.state_directory / "spam"

    @property
    def thresholds_file(self) -> Path:
        """Where accounts have thresholds of their own for spam."""
        return self.spam_directory / "thresholds.json"

    @property
    def moves_file(self) -> Path:
        """The database of folders that are watched for what users move."""
        return self.state_directory / "spam" / "moves.db"

    @property
    def tls_reports_file(self) -> Path:
        """The database of reports about TLS."""
        return self.state_directory / "tls-reports.db"

    @property
    def dmarc_reports_file(self) -> Path:
        """The database of what is counted for reports on DMARC, and what was sent."""
        return self.state_directory / "dmarc-reports.db"

    @property
    def dmarc_received_file(self) -> Path:
        """The database of reports on DMARC that others sent."""
        return self.state_directory / "dmarc-received.db"

    @property
    def unread_reports_directory(self) -> Path:
        """Mail for addresses of reports that brought none, and has no mailbox to go to."""
        return self.state_directory / "unread-reports"

    @property
    def report_addresses(self) -> tuple[str, ...]:
        """Addresses that reports are sent to, which take mail also without a mailbox."""
        return (*self.tls_reports.receive, *self.dmarc_reports.receive)

    @property
    def history_directory(self) -> Path:
        """Where decisions are remembered, in a file for each worker."""
        return self.state_directory / "history"

    @property
    def maildir_template(self) -> str:
        """Where an account's Maildir is, with Dovecot's `%u`, `%n` and `%d`."""
        return str(self.state_directory / (self.mailbox.path or DEFAULT_TEMPLATE))

    @property
    def certificate(self) -> Path:
        """The PEM file of our certificate and the chain behind it."""
        return self.tls.certificate or self.state_directory / "tls" / "certificate.pem"

    @property
    def key(self) -> Path:
        """The PEM file of the private key; the certificate's own file where only that is named."""
        default = self.tls.certificate or self.state_directory / "tls" / "key.pem"
        return self.tls.key or default

    @property
    def key_pairs(self) -> tuple[KeyPair, ...]:
        """Every certificate with its key, the default one first."""
        more = (
            KeyPair(each.certificate, each.key or each.certificate, each.names)
            for each in self.tls.certificates
        )
        return KeyPair(self.certificate, self.key), *more

    @property
    def worker_count(self) -> int:
        """How many workers to run on this machine."""
        return self.workers or min(len(os.sched_getaffinity(0)), MOST_WORKERS)

    @property
    def resolved_listeners(self) -> tuple[ResolvedListener, ...]:
        """The listeners with their presets filled in, in the file's order.

        Raises:
            ValueError: one names no preset or no readable address; `load` has excluded that.
        """
        return tuple(ResolvedListener.of(name, given) for name, given in self.listeners.items())
