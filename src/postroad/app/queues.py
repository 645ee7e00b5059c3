"""The queues of a worker: a runner for each of its shards, and what its control socket changes.

New mail is in the first shard; the others are of workers that exist no more, and run empty.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from postroad.admin.control import Command
from postroad.admin.queue import QueueControl
from postroad.admin.transports import TransportControl
from postroad.app.custody import Custody
from postroad.app.outbound import Outbound
from postroad.app.running import Running
from postroad.app.suppressing import Suppressing, Unsuppressed
from postroad.directory import Directory
from postroad.history import Recorder, Remembering
from postroad.intake import Door
from postroad.model.journal import Journal, Level, Notice
from postroad.queue import Runner
from postroad.queue.gate import Commons
from postroad.queue.suspension import FILE as SUSPENDED_FILE
from postroad.queue.suspension import Suspension
from postroad.spool import Claimed, Shard

__all__ = ["Queues"]


class Queues:
    """Belongs to a worker's event loop.

    Attributes:
        runners: deliver, one for each shard, in the order of the shards.
    """

    def __init__(
        self,
        running: Running,
        shards: Mapping[int, Shard],
        directory: Directory,
        outbound: Outbound,
        journal: Journal,
        *,
        door: Door,
        suppressing: Suppressing,
        custody: Custody,
        history: Recorder,
        commons: Commons | None,
    ) -> None:
        """Nothing is delivered yet.

        Args:
            running: what to serve.
            shards: by number; the first takes new mail.
            directory: knows which domains are ours.
            outbound: knows routes and transports.
            journal: where events go.
            door: takes bounces.
            suppressing: knows to whom nothing is sent, and is told who refuses mail.
            custody: told of failures of mail that an account submitted.
            history: remembers what became of messages.
            commons: what all workers count together; `None`: there is no other.

        Raises:
            OSError: the file of suspended transports cannot be read.
        """
        self._running = running
        self._journal = journal
        configuration = running.configuration
        suspension = Suspension(
            configuration.queue.defer_transports, configuration.state_directory / SUSPENDED_FILE
        )
        self.runners = [
            Runner(
                spool=shard,
                router=Unsuppressed(outbound, directory, suppressing.addresses),
                transports=outbound.transports,
                door=door,
                journal=Remembering(journal, history, time.time),
                clock=time.time,
                settings=configuration.queue,
                hostname=configuration.hostname,
                bounced=custody.containment.bounced,
                refused=suppressing.addresses.refused,
                destinations=configuration.destinations,
                commons=commons,
                finder=outbound.finder,
                suspension=suspension,
            )
            for shard in shards.values()
        ]
        control = QueueControl(shards, self.runners, journal)
        transports = TransportControl(suspension, self.runners, journal)
        self._commands = {**control.commands, **transports.commands}

    @property
    def commands(self) -> dict[str, Command]:
        """What the control socket answers."""
        return self._commands

    def take(self, claimed: Claimed) -> None:
        """A message is durable: its delivery begins."""
        self.runners[0].add(claimed)

    def replace(self) -> None:
        """Go by what is running now. What is suspended by command is read anew."""
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
