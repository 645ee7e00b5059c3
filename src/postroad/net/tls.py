"""The TLS of our connections to other servers, from settings to `ssl.SSLContext`.

The other side's is in `tls_server`. Versions are TLS 1.2 and later, ciphers Python's own choice,
which is wider than a listener's: a server that we send to is taken as it is.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from postroad.net.certificates import TlsConfigurationError, require_readable
from postroad.net.tls_server import server_context

__all__ = ["TlsConfigurationError", "client_context", "server_context"]


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
        require_readable(ca_file)
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
