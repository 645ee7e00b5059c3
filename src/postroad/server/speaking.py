"""Who speaks a SASL mechanism with a client: one of `sasl`, or a directory that it is passed on to.

Both are octets in and a step out; that a directory has to be asked, and says itself whose it is, is
all that differs. What a login follows from a step is `login`'s.
"""

from __future__ import annotations

from postroad.directory.interface import Origin, PassedLogin
from postroad.sasl import MECHANISMS, Start, Step
from postroad.server.applicant import Applicant
from postroad.server.authorization import name_form

__all__ = ["OwnMechanism", "speaker_of"]


class OwnMechanism:
    """Implements `PassedLogin` by a mechanism of `sasl`, which never knows whose it is."""

    user = ""

    def __init__(self, peer: Applicant, mechanism: str) -> None:
        """Args: `mechanism` is one of `sasl.MECHANISMS`."""
        self._mechanism = MECHANISMS[mechanism](_start(peer))

    async def step(self, data: bytes | None) -> Step:
        """See `sasl.Mechanism.step`."""
        return self._mechanism.step(data)

    def abandon(self) -> None:
        """Nobody else waits for its end."""


def speaker_of(peer: Applicant, mechanism: str) -> PassedLogin:
    """What speaks a mechanism.

    Args:
        peer: who logs in.
        mechanism: one of those that it was offered.
    """
    passing = peer.service.logins.passing
    if passing is None or mechanism not in passing.passed_mechanisms:
        return OwnMechanism(peer, mechanism)
    return passing.pass_login(mechanism, _origin(peer))


def _origin(peer: Applicant) -> Origin:
    client, server = peer.client, peer.server
    return Origin(
        address=client.address if client.has_address else "",
        port=client.port,
        server_address=server.address,
        server_port=server.port,
        secured=peer.connection.tls is not None or client.is_local,
        session=peer.session,
    )


def _start(peer: Applicant) -> Start:
    logins = peer.service.logins
    return Start(
        nonce=logins.nonce,
        hostname=peer.service.hostname,
        fake_key=logins.fake_key,
        name_form=name_form,
        iterations=logins.iterations,
        channel_bindings=peer.connection.channel_bindings,
        plus_offered=any(name.endswith("-PLUS") for name in peer.mechanisms),
    )
