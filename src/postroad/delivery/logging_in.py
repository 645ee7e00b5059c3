"""Logging in at a next hop: the mechanism, the exchange, and what to say when it fails.

Octets are carried between the SASL exchange and the SMTP session. A step of SCRAM may take some
time to compute, and is made in a thread. Whoever refuses a login defers the mail, as in Postfix
(smtp_sasl_auth_soft_bounce): a password that is wrong now will be put right by the operator.

A refused mechanism with channel binding is followed by its like without, once: there are servers
that know another type of binding than we have. No other mechanism is tried, since each refusal
counts at the server, which may lock the account.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from postroad.delivery.login import Credentials, Login
from postroad.delivery.session import Session, Unready
from postroad.model import Reply
from postroad.sasl.client import ClientExchange, ClientStart, chosen, client_exchange, spellings
from postroad.smtp.client import Answer, Challenged, Ended, LoggedIn, LoginRefused

__all__ = ["Host", "LoginRules", "log_in"]

NONCE_OCTETS = 18

_FAILED = "SASL authentication failed"


@dataclass(frozen=True, slots=True)
class LoginRules:
    """What holds for every login.

    Attributes:
        mechanisms: those that may be used, in this order; empty: all, the strongest first.
        without_tls: whether the secret itself may be sent without TLS.
    """

    mechanisms: tuple[str, ...] = ()
    without_tls: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """Whom we log in at.

    Attributes:
        name: the host's name.
        port: its TCP port.
        peer: as replies name it, `mx.example.net[192.0.2.1]`.
        relay: as logs do, with the port.
    """

    name: str
    port: int
    peer: str
    relay: str


async def log_in(
    session: Session, host: Host, credentials: Credentials, rules: LoginRules, login: Login
) -> Unready | None:
    """Log in; `None` when the server took it.

    Args:
        session: greeted, and encrypted if it is going to be.
        host: whom to.
        credentials: what with.
        rules: what holds for every login.
        login: told of a refusal.
    """
    connection = session.connection
    encrypted = connection.tls is not None
    bindings = connection.channel_bindings if encrypted else {}
    offered = session.core.extensions.mechanisms
    names = chosen(
        offered,
        token=credentials.is_token,
        encrypted=encrypted or rules.without_tls,
        bound=bool(bindings),
        allowed=credentials.mechanisms or rules.mechanisms,
    )
    if not names:
        return _no_mechanism(host, credentials, rules, offered, encrypted=encrypted)
    failure = await _exchange(session, host, credentials, names[0], bindings)
    unbound = names[0].removesuffix("-PLUS")
    if isinstance(failure, Answer) and unbound != names[0] and unbound in names:
        failure = await _exchange(session, host, credentials, unbound, {})
    if isinstance(failure, Answer):
        login.refused(host.name, credentials, failure.reply)
        return _refused(failure, host)
    return failure


async def _exchange(
    session: Session,
    host: Host,
    credentials: Credentials,
    mechanism: str,
    bindings: Mapping[str, frozenset[bytes]],
) -> Unready | Answer | None:
    """One exchange: `None` when it succeeded, the answer that refused it, or why there is none."""
    core = session.core
    start = ClientStart(
        username=credentials.username,
        secret=credentials.password,
        nonce=lambda: secrets.token_urlsafe(NONCE_OCTETS),
        host=host.name,
        port=host.port,
        channel_bindings=bindings,
        plus_offered=any(name.endswith("-PLUS") for name in core.extensions.mechanisms),
    )
    exchange = client_exchange(mechanism, start)
    core.authenticate(mechanism, exchange.begin(), spellings(credentials.password))
    while isinstance(event := await session.next_event(), Challenged):
        core.respond(await asyncio.to_thread(exchange.respond, event.data))
    if isinstance(event, Ended):
        return Unready(event.answer, host.relay)
    if isinstance(event, LoggedIn) and exchange.complete:
        return None
    if exchange.failure or not isinstance(event, LoginRefused):
        return _distrusted(exchange, host)
    return event.answer


def _distrusted(exchange: ClientExchange, host: Host) -> Unready:
    """The exchange is not one that we can believe: not what wrong passwords look like."""
    why = exchange.failure or "the server did not prove that it knows the password"
    words = f"{_FAILED}; cannot authenticate to server {host.peer}: {why}"
    return Unready(Answer(Reply.of(454, "4.7.0", words), from_peer=False), host.relay, final=True)


def _no_mechanism(
    host: Host,
    credentials: Credentials,
    rules: LoginRules,
    offered: frozenset[str],
    *,
    encrypted: bool,
) -> Unready:
    allowed = credentials.mechanisms or rules.mechanisms
    if not encrypted and chosen(
        offered, token=credentials.is_token, encrypted=True, bound=False, allowed=allowed
    ):
        words = f"no TLS with host {host.peer}, and the password is not sent without it"
        return Unready.of(451, "4.7.0", words, host.relay)
    words = f"{_FAILED}; cannot authenticate to server {host.peer}: no mechanism available"
    return Unready(Answer(Reply.of(454, "4.7.0", words), from_peer=False), host.relay, final=True)


def _refused(answer: Answer, host: Host) -> Unready:
    words = f"{_FAILED}; server {host.peer} said: {answer.reply}"
    return Unready(Answer(Reply.of(454, "4.7.0", words), from_peer=False), host.relay, final=True)
