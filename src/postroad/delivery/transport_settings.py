"""The sections `[routing]` and `[transports.NAME]`: which way mail goes, and what ways exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postroad.delivery.pipe_settings import PipeSettings
from postroad.delivery.settings import TlsLevel
from postroad.model.units import Duration

__all__ = ["RoutingSettings", "SourceChoice", "TransportKind", "TransportSettings"]

TransportKind = Literal["smtp", "lmtp", "pipe", "error", "retry", "discard"]

SourceChoice = Literal["sticky", "round_robin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """`[routing]`: which transport takes mail, and where to. The precedence is Postfix's.

    Attributes:
        transport: tables as transport(5) has them, the first one asked first: what they have for
            a recipient overrides everything else, also for our own domains.
        sender_transport: tables by the sender, as Postfix's sender_dependent_default_transport_maps
            (postconf(5)): in place of `default_transport`.
        default_transport: `TRANSPORT` or `TRANSPORT:NEXT-HOP` for mail to other domains, as
            Postfix's of this name.
        relay_domains: domains of others that we pass mail on for, and with a dot in front all
            domains below one; their mail goes by `relay_transport`. It says which way their mail
            goes, not that it is taken: that is for restriction lists (permit_mx_backup).
        relay_transport: as `default_transport`, for mail to `relay_domains`.
    """

    transport: tuple[str, ...] = ()
    sender_transport: tuple[str, ...] = ()
    default_transport: str = "smtp"
    relay_domains: tuple[str, ...] = ()
    relay_transport: str = "relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings(PipeSettings):
    """`[transports.NAME]`: a transport of its own, as a service of Postfix's master.cf.

    What is left out is as in `[delivery]`, `[relay]` and `[outbound_tls]`. The keys of a pipe are
    described in `PipeSettings`.

    Attributes:
        kind: what it does: `smtp`, `lmtp`, `pipe` (a program), `error` (returns mail), `retry`
            (keeps mail) or `discard`.
        nexthop: where to, for routes that name no next hop; for `error` and `retry` their words.
        port: TCP port of next hops that are written without one (smtp).
        tls: what TLS has to be, as Postfix's smtp_tls_security_level (smtp).
        tls_wrapper: TLS from the first byte (smtp).
        ca_file: the authorities to trust, PEM (smtp).
        helo: our name for EHLO or LHLO.
        source_addresses: our addresses to connect from, each `ADDRESS` or `ADDRESS NAME`, the name
            being the one for EHLO (smtp).
        source_choice: which of several: `sticky`: always the same one for a next hop; or in turn.
        fallback: next hops tried in this order where nobody else takes the mail, as Postfix's
            smtp_fallback_relay (smtp).
        username: the name to log in with at every next hop (smtp).
        password_file: a file whose first line is the password.
        logins: tables of logins by host, as Postfix's smtp_sasl_password_maps (smtp).
        login_mechanisms: the SASL mechanisms that may be used; empty: as in `[relay]`.
        connect_timeout: seconds for one address to take a connection.
        command_timeout: seconds for the greeting and for the reply to each command; with it, the
            times that `[delivery]` has for the greeting, for MAIL, RCPT and DATA and for the
            content do not count here, but those that follow from this one.
        data_timeout: seconds for the reply to the end of the content.
        idle_timeout: seconds a connection waits for the next message.
        messages_per_connection: messages after which a connection is closed; 0: no limit.
    """

    kind: TransportKind = "smtp"
    nexthop: str = ""
    port: int = 0
    tls: TlsLevel | None = None
    tls_wrapper: bool = False
    ca_file: Path | None = None
    helo: str = ""
    source_addresses: tuple[str, ...] = ()
    source_choice: SourceChoice = "sticky"
    fallback: str = ""
    username: str = ""
    password_file: Path | None = None
    logins: tuple[str, ...] = ()
    login_mechanisms: tuple[str, ...] = ()
    connect_timeout: Duration | None = None
    command_timeout: Duration | None = None
    data_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    messages_per_connection: int | None = None
