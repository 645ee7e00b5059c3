"""`sendmail -bs`: an SMTP session on standard input and output, for programs that speak it.

The server's own protocol core, without a network: what it takes goes into the drop, one file for
each message. There are no restriction lists here, as in Postfix: who may send what is asked when
the server picks it up.
"""

from __future__ import annotations

import os
import sys

from postroad.cli.sendmail_options import Failure
from postroad.maildrop.drop import Writing
from postroad.maildrop.folder import Facts
from postroad.maildrop.slip import Slip, SlipError
from postroad.model import Notify, Reply
from postroad.smtp import (
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Event,
    Hello,
    Mail,
    Need,
    Offer,
    Quit,
    Rcpt,
    Reset,
    ServerCore,
    SessionLimits,
    replies,
)

__all__ = ["converse"]

CHUNK = 65_536

NO_DROP = Reply.of(451, "4.3.0", "Error: queue file write error")
TAKEN = Reply.of(250, "2.0.0", "Ok: queued")


def converse(folder: str, facts: Facts) -> int:
    """Serve until the other side ends.

    Args:
        folder: the drop.
        facts: what is known of the server.

    Returns:
        The exit status.
    """
    session = _Session(folder, facts)
    try:
        session.run()
    except OSError as error:
        raise Failure(os.EX_IOERR, f"stand-alone mode: {error}") from None
    finally:
        session.forget()
    return os.EX_OK


class _Session:
    """A session: the core, and the message on its way."""

    def __init__(self, folder: str, facts: Facts) -> None:
        self._folder = folder
        # Nobody is slow to a pipe, and who makes many errors disturbs nobody else.
        limits = SessionLimits(message_size=facts.size, recipients=0, errors=0, soft_errors=0)
        offer = Offer(chunking=False, binarymime=False)
        self._core = ServerCore(facts.hostname, offer, limits)
        self._mail: Mail | None = None
        self._recipients: list[str] = []
        self._notify: Notify | None = None
        self._writing: Writing | None = None
        self._held = b""

    def run(self) -> None:
        core = self._core
        core.greet()
        while True:
            event = core.next_event()
            if event is Need.DATA:
                self._send()
                core.receive(os.read(0, CHUNK))
            elif isinstance(event, Quit | Closed):
                self._send()
                return
            else:
                assert not isinstance(event, Need), "every pausing event was answered"
                self._handle(event)

    def forget(self) -> None:
        """Give up the message on its way, if there is one."""
        if self._writing is not None:
            self._writing.discard()
            self._writing = None
        self._mail, self._recipients, self._notify = None, [], None

    def _send(self) -> None:
        sys.stdout.buffer.write(self._core.data_to_send())
        sys.stdout.buffer.flush()

    def _handle(self, event: Event) -> None:
        match event:
            case BodyChunk(data):
                self._write(data)
            case Hello():
                self._core.reply(replies.OK)
            case Mail():
                self._mail = event
                self._core.reply(replies.MAIL_OK)
            case Rcpt():
                self._recipients.append(str(event.recipient))
                self._notify = event.notify if event.notify is not None else self._notify
                self._core.reply(replies.RCPT_OK)
            case Data():
                self._core.reply(self._begin())
            case EndOfData():
                self._core.reply(self._finish(event))
                self.forget()
            case Reset():
                self.forget()
            case _:
                return  # what the core refused by itself

    def _begin(self) -> Reply:
        mail = self._mail
        assert mail is not None, "the core lets DATA through after MAIL only"
        body = "" if mail.body.value == "7BIT" else "8BITMIME"
        slip = Slip(
            "" if mail.sender is None else str(mail.sender),
            self._recipients,
            body=body,
            notify="" if self._notify is None else _words(self._notify),
            ret="" if mail.ret is None else mail.ret.value,
            envid=mail.envid,
        )
        try:
            self._writing = Writing(self._folder, slip)
        except (OSError, SlipError):
            return NO_DROP
        self._held = b""
        return replies.START_CONTENT

    def _write(self, data: bytes) -> None:
        """Content with CRLF, into a file with LF; a pair may be divided between two pieces."""
        if self._writing is None:
            return
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        body = data[: len(data) - len(self._held)]
        try:
            self._writing.write(body.replace(b"\r\n", b"\n"))
        except OSError:
            self._writing.discard()
            self._writing = None

    def _finish(self, event: EndOfData) -> Reply:
        if event.fault is not None:
            return event.fault
        if self._writing is None:
            return NO_DROP
        try:
            self._writing.finish()
        except OSError:
            return NO_DROP
        return TAKEN


def _words(notify: Notify) -> str:
    return ",".join(each.name or "" for each in notify) or "NEVER"
