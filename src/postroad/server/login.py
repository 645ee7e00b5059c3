"""One AUTH exchange (RFC 4954 §4): a mechanism reads, the directory judges, a guesser waits.

Each step ends in the reply that the session gives the core. Why a login failed is for the log
alone: an unknown name and a wrong password get the same words after the same time.
"""

from __future__ import annotations

from base64 import b64encode

from postroad.directory import DirectoryUnavailable
from postroad.model import Login, Reply
from postroad.sasl import MECHANISMS, Challenge, Credentials
from postroad.server.peer import Peer
from postroad.smtp import replies

__all__ = ["LOGIN_FAILURES", "Exchange"]

_LOGIN_FAILED = Reply.of(535, "5.7.8", "Error: authentication failed: wrong name or password")
_LOGIN_LATER = Reply.of(454, "4.7.0", "Temporary authentication failure")

LOGIN_FAILURES = 3
"""Wrong passwords after which the session ends: a person mistypes, a program guesses."""

FIRST_LOGIN_DELAY = 1.0
"""Seconds until the first wrong password is answered; twice as many for each that follows. One
session thus has one check in a few seconds, and a flood needs as many sessions as checks."""


class Exchange:
    """A login under way."""

    __slots__ = ("_mechanism", "_name", "_peer")

    def __init__(self, peer: Peer, mechanism: str) -> None:
        """An exchange that has not begun.

        Args:
            peer: the client.
            mechanism: the SASL mechanism's name, one of those offered.
        """
        self._peer = peer
        self._name = mechanism
        self._mechanism = MECHANISMS[mechanism]()

    async def step(self, data: bytes | None) -> Reply:
        """Take the initial response (`None` where none was sent), then each response.

        Returns:
            334 to go on, 235 once logged in, or the refusal.
        """
        step = self._mechanism.step(data)
        if isinstance(step, Challenge):
            return replies.challenge(b64encode(step.data).decode())
        if isinstance(step, Credentials):
            return await self._verify(step)
        self._peer.log_login_failed(self._name, step.reason, "")
        return Reply.of(501, "5.5.2", f"Error: {step.reason}")

    async def _verify(self, credentials: Credentials) -> Reply:
        peer = self._peer
        directory = peer.service.directory
        try:
            user = await directory.authenticate(credentials.authcid, credentials.password)
        except DirectoryUnavailable as error:
            peer.notice(f"login of {peer.client}: {error}")
            return _LOGIN_LATER
        if user is None:
            return await self._refuse(credentials.authcid)
        peer.login = Login(user, self._name)
        return replies.AUTHENTICATED

    async def _refuse(self, user: str) -> Reply:
        """The answer to a wrong password, later each time."""
        peer = self._peer
        peer.log_login_failed(self._name, "authentication failure", user)
        await peer.service.pause(FIRST_LOGIN_DELAY * 2**peer.login_failures)
        peer.login_failures += 1
        return _LOGIN_FAILED
