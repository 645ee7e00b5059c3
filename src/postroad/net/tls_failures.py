"""Why a TLS handshake failed, in words that tell an operator what to do.

OpenSSL's own reason comes first, for it is what log readers and search engines know; the advice is
behind it in brackets. The same reason means different things to the two sides of a connection, so
there are two tables. A table holds what real clients were seen to cause.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from postroad.net.certificates import is_for

__all__ = ["Seen", "explain", "explain_silence", "is_plain_text"]

_HANDSHAKE = 0x16  # the type of the record that begins every handshake (RFC 8446 §5.1)

MAX_NAME = 100
"""Characters of the client's words that a line repeats."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a handshake looked like from our side until it failed.

    Attributes:
        server_side: whether we are the server.
        beginning: the first octets that came.
        asked: the server name that the client asked for.
        names: those that our certificate is for.
        invited: whether TLS was begun by STARTTLS, and not by the connection.
    """

    server_side: bool
    beginning: bytes = b""
    asked: str = ""
    names: tuple[str, ...] = ()
    invited: bool = False


def explain(error: BaseException, seen: Seen) -> str:
    """One line.

    Args:
        error: what was raised; an `EOFError` for a peer that left.
        seen: the circumstances.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error, seen)
    reason = (getattr(error, "reason", None) or "").lower().replace("_", " ")
    if seen.server_side and is_plain_text(seen.beginning):
        return f"{reason or 'wrong version number'} ({_plain_text(seen)})"
    if not reason:
        return _gone(error, seen)
    table = _OF_CLIENTS if seen.server_side else _OF_SERVERS
    advice = next((words for part, words in table.items() if part in reason), "")
    if advice == _MISTRUST:
        advice = _mistrust(seen)
    return f"{reason} ({advice})" if advice else reason


def explain_silence(seen: Seen, seconds: float) -> str:
    """One line about a peer that did not finish its handshake in time.

    Args:
        seen: the circumstances.
        seconds: how long it was given.
    """
    if seen.beginning or not seen.server_side:
        return f"timeout: the peer did not finish the TLS handshake in time ({seconds:g} s)"
    if seen.invited:
        return f"timeout: the client said STARTTLS and then nothing for {seconds:g} s"
    return (
        f"timeout: the client sent nothing for {seconds:g} s (it waits for a greeting in plain"
        " text, and here TLS begins with the first byte: set it to TLS/SSL, or to STARTTLS and"
        " port 587)"
    )


def is_plain_text(beginning: bytes) -> bool:
    """Whether these are the first octets of something that a person could have typed."""
    head = beginning[:4]
    return bool(head) and all(32 <= octet < 127 or octet in b"\r\n\t" for octet in head)


def _plain_text(seen: Seen) -> str:
    word = seen.beginning.split()[:1]
    if word and word[0] in {b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"PUT"}:
        return "a web browser or scanner: it speaks HTTP"
    if seen.invited:
        return "the client said STARTTLS and went on in plain text"
    return (
        "the client speaks plain text, and here TLS begins with the first byte: set it to TLS/SSL,"
        " or to STARTTLS and port 587"
    )


def _gone(error: BaseException, seen: Seen) -> str:
    if seen.beginning or not seen.server_side:
        hint = f" ({_OF_CLIENTS['unexpected eof']})" if seen.server_side else ""
        return f"the peer closed the connection during the TLS handshake{hint}"
    if isinstance(error, EOFError):
        return "the client closed the connection before the TLS handshake"
    return str(error) or "the connection broke before the TLS handshake"


def _untrusted(error: ssl.SSLCertVerificationError, seen: Seen) -> str:
    if not seen.server_side:
        return f"the peer's certificate is not trusted: {error.verify_message}"
    return (
        f"certificate verify failed: {error.verify_message} (the client showed a certificate that"
        " client_ca_file does not vouch for: add its authority there, or let the client show none)"
    )


def _mistrust(seen: Seen) -> str:
    """Why a client may have refused our certificate; the wrong name is the one we can see."""
    name = seen.asked[:MAX_NAME]
    if name and seen.names and not is_for(seen.names, name.lower().rstrip(".")):
        return (
            f"the client asked for {name}, and our certificate is for {', '.join(seen.names[:3])}:"
            " set the client to a name that it is for, or add a certificate for that name"
        )
    return _MISTRUST


_MISTRUST = (
    "the client does not trust our certificate: use one that a public authority signed, with the"
    " chain behind it, or import ours there"
)
_TOO_OLD = "the client's TLS is older than ours allows: update it, or see profile in [tls]"

_OF_CLIENTS = {
    "unknown ca": _MISTRUST,
    "certificate unknown": _MISTRUST,
    "bad certificate": _MISTRUST,
    "unsupported certificate": _MISTRUST,
    "certificate expired": "the client finds our certificate expired: renew it, then reload; if it"
    " is not, the client's clock is wrong",
    "certificate revoked": "the client finds our certificate revoked: have a new one issued",
    "unrecognized name": "the client wants a certificate for another name",
    "wrong version number": "the client speaks something other than TLS here: set it to STARTTLS"
    " on a STARTTLS port, to TLS/SSL on an implicit-TLS port",
    "http request": "a web browser or scanner: it speaks HTTP",
    "unsupported protocol": _TOO_OLD,
    "version too low": _TOO_OLD,
    "alert protocol version": "the client finds our TLS version too old or too new",
    "inappropriate fallback": "the client tried an older TLS after a broken connection: try again",
    "no shared cipher": "the client knows none of our ciphers, or cannot use our certificate's kind"
    " of key: see profile and certificates in [tls]",
    "no suitable signature algorithm": "the client cannot use our certificate's kind of key: add"
    " one with another (RSA, ECDSA) to [[tls.certificates]]",
    "no shared group": "the client and we have no key exchange in common",
    "no suitable key share": "the client and we have no key exchange in common",
    "alert handshake failure": "the client found nothing in what we offered that it may use",
    "no suitable groups": "the client and we have no key exchange in common",
    "unexpected eof": "the client hung up; often it does not trust our certificate",
    "peer did not return a certificate": "the client showed no certificate",
    "decrypt error": "the client's side of the handshake is broken, or somebody changed it on its"
    " way",
    "internal error": "the client failed inside",
    "close notify": "the client gave up; often it does not trust our certificate",
    "callback failed": "the client asked for a server name that is not ASCII",
    "user cancel": "the client's user gave up",
}

_OF_SERVERS = {
    "wrong version number": "the server speaks plain text or something other than TLS here",
    "unsupported protocol": "the server's TLS is older than ours allows",
    "alert protocol version": "the server's TLS is older than ours allows",
    "alert handshake failure": "the server and we have no cipher in common, or it wants a client's"
    " certificate",
    "dh key too small": "the server's key exchange is too weak",
    "ee key too small": "the server's certificate has a key that is too weak",
}
