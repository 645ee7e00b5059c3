"""The sections of the configuration that this package reads: `[tls]` and `[dns]`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postroad.model.units import Duration

__all__ = ["CertificateSettings", "DnsSettings", "ProfileName", "TlsSettings", "TlsVersion"]


ProfileName = Literal["modern", "intermediate", "old"]
TlsVersion = Literal["TLSv1.2", "TLSv1.3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """`[[tls.certificates]]`: one more certificate, for other names or with another kind of key.

    Attributes:
        certificate: PEM file with the certificate and the chain behind it.
        key: PEM file with its private key, not encrypted; absent: the certificate's own file.
        names: the server names it is shown for, `*.example.org` for one more label; empty: those
            in the certificate.
    """

    certificate: Path
    key: Path | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """`[tls]`: what our listeners show to those who connect.

    Attributes:
        certificate: PEM file with our certificate and the chain behind it.
        key: PEM file with its private key, not encrypted.
        certificates: more of them; which one a client gets, the name that it asks for decides.
        profile: Mozilla's profile of versions and ciphers.
        minimum_version: the oldest version of TLS that is accepted. Absent: the profile's.
        client_ca_file: PEM file of the authorities whose certificates clients may show, where a
            listener asks for them.
        handshake_timeout: seconds for a client's whole handshake; 0: no limit.
    """

    certificate: Path | None = None
    key: Path | None = None
    certificates: tuple[CertificateSettings, ...] = ()
    profile: ProfileName = "intermediate"
    minimum_version: TlsVersion | None = None
    client_ca_file: Path | None = None
    handshake_timeout: Duration = 30.0

    @property
    def handshake_limit(self) -> float:
        """Seconds for a client's whole handshake, infinite where there is no limit."""
        return self.handshake_timeout or math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings:
    """`[dns]`: whom to ask for names.

    Attributes:
        servers: resolvers by IP address, with a port where it is not 53: `192.0.2.1`,
            `127.0.0.1:5353`, `[::1]:53`. Left out: those of /etc/resolv.conf.
        timeout: seconds for one question, all servers and repetitions together; 0: no limit.
        reverse: whether the names of connecting clients are looked up.
        validating: whether the servers check DNSSEC and nobody between them and us could change
            what they say of it: DANE goes by their word. Left out: believed where all of them are
            on this machine, and they say so in their answers.
    """

    servers: tuple[str, ...] = ()
    timeout: Duration = 5.0
    reverse: bool = True
    validating: bool | None = None
