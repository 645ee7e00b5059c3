"""The composition root: the one place where concrete parts are built and joined.

Everything below takes what it needs in its constructor and knows its neighbours by small
interfaces; here is who is who in a worker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from postroad.admin.containment import hold_reason
from postroad.admin.control import ControlServer
from postroad.admin.queue import QueueControl
from postroad.admin.transports import TransportControl
from postroad.app.commons import QueueCommons
from postroad.app.custody import Custody
from postroad.app.directories import open_chain
from postroad.app.directory_trial import DirectoryTrial
from postroad.app.dkim import KeyWatch
from postroad.app.filters import Filtering, Needs
from postroad.app.flushing import Flushing
from postroad.app.forwarding import forwards_of
from postroad.app.inquiries import Inquiries
from postroad.app.logins import logins_of
from postroad.app.mailboxes import room_of
from postroad.app.outbound import Outbound
from postroad.app.outbound_tls import OutboundTls
from postroad.app.pickup import Pickup, known
from postroad.app.proof import objection, require_closed
from postroad.app.protection import Protection
from postroad.app.queue_window import QueueWindow
from postroad.app.quota_letter import QuotaLetters
from postroad.app.remembrance import open_history
from postroad.app.running import Running
from postroad.app.services import groups_of, ownership_of, services_of
from postroad.app.serving import socket_services
from postroad.app.spam import AccountWishes
from postroad.app.storage import Storage
from postroad.app.suppressing import Suppressing, Unsuppressed
from postroad.app.tls_reports import TlsReports
from postroad.config.outbound import policy_objection
from postroad.config.results import result_objection
from postroad.config.tables import named_tables
from postroad.config.ways import way_objection
from postroad.directory import EmbeddedDirectory
from postroad.directory.oauth.oauth import token_checker
from postroad.filters.thresholds import Thresholds
from postroad.history import Remembering
from postroad.history.findings import Examined
from postroad.intake import Door
from postroad.limits.counters import CounterMemory
from postroad.mailauth.spf.checking import SpfChecker
from postroad.mailbox import MaildirWriter
from postroad.model import Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.net.delegation import Delegations
from postroad.net.dns import Resolver
from postroad.queue import Runner
from postroad.queue.suspension import FILE as SUSPENDED_FILE
from postroad.queue.suspension import Suspension
from postroad.served.server import SocketServer
from postroad.served.service import SocketService
from postroad.server.inquiries import AgentsInquiry, TablesInquiry
from postroad.server.logins import Logins
from postroad.server.ownership import Ownership
from postroad.server.server import SmtpServer
from postroad.server.service import Service
from postroad.spool import Choice, Claimed, Shard
from postroad.tables import Tables

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
        embedded = EmbeddedDirectory.open(
            configuration.directory_file,
            domains=configuration.local_domains,
            settings=configuration.directory,
            clock=time.monotonic,
            report=lambda words: journal(Notice("auth", words, Level.WARNING)),
            turn=asyncio.get_running_loop().time,
        )
        self._exits.callback(embedded.close)
        self._directory = open_chain(
            configuration,
            embedded,
            self._exits,
            clock=time.monotonic,
            report=self._warn,
            is_serving=True,
        )
        if index == 0:
            self._try_directories()
        self._tokens = token_checker(configuration.oauth, self._directory)
        self._fake_key, self._dmarc_key = [await embedded.key_for(use) for use in _KEYS]
        self._protection = Protection.open(configuration.bans_file, self._counters, index, journal)
        self._exits.callback(self._protection.close)
        self._resolver = Resolver(configuration.dns, time.monotonic)
        self._exits.push_async_callback(self._resolver.close)
        self._writer = writer = self._make_writer()
        self._exits.callback(writer.close)
        self._suppressing = Suppressing(self._running, journal)
        self._exits.push_async_callback(self._suppressing.close)
        self._served = configuration
        self._tables = self._make_tables()
        self._exits.push_async_callback(self._tables.close)
        self._open_outbound(journal)
        self.inquiries = Inquiries(self._running, self._directory, self._outbound, journal)
        self._exits.push_async_callback(self.inquiries.close)
        self._agents = self._make_agents()
        # A start has checked them all. One that broke since is said, and defers whom it is asked
        # about: a worker that takes a dead one's place must not end for it.
        self._tables.replace(self._table_names())
        storage = Storage(configuration, journal, self._give_up)
        self._exits.push_async_callback(storage.close)
        opened = await storage.open(numbers)
        self._room = storage.room()
        shards = list(opened.values())
        self._door = self._make_door(shards[0])
        self._tls_reports.start(self._door)
        self._exits.push_async_callback(self._tls_reports.stop)
        self._quota_letters.start(self._door)
        self._exits.push_async_callback(self._quota_letters.close)
        self._flushing = Flushing(configuration.state_directory, journal)
        self._custody = self._make_custody(index, shards)
        self._exits.push_async_callback(self._custody.close)
        alone = self._running.workers == 1 == len(shards)
        self._commons = None if alone else QueueCommons(self._protection.counters)
        self._suspension = Suspension(
            configuration.queue.defer_transports, configuration.state_directory / SUSPENDED_FILE
        )
        self.runners.extend(self._make_runner(shard) for shard in shards)
        self.server = SmtpServer(self._services(self._filtering), journal)
        self.sockets = SocketServer(self._socket_services(), journal)
        self._exits.push_async_callback(self.sockets.close)
        await self._open_control(index, opened)
        await self._custody.resume()
        await self._open_pickup(index, shards[0])

    def _make_writer(self) -> MaildirWriter:
        agents = self._running.agents
        others = None if agents is None else agents.pool()
        return MaildirWriter(self._configuration.hostname, others=others)

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
        self._tls_reports = TlsReports(self._running, self._resolver, journal)
        self._exits.push_async_callback(self._tls_reports.close)
        self._outbound_tls = OutboundTls(
            self._configuration,
            self._resolver,
            self._tables,
            journal,
            seeing=self._tls_reports.seen,
        )
        self._exits.push_async_callback(self._outbound_tls.close)
        self._outbound = Outbound(
            self._directory,
            self._resolver,
            self._writer,
            journal,
            tables=self._tables,
            tls=self._outbound_tls,
            reports=self._tls_reports.receiving,
            places=self._directory,
            warn_of_quota=self._quota_letters.warn,
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
                owners=self._owners,
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
        self._tables.replace(self._table_names())
        self._directory.reload()
        self.inquiries.replace(self._running)
        self._suppressing.replace(self._running)
        self._senders.timeout = self._running.configuration.spf.timeout
        self._tls_reports.replace(self._running)
        self._history.replace(self._running.configuration.history)
        self._custody.replace(self._running.configuration)
        self._replace_queues()
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
            addresses=self._forwards.addresses,
            returns=self._forwards.returns,
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

    async def _open_pickup(self, index: int, shard: Shard) -> None:
        """Only in the first worker: two would take the same file."""
        self._watch_keys(is_first=index == 0)
        if index:
            return
        self._pickup = Pickup(
            self._running,
            self._journal,
            doors=lambda queued: self._make_door(shard, queued),
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

    def _make_door(self, shard: Shard, queued: Callable[[Claimed], None] | None = None) -> Door:
        configuration = self._configuration
        self._forwards = forwards_of(configuration, self._directory, report=self._inform)
        return Door(
            hostname=configuration.hostname,
            settings=configuration.intake,
            begin=shard.begin,
            directory=self._forwards.addresses,
            queued=queued or self._queued,
            journal=self._journal,
            clock=time.time,
            forwarding=configuration.forwarding,
            onward=self._forwards.onward,
            board=lambda: self._filtering.local_board,
            remember=lambda name, found: self._history.put(Examined(name, time.time(), found)),
        )

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

    def _make_tables(self) -> Tables:
        return Tables(
            report=self._warn,
            inform=self._inform,
            judge=lambda name, values: (
                result_objection(self._served, name, values)
                or policy_objection(self._served, name, values)
                or way_objection(self._served, name, values)
                or objection(self._served, self._tables.values_now)
            ),
        )

    def _table_names(self) -> list[str]:
        """Those of the configuration as it is now."""
        return [name for _, name in named_tables(self._running.configuration)]

    def _inform(self, words: str) -> None:
        self._journal(Notice("smtpd", words))

    def _warn(self, words: str) -> None:
        self._journal(Notice("smtpd", words, Level.WARNING))

    def _make_custody(self, worker: int, shards: Sequence[Shard]) -> Custody:
        async def hold(user: str) -> int:
            choice, reason = Choice(login=user), hold_reason(user)
            held = await asyncio.gather(*(shard.hold(choice, reason) for shard in shards))
            return sum(each.count for each in held)

        async def release(user: str) -> None:
            choice = Choice(login=user, reason=hold_reason(user))
            await asyncio.gather(*(shard.free(choice) for shard in shards))

        return Custody(
            self._running,
            worker,
            freezes=self._directory.embedded.freezes,
            counters=self._protection.counters_of_users,
            door=self._door,
            hold=hold,
            release=release,
            cut=self._cut,
            journal=self._journal,
        )

    def _cut(self, user: str, reply: Reply) -> Sequence[asyncio.Task[None]]:
        """End a user's sessions. The server comes after the custody, which its sessions need."""
        return self.server.cut(user, reply)

    def _queued(self, claimed: Claimed) -> None:
        """A message is durable: its delivery begins. Door and runner need each other."""
        self.runners[0].add(claimed)

    def _replace_queues(self) -> None:
        configuration = self._running.configuration
        unread: OSError | None = None
        for runner in self.runners:
            try:
                runner.replace(configuration.queue, configuration.destinations)
            except OSError as error:  # all of them read the same file, and all else has changed
                unread = error
        if unread is not None:
            words = f"what is suspended by command could not be read, and stays as it was: {unread}"
            self._journal(Notice("qmgr", words, Level.ERROR))

    def _make_runner(self, shard: Shard) -> Runner:
        return Runner(
            spool=shard,
            router=Unsuppressed(self._outbound, self._directory, self._suppressing.addresses),
            transports=self._outbound.transports,
            door=self._door,
            journal=Remembering(self._journal, self._history, time.time),
            clock=time.time,
            settings=self._configuration.queue,
            hostname=self._configuration.hostname,
            bounced=self._custody.containment.bounced,
            refused=self._suppressing.addresses.refused,
            destinations=self._configuration.destinations,
            commons=self._commons,
            finder=self._outbound.finder,
            suspension=self._suspension,
        )

    async def _open_control(self, index: int, shards: dict[int, Shard]) -> None:
        path = self._configuration.state_directory / "run" / f"worker-{index}.sock"
        control = QueueControl(shards, self.runners, self._journal)
        transports = TransportControl(self._suspension, self.runners, self._journal)
        commands = {**control.commands, **transports.commands, **self._custody.commands}
        server = ControlServer(path, commands)
        await server.start()
        self._exits.push_async_callback(server.close)
