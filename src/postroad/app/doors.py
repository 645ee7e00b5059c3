"""The doors of a worker: new mail comes by them into its shard, whoever brings it.

There is one for sessions and for what the server writes itself, and one for each drop of submitted
files. All have the same rules: the directory with rewritten addresses in it, the filters for mail
that comes by no listener, and the history.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from postroad.app.forwarding import forwards_of
from postroad.config import Configuration
from postroad.history import Recorder
from postroad.history.findings import Examined
from postroad.intake import Board, Door
from postroad.intake.returning import Named
from postroad.model.journal import Journal, Notice
from postroad.spool import Claimed, Shard

__all__ = ["Doors"]


class Doors:
    """Makes doors.

    Attributes:
        forwards: how mail goes on, and bounces of it come back.
    """

    def __init__(
        self,
        configuration: Configuration,
        directory: Named,
        journal: Journal,
        *,
        board: Callable[[], Board],
        history: Recorder,
    ) -> None:
        """No door yet.

        Args:
            configuration: as at the start; a reload changes nothing here.
            directory: all accounts and aliases.
            journal: where events go.
            board: gives who looks at mail that comes by no listener, by what is running.
            history: is told what was found out about a message.
        """

        def inform(words: str) -> None:
            journal(Notice("smtpd", words))

        self._configuration = configuration
        self._journal = journal
        self._board = board
        self._history = history
        self.forwards = forwards_of(configuration, directory, report=inform)

    def into(self, shard: Shard, queued: Callable[[Claimed], None]) -> Door:
        """A door.

        Args:
            shard: where mail goes that comes by it.
            queued: told of each message that is durable.
        """
        configuration, history = self._configuration, self._history
        return Door(
            hostname=configuration.hostname,
            settings=configuration.intake,
            begin=shard.begin,
            directory=self.forwards.addresses,
            queued=queued,
            journal=self._journal,
            clock=time.time,
            forwarding=configuration.forwarding,
            onward=self.forwards.onward,
            board=self._board,
            remember=lambda name, found: history.put(Examined(name, time.time(), found)),
        )
