"""Finding the TLS policy of a destination, and what is left of it at one of its hosts.

Who says what, the first one counts: REQUIRETLS of a message; a table of the operator's; the level
of the transport, or of `[outbound_tls]`. Where that leaves room (`may`, `dane`), the recipient's
domain is asked: TLSA records of the host first (RFC 7672), an MTA-STS policy where there are none
(RFC 8461 §2: never instead of a DANE check that fails), and nobody where the DNS is silent.

Nothing is looked up for a next hop in brackets at `may`: the operator named the host, and its
smarthost's level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from postroad.delivery import tlsa
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.settings import TlsLevel
from postroad.delivery.sts import NoSts, StsFinding
from postroad.delivery.tls_policy import (
    Basis,
    HostLevel,
    HostTls,
    TlsParameters,
    TlsPolicy,
    TlsResult,
    TlsSeeing,
    TlsSeen,
    see_nothing,
)
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.delivery.tls_table import Finding, TablePolicy, fingerprint, look_up
from postroad.model import Reply
from postroad.net.dns import (
    DnsTemporary,
    Exchanger,
    Existence,
    HostStanding,
    MxAnswer,
    Records,
    RecordType,
)
from postroad.tables import TableUnavailable

__all__ = ["PolicyNames", "TlsPolicyFinder"]

_PUBLISHED: tuple[TlsLevel, ...] = ("may", "dane")
"""Levels at which it counts what the recipient's domain publishes."""

_CHECKED: tuple[TlsLevel, ...] = ("fingerprint", "verify", "secure")
"""Levels at which the operator says what a certificate has to be; TLSA records say it to others."""

_ALONE: dict[TlsLevel, HostLevel] = {"none": "none", "may": "may", "dane": "may"}
"""What is left of a level where nothing about a host is known."""

_BROKEN = Reply.of(451, "4.7.5", "client TLS configuration problem")  # Postfix's words
_UNSIGNED = Reply.of(451, "4.7.5", "non DNSSEC destination")
_NO_TLSA = Reply.of(451, "4.7.5", "no TLSA records found")
_UNUSABLE = Reply.of(451, "4.7.5", "TLSA records unusable")
_STS_UNKNOWN = Reply.of(451, "4.7.5", "MTA-STS policies that were kept cannot be read")


class PolicyNames(Protocol):
    """Who asks the DNS; `postroad.net.dns.Resolver` is one."""

    async def mx(self, domain: str) -> MxAnswer:
        """The mail exchangers of a domain."""
        ...

    async def standing(self, host: str) -> HostStanding:
        """Whether DNSSEC proves a host's addresses."""
        ...

    async def lookup(self, name: str, kind: RecordType) -> Records:
        """The records of a name."""
        ...


class TlsPolicyFinder:
    """Implements `TlsPolicies` for one transport."""

    def __init__(
        self,
        settings: OutboundTlsSettings,
        names: PolicyNames,
        *,
        level: TlsLevel | None = None,
        ca_file: Path | None = None,
        tables: Finding | None = None,
        sts: StsFinding | None = None,
        seeing: TlsSeeing = see_nothing,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take what policies are made from.

        Args:
            settings: `[outbound_tls]`.
            names: asks the DNS.
            level: the transport's own level; `None`: that of the settings.
            ca_file: its own authorities; `None`: those of the settings.
            tables: where the settings' tables are asked; needed where they name any.
            sts: knows MTA-STS policies; `None`: they are not used.
            seeing: told, for reports, of policies that failed before a host was tried.
            report: takes a line for the log about a table that cannot be used.
        """
        self._settings = settings
        self._names = names
        self._level = level
        self._tables = tables
        self._sts = sts or NoSts()
        self._seeing = seeing
        self._report = report
        self._parameters = TlsParameters(
            settings.protocols,
            settings.ciphers,
            ca_file or settings.ca_file,
            settings.certificate,
            settings.key,
        )

    # The destination -----------------------------------------------------------------------------

    async def policy(
        self, nexthop: Nexthop, *, require_tls: bool = False, relaxed: bool = False
    ) -> TlsPolicy | Reply:
        """See `TlsPolicies.policy`."""
        base = await self._chosen(nexthop)
        if isinstance(base, Reply):
            return base
        if require_tls:
            base = replace(base, require_tls=True)
        if relaxed and not require_tls and base.level in _PUBLISHED:
            base = replace(base, relaxed=True)  # RFC 8689 §5: not by what they publish
            if base.level == "may":
                return base
        asks = require_tls or base.level in (*_PUBLISHED, "dane-only")
        dane = base.level in ("dane", "dane-only")
        if not asks or not (nexthop.exchangers or dane):
            return base
        if self._settings.dane == "auto" and nexthop.exchangers and base.level not in _CHECKED:
            dane = True
        return await self._published(replace(base, dane=dane))

    async def _chosen(self, nexthop: Nexthop) -> TlsPolicy | Reply:
        """What the operator says."""
        settings = self._settings
        if settings.policy and self._tables is not None:
            try:
                found = await look_up(settings.policy, nexthop, self._tables)
            except TableUnavailable:  # who was asked has said why
                return _BROKEN
            if isinstance(found, str):
                self._report(f"TLS policy: {found}")
                return _BROKEN
            if found is not None:
                return self._from_table(nexthop, found)
        level = self._level or settings.security_level
        source = "the transport" if self._level else "[outbound_tls] security_level"
        match = self._match(level)
        chosen = self._level is not None
        return TlsPolicy(nexthop, level, source, match, self._parameters, chosen=chosen)

    def _from_table(self, nexthop: Nexthop, found: TablePolicy) -> TlsPolicy:
        parameters = replace(
            self._parameters,
            protocols=found.protocols or self._parameters.protocols,
            ciphers=found.ciphers or self._parameters.ciphers,
            server_name=found.server_name,
        )
        match = found.match or self._match(found.level)
        return TlsPolicy(nexthop, found.level, found.source, match, parameters, chosen=True)

    def _match(self, level: TlsLevel) -> tuple[str, ...]:
        settings = self._settings
        if level == "verify":
            return settings.verify_match
        if level == "secure":
            return settings.secure_match
        return settings.fingerprint_match if level == "fingerprint" else ()

    async def _published(self, policy: TlsPolicy) -> TlsPolicy | Reply:
        """With what the DNS and the recipient's domain say.

        Where the mail exchangers cannot be looked up now, the mail has to wait: were they found a
        moment later, nobody would have asked whether DNSSEC proves them.
        """
        nexthop = policy.nexthop
        validated = True
        if nexthop.exchangers:
            try:
                validated = (await self._names.mx(nexthop.host)).validated
            except DnsTemporary as error:
                return _unknown(error)
        policy = replace(policy, validated=validated)
        wanted = policy.require_tls or (policy.level in _PUBLISHED and not policy.relaxed)
        if not wanted or not nexthop.exchangers:
            return policy
        found = await self._sts.find(nexthop.host)
        if not found.known:
            return _STS_UNKNOWN
        if found.failure is not None:
            basis = Basis("sts", nexthop.host)
            self._seeing(TlsSeen(basis, nexthop.host, found.failure, reason=found.reason))
        return replace(policy, sts=found.policy)

    # One host of it ------------------------------------------------------------------------------

    async def for_host(self, policy: TlsPolicy, exchanger: Exchanger, port: int) -> HostTls | Reply:
        """See `TlsPolicies.for_host`."""
        host, nexthop = exchanger.host, policy.nexthop
        plain = HostTls(
            _ALONE.get(policy.level, "encrypt"),
            parameters=policy.parameters,
            server_name=policy.parameters.server_name or host,
            domain=nexthop.host,
            require_tls=policy.require_tls,
            chosen=policy.chosen,
        )
        if policy.dane:
            by_dane = await self._by_dane(policy, plain, host, port)
            if by_dane is not None:
                return by_dane
        if policy.level == "fingerprint":
            return self._by_fingerprint(policy, plain)
        if policy.require_tls:
            return _by_name(policy, plain, host)
        if policy.level in _PUBLISHED:
            return self._by_sts(policy, plain, host)
        if policy.level in ("verify", "secure"):
            return replace(plain, level="verify", names=_names(policy, host))
        return plain

    async def _by_dane(
        self, policy: TlsPolicy, plain: HostTls, host: str, port: int
    ) -> HostTls | Reply | None:
        """What TLSA records ask for (RFC 7672 §2.2); `None`: there are none that count."""
        strict = policy.level == "dane-only"
        if not policy.validated:
            return _UNSIGNED if strict else None
        try:
            found = await self._tlsa(host, port)
        except DnsTemporary as error:
            return self._no_answer(plain, error, host, port)
        if found is None:
            if strict:
                self._tell(plain, Basis("tlsa", host), TlsResult.DANE_REQUIRED, "no TLSA records")
            return _NO_TLSA if strict else None
        base, records = found
        basis = Basis("tlsa", base, records)
        usable = tlsa.usable(records)
        if not usable:
            self._tell(plain, basis, TlsResult.TLSA_INVALID, "no record is usable")
            if strict:
                return _UNUSABLE
            if policy.require_tls or (policy.sts is not None and policy.sts.mode == "enforce"):
                return None  # which asks for more than encryption
            return replace(plain, level="encrypt", basis=basis)
        names = tuple(dict.fromkeys((base, host, policy.nexthop.host)))  # RFC 7672 §3.2.3
        return replace(
            plain,
            level="dane",
            names=names,
            tlsa=usable,
            server_name=base,
            basis=basis,
        )

    async def _tlsa(self, host: str, port: int) -> tuple[str, tuple[str, ...]] | None:
        """The TLSA base domain of a host and its records, if there are any that DNSSEC proves.

        They are looked for only in signed zones: servers of others are known to fail at questions
        for them (RFC 7672 §2.2.2). A host that is an alias has its records at the end of it, where
        the addresses are proved, or at its beginning, for which it is enough that the alias is
        (§2.2.3). More records than are taken from an answer are records none the less.
        """
        standing = await self._names.standing(host)
        bases = []
        if standing.validated:
            bases = [standing.canonical or host]
        if standing.alias_validated:
            bases.append(host)
        for base in bases:
            found = await self._names.lookup(f"_{port}._tcp.{base}", "TLSA")
            if found.existence is Existence.FOUND and found.validated:
                return base, found.values
        return None

    def _no_answer(self, plain: HostTls, error: DnsTemporary, host: str, port: int) -> Reply:
        """Nobody knows whether there are TLSA records, or somebody hides them (RFC 7672 §2.1.1)."""
        if error.kind != "TLSA":
            return _unknown(error)
        words = f"TLSA lookup error for {host}:{port}"
        self._tell(plain, Basis("tlsa", host), TlsResult.DNSSEC_INVALID, words)
        return Reply.of(451, "4.7.5", words)

    def _by_sts(self, policy: TlsPolicy, plain: HostTls, host: str) -> HostTls | Reply:
        """What an MTA-STS policy asks for (RFC 8461 §4), else opportunistic TLS."""
        nexthop, sts = policy.nexthop, policy.sts
        if not nexthop.exchangers or policy.relaxed:
            return plain
        if sts is None:
            return replace(plain, basis=Basis("no-policy-found", nexthop.host))
        basis = Basis("sts", sts.domain, sts.lines, sts.patterns)
        if sts.allows(host):
            testing = sts.mode == "testing"
            return replace(
                plain, level="verify", names=(host,), basis=basis, testing=testing, dns_id=True
            )
        words = f"the MTA-STS policy of {sts.domain} does not list host {host}"
        self._tell(plain, basis, TlsResult.VALIDATION_FAILURE, words, host)
        return plain if sts.mode == "testing" else Reply.of(451, "4.7.5", words)

    def _by_fingerprint(self, policy: TlsPolicy, plain: HostTls) -> HostTls | Reply:
        digests = tuple(filter(None, map(fingerprint, policy.match)))
        if not digests:
            self._report(f"TLS policy: {policy.source}: no fingerprint to match")
            return _BROKEN
        digest = self._settings.fingerprint_digest
        return replace(plain, level="fingerprint", fingerprints=digests, digest=digest)

    def _tell(
        self, plain: HostTls, basis: Basis, result: TlsResult, reason: str, host: str = ""
    ) -> None:
        self._seeing(TlsSeen(basis, plain.domain, result, host or basis.domain, reason=reason))


def _unknown(error: DnsTemporary) -> Reply:
    """A name that cannot be looked up now, in Postfix's words."""
    words = f"Name service error for name={error.name} type={error.kind}"
    return Reply.of(
        451, "4.4.3", f"Host or domain name not found. {words}: Host not found, try again"
    )


def _by_name(policy: TlsPolicy, plain: HostTls, host: str) -> HostTls | Reply:
    """For a message with REQUIRETLS: a certificate for a name that somebody vouches for.

    DNSSEC may, or an MTA-STS policy (RFC 8689 §4.2.1). The domain itself needs neither, as it is
    what the mail is addressed to, nor does a host that the operator wrote in brackets.
    """
    nexthop, sts = policy.nexthop, policy.sts
    itself = host == nexthop.host
    listed = sts is not None and sts.allows(host)
    if nexthop.exchangers and not (itself or policy.validated or listed):
        words = f"only an MX record without DNSSEC names host {host}, and no MTA-STS policy does"
        return Reply.of(554, "5.7.10", f"REQUIRETLS: {words}")
    names = _names(policy, host) if policy.level in ("verify", "secure") else (host,)
    return replace(plain, level="verify", names=names)


def _names(policy: TlsPolicy, host: str) -> tuple[str, ...]:
    """The names of which a certificate needs one (smtp_tls_verify_cert_match)."""
    strategies = {
        "hostname": host,
        "nexthop": policy.nexthop.host,
        "dot-nexthop": f".{policy.nexthop.host}",
    }
    return tuple(dict.fromkeys(strategies.get(each, each) for each in policy.match))
