"""Making a connection to a host as safe as its policy wants, and saying what came of it.

The handshake, the check of the certificate after it, the log line in Postfix's words, and the
record for reports about TLS. What is said in SMTP around it is the dialler's business, and so is
which host comes next. What did not succeed is a value, from which the dialler learns whether an
easier attempt may follow (`easier`): without a check where an MTA-STS policy is only being tested
(RFC 8461 §5), and in plain text at the level `may`. The latter is as in Postfix: also where a TLS
session breaks after its handshake, only for mail that has waited, and never with a login.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import Literal

from postroad.delivery.matching import mismatch
from postroad.delivery.session import Unready
from postroad.delivery.tls_policy import HostTls, TlsResult, TlsSeeing, TlsSeen
from postroad.model.journal import Journal, Level, Notice
from postroad.model.session_events import TlsEstablished
from postroad.net.certificates import TlsConfigurationError
from postroad.net.connection import Connection, TlsError
from postroad.net.tls_client import ClientContexts, ClientTls

__all__ = [
    "Peer",
    "Securing",
    "TlsFailure",
    "easier",
    "level_reached",
    "refusal",
    "unoffered",
]

_SERVICE = "smtp"

MAX_REASON = 200
"""Characters of a reason in a report; a certificate's names are a stranger's."""

_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a handshake is made with.

    Attributes:
        name: the host as replies name it, `mx.example.net[192.0.2.1]`.
        relay: the same with the port, as logs name it.
        host: its name.
        address: its IP address.
    """

    name: str
    relay: str
    host: str
    address: str


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """A handshake failed, or the certificate was not what the policy wants.

    Attributes:
        words: why, for the reply.
        result: as reports call it.
        of_certificate: whether the certificate is to blame, and not the handshake.
        matched: whether the handshake went well and only the match did not.
        broke: what is said of a session that broke just after the handshake.
    """

    words: str
    result: TlsResult
    of_certificate: bool = False
    matched: bool = True
    broke: Unready | None = None


class Securing:
    """Makes handshakes as a client."""

    def __init__(
        self, contexts: ClientContexts, journal: Journal, seeing: TlsSeeing, timeout: float
    ) -> None:
        """Take what it needs.

        Args:
            contexts: makes what is needed for a handshake.
            journal: told of each handshake.
            seeing: told of what came of each attempt, for reports.
            timeout: seconds for a handshake, infinite for no limit.
        """
        self._contexts = contexts
        self._journal = journal
        self._seeing = seeing
        self._timeout = timeout

    async def shake_hands(
        self, connection: Connection, peer: Peer, tls: HostTls
    ) -> TlsFailure | None:
        """Turn a connection into a TLS one and check whom it is with.

        Args:
            connection: in plain text; the server waits for our handshake.
            peer: the server.
            tls: what TLS has to be.

        Returns:
            `None` if it is as it has to be; else why not. The connection is then of no use.
        """
        try:
            context = self._contexts.of(_context_for(tls))
            name = tls.server_name or peer.host
            await connection.start_tls(context, server_side=False, name=name, timeout=self._timeout)
        except TlsError as error:
            failure = _failed(error)
            self._warn(f"SSL_connect error to {peer.relay}: {failure.words}")
        except (TlsConfigurationError, ValueError) as error:
            failure = TlsFailure("client TLS configuration problem", TlsResult.VALIDATION_FAILURE)
            self._warn(f"no TLS with {peer.relay}: {error}")
        else:
            chain = connection.peer_chain
            found = mismatch(chain, tls)
            trust = _trust(tls, matched=found is None, anonymous=not chain)
            assert connection.tls is not None
            self._journal(TlsEstablished(_SERVICE, peer.relay, connection.tls, "to", trust))
            if found is None:
                self.tell(tls, TlsResult.SUCCESS, peer, connection)
                return None
            words = f"Server certificate not verified: {found.words}"
            failure = TlsFailure(words, found.result, of_certificate=True, matched=False)
            self._warn(f"{peer.relay}: {words}")
        self.tell(tls, failure.result, peer, connection, failure.words)
        return failure

    def tell(
        self,
        tls: HostTls,
        result: TlsResult,
        peer: Peer,
        connection: Connection | None = None,
        reason: str = "",
    ) -> None:
        """Say for reports what came of an attempt; nothing where no domain would be told."""
        if tls.basis is None:
            return
        sending = "" if connection is None else connection.local.address
        self._seeing(
            TlsSeen(
                tls.basis,
                tls.domain,
                result,
                peer.host,
                peer.address,
                sending,
                "".join(c if " " <= c <= "~" else "?" for c in reason[:MAX_REASON]),
            )
        )

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))


def level_reached(tls: HostTls, connection: Connection) -> str:
    """How safe a session is, for the log of a delivery: `Verified/TLSv1.3`; empty without TLS."""
    made = connection.tls
    if made is None:
        return ""
    trust = _trust(tls, matched=True, anonymous=not connection.peer_chain)
    return f"{trust}/{made.version}"


def easier(tls: HostTls) -> HostTls | None:
    """The attempt that may follow one that failed by TLS; `None`: there is none."""
    if tls.testing:
        return replace(tls, level="may", names=(), testing=False, basis=None)
    plain = tls.level == "may" and tls.or_plain
    return replace(tls, level="none", basis=None) if plain else None


def unoffered(tls: HostTls, peer: Peer, words: str, *, for_good: bool = True) -> Unready:
    """No TLS where it has to be. A message with REQUIRETLS is returned (RFC 8689 §4.2.1).

    Args:
        tls: what TLS had to be.
        peer: the host.
        words: why there is none.
        for_good: whether the host said so for now and later: 454 to STARTTLS is only for now.
    """
    if tls.require_tls and for_good:
        return Unready.of(554, "5.7.10", f"REQUIRETLS: {words}", peer.relay)
    return Unready.of(451, "4.7.4", words, peer.relay)


def refusal(failure: TlsFailure, tls: HostTls, peer: Peer) -> Unready:
    """What is said of a host with which TLS failed.

    For a message with REQUIRETLS, a certificate that is not valid for the host is a lack; a
    handshake that broke is an accident.
    """
    if failure.broke is not None:
        return failure.broke
    if tls.require_tls:
        words = f"REQUIRETLS: cannot start TLS with host {peer.name}: {failure.words}"
        if failure.of_certificate:
            return Unready.of(554, "5.7.10", words, peer.relay)
        return Unready.of(451, "4.7.5", words, peer.relay)
    words = failure.words if not failure.matched else f"Cannot start TLS: {failure.words}"
    return Unready.of(451, "4.7.5", words, peer.relay)


def _context_for(tls: HostTls) -> ClientTls:
    given = tls.parameters
    return ClientTls(
        tls.level == "verify",
        given.protocols,
        given.ciphers,
        given.ca_file,
        given.certificate,
        given.key,
    )


def _failed(error: TlsError) -> TlsFailure:
    cause = error.__cause__
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return TlsFailure(str(error), TlsResult.VALIDATION_FAILURE)
    expired = cause.verify_code == _EXPIRED
    result = TlsResult.CERTIFICATE_EXPIRED if expired else TlsResult.CERTIFICATE_NOT_TRUSTED
    return TlsFailure(str(error), result, of_certificate=True)


def _trust(
    tls: HostTls, *, matched: bool, anonymous: bool
) -> Literal["Anonymous", "Untrusted", "Trusted", "Verified"]:
    """Postfix's word for how sure we are whom we speak to."""
    if anonymous:
        return "Anonymous"
    if tls.level in ("may", "encrypt"):
        return "Untrusted"
    if matched:
        return "Verified"
    return "Trusted" if tls.level == "verify" else "Untrusted"
