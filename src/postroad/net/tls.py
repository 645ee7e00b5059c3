"""TLS contexts for the two sides of the wire, from settings to `ssl.SSLContext`.

Versions and ciphers follow Mozilla's intermediate profile (TLS 1.2 with forward secrecy, TLS 1.3).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from postroad.net.settings import TlsSettings

__all__ = ["TlsConfigurationError", "client_context", "server_context"]

_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
)


class TlsConfigurationError(Exception):
    """A certificate, key or authority file cannot be used; `file` names it."""

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file
        self.message = message


def server_context(settings: TlsSettings, certificate: Path, key: Path) -> ssl.SSLContext:
    """The context of our listeners.

    Args:
        settings: the oldest version to accept.
        certificate: PEM file with our certificate and the chain behind it.
        key: PEM file with its private key, not encrypted.

    Raises:
        TlsConfigurationError: a file is absent, unreadable or not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context, settings)
    for file in (certificate, key):
        _require_readable(file)
    try:
        # An encrypted key would stop a start-up at a prompt nobody sees: refuse it instead.
        context.load_cert_chain(certificate, key, password=lambda: _refuse_password(key))
    except ssl.SSLError as error:
        words = (error.reason or str(error)).lower().replace("_", " ")
        if "key values mismatch" in words:
            raise TlsConfigurationError(
                key, "this key does not belong to the certificate"
            ) from None
        raise TlsConfigurationError(
            certificate, f"not a usable PEM certificate and key ({words})"
        ) from None
    return context


def client_context(*, verify: bool, ca_file: Path | None = None) -> ssl.SSLContext:
    """The context of our connections to other servers.

    Args:
        verify: whether the certificate must be valid and name the server. Without it TLS only
            keeps out those who merely listen (opportunistic TLS, RFC 7435).
        ca_file: PEM file of authorities to trust in place of the system's.

    Raises:
        TlsConfigurationError: the authorities cannot be read.
    """
    if ca_file is not None:
        _require_readable(ca_file)
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        words = (error.reason or str(error)).lower().replace("_", " ")
        raise TlsConfigurationError(
            ca_file or Path(), f"not a PEM file of certificates ({words})"
        ) from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _restrict(context: ssl.SSLContext, settings: TlsSettings) -> None:
    modern = settings.minimum_version == "TLSv1.3"
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if modern else ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION


def _require_readable(file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise TlsConfigurationError(file, (error.strerror or str(error)).lower()) from None


def _refuse_password(key: Path) -> str:
    raise TlsConfigurationError(
        key, "the key is encrypted; decrypt it with: openssl pkey -in OLD -out NEW"
    )
