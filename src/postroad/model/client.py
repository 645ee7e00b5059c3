"""What is known about the peer of a session: its address, its TLS, its login."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from postroad.model.value import value

__all__ = [
    "BY_THE_SYSTEM",
    "LOCAL",
    "UNKNOWN",
    "Client",
    "ClientCertificate",
    "Endpoint",
    "Login",
    "TlsSession",
]

LOCAL = "local"
"""Stands for the address of a client on a Unix-domain socket."""

BY_THE_SYSTEM = "local"
"""The mechanism of `Login` in mail of programs of this machine: the system knows their user."""

UNKNOWN = "unknown"
"""Stands for the address of a client that its proxy does not name, as Postfix logs it. It is in no
network, so that such a client is nobody: not trusted, not banned, not believed."""


@value
class Client:
    """The connecting host.

    Attributes:
        address: its IP address as text, an IPv4-mapped one shown as IPv4; `local` for a
            Unix-domain socket's, which has none; `unknown` where a proxy does not tell it.
        port: its TCP port; 0 where there is none.
        name: the host name whose forward look-up confirms the address, else `unknown`,
            as Postfix logs it.
        reverse_name: the host name that the reverse look-up gave, confirmed or not, else
            `unknown`; Postfix's reverse_client_name.
        name_unsure: `name` is unknown only because the DNS did not answer.
        reverse_unsure: `reverse_name` likewise.
    """

    address: str
    port: int
    name: str = "unknown"
    reverse_name: str = "unknown"
    name_unsure: bool = False
    reverse_unsure: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it came by a Unix-domain socket."""
        return self.address == LOCAL

    @property
    def has_address(self) -> bool:
        """Whether it has an IP address, and we know it."""
        return self.address not in (LOCAL, UNKNOWN)

    @property
    def network_address(self) -> str:
        """Where it counts as being when networks are asked: this machine, if `is_local`."""
        return "127.0.0.1" if self.address == LOCAL else self.address

    def __str__(self) -> str:
        return f"{self.name}[{self.address}]"


class Endpoint(NamedTuple):
    """Our end of a connection: an IP address as text, and a TCP port, 0 where there is none."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that the client showed, after one of our authorities was found behind it.

    Attributes:
        subject: the subject's common name; empty where it has none.
        issuer: the issuer's common name; empty where it has none.
        emails: the addresses among its alternative names (RFC 5280 §4.2.1.6), as written there.
        names: the DNS names among them, in lower case.
        fingerprint: SHA-256 of the certificate, 64 hexadecimal digits in lower case.
        der: the certificate itself.
        key_fingerprint: SHA-256 of its public key with the key's kind (SubjectPublicKeyInfo,
            RFC 5280 §4.1), likewise; empty where the certificate cannot be read.
    """

    subject: str = ""
    issuer: str = ""
    emails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    fingerprint: str = ""
    der: bytes = field(default=b"", repr=False, compare=False)
    key_fingerprint: str = ""

    @property
    def shown_fingerprint(self) -> str:
        """The fingerprint as Postfix writes it in tables and for policy services: `A1:B2:…`."""
        return _in_pairs(self.fingerprint)

    @property
    def shown_key_fingerprint(self) -> str:
        """The public key's likewise."""
        return _in_pairs(self.key_fingerprint)


def _in_pairs(digits: str) -> str:
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)).upper()


@dataclass(frozen=True, slots=True)
class TlsSession:
    """The TLS of a connection.

    Attributes:
        version: the protocol, as `TLSv1.3`.
        cipher: the cipher suite, as OpenSSL names it.
        bits: its key's.
        server_name: the name of ours that the client asked for (SNI, RFC 6066 §3) and got a
            certificate for; empty where it named none, or none of ours.
        client_certificate: what the client proved to be; `None` where it showed none.
        resumed: whether an earlier session was taken up again.
    """

    version: str
    cipher: str
    bits: int
    server_name: str = ""
    client_certificate: ClientCertificate | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """A login that succeeded.

    Attributes:
        user: whose session it is, in the directory's spelling of the name.
        mechanism: the SASL mechanism.
        actor: who authenticated, where that is somebody else who may act as the user.
    """

    user: str
    mechanism: str
    actor: str = ""

    @property
    def accountable(self) -> str:
        """The account that answers for what is done: the one that authenticated.

        Otherwise one who may act as others could use up what each of them may do.
        """
        return self.actor or self.user
