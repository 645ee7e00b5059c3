"""One AUTH exchange (RFC 4954 §4): a mechanism reads, the directory judges, a guesser waits.

Each step ends in the reply that the session gives the core. Why a login failed is for the log
alone: an unknown name, a wrong password, a disabled account and one that is locked for a while get
the same words after the same work and the same time. For a locked account that means that
everything is looked up and computed as ever, and in the end not believed: so whoever was banned
while the exchange went on is not believed either.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from postroad.directory import DirectoryUnavailable, Purpose
from postroad.model import Login, Reply
from postroad.sasl import (
    Certified,
    Challenge,
    Credentials,
    Malformed,
    Proved,
    Refuted,
    Secret,
    SecretWanted,
    Step,
    Token,
)
from postroad.server.applicant import Applicant
from postroad.server.authorization import is_same_user, name_form
from postroad.server.speaking import OwnMechanism, speaker_of
from postroad.smtp import replies

__all__ = ["LOGIN_FAILURES", "Exchange"]

_LOGIN_FAILED = Reply.of(535, "5.7.8", "Error: authentication failed: wrong name or password")
_NOT_ALLOWED = Reply.of(
    535, "5.7.8", "Error: authentication failed: acting as another user is not allowed"
)
_LOGIN_LATER = Reply.of(454, "4.7.0", "Temporary authentication failure")

# For the log. The first is what Postfix says, and what tools look for.
_FAILED = "authentication failure"
_LOCKED = "authentication failure (too many failures before)"
_UNPROVED = "too many exchanges without a proof"

_TURN = 0.05  # seconds between two looks at whether the checks under way have ended
_TURNS = 600  # then the client is told to come back: 30 seconds, in which any check ends

LOGIN_FAILURES = 3
"""Wrong passwords after which the session ends: a person mistypes, a program guesses."""

FIRST_LOGIN_DELAY = 1.0
"""Seconds until the first wrong password of a session is answered, where no guard counts those of
all sessions; twice as many for each that follows."""


class Exchange:
    """A login under way."""

    __slots__ = (
        "_asked",
        "_authcid",
        "_begun",
        "_delay",
        "_name",
        "_names",
        "_peer",
        "_purpose",
        "_speaker",
        "_user",
        "_waited",
    )

    def __init__(self, peer: Applicant, mechanism: str, purpose: Purpose = Purpose.SEND) -> None:
        """An exchange that has not begun.

        Args:
            peer: the client.
            mechanism: the SASL mechanism's name, one of those offered.
            purpose: what the login is for.
        """
        self._peer = peer
        self._purpose = purpose
        self._name = mechanism
        self._speaker = speaker_of(peer, mechanism)
        self._begun = False
        self._delay: float | None = None  # of a failure that is counted already
        self._names: dict[str, tuple[str, ...]] = {}  # under which a name is counted
        self._user = self._authcid = ""  # whose secret the mechanism was given, for what name
        self._asked = False  # for a proof, which has not come yet
        self._waited = 0.0  # seconds, for other checks

    async def step(self, data: bytes | None) -> Reply:
        """Take the initial response (`None` where none was sent), then each response.

        Returns:
            334 to go on, 235 once logged in, or the refusal.
        """
        peer = self._peer
        if not self._begun:
            self._begun = True
            refusal = peer.service.gate.attempt(peer.client, peer.service.clock())
            if refusal is not None:
                return refusal
        try:
            return await self._follow(await self._spoken(data))
        except DirectoryUnavailable as error:
            peer.notice(f"login of {peer.client}: {error}")
            return _LOGIN_LATER

    def abandon(self) -> None:
        """Nobody goes on with it. It may be over."""
        self._speaker.abandon()

    async def _spoken(self, data: bytes | None) -> Step:
        """What follows from what the client said; of a directory that judges, whose it is."""
        if isinstance(self._speaker, OwnMechanism):
            return await self._speaker.step(data)
        with self._under_way(""):  # whose name it is about, is not known before it is judged
            step = await self._speaker.step(data)
            name = step.authcid if isinstance(step, Refuted) else self._speaker.user
            if name:
                with suppress(DirectoryUnavailable):  # a refusal counts all the same
                    await self._names_of(name)
            if isinstance(step, Refuted):
                self._delay = self._count_failure(name, step.reason)
        self._user = self._authcid = self._speaker.user
        if isinstance(step, Challenge) and step.data and not self._asked:
            self._ask()
        return step

    async def _follow(self, step: Step) -> Reply:
        match step:
            case Challenge(data, proved):
                if proved and not await self._is_believed(self._authcid, self._user):
                    return await self._refuse(self._authcid, _LOCKED)
                return replies.challenge(b64encode(data).decode())
            case SecretWanted():
                step = step.answer(await self._secret(step))
                if isinstance(step, Challenge):
                    self._ask()
                return await self._follow(step)
            case Credentials():
                return await self._verify(step)
            case Token():
                return await self._redeem(step)
            case Certified(authzid):
                return await self._certify(authzid)
            case Proved(authcid, authzid):
                return await self._admit(self._user, authcid, authzid)
            case Refuted(authcid, reason):
                return await self._refuse(authcid, reason)
            case Malformed(reason, code):
                self._peer.log_login_failed(self._name, reason, "")
                return Reply.of(501, code, f"Error: {reason}")

    # What the directory knows ------------------------------------------------------------------

    async def _verify(self, step: Credentials) -> Reply:
        peer, name = self._peer, step.authcid
        names = await self._names_of(name)
        barred = self._is_locked(name, names[0])
        reason = _LOCKED if barred else _FAILED
        with self._under_way(names[0]):
            user = await peer.service.directory.authenticate(
                name, step.password, self._purpose, peer.client.address, barred=barred
            )
            if user is None:
                self._delay = self._count_failure(name, reason)
        if user is None:
            return await self._refuse(name, reason)
        return await self._admit(user, name, step.authzid)

    async def _secret(self, step: SecretWanted) -> Secret | None:
        """The secret to go on with. Whether a proof by it is believed, is asked afterwards."""
        secrets = self._peer.service.logins.secrets
        assert secrets is not None, "the mechanism is offered only where there are secrets"
        self._authcid = step.authcid
        await self._names_of(step.authcid)
        found = await secrets.secret(step.authcid, step.kind)
        if found is None:
            return None
        self._user, secret = found
        return secret

    async def _redeem(self, step: Token) -> Reply:
        tokens = self._peer.service.logins.tokens
        assert tokens is not None, "the mechanism is offered only where tokens can be checked"
        user = await tokens.user_of(step.token)
        with suppress(DirectoryUnavailable):  # a refusal counts all the same
            await self._names_of(step.authzid or user or "")
        if user is None or self._is_locked(user):
            # Counted now: what follows is the client's to say, and some hang up instead.
            self._delay = self._count_failure(step.authzid or user or "", "the token was refused")
            return await self._follow(step.refuse())
        return await self._admit(user, user, step.authzid)

    async def _certify(self, authzid: str) -> Reply:
        peer = self._peer
        certificates, tls = peer.service.logins.certificates, peer.connection.tls
        assert certificates is not None, "the mechanism is offered only with a map of certificates"
        shown = None if tls is None else tls.client_certificate
        assert shown is not None, "the mechanism is offered only to clients with a certificate"
        user = await certificates.user_of_certificate(shown.der)
        if user is None:
            return await self._refuse(authzid, "the certificate is nobody's")
        return await self._admit(user, user, authzid)

    async def _acting(self, user: str, authzid: str) -> str | None:
        """The other account that a user may act as, by its own name."""
        service = self._peer.service
        if not service.logins.act_as.allows(user, authzid):
            return None
        return await service.directory.login_name(authzid)

    # How it ends -------------------------------------------------------------------------------

    async def _admit(self, user: str, authcid: str, authzid: str) -> Reply:
        """Who it is, is proved; whether that is believed, and whom it may act as, is left."""
        peer, logins = self._peer, self._peer.service.logins
        if not await self._is_believed(authcid, user):
            return await self._refuse(authcid, _LOCKED)
        actor = ""
        if not is_same_user(authzid, authcid, user):
            other = await self._acting(user, authzid)
            if other is None:
                peer.log_login_failed(self._name, f"may not act as {authzid}", user)
                peer.login_failures += 1
                return _NOT_ALLOWED
            if self._is_banned(other, authzid):
                return await self._refuse(authcid, f"{other} is banned")
            peer.inform(f"{peer.client}: {user} logged in by {self._name} to act as {other}")
            user, actor = other, user
        if logins.guard is not None:
            names, own = await self._names_of(authcid), name_form(user)
            for each in (names,) if own == names[0] else (names, (own,)):
                logins.guard.succeeded(peer.client.address, each, peer.service.clock())
            self._answered()
        return peer.log_in(Login(user, self._name, actor)) or replies.AUTHENTICATED

    async def _refuse(self, name: str, reason: str) -> Reply:
        """The answer to a wrong password, later each time."""
        delay = self._count_failure(name, reason) if self._delay is None else self._delay
        await self._peer.service.pause(max(0.0, delay - self._waited))
        return _LOGIN_FAILED

    def _count_failure(self, name: str, reason: str) -> float:
        """Write a failure down and count it; seconds that its answer waits."""
        peer, guard = self._peer, self._peer.service.logins.guard
        peer.log_login_failed(self._name, reason, name)
        peer.login_failures += 1
        if guard is None:
            return FIRST_LOGIN_DELAY * 2.0 ** (peer.login_failures - 1)
        self._answered()
        address, now = peer.client.address, peer.service.clock()
        names = self._names.get(name, (name_form(name),)) if name else ()
        if guard.failed(address, names, now) is not None:
            peer.login_failures = LOGIN_FAILURES  # it is banned: the session ends with this
        return guard.delay(address, names, now)

    # What the guard knows ----------------------------------------------------------------------

    async def _names_of(self, name: str) -> tuple[str, ...]:
        """The names under which logins by a name are counted; asked once."""
        logins, known = self._peer.service.logins, self._names.get(name)
        if known is None:
            asked = None if logins.guard is None else logins.names
            known = (name_form(name),) if asked is None else await asked.login_names(name)
            self._names[name] = known
        return known

    @contextmanager
    def _under_way(self, user: str) -> Iterator[None]:
        """While a check goes on, others that turn out right may have to wait for it."""
        guard, address = self._peer.service.logins.guard, self._address
        if guard is None:
            yield
            return
        guard.attempts.begin(address, user)
        try:
            yield
        finally:
            guard.attempts.end(address, user)

    async def _is_believed(self, authcid: str, user: str) -> bool:
        """Whether one who proved who it is may come in, after all that was tried beside it."""
        service, guard = self._peer.service, self._peer.service.logins.guard
        if guard is None:
            return True
        own = (await self._names_of(authcid))[0]
        while not (locked := self._is_locked(authcid, own, user)) and any(
            guard.attempts.must_wait(self._address, each, service.clock())
            for each in {own, name_form(user)}
        ):
            if self._waited >= _TURN * _TURNS:
                raise DirectoryUnavailable("other logins from there are still being checked")
            self._waited += _TURN
            await service.pause(_TURN)
        return not locked

    def _is_locked(self, *names: str) -> bool:
        """Whether an account of these names is kept from logging in from here for a while."""
        guard, now = self._peer.service.logins.guard, self._peer.service.clock()
        return guard is not None and any(
            guard.is_locked(self._address, name_form(name), now) for name in names
        )

    def _is_banned(self, *names: str) -> bool:
        guard, now = self._peer.service.logins.guard, self._peer.service.clock()
        return guard is not None and any(guard.is_banned(name_form(name), now) for name in names)

    def _ask(self) -> None:
        """The client is asked for a proof. Who never gives one is after something else."""
        peer, guard = self._peer, self._peer.service.logins.guard
        if guard is None:
            return
        now, self._asked = peer.service.clock(), True
        if guard.attempts.asked(self._address, now):
            peer.log_login_failed(self._name, _UNPROVED, self._authcid)
            if guard.failed(self._address, (), now) is not None:
                peer.login_failures = LOGIN_FAILURES

    def _answered(self) -> None:
        """The exchange ended with a proof, right or wrong."""
        guard = self._peer.service.logins.guard
        if self._asked and guard is not None:
            self._asked = False
            guard.attempts.asked(self._address, self._peer.service.clock(), -1)

    @property
    def _address(self) -> str:
        return self._peer.client.address
