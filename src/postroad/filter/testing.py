"""Trying a filter on a message, without a server: for tests of filters, and `postroad filter try`.

The same code runs as in a server: a session is told step by step, then the message is shown, with
the same bounds, and what comes out is made fit as there. Only nothing is stored.

    from postroad.filter.testing import run_message

    def test_a_subject_is_marked() -> None:
        result = run_message("tag.py", b"Subject: hi")
        assert result.header("Subject") == "[external] hi"
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from postroad.filters.joined import Joined, Member
from postroad.filters.python.building import build
from postroad.filters.python.filter import PythonFilter
from postroad.filters.settings import FilterSettings, OnFailure
from postroad.filters.stages import Began, Connected, Greeted, Listening, Named, Stage, Started
from postroad.intake.examination import Board, Examination
from postroad.intake.settings import IntakeSettings
from postroad.intake.trace import Source, received_field
from postroad.limits.settings import Limits
from postroad.model import Address, Client, Endpoint, Envelope, Login, Recipient, Reply
from postroad.model.content import Octets
from postroad.model.envelope import BodyType
from postroad.model.fields import Fields
from postroad.model.journal import Event
from postroad.model.letter import Finding, Letter, Origin

__all__ = ["FilterMistake", "Peer", "Result", "Step", "run_message", "run_message_async"]

_QUEUE_ID = "TRIED"
_BARE = re.compile(rb"\r\n|\r|\n")
_END = re.compile(rb"\A\r\n|\r\n\r\n")


class FilterMistake(ValueError):
    """A filter cannot be run; the text says where and why, a line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who brings the message.

    Attributes:
        address: its IP address.
        name: its confirmed name.
        hello: what it says in HELO.
        login: who logs in; empty for nobody, which makes it a stranger.
        listener: by which listener it comes.
    """

    address: str = "192.0.2.1"
    name: str = "client.example.net"
    hello: str = "client.example.net"
    login: str = ""
    listener: str = "mx"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the session.

    Attributes:
        command: as a client says it; `connect` for the connection.
        reply: the refusal; empty: nobody had anything against it.
    """

    command: str
    reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a filter did.

    Attributes:
        reply: what the client was told in the end.
        steps: of the session.
        message: the message as it would be stored, with our Received field; empty if refused.
        sender: its reverse-path; empty for the null one.
        recipients: who gets it.
        held: why it waits for an operator; empty: it does not.
        findings: what it found out.
        log: the lines that it, and the server about it, wrote.
    """

    reply: str
    steps: tuple[Step, ...]
    message: bytes = b""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    held: str = ""
    findings: tuple[Finding, ...] = ()
    log: tuple[str, ...] = field(default=(), repr=False)

    @property
    def accepted(self) -> bool:
        """Whether the message was taken."""
        return self.reply.startswith("2")

    def header(self, name: str) -> str:
        """The uppermost field of a name, in one line as it stands; empty where there is none."""
        found = Fields.of(self.message.partition(b"\r\n\r\n")[0] + b"\r\n").first(name)
        return found.text if found is not None else ""

    @property
    def body(self) -> bytes:
        """All that follows the header."""
        return self.message.partition(b"\r\n\r\n")[2]


def run_message(
    path: str | Path,
    octets: bytes,
    *,
    sender: str = "sender@example.com",
    recipients: Sequence[str] = ("recipient@example.org",),
    peer: Peer | None = None,
    settings: Mapping[str, str] | None = None,
    findings: Sequence[Finding] = (),
    timeout: float = 60.0,
    on_failure: OnFailure = "defer",
) -> Result:
    """Run a filter on one message.

    Args:
        path: a file, or a folder of them.
        octets: the message; its line ends may be bare.
        sender: the reverse-path; empty for the null one.
        recipients: who it is for, at least one.
        peer: who brings it; a stranger unless said.
        settings: what `setup` is given.
        findings: what was found out before, such as `Finding("dmarc", "fail")`.
        timeout: seconds, as the filter's `timeout`.
        on_failure: what becomes of the message if it fails.

    Raises:
        FilterMistake: the filter cannot be run.
        ValueError: an address is none.
    """
    return asyncio.run(
        run_message_async(
            path,
            octets,
            sender=sender,
            recipients=recipients,
            peer=peer,
            settings=settings,
            findings=findings,
            timeout=timeout,
            on_failure=on_failure,
        )
    )


async def run_message_async(
    path: str | Path,
    octets: bytes,
    *,
    sender: str = "sender@example.com",
    recipients: Sequence[str] = ("recipient@example.org",),
    peer: Peer | None = None,
    settings: Mapping[str, str] | None = None,
    findings: Sequence[Finding] = (),
    timeout: float = 60.0,  # noqa: ASYNC109 - the filter's setting
    on_failure: OnFailure = "defer",
) -> Result:
    """The same from a coroutine: see `run_message`."""
    events: list[Event] = []
    own, made = _made(Path(path), settings or {}, timeout, on_failure, events)
    envelope = _envelope(sender, octets)
    wanted = [Recipient(Address.parse(each)) for each in recipients]
    trial = _Trial(made, own, peer or Peer(), events)
    try:
        return await trial.run(envelope, wanted, octets, tuple(findings))
    finally:
        await made.close()


def _made(
    path: Path,
    settings: Mapping[str, str],
    timeout: float,
    on_failure: OnFailure,
    events: list[Event],
) -> tuple[FilterSettings, PythonFilter]:
    place = path.absolute()
    own = FilterSettings(
        kind="python",
        folder=place if place.is_dir() else None,
        file=None if place.is_dir() else place,
        settings=dict(settings),
        timeout=timeout,
        on_failure=on_failure,
    )
    # Whoever tries a filter runs it as himself: whose file it is is no matter here.
    owner = place.stat().st_uid if place.exists() else 0
    made = build(own, place.stem, events.append, owners={0, os.geteuid(), owner}).filter
    if made.trouble:
        raise FilterMistake(made.trouble.replace("; /", "\n/"))
    return own, made


class _Trial:
    """One session with one message."""

    def __init__(
        self, made: PythonFilter, settings: FilterSettings, peer: Peer, events: list[Event]
    ) -> None:
        self._peer = peer
        self._events = events
        self._joined = Joined([Member(made, settings)], events.append)
        self._steps: list[Step] = []
        self._login = Login(peer.login, "PLAIN") if peer.login else None

    async def run(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        octets: bytes,
        findings: tuple[Finding, ...],
    ) -> Result:
        listening = self._joined.session()
        try:
            taken, refusal = await self._told(listening, envelope, recipients)
            if refusal is not None:
                return self._result(str(refusal))
            letter = self._letter(envelope, taken, octets, findings)
            examination = await self._examined(listening, letter)
        finally:
            await listening.close()
        now, wishes = examination.letter, examination.wishes
        new = now.findings[len(findings) :]
        if examination.reply is not None:
            return self._result(str(examination.reply), findings=new)
        return self._result(
            "250 2.0.0 Ok",
            message=b"".join([now.fields.octets, b"\r\n", *now.body.chunks()]),
            sender=now.envelope.sender_text,
            recipients=tuple(str(each.address) for each in now.recipients),
            held=wishes.hold,
            findings=new,
        )

    async def _told(
        self, listening: Listening, envelope: Envelope, recipients: Sequence[Recipient]
    ) -> tuple[tuple[Recipient, ...], Reply | None]:
        """Tell every step; the recipients that were taken, and the refusal that ends it."""
        peer, login = self._peer, self._login
        client = Client(peer.address, 4711, peer.name, peer.name)
        server = Endpoint("192.0.2.25", 25)
        first: list[tuple[str, Stage]] = [
            ("connect", Connected(client, server, peer.listener, trusted=False)),
            (f"EHLO {peer.hello}", Greeted(peer.hello, None)),
            (f"MAIL FROM:<{envelope.sender_text}>", Began(envelope, login)),
        ]
        for command, stage in first:
            if (refusal := await self._step(listening, command, stage)) is not None:
                return (), refusal
        taken: list[Recipient] = []
        refused: Reply | None = None
        for each in recipients:
            refusal = await self._step(listening, f"RCPT TO:<{each.address}>", Named(each))
            if refusal is None:
                taken.append(each)
            refused = refused or refusal
        if not taken:
            return (), refused
        return tuple(taken), await self._step(listening, "DATA", Started(_QUEUE_ID))

    async def _step(self, listening: Listening, command: str, stage: Stage) -> Reply | None:
        refusal = await listening.heard(stage)
        self._steps.append(Step(command, "" if refusal is None else str(refusal)))
        return refusal

    async def _examined(self, listening: Listening, letter: Letter) -> Examination:
        limits = Limits()
        board = Board(
            filters=self._joined,
            header_size=IntakeSettings().header_size,
            message_size=limits.message_size,
        )
        trace = next(iter(letter.fields)).octets
        examination = Examination(board, letter, trace, self._events.append)
        await examination.run(listening.examiners)
        return examination

    def _letter(
        self,
        envelope: Envelope,
        recipients: tuple[Recipient, ...],
        octets: bytes,
        findings: tuple[Finding, ...],
    ) -> Letter:
        peer, now = self._peer, time.time()
        client = Client(peer.address, 4711, peer.name, peer.name)
        source = Source("smtpd", client, peer.hello, "ESMTP")
        only = recipients[0].address if len(recipients) == 1 else None
        trace = received_field(source, "mail.example.org", _QUEUE_ID, only, now)
        fields, body = _parts(_BARE.sub(b"\r\n", octets))
        return Letter(
            queue_id=_QUEUE_ID,
            envelope=envelope,
            recipients=recipients,
            origin=Origin.OURS if self._login is not None else Origin.OUTSIDE,
            fields=Fields.of(trace + fields),
            body=Octets(body),
            listener=peer.listener,
            client=client,
            hello=peer.hello,
            protocol="ESMTP",
            login=self._login,
            arrived=now,
            findings=findings,
        )

    def _result(
        self,
        reply: str,
        *,
        message: bytes = b"",
        sender: str = "",
        recipients: tuple[str, ...] = (),
        held: str = "",
        findings: tuple[Finding, ...] = (),
    ) -> Result:
        return Result(
            reply=reply,
            steps=tuple(self._steps),
            message=message,
            sender=sender,
            recipients=recipients,
            held=held,
            findings=findings,
            log=tuple(event.text for event in self._events),
        )


def _envelope(sender: str, octets: bytes) -> Envelope:
    body = BodyType.SEVEN_BIT if octets.isascii() else BodyType.EIGHT_BIT_MIME
    return Envelope(Address.parse(sender) if sender else None, body)


def _parts(octets: bytes) -> tuple[bytes, bytes]:
    """Header section and body, the blank line between them left out."""
    end = _END.search(octets)
    if end is None:
        return octets if octets.endswith(b"\r\n") else octets + b"\r\n", b""
    return octets[: end.start() + 2] if end.start() else b"", octets[end.end() :]
