"""What TLS to a next hop has to be: the policy of a destination, and of one host of it.

Values only. A policy is found before hosts are tried (`TlsPolicies.policy`); what becomes of it at
one host depends on that host's name and on its TLSA records (`TlsPolicies.for_host`). How a
connection is then secured is in `securing`, who finds policies in `tls_policies`. The words are
Postfix's (smtp_tls_security_level).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

from postroad.delivery.nexthop import Nexthop
from postroad.delivery.settings import TlsLevel
from postroad.delivery.sts_policy import StsPolicy
from postroad.delivery.tlsa import Tlsa
from postroad.model import Reply
from postroad.net.dns import Exchanger

__all__ = [
    "Basis",
    "HostLevel",
    "HostTls",
    "PolicyType",
    "TlsParameters",
    "TlsPolicies",
    "TlsPolicy",
    "TlsResult",
    "TlsSeeing",
    "TlsSeen",
    "see_nothing",
]

HostLevel = Literal["none", "may", "encrypt", "fingerprint", "verify", "dane"]
"""What is left of a level when a host is known. `secure` is `verify` with other names, `dane-only`
is `dane`, or no connection at all."""

PolicyType = Literal["tlsa", "sts", "no-policy-found"]
"""What the recipient's domain publishes (RFC 8460 §4.4, policy-type)."""


class TlsResult(Enum):
    """What came of TLS at one host, as reports call it (RFC 8460 §4.3)."""

    SUCCESS = "success"
    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class Basis:
    """The policy of the recipient's domain that an attempt went by.

    Attributes:
        kind: TLSA records, an MTA-STS policy, or none.
        domain: whose it is: the domain of an MTA-STS policy, the TLSA base domain, the next hop.
        strings: the policy's text: lines of an MTA-STS policy, or TLSA records.
        hosts: the MX patterns of an MTA-STS policy.
    """

    kind: PolicyType
    domain: str
    strings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsSeen:
    """What one attempt met, for reports about TLS (RFC 8460 §4).

    Attributes:
        basis: the policy in force.
        domain: the recipient's domain, or the next hop that stands for it.
        result: success, or what was wrong.
        host: the mail exchanger; empty where it did not come to one.
        receiving: its IP address; empty likewise.
        sending: our IP address; empty likewise.
        reason: more about a failure, for `failure-reason-code`; printable ASCII.
    """

    basis: Basis
    domain: str
    result: TlsResult
    host: str = ""
    receiving: str = ""
    sending: str = ""
    reason: str = ""


TlsSeeing = Callable[[TlsSeen], None]
"""Told of each attempt; must be quick and must not raise."""


def see_nothing(seen: TlsSeen) -> None:
    """The `TlsSeeing` of those who make no reports."""


@dataclass(frozen=True, slots=True)
class TlsParameters:
    """How a handshake is made, whoever the host is.

    Attributes:
        protocols: Postfix's smtp_tls_protocols, such as `>=TLSv1.2`.
        ciphers: the grade, `medium` or `high`.
        ca_file: PEM file of the authorities in place of the system's.
        certificate: PEM file of a certificate that we show when asked for one.
        key: PEM file of its key; unset: the certificate's own file.
        server_name: the server name to ask for in place of the host's; empty: the host's.
    """

    protocols: str = ">=TLSv1.2"
    ciphers: str = "medium"
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class HostTls:
    """What TLS with one host has to be. Equal ones may share a session with the host.

    Attributes:
        level: `none`: never; `may`: when offered; `encrypt`: always;
            `fingerprint`, `verify`, `dane`: always, and the host's certificate must match.
        names: at `verify`, the names of which the certificate needs one: `example.net`, or
            `.example.net` for any name below it. At `dane`, those for records of authorities.
        fingerprints: at `fingerprint`, digests of which the certificate or its key has one.
        digest: the hash of those.
        tlsa: at `dane`, the usable records.
        parameters: versions, ciphers, files.
        server_name: what is asked for (SNI).
        basis: what the recipient's domain publishes about it.
        domain: the recipient's domain.
        testing: whether a failure is only reported (RFC 8461 §5, mode testing).
        dns_id: whether the common name of a certificate does not count (RFC 8461 §4.2).
        require_tls: whether it is for a message with REQUIRETLS (RFC 8689).
        chosen: whether the operator wants this level and no other. A login asks for `verify`
            otherwise: a password is not sent to a host whose name was not checked.
        or_plain: at `may`, whether plain text may follow TLS that failed.
    """

    level: HostLevel
    names: tuple[str, ...] = ()
    fingerprints: tuple[bytes, ...] = ()
    digest: str = "sha256"
    tlsa: tuple[Tlsa, ...] = ()
    parameters: TlsParameters = field(default_factory=TlsParameters)
    server_name: str = ""
    basis: Basis | None = field(default=None, compare=False)
    domain: str = field(default="", compare=False)
    testing: bool = False
    dns_id: bool = False
    require_tls: bool = False
    chosen: bool = False
    or_plain: bool = False

    @property
    def required(self) -> bool:
        """Whether no mail goes without TLS."""
        return self.level not in ("none", "may") and not self.testing

    def for_login(self, host: str) -> HostTls:
        """The same, for a host that is going to be told a password."""
        if self.chosen:
            return self
        if self.level in ("none", "may", "encrypt"):
            return replace(self, level="verify", names=(host,), basis=None)
        return replace(self, testing=False)  # the domain tests its policy, not our password


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What TLS to a destination has to be.

    Attributes:
        nexthop: the destination.
        level: one of Postfix's levels.
        source: where the level comes from, for operators.
        match: at `verify` and `secure`, Postfix's `hostname`, `nexthop`, `dot-nexthop`, or names;
            at `fingerprint`, digests in hexadecimal.
        parameters: versions, ciphers, files.
        dane: whether TLSA records are looked for.
        validated: whether the DNS vouches for the names of the hosts (DNSSEC).
        sts: the MTA-STS policy of the domain.
        require_tls: whether it is for a message with REQUIRETLS.
        relaxed: whether what the recipient's domain publishes is left out of account.
        chosen: whether the operator wants this level and no other.
    """

    nexthop: Nexthop
    level: TlsLevel
    source: str = ""
    match: tuple[str, ...] = ()
    parameters: TlsParameters = field(default_factory=TlsParameters)
    dane: bool = False
    validated: bool = False
    sts: StsPolicy | None = None
    require_tls: bool = False
    relaxed: bool = False
    chosen: bool = False


class TlsPolicies(Protocol):
    """Who knows what TLS to a next hop has to be."""

    async def policy(
        self, nexthop: Nexthop, *, require_tls: bool = False, relaxed: bool = False
    ) -> TlsPolicy | Reply:
        """The policy of a destination, before its hosts are tried.

        Args:
            nexthop: the destination.
            require_tls: whether it is for a message with REQUIRETLS.
            relaxed: whether what the recipient's domain publishes is to be left out of account.

        Returns:
            the policy, or why it cannot be known now.
        """
        ...

    async def for_host(self, policy: TlsPolicy, exchanger: Exchanger, port: int) -> HostTls | Reply:
        """The policy at one host.

        Returns:
            what TLS has to be there, or why the host must not be used.
        """
        ...
