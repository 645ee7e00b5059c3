"""Postroad itself as a process of its own: configured in a file, killed and started again.

The tests use it as an operator does, through its command line, ports, log and folders.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from peers.certificates import Authority
from peers.maildir import Maildir
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import greeting, listening, logged, until

__all__ = ["DevServer", "Postroad", "Table", "Value", "free_offset", "toml"]

Value = str | int | float | bool | Sequence[str] | Mapping[str, "Value"]
Table = Mapping[str, Value]

_COMMAND = (sys.executable, "-m", "postroad")
_DEV_PORTS = {"mx": 2525, "submission": 2587, "submissions": 2465}
_LAST_WORDS = "Messages, as they pass:"
_PRESETS = ("mx", "submission", "submissions")


class Postroad:
    """A running server.

    Args:
        settings: what the configuration says beyond the host name, the domains, the state
            directory, a certificate and the listeners; tables are merged into those.
        listeners: which presets listen, each on a free port of 127.0.0.1.
        accounts: passwords by address.
        command: what starts it.
    """

    def __init__(
        self,
        settings: Table | None = None,
        *,
        listeners: Sequence[str] = _PRESETS,
        accounts: Mapping[str, str] | None = None,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self.folder = peer_folder("server")
        self.state = self.folder / "state"
        self._command = list(command)
        self._ports = {name: free_port() for name in listeners}
        self.configuration = self.folder / "postroad.toml"
        self.configuration.write_text(toml(self._settings(settings or {})))
        with removed_on_failure(self.folder):
            for address, password in (accounts or {}).items():
                self.run("user", "add", address, "--password-stdin", text=password + "\n")
            self.start()

    def port(self, listener: str) -> int:
        """The port of a listener on 127.0.0.1."""
        return self._ports[listener]

    @property
    def supervisor(self) -> int:
        """The process id of the supervisor (of the server itself when it has one worker)."""
        return self._process.pid

    def workers(self) -> list[int]:
        """The process ids of the workers; none when the only worker is the server itself."""
        path = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children")
        return [int(pid) for pid in path.read_text().split()]

    def run(self, *arguments: str, text: str = "") -> str:
        """Run a `postroad` command against this configuration and return what it prints.

        Raises:
            RuntimeError: it failed; the text holds its output.
        """
        argv = [*_COMMAND, "--config", str(self.configuration), *arguments]
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self) -> None:
        """Start it, for the first time or again, and wait until every port answers."""
        argv = [*self._command, "--config", str(self.configuration), "serve"]
        self._process = Process(argv, log=self.folder / "output")
        self._process.wait_ready(
            lambda: all(_answers(port, name) for name, port in self._ports.items())
        )

    def log(self) -> str:
        """Everything it has logged so far."""
        return self._process.output()

    def wait_log(self, text: str, *, within: float = 30) -> str:
        """The first line of the log that holds `text`.

        Raises:
            AssertionError: no such line came in time; the text holds the log.
        """
        return logged(self.log, text, within=within, whose="Postroad")

    def maildir(self, address: str) -> Maildir:
        """The Maildir of an account."""
        user, _, domain = address.partition("@")
        return Maildir(self.state / "mail" / domain / user / "Maildir", self.log)

    def kill_worker(self, pid: int = 0) -> int:
        """SIGKILL to one worker (the server itself if it is the only one); returns its id."""
        pid = pid or (self.workers() or [self.supervisor])[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_all(self) -> None:
        """SIGKILL to the supervisor and to every worker it leaves behind, as a power cut would."""
        everyone = [self.supervisor, *self.workers()]
        for pid in everyone:
            os.kill(pid, signal.SIGKILL)
        self._process.wait(60)
        until(lambda: not any(map(_alive, everyone)), within=60, what="the end of every worker")

    def kill_supervisor(self) -> None:
        """SIGKILL to the supervisor alone; returns when its workers are gone as well."""
        workers = self.workers()
        self._process.signal(signal.SIGKILL)
        self._process.wait(60)
        until(lambda: not any(map(_alive, workers)), within=60, what="the end of every worker")

    def end(self) -> int:
        """End it by SIGTERM and return its exit status; its folder stays."""
        return self._process.stop(within=60)

    def stop(self) -> None:
        """End it and remove its folder."""
        self.end()
        remove_folder(self.folder)

    def _settings(self, settings: Table) -> Table:
        listeners = {name: {"bind": [f"127.0.0.1:{port}"]} for name, port in self._ports.items()}
        certificate = Authority(self.folder).issue("mail.example.org", "localhost", "127.0.0.1")
        own: Table = {
            "hostname": "mail.example.org",
            "domains": ["example.org"],
            "state_directory": str(self.state),
            "workers": 2,
            "user": "root",
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "listeners": listeners,
        }
        return _merged(own, settings)


class DevServer:
    """`postroad serve --dev` in a folder of its own, on its own ports.

    Args:
        offset: what is added to each of the usual ports for development.
        command: what starts it.
    """

    def __init__(self, offset: int, command: Sequence[str] = _COMMAND) -> None:
        self.folder = peer_folder("dev")
        self.ports = {name: port + offset for name, port in _DEV_PORTS.items()}
        self._argv = [*command, "serve", "--dev", "--port-offset", str(offset)]
        with removed_on_failure(self.folder):
            self.start()

    def start(self) -> None:
        """Start it, for the first time or again, and wait for the end of its welcome."""
        log = self.folder / "output"
        log.unlink(missing_ok=True)
        self._process = Process(self._argv, log=log, directory=self.folder)
        self._process.wait_ready(lambda: _LAST_WORDS in self.output())

    def output(self) -> str:
        """What it has printed so far."""
        return self._process.output()

    def wait_output(self, text: str, *, within: float = 30) -> str:
        """Everything it has printed as soon as that holds `text`.

        Raises:
            AssertionError: it did not come in time; the text holds the output.
        """
        try:
            until(lambda: text in self.output(), within=within, what=f"{text!r} printed")
        except TimeoutError as error:
            raise AssertionError(f"{error}; the output:\n{self.output()}") from error
        return self.output()

    def end(self) -> int:
        """End it by SIGTERM and return its exit status; its folder stays."""
        return self._process.stop(within=60)

    def stop(self) -> None:
        """End it and remove its folder."""
        self.end()
        remove_folder(self.folder)


def free_offset() -> int:
    """One at which all three ports for development are free."""
    first = min(_DEV_PORTS.values())
    return free_port(*(port - first for port in _DEV_PORTS.values() if port != first)) - first


def toml(table: Table) -> str:
    """A configuration file: plain values first, then each table under its dotted name."""
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: Table, name: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"[{'.'.join(map(_key, name))}]"] if name else []
    lines += [f"{_key(key)} = {_literal(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _lines(value, (*name, key))
    return lines


def _key(name: str) -> str:
    """A bare key where it can be one; one that is quoted already stays as it is."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+|\".*\"", name) else json.dumps(name)


def _literal(value: Value) -> str:
    """JSON's strings, numbers, booleans and arrays are TOML's as well."""
    return json.dumps(value if isinstance(value, str | int | float) else list(value))


def _merged(first: Table, second: Table) -> Table:
    result = dict(first)
    for key, value in second.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result


def _answers(port: int, name: str) -> bool:
    """Whether the listener of this name serves: with implicit TLS a greeting is not for us."""
    return listening(port) if name == "submissions" else greeting(port)


def _alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
