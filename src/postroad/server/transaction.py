"""One mail transaction (RFC 5321 §3.3): from a MAIL that was taken to the end of its content.

It asks policy for each recipient and once more before the content, opens the door, and passes the
content on. Each question ends in the reply that the session gives the core. It knows no octets of
the protocol and keeps nothing that outlives the transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from random import getrandbits

from postroad.filters.stages import Denied, Named, Started
from postroad.intake import NO_STORAGE, Entry, Source
from postroad.limits.conduct import Offered, Refused, Withdrew
from postroad.limits.rates import Sending
from postroad.model import PLAIN, Address, Disposition, Envelope, Recipient, Reply
from postroad.model.journal import Level, Notice
from postroad.model.message_events import Accepted
from postroad.policy import Facts, Stage, Verdict
from postroad.server.decisions import log_rejected, take_note
from postroad.server.filling import Filling
from postroad.server.filtering import hear, origin_of
from postroad.server.from_header import judge_authors
from postroad.server.peer import Peer
from postroad.server.service import MailboxClaims
from postroad.server.submitter import submitter
from postroad.smtp import EndOfData, Mail, Rcpt, replies
from postroad.spool import SpoolError

__all__ = ["Transaction"]

INSTANCE_BITS = 64
"""Of a message's instance: no two meet within the days that a policy service remembers one."""


_LOST = Reply.of(451, "4.4.2", "Error: the client left while its message was examined")


class Transaction:
    """A transaction under way.

    Attributes:
        mail: the MAIL it began with.
        envelope: what that amounts to.
        arrived: when that came, seconds since the epoch.
        entry: where its content goes while that is taken.
    """

    __slots__ = (
        "_claims",
        "_disposition",
        "_filling",
        "_foreign_author",
        "_offered",
        "_offered_at",
        "_particulars",
        "_peer",
        "_pending",
        "_recipients",
        "_sending",
        "arrived",
        "entry",
        "envelope",
        "mail",
    )

    def __init__(
        self,
        peer: Peer,
        mail: Mail,
        envelope: Envelope,
        arrived: float,
        sending: Sending | None = None,
        *,
        disposition: Disposition = PLAIN,
        pending: Reply | None = None,
    ) -> None:
        """A transaction without recipients.

        Args:
            peer: the client.
            mail: what it said.
            envelope: what that amounts to.
            arrived: when it said so, seconds since the epoch.
            sending: who sends, as limits count it; `None` where nothing is counted.
            disposition: what policy wants done with the message, as far as it was asked.
            pending: the deferral that policy makes of a permit, likewise.
        """
        self.mail = mail
        self.arrived = arrived
        self.envelope = envelope
        self._peer = peer
        self._sending = sending
        self._recipients: list[Recipient] = []
        self._disposition = disposition
        self._pending = pending
        # Policy services know a message by a text that no other one has, whichever worker took it.
        self._particulars = peer.particulars(f"{getrandbits(INSTANCE_BITS):x}")
        self._offered = 0  # recipients that count as the user's as long as this may come in
        self._offered_at = 0.0
        self._claims: MailboxClaims | None = None  # of a stranger's, with the first recipient
        self._foreign_author = ""  # whom it was refused for, in the From header
        self._filling = Filling(peer.service.room)
        self.entry: Entry | None = None
        peer.chronicle.met(peer.protocol, peer.server)
        peer.chronicle.began(arrived)

    async def rcpt(self, event: Rcpt) -> Reply:
        """Decide about one more recipient."""
        peer, recipient = self._peer, event.recipient
        service = peer.service
        refusal = peer.suspension() or self._lack_of_room()
        if refusal is None and self._sending is not None:
            refusal = service.gate.recipient(self._sending, service.clock())
            if refusal is not None:
                peer.limited(self._sending)
        if refusal is not None:
            return log_rejected(peer, "RCPT", refusal, self.mail, recipient)
        if recipient.key == service.probe_sender:
            # Whoever we probe may ask about the sender, and would refuse us if we refused it.
            if (beside := self._beside(recipient)) is not None:
                return log_rejected(peer, "RCPT", beside, self.mail, recipient)
            self._recipients.append(Recipient(recipient, event.notify, event.orcpt))
            return replies.RCPT_OK
        mail, count = self.mail, len(self._recipients)
        facts = peer.facts(
            "RCPT", self._particulars, mail, recipient, recipients=count, size=mail.size or 0
        )
        verdict = await service.policy.recipient(facts, service.oracle, self._pending)
        self._take_note("RCPT", facts, verdict)
        if verdict.reply is not None:
            reply = log_rejected(peer, "RCPT", verdict.reply, self.mail, recipient)
            peer.saw(Refused(verdict.reply, str(self.mail.sender or ""), str(recipient)))
            return await self._denied(event, reply)
        if service.groups is not None and service.groups.may_be(recipient):
            closed = await service.groups.refusal(recipient, mail.sender, peer.login)
            if closed is not None:
                reply = log_rejected(peer, "RCPT", closed, mail, recipient)
                return await self._denied(event, reply)
        if service.mailboxes is not None and not peer.is_known:
            if self._claims is None:
                self._claims = service.mailboxes.claims()
            full = await self._claims.refusal(recipient, mail.size or 0)
            if full is not None:
                return await self._denied(event, log_rejected(peer, "RCPT", full, mail, recipient))
        if (beside := self._beside(recipient)) is not None:
            return log_rejected(peer, "RCPT", beside, mail, recipient)
        named = Recipient(recipient, event.notify, event.orcpt)
        if peer.listening is not None:
            unwanted = await hear(peer, Named(named), "RCPT", mail, recipient)
            if unwanted is not None:
                peer.saw(Refused(unwanted, str(mail.sender or ""), str(recipient)))
                return unwanted
        if self._claims is not None:
            self._claims.count(mail.size or 0)
        self._recipients.append(named)
        return replies.RCPT_OK

    async def _denied(self, event: Rcpt, reply: Reply) -> Reply:
        """Tell filters of a recipient that was refused, before they were asked."""
        listening = self._peer.listening
        if listening is not None:
            named = Recipient(event.recipient, event.notify, event.orcpt)
            await listening.heard(Denied(named, reply))
        return reply

    def _beside(self, recipient: Address) -> Reply | None:
        """The refusal of a recipient because of who is there, or of one who wants to be alone."""
        returns = self._peer.service.returns
        if returns is None or not self._recipients:
            return None
        return returns.beside(recipient, self._recipients[0].address)

    async def data(self) -> Reply:
        """Decide about the content to come, and open the door for it."""
        peer, mail = self._peer, self.mail
        service = peer.service
        only = self._only_recipient()
        if (full := self._lack_of_room()) is not None:
            return log_rejected(peer, "DATA", full, mail, only)
        refused = await self._judge_start()
        if refused is not None:
            return log_rejected(peer, "DATA", refused, mail)
        if service.returns is not None:
            refused = service.returns.refusal(mail.sender, self._recipients)
            if refused is not None:
                return log_rejected(peer, "DATA", refused, mail, only)
        refusal = None if peer.login is None else self._offer()
        if refusal is not None:
            return log_rejected(peer, "DATA", refusal, mail, only)
        recipients = tuple(self._recipients)
        first = "" if mail.auth is None else await submitter(peer, mail.auth)
        try:
            entry = service.door.open(
                self._source(),
                self.envelope,
                recipients,
                self.arrived,
                self._disposition.prepend,
                keep_authors=self._watches_authors,
                board=service.board,
            )
        except SpoolError as error:
            peer.log(Notice(service.name, str(error), Level.ERROR))
            return log_rejected(peer, "DATA", NO_STORAGE, mail, only)
        self.entry = entry
        origin = peer.forwarded
        peer.log(
            Accepted(
                service.name,
                entry.queue_id,
                peer.client,
                peer.login,
                origin,
                first,
                session=peer.session,
            )
        )
        if peer.listening is not None:
            started = Started(entry.queue_id)
            refusal = await hear(peer, started, "DATA", mail, only, queue_id=entry.queue_id)
            if refusal is not None:
                self.entry = None
                entry.discard()
                return refusal
        return replies.START_CONTENT

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next octets of content; see `Entry.write`."""
        if self.entry is None:
            return None
        if not self._filling.grow(len(chunk)):
            self.entry.refuse(NO_STORAGE)
        return self.entry.write(chunk)

    async def end_of_data(self, event: EndOfData) -> Reply:
        """Make the message durable, or refuse it."""
        entry = self.entry
        assert entry is not None, "content comes only after 354"
        service = self._peer.service
        refusal = event.fault or self._peer.suspension()
        if refusal is None and self._watches_authors:
            refusal = await self._judge_authors(entry)
        if refusal is None and service.policy.lists[Stage.END_OF_DATA]:
            refusal = await self._judge(entry.queue_id, event.size)
        if refusal is None and not service.board.is_empty and not self._disposition.discard:
            if not self._filling.may_double():
                entry.refuse(NO_STORAGE)
            refusal = await entry.examine(self._peer.listening)
            self._peer.chronicle.found(entry.findings)
            if refusal is None and self._peer.connection.is_lost:
                refusal = _LOST  # it cannot hear the success, and will send the message again
        if refusal is None:  # the last, as it counts
            refusal = self._too_much(event.size)
        self.entry = None  # until now `drop` would have given it up
        if refusal is not None:
            entry.discard()
            reply = refusal
        else:
            reply = await self._commit(entry, event.size)
        peer, queue_id = self._peer, entry.queue_id
        if reply.is_positive:
            self._offered = 0
            self._filling.end()
            if self._claims is not None:
                self._claims.taken(event.size)
            peer.chronicle.taken(queue_id, reply, event.size)
            if peer.is_known and peer.service.wrote_to is not None:
                peer.service.wrote_to(self._recipients)
        else:
            reply = log_rejected(peer, "END-OF-MESSAGE", reply, self.mail, queue_id=queue_id)
            peer.saw(Refused(reply, self._foreign_author or str(self.mail.sender or "")))
        return reply

    async def _commit(self, entry: Entry, size: int) -> Reply:
        """Make the message durable; what is refused here does not count as sent."""
        taken, peer = False, self._peer
        # An account may be frozen while others are asked about its message: the last word is here.
        veto = None if peer.login is None else peer.suspension
        try:
            reply = await entry.commit(self._disposition, veto)
            taken = reply.is_positive
        finally:
            if not taken and self._sending is not None:
                service = self._peer.service
                service.gate.content_refused(self._sending, service.clock(), size)
        return reply

    def _lack_of_room(self) -> Reply | None:
        """The refusal of mail that the disks have no room for; they may have filled meanwhile."""
        room = self._peer.service.room
        return None if room is None or room.has(self.mail.size or 0) else NO_STORAGE

    def _too_much(self, size: int) -> Reply | None:
        """The refusal of content that is more than may come from its sender now."""
        if self._sending is None:
            return None
        service = self._peer.service
        refusal = service.gate.content(self._sending, service.clock(), size)
        if refusal is not None:
            self._peer.limited(self._sending)
        return refusal

    @property
    def _watches_authors(self) -> bool:
        """Whether it matters in whose name the message is written."""
        return self._peer.login is not None and self._peer.service.from_header != "ignore"

    async def _judge_authors(self, entry: Entry) -> Reply | None:
        """The refusal of a message in somebody else's name, if the listener refuses those."""
        peer, service = self._peer, self._peer.service
        assert peer.user is not None, "only users' mail is watched"
        found = await judge_authors(entry.authors, peer.user, service.oracle.accounts)
        if found is None:
            return None
        reply = found.reply
        if service.from_header == "reject":
            self._foreign_author = found.author
            return reply
        only, queue_id = self._only_recipient(), entry.queue_id
        log_rejected(
            peer, "END-OF-MESSAGE", reply, self.mail, only, queue_id=queue_id, warning=True
        )
        return None

    def drop(self) -> None:
        """Give up what was not made durable. Harmless at any time."""
        if self._offered:
            self._peer.saw(Withdrew(self._offered, self._offered_at))
            self._offered = 0
        if self.entry is not None:
            self.entry.discard()
            self.entry = None
        self._peer.chronicle.ended()

    def _offer(self) -> Reply | None:
        """Count the recipients as the user's; the refusal where they are what was too much."""
        peer = self._peer
        self._offered_at = peer.service.clock()
        peer.saw(Offered(len(self._recipients)))
        self._offered = len(self._recipients)
        return peer.suspension()

    def _source(self) -> Source:
        peer = self._peer
        return Source(
            peer.service.name,
            peer.client,
            peer.hello,
            peer.protocol,
            peer.connection.tls,
            peer.login,
            submission=peer.is_known
            and not (peer.service.extensions.lmtp or peer.service.taken_before),
            listener=peer.service.listener,
            origin=origin_of(peer),
        )

    async def _judge_start(self) -> Reply | None:
        """What policy says before the content comes; the reply if it is not to come."""
        mail, only, count = self.mail, self._only_recipient(), len(self._recipients)
        service = self._peer.service
        facts = self._peer.facts(
            "DATA", self._particulars, mail, only, recipients=count, size=mail.size or 0
        )
        verdict = await service.policy.data(facts, service.oracle)
        self._take_note("DATA", facts, verdict)
        return verdict.reply

    async def _judge(self, queue_id: str, size: int) -> Reply | None:
        """What policy says of the message as a whole; the reply if it is refused."""
        peer, count = self._peer, len(self._recipients)
        service, particulars = peer.service, replace(self._particulars, queue_id=queue_id)
        only = self._only_recipient()
        facts = peer.facts(
            "END-OF-MESSAGE", particulars, self.mail, only, recipients=count, size=size
        )
        verdict = await service.policy.end_of_data(facts, service.oracle)
        self._take_note("END-OF-MESSAGE", facts, verdict, queue_id)
        return verdict.reply

    def _only_recipient(self) -> Address | None:
        return self._recipients[0].address if len(self._recipients) == 1 else None

    def _take_note(
        self, stage: str, facts: Facts, verdict: Verdict, queue_id: str = "NOQUEUE"
    ) -> None:
        """Keep what a verdict wants done with the message, and log the rest."""
        is_held = bool(self._disposition.hold)
        take_note(self._peer, stage, facts, verdict, self.mail, queue_id=queue_id, is_held=is_held)
        if verdict.disposition is not PLAIN:
            self._disposition = self._disposition.merged(verdict.disposition)
