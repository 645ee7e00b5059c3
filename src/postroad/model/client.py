"""What is known about the peer of a session: its address, its TLS, its login."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Client", "Login", "TlsSession"]


@dataclass(frozen=True, slots=True)
class Client:
    """The connecting host.

    Attributes:
        address: its IP address as text, an IPv4-mapped one shown as IPv4.
        port: its TCP port.
        name: the host name whose forward look-up confirms the address, else `unknown`,
            as Postfix logs it.
    """

    address: str
    port: int
    name: str = "unknown"

    def __str__(self) -> str:
        return f"{self.name}[{self.address}]"


@dataclass(frozen=True, slots=True)
class TlsSession:
    """The TLS of a connection: protocol version, cipher suite and its key bits."""

    version: str
    cipher: str
    bits: int


@dataclass(frozen=True, slots=True)
class Login:
    """Who authenticated (the directory's spelling of the name) and by which SASL mechanism."""

    user: str
    mechanism: str
