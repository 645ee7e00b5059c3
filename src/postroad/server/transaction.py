"""One mail transaction (RFC 5321 §3.3): from a MAIL that was taken to the end of its content.

It asks policy for each recipient and once more before the content, opens the door, and passes the
content on. Each question ends in the reply that the session gives the core. It knows no octets of
the protocol and keeps nothing that outlives the transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable

from postroad.intake import NO_STORAGE, Entry, Source
from postroad.model import Address, Envelope, Recipient, Reply
from postroad.model.journal import Accepted, Level, Notice
from postroad.policy import Verdict
from postroad.server.peer import Peer
from postroad.server.submitter import submitter
from postroad.smtp import EndOfData, Mail, Rcpt, replies
from postroad.spool import SpoolError

__all__ = ["Transaction"]


class Transaction:
    """A transaction under way.

    Attributes:
        mail: the MAIL it began with.
        arrived: when that came, seconds since the epoch.
        entry: where its content goes while that is taken.
    """

    __slots__ = ("_envelope", "_peer", "_recipients", "arrived", "entry", "mail")

    def __init__(self, peer: Peer, mail: Mail, envelope: Envelope, arrived: float) -> None:
        """A transaction without recipients.

        Args:
            peer: the client.
            mail: what it said.
            envelope: what that amounts to.
            arrived: when it said so, seconds since the epoch.
        """
        self.mail = mail
        self.arrived = arrived
        self._envelope = envelope
        self._peer = peer
        self._recipients: list[Recipient] = []
        self.entry: Entry | None = None

    async def rcpt(self, event: Rcpt) -> Reply:
        """Decide about one more recipient."""
        peer, recipient = self._peer, event.recipient
        service = peer.service
        refusal = None
        if not peer.trusted:  # whom the gate does not count
            refusal = service.gate.recipient(peer.client, peer.user, service.clock())
        if refusal is not None:
            peer.log_rejected("RCPT", refusal, self.mail, recipient)
            return refusal
        verdict = await service.policy.recipient(peer.facts(self.mail, recipient), service.oracle)
        self._log_warnings("RCPT", verdict, recipient)
        if verdict.reply is not None:
            peer.log_rejected("RCPT", verdict.reply, self.mail, recipient)
            return verdict.reply
        self._recipients.append(Recipient(recipient, event.notify, event.orcpt))
        return replies.RCPT_OK

    async def data(self) -> Reply:
        """Decide about the content to come, and open the door for it."""
        peer, mail = self._peer, self.mail
        service = peer.service
        only = self._recipients[0].address if len(self._recipients) == 1 else None
        verdict = await service.policy.data(peer.facts(mail, only), service.oracle)
        self._log_warnings("DATA", verdict, only)
        if verdict.reply is not None:
            peer.log_rejected("DATA", verdict.reply, mail)
            return verdict.reply
        recipients = tuple(self._recipients)
        first = "" if mail.auth is None else await submitter(peer, mail.auth)
        try:
            entry = service.door.open(self._source(), self._envelope, recipients, self.arrived)
        except SpoolError as error:
            peer.log(Notice(service.name, str(error), Level.ERROR))
            peer.log_rejected("DATA", NO_STORAGE, mail, only)
            return NO_STORAGE
        self.entry = entry
        origin = peer.forwarded
        peer.log(Accepted(service.name, entry.queue_id, peer.client, peer.login, origin, first))
        return replies.START_CONTENT

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next octets of content; see `Entry.write`."""
        return None if self.entry is None else self.entry.write(chunk)

    async def end_of_data(self, event: EndOfData) -> Reply:
        """Make the message durable, or refuse it."""
        entry, self.entry = self.entry, None
        assert entry is not None, "content comes only after 354"
        if event.fault is not None:
            entry.discard()
            reply = event.fault
        else:
            reply = await entry.commit()
        if not reply.is_positive:
            self._peer.log_rejected("END-OF-MESSAGE", reply, self.mail, queue_id=entry.queue_id)
        return reply

    def drop(self) -> None:
        """Give up what was not made durable. Harmless at any time."""
        if self.entry is not None:
            self.entry.discard()
            self.entry = None

    def _source(self) -> Source:
        peer = self._peer
        return Source(
            peer.service.name,
            peer.client,
            peer.hello,
            peer.protocol,
            peer.connection.tls,
            peer.login,
            submission=peer.is_known and not peer.service.extensions.lmtp,
        )

    def _log_warnings(self, stage: str, verdict: Verdict, recipient: Address | None) -> None:
        for reply in verdict.warnings:
            self._peer.log_rejected(stage, reply, self.mail, recipient, warning=True)
