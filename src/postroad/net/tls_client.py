"""What we shake hands with as a client: contexts by what a policy wants of versions and ciphers.

Whether the certificate must have an authority behind it is the context's business, which names it
must bear is not: OpenSSL through Python takes one name only, so whoever wants names looks at the
certificate afterwards (`server_certificate`). Contexts are made once and kept, for reading the
world's authorities takes longer than a handshake.
"""

from __future__ import annotations

import re
import ssl
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from postroad.net.certificates import TlsConfigurationError, require_readable
from postroad.net.tls import client_context

__all__ = ["ClientContexts", "ClientTls", "parse_protocols"]

MAX_CONTEXTS = 50
"""Contexts that are kept: each combination of what tables say makes one, some 100 KB with the
world's authorities in it. The one that was used longest ago goes first."""

_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_GONE = ("SSLv2", "SSLv3")  # may be excluded, and are in any case

_WITHOUT = {
    ssl.TLSVersion.TLSv1: ssl.OP_NO_TLSv1,
    ssl.TLSVersion.TLSv1_1: ssl.OP_NO_TLSv1_1,
    ssl.TLSVersion.TLSv1_2: ssl.OP_NO_TLSv1_2,
    ssl.TLSVersion.TLSv1_3: ssl.OP_NO_TLSv1_3,
}

_MEDIUM = "DEFAULT:!aNULL:!eNULL:!PSK:!SRP:!aDSS:!RC4:!MD5"
"""Also key exchange without forward secrecy, and old digests: better than plain text."""

_HIGH = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AES:!aNULL:!aDSS:!SHA1:!AESCCM"
"""Forward secrecy and SHA-2. Said in full: what is the default differs from Python to Python."""


class ClientTls(NamedTuple):
    """What a context is made from.

    Attributes:
        verify: whether an authority must stand behind the certificate.
        protocols: as `parse_protocols` reads them.
        ciphers: `high`: only with forward secrecy and SHA-2; `medium`: more.
        ca_file: PEM file of authorities in place of the system's.
        certificate: PEM file of a certificate to show.
        key: PEM file of its key; `None`: the certificate's own file.
    """

    verify: bool = False
    protocols: str = ">=TLSv1.2"
    ciphers: str = "medium"
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class ClientContexts:
    """Makes contexts, and keeps them."""

    def __init__(self) -> None:
        """None yet."""
        self._kept: OrderedDict[ClientTls, ssl.SSLContext] = OrderedDict()

    def of(self, wanted: ClientTls) -> ssl.SSLContext:
        """The context for this.

        Raises:
            TlsConfigurationError: a file cannot be read, or is not what it should be.
            ValueError: the protocols are misspelt.
        """
        context = self._kept.get(wanted)
        if context is None:
            context = self._kept[wanted] = _make(wanted)
            if len(self._kept) > MAX_CONTEXTS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(wanted)
        return context


def parse_protocols(text: str) -> frozenset[ssl.TLSVersion]:
    """The versions that Postfix's smtp_tls_protocols means.

    Args:
        text: with commas, colons or blanks between its parts: `>=TLSv1.2`, `<=TLSv1.3`, `!TLSv1`,
            or versions, which then are all that there are.

    Raises:
        ValueError: it is misspelt, or leaves no version; the message is for the operator.
    """
    named: set[ssl.TLSVersion] = set()
    left = set(_VERSIONS.values())
    for part in re.split(r"[\s,:]+", text.strip()):
        mark, name = _split(part)
        version = _VERSIONS.get(name)
        if version is None and (name not in _GONE or mark in ("", "<=")):
            raise ValueError(
                f'"{part[:60]}" is no version of TLS: expected such as ">=TLSv1.2" or "TLSv1.3"'
            )
        if version is None:
            continue
        if mark == "":
            named.add(version)
        elif mark == "!":
            left.discard(version)
        else:
            left = {each for each in left if (each >= version if mark == ">=" else each <= version)}
    found = frozenset(left & named if named else left)
    if not found:
        raise ValueError(f'"{text[:60]}" leaves no version of TLS')
    return found


def _split(part: str) -> tuple[str, str]:
    for mark in (">=", "<=", "!"):
        if part.startswith(mark):
            return mark, part.removeprefix(mark)
    return "", part


def _make(wanted: ClientTls) -> ssl.SSLContext:
    context = client_context(verify=wanted.verify, ca_file=wanted.ca_file)
    context.check_hostname = False
    versions = parse_protocols(wanted.protocols)
    old = min(versions) < ssl.TLSVersion.TLSv1_2
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    for version, option in _WITHOUT.items():
        if version not in versions and min(versions) < version < max(versions):
            context.options |= option
    if wanted.ciphers == "medium":  # TLS before 1.2 signs with SHA-1, which level 0 alone allows
        context.set_ciphers(f"{_MEDIUM}:@SECLEVEL={0 if old else 1}")
    elif old:
        context.set_ciphers("HIGH:!aNULL:!eNULL:!PSK:!SRP:!aDSS:@SECLEVEL=0")
    else:
        context.set_ciphers(_HIGH)
    if wanted.certificate is not None:
        _show(context, wanted.certificate, wanted.key or wanted.certificate)
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for file in (certificate, key):
        require_readable(file)
    try:
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        words = str(reason).lower().replace("_", " ")
        raise TlsConfigurationError(certificate, f"no certificate with its key ({words})") from None
