"""Which account a TLS client certificate stands for, by a map in the configuration.

The handshake has shown that the client holds the certificate's key. A `sha256:` entry names one
certificate and needs no authority. The other entries believe what the certificate says of itself,
and are as good as the authority that signed it: who may sign is the listener's setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["CertificateMap", "CertificateName"]

CertificateName = str
"""`sha256:AB:CD…`, `email:john@example.org`, `name:John`, `subject:CN=John,O=Example`."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_KINDS = ("sha256", "email", "name", "subject")


class CertificateMap:
    """Finds an account's name by a certificate.

    Args:
        entries: names of certificates, and accounts.

    Raises:
        ValueError: an entry is none.
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[CertificateName, str]) -> None:
        self._entries = {_read(name): user for name, user in entries.items()}

    def user_of(self, certificate: bytes) -> str | None:
        """The account that the map names, `None` if it names none, or several.

        Args:
            certificate: DER, verified by the handshake.
        """
        if not self._entries:
            return None
        from cryptography import x509  # noqa: PLC0415 - most servers have no such map

        try:
            names = _names_of(x509.load_der_x509_certificate(certificate))
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            return None
        exact, *others = (
            {self._entries[each] for each in group if each in self._entries} for group in names
        )
        for found in (exact, set().union(*others)):
            if found:
                return found.pop() if len(found) == 1 else None
        return None


def _names_of(certificate: x509.Certificate) -> list[list[tuple[str, str]]]:
    """The fingerprint, then what the certificate says of itself."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - see above
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    subject = certificate.subject
    return [
        [("sha256", certificate.fingerprint(SHA256()).hex())],
        [("email", email.lower()) for email in _emails(certificate) if email.isascii()],
        [("name", str(each.value)) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)],
        [("subject", subject.rfc4514_string())],
    ]


def _emails(certificate: x509.Certificate) -> list[str]:
    """RFC 5280 §4.2.1.6; the older place in the subject only where that has none.

    An authority that writes the one may not have looked at the other.
    """
    from cryptography import x509  # noqa: PLC0415 - see above
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        pass
    else:
        if found := names.value.get_values_for_type(x509.RFC822Name):
            return found
    subject = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    return [str(each.value) for each in subject]


def _read(name: CertificateName) -> tuple[str, str]:
    kind, _, text = name.partition(":")
    kind, text = kind.strip().lower(), text.strip()
    if kind not in _KINDS or not text:
        raise ValueError(
            f'a certificate is named by "sha256:FINGERPRINT", "email:ADDRESS", "name:COMMON NAME" '
            f'or "subject:DN", not by "{name}"'
        )
    if kind == "sha256":
        text = text.replace(":", "").replace(" ", "").lower()
        if not _FINGERPRINT.fullmatch(text):
            raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    if kind == "email":
        if not text.isascii():  # RFC 5280 §4.2.1.6; an account may be called otherwise
            raise ValueError(f'an address in a certificate is ASCII, "{text}" is not')
        text = text.lower()
    return kind, text
