"""The TLS of our listeners: which certificate a client is shown, and how they are exchanged.

Theory of operation. A listener holds a *front* context. It has no certificate of its own; its
callback puts every new handshake on one of the *backs*, contexts that each hold the certificates
for some names, one of every kind of key (RSA, ECDSA), among which OpenSSL chooses what the client
can verify. A reload makes new backs and leaves the front: handshakes to come get the new
certificates, connections under way keep theirs. The keys of session tickets belong to the front, so
a client takes its session up again after a reload, and at another worker as well, for fronts are
made before the workers are forked. The keys of tickets change with a restart only; with TLS 1.3 a
resumed session has a key exchange of its own, so that who learns them reads nothing of it.

The front that asks clients for certificates is another one after each reload. OpenSSL does not look
at the certificate of a resumed session again, so sessions must not outlive the authorities that
vouched for them: nobody has the keys to those of before.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.net.certificates import (
    Chain,
    KeyPair,
    TlsConfigurationError,
    read_chain,
    require_readable,
)
from postroad.net.settings import TlsSettings
from postroad.net.tls_profiles import restrict
from postroad.net.turns import Turns

__all__ = ["Certificates", "ServerContext", "ServerSession", "ServerTls", "server_context", "trust"]


class ServerSession(ssl.SSLObject):
    """Our side of a connection.

    Attributes:
        asked: the server name that the client asked for, as it came; empty without one.
        server_name: the same, if one of our certificates is for it.
        outdated: whether it began with a front that was replaced since, whose sessions may rest
            on authorities that are no longer ours.
    """

    asked: str = ""
    server_name: str = ""
    outdated: bool = False


class ServerContext(ssl.SSLContext):
    """Certificates for some names.

    Attributes:
        end_points: what a client may bind a login to (`Chain.end_point`), of each certificate.
        names: the names that the first certificate is for.
        turns: what handshakes take turns by; the same for all listeners.
    """

    end_points: frozenset[bytes] = frozenset()
    names: tuple[str, ...] = ()
    turns: Turns | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A certificate that OpenSSL takes, with what was read of it."""

    pair: KeyPair
    chain: Chain

    @property
    def names(self) -> tuple[str, ...]:
        """The names it is shown for."""
        return tuple(map(str.lower, self.pair.names)) or self.chain.names


class Certificates:
    """All certificates of a configuration, ready to be shown: the backs."""

    def __init__(self, settings: TlsSettings, pairs: Sequence[KeyPair]) -> None:
        """Read and try everything.

        Args:
            settings: versions and ciphers, and the authorities of clients.
            pairs: the default certificate first.

        Raises:
            TlsConfigurationError: a file is absent, unreadable or not what it should be.
        """
        self.settings = settings
        loaded = [_Loaded(pair, read_chain(pair.certificate)) for pair in pairs]
        self._contexts: dict[tuple[KeyPair, ...], ServerContext] = {}
        self.default = self._context(_related(loaded[0], loaded))
        self._by_name: dict[str, ServerContext] = {}
        for name in dict.fromkeys(name for each in loaded for name in each.names):
            self._by_name[name] = self._context(each for each in loaded if name in each.names)

    def of(self, name: str) -> ServerContext | None:
        """The context for a server name in lower case; `None` where no certificate is for it.

        A certificate for the very name comes before one with a wildcard (RFC 6125 §6.4.3).
        """
        return self._by_name.get(name) or self._by_name.get(f"*.{name.partition('.')[2]}")

    def _context(self, loaded: Iterable[_Loaded]) -> ServerContext:
        """One context with the first certificate of each kind of key."""
        kinds: dict[str, _Loaded] = {}
        for each in loaded:
            kinds.setdefault(each.chain.key_kind, each)
        chosen = tuple(kinds.values())
        key = tuple(each.pair for each in chosen)
        if key not in self._contexts:
            self._contexts[key] = self._make(chosen)
        return self._contexts[key]

    def _make(self, chosen: Sequence[_Loaded]) -> ServerContext:
        context = _empty_context(self.settings)
        for each in chosen:
            _load_pair(context, each.pair)
        if self.settings.client_ca_file is not None:
            trust(context, self.settings.client_ca_file)
        context.end_points = frozenset(filter(None, (each.chain.end_point for each in chosen)))
        context.names = chosen[0].names
        return context


class ServerTls:
    """What listeners shake hands with; the certificates behind it can be exchanged."""

    def __init__(self, certificates: Certificates) -> None:
        self._turns = Turns()
        self._plain = self._front(ssl.CERT_NONE)
        self.take(certificates)

    def context(self, *, client_certificates: bool) -> ssl.SSLContext:
        """The context of a listener, until certificates are exchanged.

        Args:
            client_certificates: whether clients are asked for a certificate, which they need not
                show. One that `client_ca_file` does not vouch for ends the handshake.
        """
        return self._asking if client_certificates else self._plain

    def take(self, certificates: Certificates) -> None:
        """Show these from now on. Connections that are there go on as they are."""
        self._certificates = certificates
        self._asking = self._front(ssl.CERT_OPTIONAL)
        settings = certificates.settings
        for front in (self._plain, self._asking):
            restrict(front, settings.profile, settings.minimum_version)

    def _front(self, verify: ssl.VerifyMode) -> ServerContext:
        front = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        front.verify_mode = verify
        front.turns = self._turns
        front.sslobject_class = ServerSession
        # Python's types know the callback's first argument as either of two classes.
        front.sni_callback = self._choose  # type: ignore[assignment]
        return front

    def _choose(
        self, session: ServerSession, asked: str | None, front: ssl.SSLContext
    ) -> int | None:
        """OpenSSL asks who is wanted; an unknown name, or none, gets the default certificate.

        Many mail clients ask for names that we have no certificate for, and do not check it: to
        refuse them with an alert (RFC 6066 §3) would only lose mail.
        """
        chosen = None
        session.outdated = front is not self._asking and front is not self._plain
        if asked:
            session.asked = asked
            name = asked.lower().rstrip(".")
            chosen = self._certificates.of(name)
            if chosen is not None:
                session.server_name = name
        session.context = chosen or self._certificates.default
        return None


def server_context(settings: TlsSettings, certificate: Path, key: Path) -> ServerContext:
    """A context with one certificate; making it shows that the two files can be used.

    Args:
        settings: versions and ciphers.
        certificate: PEM file with our certificate and the chain behind it.
        key: PEM file with its private key, not encrypted.

    Raises:
        TlsConfigurationError: a file is absent, unreadable or not what it should be.
    """
    return Certificates(settings, [KeyPair(certificate, key)]).default


def _related(default: _Loaded, loaded: Sequence[_Loaded]) -> list[_Loaded]:
    """The default certificate, and those with another kind of key for a name that it is for."""
    names = set(default.names)
    return [default, *(each for each in loaded[1:] if names.intersection(each.names))]


def _empty_context(settings: TlsSettings) -> ServerContext:
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    restrict(context, settings.profile, settings.minimum_version)
    return context


def _load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    require_readable(pair.key)
    try:
        # An encrypted key would stop a start-up at a prompt nobody sees: refuse it instead.
        context.load_cert_chain(
            pair.certificate, pair.key, password=lambda: _refuse_password(pair.key)
        )
    except ssl.SSLError as error:
        raise _unusable(pair, (error.reason or str(error)).lower().replace("_", " ")) from None


def _unusable(pair: KeyPair, words: str) -> TlsConfigurationError:
    """OpenSSL's reason in an operator's words; the certificate itself was read already."""
    if any(
        part in words for part in ("values mismatch", "type mismatch", "no certificate assigned")
    ):
        return TlsConfigurationError(pair.key, "this key does not belong to the certificate")
    if "key too small" in words:
        return TlsConfigurationError(
            pair.certificate,
            f"a key is too weak ({words}): make one of 2048 bits RSA or 256 bits EC",
        )
    if "md too weak" in words:
        return TlsConfigurationError(
            pair.certificate, f"signed with a hash that is too weak ({words}): have it issued anew"
        )
    return TlsConfigurationError(pair.key, f"not a usable PEM private key ({words})")


def trust(context: ssl.SSLContext, file: Path) -> None:
    """Let a context believe in the authorities in a PEM file.

    Raises:
        TlsConfigurationError: it is absent, unreadable or no such file.
    """
    require_readable(file)
    try:
        context.load_verify_locations(file)
    except ssl.SSLError as error:
        words = (error.reason or str(error)).lower().replace("_", " ")
        raise TlsConfigurationError(file, f"not a PEM file of certificates ({words})") from None


def _refuse_password(key: Path) -> str:
    raise TlsConfigurationError(
        key, "the key is encrypted; decrypt it with: openssl pkey -in OLD -out NEW"
    )
