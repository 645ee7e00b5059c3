"""The composition root: the one place where concrete parts are built and joined.

Everything below takes what it needs in its constructor and knows its neighbours by small
interfaces; here is who is who in a worker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

from postroad.admin.control import ControlServer
from postroad.app.account_mail import AccountMail
from postroad.app.accounts import open_accounts
from postroad.app.commons import QueueCommons
from postroad.app.custody import Custody
from postroad.app.departures import Departures
from postroad.app.directory_trial import DirectoryTrial
from postroad.app.dkim import KeyWatch
from postroad.app.doors import Doors
from postroad.app.filters import Filtering, Needs
from postroad.app.flushing import Flushing
from postroad.app.inquiries import Inquiries
from postroad.app.logins import logins_of
from postroad.app.mailboxes import room_of
from postroad.app.milters import way_by
from postroad.app.moves import Moves
from postroad.app.named_tables import table_names, tables_of
from postroad.app.outbound import Outbound
from postroad.app.outbound_tls import OutboundTls
from postroad.app.pickup import Pickup, known
from postroad.app.proof import require_closed
from postroad.app.protection import Protection
from postroad.app.queue_window import QueueWindow
from postroad.app.queues import Queues
from postroad.app.quota_letter import QuotaLetters
from postroad.app.remembrance import open_history
from postroad.app.reporting import Reporting
from postroad.app.running import Running
from postroad.app.services import groups_of, ownership_of, services_of
from postroad.app.serving import socket_services
from postroad.app.spam import AccountWishes
from postroad.app.storage import Storage
from postroad.app.suppressing import Suppressing
from postroad.directory.oauth.oauth import token_checker
from postroad.filters.thresholds import Thresholds
from postroad.limits.counters import CounterMemory
from postroad.mailauth.spf.checking import SpfChecker
from postroad.mailbox import MaildirWriter
from postroad.model import Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.net.delegation import Delegations
from postroad.net.dns import Resolver
from postroad.queue import Runner
from postroad.served.server import SocketServer
from postroad.served.service import SocketService
from postroad.server.inquiries import AgentsInquiry, TablesInquiry
from postroad.server.logins import Logins
from postroad.server.ownership import Ownership
from postroad.server.server import SmtpServer
from postroad.server.service import Service
from postroad.spool import Aside, Claimed, Shard

__all__ = ["Parts"]

_KEYS = ("fake secrets", "dmarc")  # uses of this server's own key


class Parts:
    """The parts of a worker, joined.

    Attributes:
        server: accepts mail.
        sockets: serves other mail servers.
        runners: deliver it, one for each shard; the first one's shard takes new mail.
        inquiries: find out for restrictions whether an address takes mail, or a client must wait.
    """

    server: SmtpServer
    sockets: SocketServer
    runners: list[Runner]
    inquiries: Inquiries

    def __init__(
        self,
        running: Running,
        counters: CounterMemory,
        journal: Journal,
        give_up: Callable[[], None],
    ) -> None:
        """Nothing is opened yet.

        Args:
            running: what to serve.
            counters: the block that all workers count in.
            journal: where events go.
            give_up: called when a part broke in a way that only a new start can mend.
        """
        self._running = running
        self._configuration = running.configuration
        self._counters = counters
        self._journal = journal
        self._give_up = give_up
        self._exits = AsyncExitStack()
        self._pickup: Pickup | None = None
        self._window: QueueWindow | None = None
        self._quota_letters = QuotaLetters(self._configuration.hostname, journal)
        self.runners = []

    async def open(self, index: int, numbers: Sequence[int]) -> None:
        """Open files and build everything. What was opened is closed by `close`, also on failure.

        Args:
            index: the worker's number.
            numbers: the shards it owns; the first takes new mail.

        Raises:
            DirectoryUnavailable, SchemaTooNew: the directory cannot be opened.
            OAuthFileError: a file of `[oauth]` cannot be used.
            BansUnavailable: the file of bans cannot be opened.
            ShardBusy, SpoolError: a shard cannot be opened.
            TlsConfigurationError: the authorities for next hops cannot be read.
        """
        configuration, journal = self._configuration, self._journal
        self._history = open_history(self._running, index, journal)
        self._exits.callback(self._history.close)
        self._directory = open_accounts(
            configuration,
            self._exits,
            report=self._warn,
            complain=lambda words: journal(Notice("auth", words, Level.WARNING)),
            turn=asyncio.get_running_loop().time,
            is_serving=True,
        )
        if index == 0:
            self._try_directories()
        self._tokens = token_checker(configuration.oauth, self._directory)
        self._fake_key, self._dmarc_key = [
            await self._directory.embedded.key_for(use) for use in _KEYS
        ]
        self._protection = Protection.open(configuration.bans_file, self._counters, index, journal)
        self._exits.callback(self._protection.close)
        self._resolver = Resolver(configuration.dns, time.monotonic)
        self._exits.push_async_callback(self._resolver.close)
        self._writer = writer = self._make_writer()
        self._exits.callback(writer.close)
        self._suppressing = Suppressing(self._running, journal)
        self._exits.push_async_callback(self._suppressing.close)
        self._served = configuration
        self._tables = tables_of(lambda: self._served, report=self._warn, inform=self._inform)
        self._exits.push_async_callback(self._tables.close)
        self._open_outbound(journal)
        self.inquiries = Inquiries(self._running, self._directory, self._outbound, journal)
        self._exits.push_async_callback(self.inquiries.close)
        self._agents = self._make_agents()
        # A start has checked them all. One that broke since is said, and defers whom it is asked
        # about: a worker that takes a dead one's place must not end for it.
        self._tables.replace(table_names(self._running.configuration))
        storage = Storage(configuration, journal, self._give_up)
        self._exits.push_async_callback(storage.close)
        opened = await storage.open(numbers)
        self._room = storage.room()
        shards = list(opened.values())
        self._shard = shards[0]
        self._doors = Doors(
            configuration,
            self._directory,
            journal,
            board=lambda: self._filtering.local_board,
            history=self._history,
        )
        self._door = self._doors.into(self._shard, self._queued)
        self._reporting.start(self._door)
        self._exits.push_async_callback(self._reporting.stop)  # before the door closes
        self._quota_letters.start(self._door)
        self._exits.push_async_callback(self._quota_letters.close)
        self._flushing = Flushing(configuration.state_directory, journal)
        self._custody = self._make_custody(index, shards)
        self._exits.push_async_callback(self._custody.close)
        self._queues = self._make_queues(opened)
        self.runners = self._queues.runners
        self.server = SmtpServer(self._services(self._filtering), journal)
        self.sockets = SocketServer(self._socket_services(), journal)
        self._exits.push_async_callback(self.sockets.close)
        await self._open_control(index)
        await self._custody.resume()
        await self._open_pickup(index)

    def _make_writer(self) -> MaildirWriter:
        agents = self._running.agents
        self._pool = None if agents is None else agents.pool()
        return MaildirWriter(self._configuration.hostname, others=self._pool)

    def _try_directories(self) -> None:
        """Say which directories do not answer, once for all workers."""
        trial = DirectoryTrial(self._warn)
        self._exits.push_async_callback(trial.close)
        configuration = self._configuration
        trial.start(
            self._directory.others, (*configuration.local_domains, configuration.hostname)[0]
        )

    def _open_outbound(self, journal: Journal) -> None:
        """What takes mail from the queue onwards, and who looks at it before it is there."""
        self._thresholds = Thresholds(self._configuration.thresholds_file, self._warn)
        self._reporting = Reporting(self._running, self._resolver, journal)
        self._exits.push_async_callback(self._reporting.close)
        self._moves = Moves(self._running, self._thresholds, journal, visitors=self._pool)
        self._exits.push_async_callback(self._moves.close)
        self._outbound_tls = OutboundTls(
            self._configuration,
            self._resolver,
            self._tables,
            journal,
            seeing=self._reporting.tls.seen,
        )
        self._exits.push_async_callback(self._outbound_tls.close)
        self._outbound = Outbound(
            self._directory,
            self._resolver,
            self._writer,
            journal,
            tables=self._tables,
            tls=self._outbound_tls,
            reports=self._reporting.tls.receiving,
            dmarc_reports=self._reporting.received,
            places=self._directory,
            warn_of_quota=self._quota_letters.warn,
            delivered=self._moves.delivered,
        )
        self._exits.push_async_callback(self._outbound.close)
        self._outbound.replace(self._running)
        self._senders = senders = self._make_senders()
        self._filtering = Filtering(
            Needs(
                self._running,
                journal,
                self._resolver,
                self._exits,
                senders,
                AccountWishes(self._directory, self._thresholds),
                self._dmarc_key,
                recorder=self._reporting.dmarc.recorder,
                owners=self._owners,
                way=way_by(self._outbound),
                aside=self._put_aside,
                departures=Departures(self._directory),
            )
        )

    def reload(self) -> None:
        """Serve new clients and route mail by what is running now.

        Raises:
            TlsConfigurationError: the authorities for next hops cannot be read; nothing has
                changed.
            RelayHoleError: it relays for strangers by what is still in tables; likewise.
        """
        require_closed(self._running.configuration, self._tables.values_now)
        filtering = self._filtering.renewed()
        services = self._services(filtering)
        self._outbound.replace(self._running)  # the last that can refuse: from here on all is done
        self._served, self._filtering = self._running.configuration, filtering
        self._tables.replace(table_names(self._running.configuration))
        self._directory.reload()
        self.inquiries.replace(self._running)
        self._suppressing.replace(self._running)
        self._senders.timeout = self._running.configuration.spf.timeout
        self._reporting.replace(self._running)
        self._moves.replace(self._running)
        self._history.replace(self._running.configuration.history)
        self._custody.replace(self._running.configuration)
        self._queues.replace()
        if self._pickup is not None:
            self._pickup.replace(self._running)
        if self._window is not None:
            self._window.replace(self._running)
        self.server.replace(services)
        self.sockets.replace(self._socket_services())

    def _watch_keys(self, *, is_first: bool) -> None:
        watch = KeyWatch(
            self._running, self._resolver, self._journal, changed=self._refilter, is_first=is_first
        )
        self._exits.push_async_callback(watch.close)
        watch.start()

    def _refilter(self) -> None:
        """Who looks at mail has changed, and nothing else."""
        self._filtering = self._filtering.renewed(programs_too=False)
        self.server.replace(self._services(self._filtering))

    async def close(self) -> None:
        """Close everything, in the reverse order of opening."""
        await self._exits.aclose()

    def _services(self, filtering: Filtering) -> dict[str, Service]:
        return services_of(
            self._running,
            self._directory,
            addresses=self._doors.forwards.addresses,
            returns=self._doors.forwards.returns,
            names=self._resolver,
            tables=self._tables,
            agents=self._agents,
            senders=self._senders,
            door=self._door,
            protection=self._protection,
            logins=self._logins(),
            flush=self._flushing.flush,
            wrote_to=self.inquiries.wrote_to,
            journal=self._journal,
            history=self._history,
            containment=self._custody.containment,
            room=self._room,
            board=filtering.board,
            mailboxes=room_of(
                self._running.configuration,
                self._directory,
                self._directory,
                self._writer,
                self._outbound.route,
            ),
        )

    def _socket_services(self) -> dict[str, SocketService]:
        return socket_services(
            self._running,
            self._directory,
            owners=self._owners(),
            places=self._directory,
            logins=self._logins(),
            protection=self._protection,
            journal=self._journal,
            freezes=self._directory.embedded.freezes,
            groups=groups_of(self._directory),
        )

    def _put_aside(self) -> Aside:
        return self._shard.aside(self._room)

    def _owners(self) -> Ownership:
        inquiry = TablesInquiry(self._tables)
        return ownership_of(self._running.configuration, self._directory, inquiry)

    def _logins(self) -> Logins:
        guard = self._protection.guard(self._running)
        return logins_of(
            self._running,
            self._directory,
            tokens=self._tokens,
            fake_key=self._fake_key,
            guard=guard,
        )

    async def _open_pickup(self, index: int) -> None:
        """Only in the first worker: two would take the same file."""
        self._watch_keys(is_first=index == 0)
        self._moves.start(is_watching=index == 0)
        if index:
            return
        self._pickup = Pickup(
            self._running,
            self._journal,
            doors=partial(self._doors.into, self._shard),
            queued=self._queued,
            known=partial(known, self._configuration.spool_directory),
            has_room=self._room.has,
            wrote_to=self.inquiries.wrote_to,
        )
        self._exits.push_async_callback(self._pickup.stop)
        await self._pickup.start()
        self._window = QueueWindow(self._running, self._warn)
        self._exits.push_async_callback(self._window.close)
        self._window.start()

    def _make_agents(self) -> AgentsInquiry:
        delegations = Delegations(self._warn, clock=time.monotonic)
        self._exits.callback(delegations.close)
        return AgentsInquiry(delegations, self.inquiries.prober, self.inquiries.greylist)

    def _make_senders(self) -> SpfChecker:
        configuration = self._configuration
        senders = SpfChecker(
            self._resolver,
            configuration.hostname,
            time.monotonic,
            timeout=configuration.spf.timeout,
        )
        self._exits.push_async_callback(senders.close)
        return senders

    def _inform(self, words: str) -> None:
        self._journal(Notice("smtpd", words))

    def _warn(self, words: str) -> None:
        self._journal(Notice("smtpd", words, Level.WARNING))

    def _make_custody(self, worker: int, shards: Sequence[Shard]) -> Custody:
        mail = AccountMail(shards)
        return Custody(
            self._running,
            worker,
            freezes=self._directory.embedded.freezes,
            counters=self._protection.counters_of_users,
            door=self._door,
            hold=mail.hold,
            release=mail.release,
            cut=self._cut,
            journal=self._journal,
        )

    def _cut(self, user: str, reply: Reply) -> Sequence[asyncio.Task[None]]:
        """End a user's sessions. The server comes after the custody, which its sessions need."""
        return self.server.cut(user, reply)

    def _queued(self, claimed: Claimed) -> None:
        """A message is durable. Door and queues need each other."""
        self._queues.take(claimed)

    def _make_queues(self, shards: Mapping[int, Shard]) -> Queues:
        alone = self._running.workers == 1 == len(shards)
        return Queues(
            self._running,
            shards,
            self._directory,
            self._outbound,
            self._journal,
            door=self._door,
            suppressing=self._suppressing,
            custody=self._custody,
            history=self._history,
            commons=None if alone else QueueCommons(self._protection.counters),
        )

    async def _open_control(self, index: int) -> None:
        path = self._configuration.state_directory / "run" / f"worker-{index}.sock"
        server = ControlServer(path, {**self._queues.commands, **self._custody.commands})
        await server.start()
        self._exits.push_async_callback(server.close)
