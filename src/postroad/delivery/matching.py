"""Whether a server's certificate is what a policy wants: names, digests, TLSA records.

It is asked after the handshake, with the chain as the server showed it. At the levels that trust
authorities, OpenSSL has checked the chain by then, and only the names are left; with TLSA records
nothing was checked yet, and everything is done here (RFC 7671 §5, RFC 7672 §3).

What reads certificates is loaded by the first one that has to be read; at `may` none has to be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroad.delivery.tls_policy import HostTls, TlsResult
from postroad.delivery.tlsa import DANE_EE, DANE_TA, Tlsa

if TYPE_CHECKING:
    from postroad.net.server_certificate import ServerCertificate

__all__ = ["Mismatch", "mismatch"]

MAX_SHOWN = 3
"""Names of a certificate that a line about it repeats."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a certificate is not the one.

    Attributes:
        result: as reports call it.
        words: for the log and the reply.
    """

    result: TlsResult
    words: str


def mismatch(chain: Sequence[bytes], tls: HostTls) -> Mismatch | None:
    """What is wrong with a server's certificate; `None`: it is what the policy wants.

    Args:
        chain: what the server showed, as DER, its own certificate first.
        tls: the policy; at `verify` the chain must have been checked.
    """
    if tls.level in ("none", "may", "encrypt"):
        return None
    if not chain:
        return Mismatch(TlsResult.CERTIFICATE_NOT_TRUSTED, "the server showed no certificate")
    from postroad.net.server_certificate import read_certificate  # noqa: PLC0415 - see above

    leaf = read_certificate(chain[0])
    if tls.level == "verify":
        return _by_name(leaf, tls)
    if tls.level == "fingerprint":
        return _by_fingerprint(leaf, tls)
    return _by_tlsa(chain, leaf, tls)


def _by_name(leaf: ServerCertificate, tls: HostTls) -> Mismatch | None:
    if tls.dns_id and leaf.by_common_name:
        words = "it has a common name, and MTA-STS wants a DNS name (subjectAltName)"
        return Mismatch(TlsResult.CERTIFICATE_HOST_MISMATCH, words)
    return None if leaf.matches(tls.names) else _other_names(leaf, tls.names)


def _by_fingerprint(leaf: ServerCertificate, tls: HostTls) -> Mismatch | None:
    """Postfix takes the digest of the certificate, or that of its key."""
    digests = [hashlib.new(tls.digest, each).digest() for each in (leaf.der, leaf.key) if each]
    if any(digest in tls.fingerprints for digest in digests):
        return None
    shown = digests[0].hex(":").upper()
    words = f"its {tls.digest} fingerprint is {shown}, and the policy has another"
    return Mismatch(TlsResult.CERTIFICATE_NOT_TRUSTED, words)


def _by_tlsa(chain: Sequence[bytes], leaf: ServerCertificate, tls: HostTls) -> Mismatch | None:
    """Any record that matches is enough (RFC 6698 §2.1).

    With DANE-EE, neither the names nor the times in the certificate count (RFC 7672 §3.1.1).
    """
    for record in tls.tlsa:
        if record.usage == DANE_EE and record.is_of(leaf.key if record.selector else leaf.der):
            return None
    anchors = _anchors(chain, tls.tlsa)
    if not anchors:
        words = "it matches none of the TLSA records"
        return Mismatch(TlsResult.CERTIFICATE_NOT_TRUSTED, words)
    from postroad.net.server_certificate import why_not_signed  # noqa: PLC0415 - see above

    why = why_not_signed(chain, anchors)
    if why:
        expired = "not valid at" in why
        result = TlsResult.CERTIFICATE_EXPIRED if expired else TlsResult.CERTIFICATE_NOT_TRUSTED
        return Mismatch(result, f"the authority of its TLSA record does not vouch for it: {why}")
    return None if leaf.matches(tls.names) else _other_names(leaf, tls.names)


def _anchors(chain: Sequence[bytes], records: Sequence[Tlsa]) -> list[bytes]:
    """The authorities that records of usage 2 name: in the chain, or whole in the record.

    The server's own certificate is none, whatever a record says (RFC 7671 §5.2).
    """
    wanted = [record for record in records if record.usage == DANE_TA]
    if not wanted:
        return []
    from postroad.net.server_certificate import read_certificate  # noqa: PLC0415 - see above

    above = [read_certificate(der) for der in chain[1:]]
    found = [
        each.der
        for each in above
        if any(record.is_of(each.key if record.selector else each.der) for record in wanted)
    ]
    whole = [record.data for record in wanted if not record.selector and not record.matching]
    others = (data for data in whole if data != chain[0])
    return [*found, *(data for data in others if read_certificate(data).key)]


def _other_names(leaf: ServerCertificate, wanted: Sequence[str]) -> Mismatch:
    bears = ", ".join((*leaf.names, *leaf.addresses)[:MAX_SHOWN]) or "no name"
    words = f"it is for {bears}, and not for {' or '.join(wanted)}"
    return Mismatch(TlsResult.CERTIFICATE_HOST_MISMATCH, words)
