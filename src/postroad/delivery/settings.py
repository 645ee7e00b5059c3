"""The sections of the configuration that this package reads.

`[relay]`, `[delivery]` and `[verification]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from postroad.model.units import Duration

__all__ = ["DeliverySettings", "RelaySettings", "TlsLevel", "VerificationSettings"]

TlsLevel = Literal["none", "may", "encrypt", "verify"]
"""Postfix's words for what TLS to a next hop has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """`[relay]`: who may relay without a login, and through whom mail leaves.

    Attributes:
        trusted_networks: clients that may send to any domain without a login, as Postfix's
            mynetworks.
        smarthost: where all mail for other domains goes, as Postfix's relayhost: `[host]:port`,
            `host:port` or `host`; brackets mean that no MX record is looked up. Empty: each
            domain's own mail exchangers.
        username: the name to log in with at the smarthost; empty: no login.
        password_file: a file whose first line is the password; others must not be able to read it.
        tls: `none`: never; `may`: when offered, without checking the certificate; `encrypt`:
            always, without checking; `verify`: always, with a certificate that is valid for
            the host's name. Left out: `verify` when a username is set, else `may`.
        tls_wrapper: TLS from the first byte, as port 465 wants it.
        ca_file: the authorities that `verify` trusts, PEM; left out: the system's.
        auth_parameter: whether `AUTH=<>` goes with each sender after the login (RFC 4954 §5). Off,
            as Postfix's smtp_send_dummy_mail_auth: some servers stumble over it.
    """

    trusted_networks: tuple[IPv4Network | IPv6Network, ...] = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1/128"),
    )
    smarthost: str = ""
    username: str = ""
    password_file: Path | None = None
    tls: TlsLevel | None = None
    tls_wrapper: bool = False
    ca_file: Path | None = None
    auth_parameter: bool = False

    @property
    def tls_level(self) -> TlsLevel:
        """The level in force: a login is never sent to a host whose name was not checked."""
        return self.tls or ("verify" if self.username else "may")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """`[delivery]`: how mail is handed to next hops.

    The default times are those of RFC 5321 §4.5.3.2. 0 switches a time limit or a count off.

    Attributes:
        mx_port: TCP port of mail exchangers, and of a smarthost written without a port.
        connect_timeout: seconds for one address to take a connection.
        command_timeout: seconds for the greeting and for the reply to each command.
        data_timeout: seconds for the reply to the end of the content.
        idle_timeout: seconds a connection waits for the next message; 0: it is closed after each.
        messages_per_connection: messages after which a connection is closed.
        capture: a Maildir that takes every message for another domain, so that none leaves this
            machine.
    """

    mx_port: int = 25
    connect_timeout: Duration = 30.0
    command_timeout: Duration = 300.0
    data_timeout: Duration = 600.0
    idle_timeout: Duration = 5.0
    messages_per_connection: int = 100
    capture: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """`[verification]`: how addresses are probed, where a restriction list wants them verified.

    The defaults are Postfix's, but for `unknown_refresh`. All workers share what they found.

    Attributes:
        sender: the reverse-path of probes, an address that must take mail and throws it away here;
            empty: `double-bounce@` and our host name. `<>`: the null one, which some hosts refuse.
        poll: seconds a client waits for a probe; then it is to come again, and the probe goes on.
        positive_expire: seconds for which an address that takes mail is taken for one.
        positive_refresh: seconds after which it is probed again, while nobody waits.
        negative_expire: seconds for which an address that takes no mail is taken for one.
        negative_refresh: seconds after which it is probed again, while nobody waits.
        unknown_refresh: seconds after which it is tried again, while the client waits, where a
            probe brought no result. Postfix waits for three hours.
        probes: probes at once, of each worker; no more than a quarter of them to one next hop.
        entries: how many addresses are remembered; the oldest go first.
    """

    sender: str = ""
    poll: Duration = 6.0
    positive_expire: Duration = 2_678_400.0
    positive_refresh: Duration = 604_800.0
    negative_expire: Duration = 259_200.0
    negative_refresh: Duration = 10_800.0
    unknown_refresh: Duration = 300.0
    probes: int = 20
    entries: int = 100_000
