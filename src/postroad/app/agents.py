"""Processes that write mail as its owners: whether a server needs them, and how it has them.

A server that is started as root leaves a guard behind for them if its configuration names owners,
or has directories that may. For whom was decided then; a reload changes nothing of it.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from postroad.app.learner import learner_of
from postroad.app.mailboxes import location_of
from postroad.config import Configuration
from postroad.config.owners import allowed_numbers, owners_are_wanted
from postroad.mailbox.agent.broker import Terms
from postroad.mailbox.agent.pool import AgentPool
from postroad.mailbox.agent.starting import start_guard
from postroad.mailbox.folder import FolderName
from postroad.mailbox.writer import LOOKING, THREADS

__all__ = ["Agents", "start_agents", "terms_of"]

PER_WORKER = THREADS + LOOKING + 1
"""Agents of one worker: each of its threads can wait for one, and so can who looks for moves."""


@dataclass(frozen=True, slots=True)
class Agents:
    """Where a server asks for agents.

    Attributes:
        control: takes requests; inherited by workers.
        terms: what they may be had for.
    """

    control: socket.socket
    terms: Terms

    def pool(self) -> AgentPool:
        """Those of one worker."""
        return AgentPool(self.control, PER_WORKER)


def start_agents(configuration: Configuration, workers: int) -> Agents | None:
    """Leave a guard behind, if this is root and somebody needs it.

    Args:
        configuration: of the server.
        workers: how many there will be.

    Raises:
        OSError: it cannot be started.
    """
    if os.geteuid() != 0 or not owners_are_wanted(configuration):
        return None
    terms = terms_of(configuration, workers)
    return Agents(start_guard(terms), terms)


def terms_of(configuration: Configuration, workers: int) -> Terms:
    """What agents may be had for."""
    uids, gids = allowed_numbers(configuration)
    roots = location_of(configuration).roots
    junk = "" if learner_of(configuration) is None else configuration.mailbox.junk_folder
    named = str(FolderName.parse(junk)) if junk else ""
    return Terms(uids, gids, roots, workers * PER_WORKER, named)
