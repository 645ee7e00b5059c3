"""What a server's certificate says about it: its names, its key, who signed it.

For those who check a certificate after the handshake, because OpenSSL through Python checks one
name, and knows authorities but no TLSA records. Values were chosen by a stranger, so their number
is bounded and an odd certificate is one without names and without a key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from postroad.net.certificates import is_for, oddities
from postroad.net.dns_records import to_ascii

__all__ = ["ServerCertificate", "read_certificate", "why_not_signed"]

MAX_NAMES = 500
"""Names of a certificate that are looked at; public authorities put in a hundred at most."""

MAX_CHAIN = 20
"""Certificates that a server may show; an honest one has three. OpenSSL bounds their octets."""

MAX_SIGNERS = 8
"""Authorities between a server's certificate and the one that is trusted (OpenSSL has the same
order of bound in its depth)."""

_ODD: tuple[type[Exception], ...] = (*oddities(), UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate, read.

    Attributes:
        der: its octets.
        key: its SubjectPublicKeyInfo as DER; empty where it cannot be read.
        names: the DNS names it is for, in lower case. The common name counts where there are
            none (RFC 6125 §6.4.4).
        addresses: the IP addresses it is for.
        by_common_name: whether `names` is the common name.
    """

    der: bytes
    key: bytes
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    by_common_name: bool = False

    def matches(self, wanted: Iterable[str]) -> bool:
        """Whether it bears one of these names.

        Args:
            wanted: host names and IP addresses; `.example.net` is any name below example.net, as
                in Postfix (smtp_tls_verify_cert_match).
        """
        return any(self._bears(each) for each in wanted)

    def _bears(self, wanted: str) -> bool:
        if wanted.startswith("."):
            parent = f".{to_ascii(wanted[1:])}"
            return any(name.endswith(parent) and len(name) > len(parent) for name in self.names)
        try:
            return str(ip_address(wanted)) in self.addresses
        except ValueError:
            # Nobody may have a certificate for a whole top-level domain; OpenSSL refuses it too.
            names = [name for name in self.names if name[:2] != "*." or "." in name[2:]]
            return is_for(names, to_ascii(wanted))


def read_certificate(der: bytes) -> ServerCertificate:
    """Read a certificate; one that breaks the rules has no names, or no key."""
    try:
        certificate = x509.load_der_x509_certificate(der)
    except _ODD:
        return ServerCertificate(der, b"", (), ())
    names, addresses, by_common_name = _names(certificate)
    return ServerCertificate(der, _key(certificate), names, addresses, by_common_name)


def why_not_signed(
    chain: Sequence[bytes], anchors: Sequence[bytes], now: dt.datetime | None = None
) -> str:
    """Why none of some authorities stands behind a server's certificate; empty where one does.

    Signatures, times, lengths of paths and constraints are checked (RFC 5280 §6), the server's
    name is not.

    Args:
        chain: what the server showed, its own certificate first.
        anchors: the authorities, as DER; they need not have signed themselves.
        now: the time; left out: the clock's.
    """
    try:
        leaf, *others = [x509.load_der_x509_certificate(each) for each in chain[:MAX_CHAIN]]
        trusted = [x509.load_der_x509_certificate(each) for each in anchors]
        if not _is_for_servers(leaf):
            return "the certificate is not for servers"
        # A verifier for servers would want one name in one place; this one wants none.
        authorities = ExtensionPolicy.permit_all().require_present(
            x509.BasicConstraints, Criticality.AGNOSTIC, None
        )
        builder = PolicyBuilder().store(Store(trusted)).max_chain_depth(MAX_SIGNERS)
        builder = builder.extension_policies(
            ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all()
        )
        if now is not None:
            builder = builder.time(now)
        builder.build_client_verifier().verify(leaf, others)
    except VerificationError as error:
        return _brief(error)
    except _ODD:
        return "a certificate cannot be read"
    return ""


def _brief(error: VerificationError) -> str:
    """The library's reason without what it says of itself and of the certificate."""
    words = str(error).removeprefix("validation failed: ").partition(" (encountered")[0]
    return words or "no authority signed it"


def _is_for_servers(leaf: x509.Certificate) -> bool:
    """RFC 5280 §4.2.1.12: where uses are listed, this one must be among them."""
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    wanted = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(usage in wanted for usage in usages)


def _key(certificate: x509.Certificate) -> bytes:
    try:
        key = certificate.public_key()
    except _ODD:  # OpenSSL knows kinds of keys that this library does not
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """The DNS names, the IP addresses, and whether the names are the common name."""
    names: list[str] = []
    addresses: list[str] = []
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = found.get_values_for_type(x509.DNSName)[:MAX_NAMES]
        addresses = [str(each) for each in found.get_values_for_type(x509.IPAddress)[:MAX_NAMES]]
    except x509.ExtensionNotFound:
        pass
    except _ODD:
        return (), (), False
    by_common_name = not names and not addresses
    if by_common_name:
        names = _common_names(certificate)
    bare = tuple(name.lower().rstrip(".") for name in names)
    return bare, tuple(addresses), by_common_name


def _common_names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except _ODD:
        return []
    return [each.value for each in found if isinstance(each.value, str)][-1:]
