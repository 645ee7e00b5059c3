"""The sections of the configuration that this package reads.

`[relay]`, `[delivery]` and `[verification]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from postroad.model.units import Duration

__all__ = [
    "AddressFamily",
    "DeliverySettings",
    "RelaySettings",
    "SmarthostSettings",
    "TlsLevel",
    "VerificationSettings",
]

TlsLevel = Literal["none", "may", "encrypt", "fingerprint", "verify", "secure", "dane", "dane-only"]
"""Postfix's words for what TLS to a next hop has to be (smtp_tls_security_level)."""

AddressFamily = Literal["prefer_ipv4", "prefer_ipv6", "any", "ipv4", "ipv6"]
"""Which families of addresses are used, and which one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmarthostSettings:
    """`[[relay.smarthosts]]`: one of several smarthosts that share the mail.

    Attributes:
        host: as `[relay] smarthost`.
        weight: its share, beside the weights of the others.
    """

    host: str
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """`[relay]`: who may relay without a login, and through whom mail leaves.

    Attributes:
        trusted_networks: clients that may send to any domain without a login, as Postfix's
            mynetworks.
        smarthost: where all mail for other domains goes, as Postfix's relayhost: `[host]:port`,
            `host:port` or `host`; brackets mean that no MX record is looked up. Several are tried
            in their order. Empty: each domain's own mail exchangers.
        smarthosts: several that share the mail; `smarthost` is tried after them.
        fallback: next hops tried in this order where nobody else takes the mail, as Postfix's
            smtp_fallback_relay; they get it also where there is no smarthost.
        sender_smarthosts: tables of smarthosts by the sender, as Postfix's
            sender_dependent_relayhost_maps.
        username: the name to log in with at the smarthost; empty: no login.
        password_file: a file whose first line is the password; others must not be able to read it.
        logins: tables of logins by host, next hop or sender, as Postfix's
            smtp_sasl_password_maps: `[host]:port user:password`.
        sender_logins: whether `logins` are looked for by the sender first, as Postfix's
            smtp_sender_dependent_authentication.
        login_mechanisms: the SASL mechanisms that may be used, whatever servers offer; empty: all
            that there are, the strongest first.
        login_without_tls: whether a password, or a token, may be sent where there is no TLS;
            mechanisms that only prove to know it may be used there in any case.
        login_pause: seconds for which a login that was refused is not tried again, so that the
            account is not locked there.
        tls: what TLS has to be, as Postfix's smtp_tls_security_level, wherever no table of
            `[outbound_tls]` knows the destination. Left out: the level of `[outbound_tls]`, and
            `verify` to a host that we log in at.
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
    smarthosts: tuple[SmarthostSettings, ...] = ()
    fallback: str = ""
    sender_smarthosts: tuple[str, ...] = ()
    username: str = ""
    password_file: Path | None = None
    logins: tuple[str, ...] = ()
    sender_logins: bool = False
    login_mechanisms: tuple[str, ...] = ()
    login_without_tls: bool = False
    login_pause: Duration = 600.0
    tls: TlsLevel | None = None
    tls_wrapper: bool = False
    ca_file: Path | None = None
    auth_parameter: bool = False

    @property
    def tls_level(self) -> TlsLevel:
        """The level in force: a login is never sent to a host whose name was not checked."""
        return self.tls or ("verify" if self.username else "may")

    @property
    def nexthop(self) -> str:
        """The smarthosts as one next hop of the queue; empty where there are none."""
        shared = [f"{each.host}*{each.weight}" for each in self.smarthosts]
        return ",".join([*shared, *self.smarthost.replace(",", " ").split()])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """`[delivery]`: how mail is handed to next hops.

    The default times are those of RFC 5321 §4.5.3.2. 0 switches a time limit or a count off.

    Attributes:
        mx_port: TCP port of mail exchangers, and of a smarthost written without a port.
        connect_timeout: seconds for one address to take a connection.
        greeting_timeout: seconds for the greeting; left out: `command_timeout`.
        command_timeout: seconds for the reply to a command.
        mail_timeout: seconds for the reply to MAIL; left out: `command_timeout`.
        rcpt_timeout: seconds for the reply to each RCPT; left out: `command_timeout`.
        data_init_timeout: seconds for the reply to DATA; left out: two fifths of
            `command_timeout`.
        data_block_timeout: seconds for 64 KiB of the content to be taken; left out: three fifths
            of `command_timeout`.
        data_timeout: seconds for the reply to the end of the content.
        transaction_timeout: seconds for all of a transaction, however slowly it goes on, and for
            all that comes before the first one.
        idle_timeout: seconds a connection waits for the next message; 0: it is closed after each.
        messages_per_connection: messages after which a connection is closed.
        connection_lifetime: seconds after which a connection is used for no further message.
        address_family: `ipv4` or `ipv6`: only that family; `prefer_ipv4` or `prefer_ipv6`: that
            family first, and then in turn; `any`: the lot decides which is first.
        fallback_delay: seconds an address may be silent before one of the other family is tried
            beside it; 0: never.
        address_limit: addresses of a next hop that are tried in one attempt, as Postfix's
            smtp_mx_address_limit and lmtp_mx_address_limit.
        session_limit: hosts that a message is offered to in one attempt, where one after the other
            takes it not yet, as Postfix's smtp_mx_session_limit.
        private_exchangers: whether a host that an MX record names may have a private, loopback or
            other address that is not in the Internet.
        chunking: whether messages go by BDAT where a next hop offers CHUNKING, in one piece with
            the commands where they are small and the host has taken a chunk before.
        convert_8bit: whether 8-bit mail for next hops without 8BITMIME is converted to 7 bits, as
            Postfix does it unless disable_mime_output_conversion is set; else it is returned.
        capture: a Maildir that takes every message for another domain, so that none leaves this
            machine.
        source_addresses: our addresses to connect from, each `ADDRESS` or `ADDRESS NAME`, the name
            being the one for EHLO; empty: the system chooses.
        source_choice: which of several: `sticky`: always the same one for a next hop; or in turn.
    """

    mx_port: int = 25
    connect_timeout: Duration = 30.0
    greeting_timeout: Duration | None = None
    command_timeout: Duration = 300.0
    mail_timeout: Duration | None = None
    rcpt_timeout: Duration | None = None
    data_init_timeout: Duration | None = None
    data_block_timeout: Duration | None = None
    data_timeout: Duration = 600.0
    transaction_timeout: Duration = 3600.0
    idle_timeout: Duration = 5.0
    messages_per_connection: int = 100
    connection_lifetime: Duration = 300.0
    address_family: AddressFamily = "prefer_ipv4"
    fallback_delay: Duration = 0.25
    address_limit: int = 5
    session_limit: int = 2
    private_exchangers: bool = True
    chunking: bool = True
    convert_8bit: bool = True
    capture: Path | None = None
    source_addresses: tuple[str, ...] = ()
    source_choice: Literal["sticky", "round_robin"] = "sticky"


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
