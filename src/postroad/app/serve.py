"""`postroad serve`: from a configuration to a running server, and to its exit status.

The order matters and is the same for one worker and for many: who we shall be, the process that
stays root for mail with owners of its own (`agents`), the state directory's lock, the ports (as
root, if root; certificates and passwords too), privileges dropped for good, and only then the first
look at accounts and mail. With one worker the work is done in this process.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad import __version__
from postroad.app.agents import start_agents
from postroad.app.certificates import warn_of_certificates
from postroad.app.lock import StateBusyError, lock_state
from postroad.app.log import LogFile, formatter
from postroad.app.privileges import PrivilegeError, drop, unprivileged_user
from postroad.app.proof import RelayHoleError
from postroad.app.running import NOT_RELOADED, Running
from postroad.app.serving import socket_binds
from postroad.app.sockets import Sockets, open_sockets
from postroad.app.supervisor import Lifeline, Supervisor
from postroad.app.systemd import inherited_sockets, notify
from postroad.app.worker import StartError, Worker, run_worker
from postroad.config import Configuration, load
from postroad.delivery.credentials import CredentialsError
from postroad.directory import DirectoryEditor, DirectoryUnavailable
from postroad.limits.counters import CounterMemory
from postroad.limits.database import BansUnavailable, open_bans
from postroad.model.journal import Level, Notice
from postroad.net.listener import BindError
from postroad.net.tls import TlsConfigurationError

__all__ = ["Announce", "Journals", "run", "serve_file"]

Journals = Callable[[Configuration], LogFile]
"""Opens the log that a configuration asks for."""

Announce = Callable[[LogFile], None]
"""Called once with the log, when everything listens."""

_EXIT: dict[type[Exception], int] = {
    CredentialsError: os.EX_CONFIG,
    TlsConfigurationError: os.EX_CONFIG,
    PrivilegeError: os.EX_CONFIG,
    StateBusyError: os.EX_UNAVAILABLE,
    BindError: os.EX_UNAVAILABLE,
    DirectoryUnavailable: os.EX_UNAVAILABLE,
    BansUnavailable: os.EX_UNAVAILABLE,
    RelayHoleError: os.EX_CONFIG,
}


def serve_file(file: Path) -> int:
    """Serve by a configuration file until told to stop.

    Args:
        file: the TOML file; read again on SIGHUP.

    Returns:
        The exit status.

    Raises:
        ConfigurationError: the file has mistakes.
    """
    configuration = load(file)

    def journals(current: Configuration) -> LogFile:
        return LogFile(current.log.file, formatter(current.log, current.hostname))

    return run(configuration, lambda: load(file), journals, lambda log: log(_start(configuration)))


def _start(configuration: Configuration) -> Notice:
    """Who serves where, so that the log tells a start from silence."""
    doors = [
        f"{each.name} on {', '.join(map(str, each.binds))}"
        for each in configuration.resolved_listeners
    ]
    return Notice("master", f"Postroad {__version__} serves: {', '.join(doors)}")


def run(
    configuration: Configuration,
    read: Callable[[], Configuration],
    journals: Journals,
    announce: Announce,
) -> int:
    """Serve until told to stop.

    Args:
        configuration: what to serve.
        read: reads the configuration anew, for SIGHUP.
        journals: opens the log.
        announce: called once with the log, when everything listens.

    Returns:
        The exit status.
    """
    # Before anybody listens for it, a reload would be the end of us.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = Running(configuration, read)
        sockets = _prepare(running)
        counters = CounterMemory(len(sockets))
        log = journals(configuration)
    except tuple(_EXIT) as error:
        return _refuse(error, _EXIT[type(error)])
    except OSError as error:
        return _refuse(error, os.EX_NOPERM)
    warn_of_certificates(configuration, log)
    server = _Server(running, sockets, counters, log, journals, announce)
    return server.alone() if len(sockets) == 1 else server.supervised()


def _prepare(running: Running) -> list[Sockets]:
    configuration = running.configuration
    account = unprivileged_user(configuration.user)
    # Before there is anything that those who write for others must not have.
    running.agents = start_agents(configuration, running.workers)
    lock_state(configuration.state_directory)
    listeners = {each.name: each.binds for each in configuration.resolved_listeners}
    listeners |= socket_binds(running)
    owner = None if account is None else (account.pw_uid, account.pw_gid)
    sockets = open_sockets(listeners, running.workers, inherited_sockets(), owner)
    if account is not None:
        drop(account, configuration.state_directory)
    os.umask(0o077)
    _allow_descriptors()
    # A configuration written by hand has no directory database yet: an empty one is a right one.
    DirectoryEditor.open(configuration.directory_file, domains=configuration.local_domains).close()
    open_bans(configuration.bans_file).close()
    return sockets


def _allow_descriptors() -> None:
    """As many as the system lets us have: each session is one, each delivery another."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@dataclass(slots=True)
class _Server:
    """Everything is bound, nobody is root any more: serve."""

    running: Running
    sockets: list[Sockets]
    counters: CounterMemory
    log: LogFile
    journals: Journals
    announce: Announce

    def alone(self) -> int:
        """In this process."""

        def ready() -> None:
            notify("READY=1")
            self.announce(self.log)

        return self._work(0, self.log, ready, alive=None)

    def supervised(self) -> int:
        """In workers of our own."""

        def work(index: int, lifeline: Lifeline) -> int:
            own = {id(each) for sockets in self.sockets[index].values() for each in sockets}
            _close(self.sockets, spare=own)
            log = self.journals(self.running.configuration)
            return self._work(index, log, lifeline.report_ready, lifeline.alive)

        supervisor = Supervisor(
            len(self.sockets),
            work,
            reload=self._reload,
            stop_listening=lambda: _close(self.sockets),
            buried=self.counters.give_back,
            journal=self.log,
            announce=lambda: self.announce(self.log),
        )
        return supervisor.run()

    def _work(self, index: int, log: LogFile, ready: Callable[[], None], alive: int | None) -> int:
        worker = Worker(self.running, index, self.sockets[index], self.counters, log)
        try:
            return run_worker(worker, ready, alive)
        except StartError as error:
            return _refuse(error, error.status)

    def _reload(self) -> bool:
        """Reload for the workers to come; those that run reload by themselves."""
        self.log.reopen()
        try:
            self.running.reload()
        except NOT_RELOADED as error:
            for line in str(error).splitlines():
                self.log(Notice("master", f"not reloaded: {line}", Level.ERROR))
            return False
        return True


def _close(per_worker: Sequence[Sockets], spare: Collection[int] = ()) -> None:
    """Close listening sockets: while any process has one open, its port takes connections."""
    for worker in per_worker:
        for sockets in worker.values():
            for each in sockets:
                if id(each) not in spare:
                    each.close()


def _refuse(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"postroad: {line}", file=sys.stderr)  # noqa: T201 - the operator's terminal
    return status
