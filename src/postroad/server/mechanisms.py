"""Which SASL mechanisms a client is offered: what the operator wants, where it can be had.

A mechanism that cannot succeed is worse than none, because clients choose the strongest they are
shown and give up when it fails. So each is shown only where everything it needs is there; one that
is passed on to a directory is shown to everybody, for the operator has named it for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postroad.directory import DirectoryUnavailable
from postroad.sasl import MECHANISMS
from postroad.server.logins import Logins
from postroad.server.peer import Peer

__all__ = ["Circumstances", "offer_logins", "offered_mechanisms"]

AUTOMATIC = tuple(
    name for name in MECHANISMS if name not in {"CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"}
)
"""What is offered where it can be had if the operator names nothing."""


USUAL_BINDINGS = frozenset({"tls-unique", "tls-exporter"})
"""What clients bind to: `tls-unique` up to TLS 1.2, `tls-exporter` from TLS 1.3 on (RFC 9266 §3).
Where neither can be had, `-PLUS` would fail for the clients that know only these."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a connection has to offer to a mechanism.

    Attributes:
        bindings: by what an exchange can be bound to its TLS (RFC 5929).
        certified: whether the client showed a certificate that is valid.
    """

    bindings: frozenset[str]
    certified: bool


async def offer_logins(peer: Peer) -> None:
    """Let the core offer what this client can log in by. Found out once for each handshake."""
    connection = peer.connection
    if peer.mechanisms or not (connection.tls or peer.service.extensions.plain_auth):
        return
    circumstances = Circumstances(
        bindings=frozenset(connection.channel_bindings),
        certified=connection.tls is not None and connection.tls.client_certificate is not None,
    )
    peer.mechanisms = await offered_mechanisms(peer.service.logins, circumstances)
    peer.core.offer_logins(peer.mechanisms)


async def offered_mechanisms(logins: Logins, circumstances: Circumstances) -> tuple[str, ...]:
    """The mechanisms for a client, in the order in which EHLO names them.

    Args:
        logins: what there is to log in by.
        circumstances: of this client.
    """
    passed = () if logins.passing is None else logins.passing.passed_mechanisms
    names = [
        name
        for name in logins.mechanisms or AUTOMATIC
        if name not in passed and _NEEDS.get(name, _nothing)(logins, circumstances)
    ]
    if not logins.mechanisms:
        unwanted = await _unwanted(logins, circumstances)
        names = [name for name in names if name not in unwanted]
    return (*names, *passed)


async def _unwanted(logins: Logins, circumstances: Circumstances) -> frozenset[str]:
    """What can be had and would still keep somebody out: no client tries PLAIN after a failure."""
    if not await _all_have_verifiers(logins):
        return frozenset({"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"})
    if not circumstances.bindings & USUAL_BINDINGS:
        return frozenset({"SCRAM-SHA-256-PLUS"})
    return frozenset()


async def _all_have_verifiers(logins: Logins) -> bool:
    if logins.secrets is None:
        return False
    try:
        return await logins.secrets.all_have_verifiers()
    except DirectoryUnavailable:
        return False


Need = Callable[[Logins, Circumstances], bool]


def _nothing(_: Logins, __: Circumstances) -> bool:
    return True


def _secrets(logins: Logins, _: Circumstances) -> bool:
    return logins.secrets is not None


def _binding(logins: Logins, circumstances: Circumstances) -> bool:
    return logins.secrets is not None and bool(circumstances.bindings)


def _tokens(logins: Logins, _: Circumstances) -> bool:
    return logins.tokens is not None


def _certificate(logins: Logins, circumstances: Circumstances) -> bool:
    return logins.certificates is not None and circumstances.certified


_NEEDS: Mapping[str, Need] = {
    "SCRAM-SHA-256-PLUS": _binding,
    "SCRAM-SHA-256": _secrets,
    "SCRAM-SHA-1-PLUS": _binding,
    "SCRAM-SHA-1": _secrets,
    "CRAM-MD5": _secrets,
    "OAUTHBEARER": _tokens,
    "XOAUTH2": _tokens,
    "EXTERNAL": _certificate,
}
"""What each mechanism cannot do without; PLAIN and LOGIN need nothing."""
