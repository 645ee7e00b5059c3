"""The section `[outbound_tls]`: what TLS to other servers has to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postroad.delivery.settings import TlsLevel
from postroad.model.units import Duration

__all__ = ["CipherGrade", "DaneUse", "DigestName", "OutboundTlsSettings"]

CipherGrade = Literal["medium", "high"]
DaneUse = Literal["auto", "never"]
DigestName = Literal["sha1", "sha256", "sha384", "sha512"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundTlsSettings:
    """`[outbound_tls]`: what TLS to other servers has to be.

    Names of Postfix's parameters without `smtp_tls_` where they mean the same.

    Attributes:
        security_level: for destinations that `policy` says nothing of; of the smarthost,
            `[relay] tls` says it.
        policy: tables with a level for each destination, as Postfix's smtp_tls_policy_maps.
        dane: `auto`: at the level `may`, a host with TLSA records that DNSSEC proves must match
            them, as at the level `dane`; `never`: only at `dane` and `dane-only`.
        mta_sts: whether MTA-STS policies (RFC 8461) are looked for, at `may` and `dane`.
        mta_sts_timeout: seconds for fetching a policy, within which its domain's mail waits.
        mta_sts_refresh: seconds after which a policy is fetched again though it still holds; 0:
            when half of its time is over, and mail goes by it.
        protocols: versions of TLS, as smtp_tls_protocols.
        ciphers: `high`: only what is strong today; `medium`: also what is merely better than none.
        ca_file: the authorities that are trusted, PEM; left out: the system's.
        verify_match: names that a certificate must bear at the level `verify`.
        secure_match: the same at the level `secure`.
        fingerprint_match: digests of certificates or keys at the level `fingerprint`.
        fingerprint_digest: the hash of those.
        certificate: a certificate to show to servers that ask for one, PEM; left out: none.
        key: its key; left out: the certificate's own file.
    """

    security_level: TlsLevel = "may"
    policy: tuple[str, ...] = ()
    dane: DaneUse = "auto"
    mta_sts: bool = True
    mta_sts_timeout: Duration = 15.0
    mta_sts_refresh: Duration = 86_400.0
    protocols: str = ">=TLSv1.2"
    ciphers: CipherGrade = "medium"
    ca_file: Path | None = None
    verify_match: tuple[str, ...] = ("hostname",)
    secure_match: tuple[str, ...] = ("nexthop", "dot-nexthop")
    fingerprint_match: tuple[str, ...] = ()
    fingerprint_digest: DigestName = "sha256"
    certificate: Path | None = None
    key: Path | None = None
