"""Which versions and ciphers a listener speaks: Mozilla's server side TLS profiles as data.

`modern` and `intermediate` are those of version 6.0 of the guidelines, which dropped `old`; that
one is as version 5.8 had it last (https://wiki.mozilla.org/Security/Server_Side_TLS). Groups for
the key exchange are OpenSSL's own, X25519 and the NIST curves in the guidelines' order: Python
3.11 can name one group only, and one is worse than OpenSSL's list.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from postroad.net.settings import ProfileName, TlsVersion

__all__ = ["PROFILES", "VERSIONS", "Profile", "restrict"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One of Mozilla's profiles.

    Attributes:
        minimum: the oldest version of TLS.
        ciphers: those of TLS 1.2 and before, best first; those of TLS 1.3 are all good.
        server_preference: whether our order of ciphers counts. Where all are good it does not: a
            telephone without AES in hardware knows best what it computes fast.
        level: OpenSSL's security level, which bounds keys and hashes.
    """

    minimum: ssl.TLSVersion
    ciphers: tuple[str, ...]
    server_preference: bool
    level: int


_FORWARD_SECRET = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_OLD = (
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA256",
    "AES256-SHA256",
    "AES128-SHA",
    "AES256-SHA",
    "DES-CBC3-SHA",
)

PROFILES: dict[ProfileName, Profile] = {
    "modern": Profile(ssl.TLSVersion.TLSv1_3, _FORWARD_SECRET, server_preference=False, level=2),
    "intermediate": Profile(
        ssl.TLSVersion.TLSv1_2, _FORWARD_SECRET, server_preference=False, level=2
    ),
    # TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL 3 allows at level 0 only.
    "old": Profile(
        ssl.TLSVersion.MINIMUM_SUPPORTED,
        _FORWARD_SECRET + _OLD,
        server_preference=True,
        level=0,
    ),
}

VERSIONS: dict[TlsVersion, ssl.TLSVersion] = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def restrict(
    context: ssl.SSLContext, profile: ProfileName, minimum_version: TlsVersion | None
) -> None:
    """Let a server's context speak what a profile allows, and no more.

    Args:
        context: to be changed.
        profile: the profile.
        minimum_version: the oldest version, where it is not the profile's; not an older one.
    """
    chosen = PROFILES[profile]
    context.minimum_version = VERSIONS[minimum_version] if minimum_version else chosen.minimum
    # The level must be set before a certificate is loaded, or that would not be held to it.
    context.set_ciphers(f"{':'.join(chosen.ciphers)}:@SECLEVEL={chosen.level}")
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if chosen.server_preference:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
