"""What a client says that wants to bring mail, command by command, until it is refused.

The client's part of `explain`: a mail program or server of the usual kind, which goes on as long as
that is of use. Each answer is written down as it comes.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from postroad.app.explanation import CONTENT, Exchange, Explanation, Question
from postroad.model import ClientCertificate, Endpoint, TlsSession
from postroad.server.rehearsal import Rehearsal
from postroad.server.service import Service

__all__ = ["Conversation"]

PIECE = 65_536
"""Octets of made-up content that are said at once."""

MOST_CONTENT = 268_435_456
"""Octets of content that are made up; a larger message is told of by SIZE only."""

_TLS_VERSION, _TLS_CIPHER, _TLS_BITS = "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256


class Conversation:
    """Says the client's part."""

    def __init__(self, service: Service, question: Question, told: Explanation) -> None:
        """Nothing is said yet.

        Args:
            service: of the listener.
            question: who comes, and wants what.
            told: takes what is said and answered.
        """
        listener = told.listener
        self._service = service
        self._question = question
        self._told = told
        self._lmtp = service.extensions.lmtp
        self._starttls = question.tls and listener.tls != "implicit"
        self._tls = _agreed(question, shown=listener.settings.client_certificates)
        bind = listener.binds[0]
        local = Endpoint(bind.host or "0.0.0.0", bind.port)
        self._rehearsal = Rehearsal(service, question.client, local, self._tls)
        if question.fingerprint and not listener.settings.client_certificates:
            told.remarks.append(f"listener {listener.name} asks for no certificate: none is shown")

    async def run(self) -> None:
        """Speak until there is nothing left to say, or no use in it."""
        banned = self._service.gate.refuses(self._question.client, 0, time.time())
        if banned is not None:
            self._note("", tuple(banned.encode().decode().split("\r\n")[:-1]))
            self._told.remarks.append("the client is banned: see postroad ban list")
            return
        try:
            self._note("", await self._rehearsal.greeting())
            if self._was_taken() and await self._introduce() and await self._log_in():
                await self._want()
        finally:
            await self._rehearsal.end()

    async def _introduce(self) -> bool:
        hello = f"{'LHLO' if self._lmtp else 'EHLO'} {self._helo()}"
        if self._service.implicit_tls:
            self._told.tls = self._tls
        if not await self._say(hello):
            return False
        if not self._starttls:
            return True
        if not await self._say("STARTTLS"):
            return False
        self._told.tls = self._tls
        return await self._say(hello)

    async def _log_in(self) -> bool:
        login = self._question.login
        if not login:
            return True
        proof = base64.b64encode(f"\0{login}\0-".encode()).decode()
        said = f"AUTH PLAIN (as {login}, with the right password)"
        self._told.logged_in = await self._say(f"AUTH PLAIN {proof}", said)
        return self._told.logged_in

    async def _want(self) -> None:
        question = self._question
        if question.etrn:
            await self._say(f"ETRN {question.etrn}")
        if not question.recipients:
            return
        if not await self._say(f"MAIL FROM:<{question.sender}>{self._parameters()}"):
            return
        taken = [await self._say(f"RCPT TO:<{each}>") for each in question.recipients]
        if question.data and any(taken) and await self._say("DATA"):
            await self._bring()

    async def _bring(self) -> None:
        """Say content of the announced size, whose author is the sender."""
        size = min(self._question.size, MOST_CONTENT)
        author = f"From: <{self._question.sender}>\r\n" if self._question.sender else ""
        head = f"{author}Subject: explained\r\n\r\n".encode()
        await self._rehearsal.say(head)
        for piece in _lines(size - len(head)):
            await self._rehearsal.say(piece)
        answer = await self._rehearsal.say(b".\r\n")
        if not self._lmtp:
            self._note(CONTENT, answer)
            return
        for line in answer:  # LMTP: one reply for each recipient that was taken, RFC 2033 §4.2
            self._note(CONTENT, (line,))

    async def _say(self, command: str, shown: str = "") -> bool:
        """Whether the command was taken."""
        if self._rehearsal.is_over:
            return False
        octets = command.encode("utf-8", "surrogateescape") + b"\r\n"
        self._note(shown or command, await self._rehearsal.say(octets))
        return self._was_taken()

    def _note(self, said: str, answer: tuple[str, ...]) -> None:
        self._told.exchanges.append(Exchange(said, answer))

    def _was_taken(self) -> bool:
        return self._told.exchanges[-1].is_accepted

    def _helo(self) -> str:
        """What mail programs say: a name of theirs, or their address (RFC 5321 §4.1.3)."""
        question, client = self._question, self._question.client
        if question.helo:
            return question.helo
        if question.is_named and client.name != "unknown":
            return client.name
        if not client.has_address:
            return "localhost"
        version6 = isinstance(ip_address(client.address), IPv6Address)
        return f"[IPv6:{client.address}]" if version6 else f"[{client.address}]"

    def _parameters(self) -> str:
        question = self._question
        addresses = (question.sender, *question.recipients)
        size = f" SIZE={question.size}" if question.size else ""
        return size if all(each.isascii() for each in addresses) else f"{size} SMTPUTF8"


def _agreed(question: Question, *, shown: bool) -> TlsSession:
    certificate = None
    if question.fingerprint and shown:
        # Which of the two the operator has, a table does not say either.
        certificate = ClientCertificate(
            fingerprint=question.fingerprint, key_fingerprint=question.fingerprint
        )
    return TlsSession(_TLS_VERSION, _TLS_CIPHER, _TLS_BITS, client_certificate=certificate)


def _lines(size: int) -> Iterator[bytes]:
    """So many octets of content, in whole lines; the last one may be short of two."""
    line = b"x" * 70 + b"\r\n"
    block = line * (PIECE // len(line))
    while size >= len(block):
        yield block
        size -= len(block)
    if size > 2:
        rest = line * (size // len(line))
        left = size - len(rest)
        yield rest + (b"x" * (left - 2) + b"\r\n" if left > 2 else b"")
