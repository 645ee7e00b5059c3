"""Dovecot's authentication protocol, served: Postfix's `smtpd_sasl_type = dovecot` at our accounts.

We say at once who we are and which mechanisms there are; the client says who it is, and from then
on AUTH and CONT, each with a number of the client's. Exchanges under way are independent of each
other: one that waits because a password was wrong holds up none of the others (Dovecot's wiki,
"Authentication Protocol", version 1.1; Postfix reads it in `xsasl_dovecot_server.c`).

Passwords are taken of clients that the other server says are secured, or that are on this machine,
as Dovecot's own `disable_plaintext_auth` has it. What is not of the protocol ends the connection.
"""

from __future__ import annotations

import asyncio
import binascii
import secrets
from base64 import b64decode
from functools import partial

from postroad.directory import DirectoryUnavailable, Purpose
from postroad.model import Reply
from postroad.model.journal import Level, Notice
from postroad.net.connection import Connection
from postroad.net.dovecot_lines import fields, line, named
from postroad.served.applicant import Applicant, client_of
from postroad.served.incoming import Ended, Incoming
from postroad.served.service import SocketService
from postroad.server.login import Exchange
from postroad.server.mechanisms import Circumstances, offered_mechanisms

__all__ = ["AuthSession"]

MAX_LINE = 32_768
"""Octets of a line: a bearer token in base64 with its fields. Dovecot's own bound is 8,192 and
more."""

MAX_EXCHANGES = 256
"""Exchanges under way on one connection. A Postfix process has one."""

LASTING = 150.0
"""Seconds that a client has to end an exchange, all of its answers together; then its number is
free. Dovecot's own are as many (`AUTH_REQUEST_TIMEOUT_SECS`)."""

_LATER = Reply.of(454, "4.7.0", "Temporary authentication failure")

_VERSION = ("1", "1")
_NO_CIRCUMSTANCES = Circumstances(bindings=frozenset(), certified=False)
_PLAINTEXT = frozenset({"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"})
"""What shows the secret itself to whoever listens on the way."""

_SECURITY: dict[str, tuple[str, ...]] = {
    "PLAIN": ("plaintext",),
    "LOGIN": ("plaintext",),
    "CRAM-MD5": ("dictionary", "active"),
    "SCRAM-SHA-1": ("mutual-auth",),
    "SCRAM-SHA-256": ("mutual-auth",),
}
"""What is told of mechanisms, by which Postfix's `smtpd_sasl_security_options` choose."""

_SENDING = frozenset({"smtp", "submission", "lmtp"})
"""Services that log in to send; all others read mail."""


class _Attempt:
    """An exchange under way, and the client's answers that it has not looked at."""

    __slots__ = ("answers", "applicant", "mechanism", "purpose", "task")

    def __init__(self, applicant: Applicant, mechanism: str, purpose: Purpose) -> None:
        self.applicant = applicant
        self.mechanism = mechanism
        self.purpose = purpose
        self.answers: asyncio.Queue[bytes] = asyncio.Queue(1)
        self.task: asyncio.Task[None] | None = None


class AuthSession:
    """One connection of a client.

    Args:
        connection: open.
        service: the socket.
    """

    def __init__(self, connection: Connection, service: SocketService) -> None:
        self._connection = connection
        self._service = service
        self._incoming = Incoming(connection, MAX_LINE, service.settings.idle_timeout)
        self._attempts: dict[str, _Attempt] = {}
        self._mechanisms: tuple[str, ...] = ()

    async def run(self) -> None:
        """Serve until the client is gone.

        Raises:
            Ended: it is, or what it said is not of the protocol.
        """
        try:
            await self._greet()
            while True:
                self._take(fields(await self._incoming.line()))
                await self._incoming.taken()
        finally:
            running = [each.task for each in self._attempts.values() if each.task is not None]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _greet(self) -> None:
        logins = self._service.logins
        self._mechanisms = await offered_mechanisms(logins, _NO_CIRCUMSTANCES)
        greeting: list[tuple[str, ...]] = [("VERSION", *_VERSION)]
        greeting += [("MECH", name, *_SECURITY.get(name, ())) for name in self._mechanisms]
        identity = str(secrets.randbelow(1 << 31))
        greeting += [
            ("SPID", str(self._service.process)),
            ("CUID", identity),
            ("COOKIE", secrets.token_hex(16)),
            ("DONE",),
        ]
        self._connection.write(b"".join(line(*each) for each in greeting))
        await self._incoming.taken()

    def _take(self, said: tuple[str, ...]) -> None:
        match said:
            case ("VERSION", major, *_):
                if major != _VERSION[0]:
                    raise Ended(f"it speaks version {major[:10]} of the protocol")
            case ("CPID", *_):
                pass
            case ("AUTH", number, mechanism, *texts) if _is_number(number):
                self._begin(number, mechanism.upper(), texts)
            case ("CONT", number, *texts) if _is_number(number):
                self._continue(number, texts[0] if texts else "")
            case ("CANCEL", number, *_) if _is_number(number):
                attempt = self._attempts.pop(number, None)
                if attempt is not None and attempt.task is not None:
                    attempt.task.cancel()
            case _:
                raise Ended("what it said is not of the protocol")

    def _begin(self, number: str, mechanism: str, texts: list[str]) -> None:
        if number in self._attempts:
            raise Ended("it began an exchange with the number of another")
        # `resp` is the last field by definition: what stands behind it is nobody's.
        at = next((at for at, each in enumerate(texts) if each.startswith("resp=")), None)
        initial = None if at is None else _octets(texts[at].removeprefix("resp="))
        told = named(texts if at is None else texts[:at])
        if mechanism not in self._mechanisms:
            self._fail(number, "reason=Authentication mechanism not supported")
        elif at is not None and initial is None:
            self._fail(number, "reason=Invalid base64 data in initial response")
        elif mechanism in _PLAINTEXT and not self._is_secured(told):
            self._fail(
                number, "reason=Plaintext authentication disallowed on non-secure connections"
            )
        elif len(self._attempts) >= MAX_EXCHANGES:
            self._service.warn(f"more than {MAX_EXCHANGES} logins at once on one connection")
            self._fail(number, "temp", "code=temp_fail")
        else:
            self._start(number, mechanism, told, initial)

    def _start(
        self, number: str, mechanism: str, told: dict[str, str], initial: bytes | None
    ) -> None:
        client = client_of(told.get("rip", ""))
        purpose = Purpose.SEND if told.get("service", "").lower() in _SENDING else Purpose.READ
        applicant = Applicant(self._service, client, self._mechanisms)
        attempt = self._attempts[number] = _Attempt(applicant, mechanism, purpose)
        attempt.task = asyncio.create_task(self._attempt(number, attempt, initial))
        attempt.task.add_done_callback(partial(self._settled, number))

    def _is_secured(self, told: dict[str, str]) -> bool:
        if self._service.settings.plain_auth or "secured" in told:
            return True
        remote = told.get("rip", "")
        return not remote or remote == told.get("lip", "") or _is_loopback(remote)

    def _continue(self, number: str, text: str) -> None:
        attempt = self._attempts.get(number)
        if attempt is None:
            return  # it has just ended, and the client has not read so yet
        data = _octets(text)
        if data is None or attempt.answers.full():
            self._attempts.pop(number)
            if attempt.task is not None:
                attempt.task.cancel()
            self._fail(number, "reason=Invalid base64 data in continued response")
            return
        attempt.answers.put_nowait(data)

    async def _attempt(self, number: str, attempt: _Attempt, data: bytes | None) -> None:
        exchange = Exchange(attempt.applicant, attempt.mechanism, attempt.purpose)
        try:
            async with asyncio.timeout(LASTING):
                reply = await exchange.step(data)
                while reply.code == 334:
                    self._connection.write(line("CONT", number, reply.lines[0]))
                    reply = await exchange.step(await attempt.answers.get())
                if reply.is_positive and attempt.purpose is Purpose.SEND:
                    reply = await self._suspension(attempt.applicant) or reply
        except TimeoutError:
            reply = _LATER
        except DirectoryUnavailable as error:
            attempt.applicant.notice(f"login of {attempt.applicant.client}: {error}")
            reply = _LATER
        finally:
            exchange.abandon()
            if self._attempts.get(number) is attempt:
                del self._attempts[number]
        self._end(number, attempt, reply)

    async def _suspension(self, applicant: Applicant) -> Reply | None:
        """The refusal of who may not send, or acts as somebody who may not.

        Our own listeners let them in and refuse their mail; a server that asks only who somebody is
        has no such step.

        Raises:
            DirectoryUnavailable: it is not known now.
        """
        login = applicant.login
        if login is None:
            return None
        for account in filter(None, (login.user, login.actor)):
            if await self._service.is_frozen(account):
                words = f"sending from {account} is suspended"
                applicant.inform(f"{applicant.client}: {login.user} may not log in: {words}")
                applicant.suspension = words
                return Reply.of(535, "5.7.13", words)
        return None

    def _settled(self, number: str, task: asyncio.Task[None]) -> None:
        """An exchange has ended; one that a bug ended is told of, and the client not left alone."""
        if not task.cancelled() and (error := task.exception()) is not None:
            words = f"a login failed: {type(error).__name__}: {error}"
            self._service.journal(Notice(self._service.name, words, Level.ERROR))
            self._fail(number, "temp", "code=temp_fail")

    def _end(self, number: str, attempt: _Attempt, reply: Reply) -> None:
        login = attempt.applicant.login
        if reply.is_positive and login is not None:
            words = f"{attempt.applicant.client}: {login.user} logged in by {login.mechanism}"
            attempt.applicant.inform(words)
            self._connection.write(line("OK", number, f"user={login.user}"))
        elif reply.is_permanent:
            tried, words = attempt.applicant.tried, attempt.applicant.suspension
            told = {"user": tried, "reason": words}
            self._fail(number, *(f"{name}={text}" for name, text in told.items() if text))
        else:
            # Both ways of saying so: Dovecot's before 2.3, and since.
            self._fail(number, "temp", "code=temp_fail", "reason=Temporary authentication failure")

    def _fail(self, number: str, *texts: str) -> None:
        self._connection.write(line("FAIL", number, *texts))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _octets(text: str) -> bytes | None:
    """What base64 says; `None` where it is none. A single `=` is nothing (RFC 4954 §4)."""
    if text == "=":
        return b""
    try:
        return b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
