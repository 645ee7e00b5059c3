"""One SMTP session: a connection, the protocol core, and who answers its questions.

The core turns octets into events and pauses where a decision is needed; this module asks the right
room for each decision (policy for MAIL and RCPT, the directory for logins, the door for content)
and gives the core the answer. It decides nothing by itself and keeps no state that outlives the
transaction, but for who the peer is. After STARTTLS it forgets along with the core (RFC 3207 §4.2).
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from postroad.directory import DirectoryUnavailable
from postroad.intake import NO_STORAGE, Entry, Source
from postroad.model import Address, Client, Envelope, Login, Reply
from postroad.model.journal import (
    Accepted,
    Connected,
    Disconnected,
    Event,
    Level,
    LoginFailed,
    Lost,
    Notice,
    Rejected,
    TlsEstablished,
    TlsFailed,
)
from postroad.net.connection import Connection, TlsError
from postroad.policy import Facts, Verdict
from postroad.sasl import MECHANISMS, Challenge, Credentials, Mechanism
from postroad.server.service import Service
from postroad.smtp import (
    Auth,
    AuthResponse,
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Hello,
    Mail,
    Need,
    Offer,
    Quit,
    Rcpt,
    Refused,
    Reset,
    ServerCore,
    StartTls,
    replies,
)
from postroad.smtp import Event as CoreEvent
from postroad.spool import SpoolError

__all__ = ["Session"]

_LOGIN_FAILED = Reply.of(535, "5.7.8", "Error: authentication failed: wrong name or password")
_LOGIN_LATER = Reply.of(454, "4.7.0", "Temporary authentication failure")

LOGIN_FAILURES = 3
"""Wrong passwords after which the session ends: a person mistypes, a program guesses."""

FIRST_LOGIN_DELAY = 1.0
"""Seconds until the first wrong password is answered; twice as many for each that follows. One
session thus has one check in a few seconds, and a flood needs as many sessions as checks."""


class Session:
    """Serves one client from greeting to goodbye."""

    __slots__ = (
        "_arrived",
        "_client",
        "_connection",
        "_core",
        "_entry",
        "_login",
        "_login_failures",
        "_mail",
        "_mechanism",
        "_mechanism_name",
        "_over",
        "_recipients",
        "_service",
        "_stopping",
        "_trusted",
        "_waiting",
    )

    def __init__(self, connection: Connection, service: Service) -> None:
        """A session about to be served.

        Args:
            connection: to the client; with implicit TLS, still before its handshake.
            service: the listener it came by, and everything it may ask.
        """
        self._connection = connection
        self._service = service
        self._client: Client = connection.peer
        self._core = self._new_core()
        self._login: Login | None = None
        self._login_failures = 0
        self._trusted = False
        self._mail: Mail | None = None
        self._arrived = 0.0
        self._recipients: list[Address] = []
        self._entry: Entry | None = None
        self._mechanism: Mechanism | None = None
        self._mechanism_name = ""
        self._over = False
        self._stopping = False
        self._waiting = False

    async def run(self) -> None:
        """Serve until either side has had enough. Never raises for what a peer does."""
        service, connection = self._service, self._connection
        try:
            if service.reverse_names:
                self._client = replace(
                    self._client, name=await service.names.client_name(self._client.address)
                )
            self._trusted = service.trusted.contains(self._client.address)
            self._log(Connected(service.name, self._client))
            if service.implicit_tls and not await self._start_tls(b""):
                return
            self._core.greet()
            await self._converse()
        except (ConnectionError, OSError) as error:
            self._log(Lost(service.name, "lost connection", self._core.after, self._client))
            if str(error) and not isinstance(error, ConnectionError):
                self._log(Notice(service.name, f"{self._client}: {error}", Level.WARNING))
        finally:
            self._drop_entry()
            connection.close()
            self._log(Disconnected(service.name, self._client, self._core.counts))

    def stop(self) -> None:
        """End the session when its transaction is over; at once if it waits for a command."""
        self._stopping = True
        if self._waiting and self._mail is None:
            self._say_goodbye()

    # The conversation --------------------------------------------------------------------------

    async def _converse(self) -> None:
        core, connection = self._core, self._connection
        while not self._over:
            event = core.next_event()
            if event is Need.DATA:
                data = core.data_to_send()
                if data:
                    connection.write(data)
                if self._stopping and self._mail is None:
                    self._say_goodbye()
                    return
                await self._receive()
            else:
                assert not isinstance(event, Need), "every pausing event was answered"
                await self._handle(event)
        connection.write(core.data_to_send())

    async def _receive(self) -> None:
        try:
            data = await self._read(self._patience())
        except TimeoutError:
            self._log(Lost(self._service.name, "timeout", self._core.after, self._client))
            self._fail(replies.timeout_exceeded(self._service.hostname))
            return
        if not self._over:
            self._core.receive(data)

    def _patience(self) -> float:
        """Seconds the client may take now; 0 or less when its transaction took too long."""
        limit = self._service.limits.transaction
        if self._mail is None or not limit:
            return self._core.patience
        return min(self._core.patience, self._arrived + limit - self._service.clock())

    async def _read(self, patience: float) -> bytes:
        if patience <= 0:
            raise TimeoutError("the transaction took too long")
        await self._connection.drain(patience)
        self._waiting = True
        try:
            return await self._connection.read(patience)
        finally:
            self._waiting = False

    async def _handle(self, event: CoreEvent) -> None:
        """Answer one event. The order is that of frequency in a transaction."""
        match event:
            case BodyChunk(data):
                if self._entry is not None and (written := self._entry.write(data)) is not None:
                    await written
            case Rcpt():
                await self._rcpt(event)
            case Mail():
                self._mail = event
                self._arrived = self._service.clock()
                self._core.reply(replies.MAIL_OK)
            case Data():
                await self._data()
            case EndOfData():
                await self._end_of_data(event)
            case Hello():
                self._forget_transaction()
                self._core.reply(Reply.of(250, None, self._service.hostname))
            case Reset():
                self._forget_transaction()
            case Quit():
                self._over = True
            case StartTls():
                await self._upgrade()
            case Auth():
                self._mechanism = MECHANISMS[event.mechanism]()
                self._mechanism_name = event.mechanism
                await self._authenticate(event.initial)
            case AuthResponse(data):
                await self._authenticate(data)
            case Refused(command, reply):
                self._log_refused(command, reply)
            case Closed(reason):
                self._over = True
                self._log_closed(reason)

    def _say_goodbye(self) -> None:
        self._fail(replies.shutting_down(self._service.hostname))

    def _fail(self, reply: Reply) -> None:
        self._over = True
        self._core.fail(reply)
        self._connection.write(self._core.data_to_send())
        self._connection.close()

    # The transaction ---------------------------------------------------------------------------

    async def _rcpt(self, event: Rcpt) -> None:
        service = self._service
        verdict = await service.policy.recipient(self._facts(event.recipient), service.oracle)
        self._log_warnings("RCPT", verdict, event.recipient)
        if verdict.reply is not None:
            self._log_rejected("RCPT", verdict.reply, event.recipient)
            self._core.reply(verdict.reply)
            return
        self._recipients.append(event.recipient)
        self._core.reply(replies.RCPT_OK)

    async def _data(self) -> None:
        assert self._mail is not None, "the core lets DATA through after MAIL only"
        mail, service = self._mail, self._service
        only = self._recipients[0] if len(self._recipients) == 1 else None
        verdict = await service.policy.data(self._facts(only), service.oracle)
        self._log_warnings("DATA", verdict, only)
        if verdict.reply is not None:
            self._log_rejected("DATA", verdict.reply, None)
            self._core.reply(verdict.reply)
            return
        source = Source(
            service.name,
            self._client,
            self._core.hello,
            self._core.protocol,
            self._connection.tls,
            self._login,
            submission=self._login is not None or self._trusted,
        )
        envelope = Envelope(mail.sender, mail.body, mail.smtputf8)
        recipients = tuple(self._recipients)
        try:
            self._entry = service.door.open(source, envelope, recipients, self._arrived)
        except SpoolError as error:
            self._log(Notice(service.name, str(error), Level.ERROR))
            self._log_rejected("DATA", NO_STORAGE, only)
            self._core.reply(NO_STORAGE)
            return
        self._log(Accepted(service.name, self._entry.queue_id, self._client, self._login))
        self._core.reply(replies.START_CONTENT)

    async def _end_of_data(self, event: EndOfData) -> None:
        entry, self._entry = self._entry, None
        assert entry is not None, "content comes only after 354"
        if event.fault is not None:
            entry.discard()
            reply = event.fault
        else:
            reply = await entry.commit()
        if not reply.is_positive:
            self._log_rejected("END-OF-MESSAGE", reply, None, entry.queue_id)
        self._core.reply(reply)
        self._forget_transaction()

    def _facts(self, recipient: Address | None) -> Facts:
        assert self._mail is not None, "policy is asked within a transaction only"
        return Facts(
            client=self._client,
            trusted=self._trusted,
            helo=self._core.hello,
            login=self._login,
            tls=self._connection.tls,
            mail=True,
            sender=self._mail.sender,
            recipient=recipient,
        )

    def _forget_transaction(self) -> None:
        self._drop_entry()
        self._mail = None
        self._recipients.clear()

    def _drop_entry(self) -> None:
        if self._entry is not None:
            self._entry.discard()
            self._entry = None

    # TLS and login -----------------------------------------------------------------------------

    def _new_core(self) -> ServerCore:
        service = self._service
        offer = Offer(
            starttls=service.starttls,
            secure=service.implicit_tls,
            require_tls=service.require_tls,
            mechanisms=tuple(MECHANISMS) if service.auth else (),
        )
        return ServerCore(service.hostname, offer, service.limits)

    async def _upgrade(self) -> None:
        self._core.reply(replies.READY_FOR_TLS)
        if await self._start_tls(self._core.data_to_send()):
            self._core.tls_started()
            self._forget_transaction()
            self._login = None
        else:
            self._over = True

    async def _start_tls(self, invitation: bytes) -> bool:
        """The handshake, with what invites the client to it; whether it succeeded."""
        service, connection = self._service, self._connection
        assert service.tls_context is not None, "TLS is offered only with a certificate"
        try:
            await connection.start_tls(
                service.tls_context,
                server_side=True,
                timeout=service.handshake_timeout,
                invitation=invitation,
            )
        except TlsError as error:
            self._log(TlsFailed(service.name, self._client, str(error)))
            self._log(Lost(service.name, "lost connection", self._core.after, self._client))
            return False
        assert connection.tls is not None
        self._log(TlsEstablished(service.name, str(self._client), connection.tls))
        return True

    async def _authenticate(self, data: bytes | None) -> None:
        assert self._mechanism is not None, "a response follows a challenge"
        step = self._mechanism.step(data)
        if isinstance(step, Challenge):
            self._core.reply(replies.challenge(b64encode(step.data).decode()))
        elif isinstance(step, Credentials):
            await self._verify(step)
        else:
            self._log_login_failed(step.reason, "")
            self._core.reply(Reply.of(501, "5.5.2", f"Error: {step.reason}"))

    async def _verify(self, credentials: Credentials) -> None:
        service = self._service
        try:
            user = await service.directory.authenticate(credentials.authcid, credentials.password)
        except DirectoryUnavailable as error:
            self._log(Notice(service.name, f"login of {self._client}: {error}", Level.WARNING))
            self._core.reply(_LOGIN_LATER)
            return
        if user is None:
            await self._refuse_login(credentials.authcid)
            return
        self._login = Login(user, self._mechanism_name)
        self._core.reply(replies.AUTHENTICATED)

    async def _refuse_login(self, user: str) -> None:
        """Answer a wrong password, later each time, and the last one with a goodbye."""
        service = self._service
        self._log_login_failed("authentication failure", user)
        await service.pause(FIRST_LOGIN_DELAY * 2**self._login_failures)
        self._login_failures += 1
        self._core.reply(_LOGIN_FAILED)
        if self._login_failures >= LOGIN_FAILURES:
            self._core.fail(replies.too_many_errors(service.hostname))
            self._log_closed("too many errors")

    # The log -----------------------------------------------------------------------------------

    def _log(self, event: Event) -> None:
        self._service.journal(event)

    def _log_closed(self, reason: str) -> None:
        if reason in {"lost connection", "too many errors"}:
            self._log(Lost(self._service.name, reason, self._core.after, self._client))
        elif reason:
            self._log(Notice(self._service.name, f"{self._client}: {reason}", Level.WARNING))

    def _log_login_failed(self, reason: str, user: str) -> None:
        service, mechanism = self._service.name, self._mechanism_name
        self._log(LoginFailed(service, self._client, mechanism, reason, user))

    def _log_refused(self, command: str, reply: Reply) -> None:
        """Refusals of mail are an operator's business; a mistyped command is not."""
        if command in {"MAIL", "RCPT", "DATA", "AUTH"} or reply.code == 421:
            self._log_rejected(command, reply, None)

    def _log_warnings(self, stage: str, verdict: Verdict, recipient: Address | None) -> None:
        for reply in verdict.warnings:
            self._log_rejected(stage, reply, recipient, warning=True)

    def _log_rejected(
        self,
        stage: str,
        reply: Reply,
        recipient: Address | None,
        queue_id: str = "NOQUEUE",
        *,
        warning: bool = False,
    ) -> None:
        mail = self._mail
        sender = None
        if mail is not None:
            sender = "" if mail.sender is None else str(mail.sender)
        self._log(
            Rejected(
                self._service.name,
                queue_id,
                stage,
                self._client,
                reply,
                sender,
                recipient,
                self._core.protocol,
                self._core.hello,
                warning,
            )
        )
