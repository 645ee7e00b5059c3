"""The supervisor with workers that do as they are told, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SCRIPT = """
import os, select, signal, sys
from postroad.app import supervisor
from postroad.app.supervisor import Supervisor

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def work(index, lifeline):
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    if sys.argv[1] == "misconfigured":
        return os.EX_CONFIG
    lifeline.report_ready()
    say("worker", index, os.getpid())
    while True:
        readable, _, _ = select.select([lifeline.alive, woken], [], [])
        signals = os.read(woken, 16) if woken in readable else b""
        if signal.SIGHUP in signals:
            say("reloaded", index)
        if signal.SIGTERM in signals:
            say("drained", index)
            return 0
        if lifeline.alive in readable and not os.read(lifeline.alive, 1):
            say("orphan", index)
            return 0

say("supervisor", os.getpid())
sys.exit(Supervisor(2, work, reload=lambda: True, stop_listening=lambda: None,
                    journal=lambda event: say(event.text), announce=lambda: say("ready"),
                    buried=lambda index: say("buried", index)).run())
"""


class Told:
    """What the processes print, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, *starts: str) -> list[str]:
        """Read until each of these was the start of a line; the lines found, in their order."""
        assert self.process.stdout is not None
        wanted = list(starts)
        found = {}
        while wanted:
            line = self.process.stdout.readline().strip()
            assert line or self.process.poll() is None, f"ended before {wanted}: {self.lines}"
            self.lines.append(line)
            for start in list(wanted):
                if line.startswith(start):
                    wanted.remove(start)
                    found[start] = line
        return [found[start] for start in starts]


@contextmanager
def supervised(kind: str = "good") -> Iterator[Told]:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, kind], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Told(process)
        finally:
            process.kill()


def pid_of(line: str) -> int:
    return int(line.rsplit(maxsplit=1)[-1])


def test_start_reload_and_stop() -> None:
    with supervised() as told:
        told.until("worker 0", "worker 1", "ready")

        told.process.send_signal(signal.SIGHUP)
        told.until("reloaded 0", "reloaded 1")
        told.process.send_signal(signal.SIGTERM)
        told.until("drained 0", "drained 1")

        assert told.process.wait(30) == 0


def test_a_killed_worker_is_replaced_at_once_and_the_other_is_left_alone() -> None:
    with supervised() as told:
        first, _ = told.until("worker 0", "worker 1")

        os.kill(pid_of(first), signal.SIGKILL)
        told.until("buried 0", "warning: worker 0 ended by signal 9; restarted at once")
        again = told.until("worker 0 ")[0]

        assert pid_of(again) != pid_of(first)
        assert "drained 1" not in told.lines


def test_workers_do_not_outlive_a_killed_supervisor() -> None:
    with supervised() as told:
        told.until("worker 0", "worker 1", "ready")

        told.process.kill()

        told.until("orphan 0", "orphan 1")


def test_a_worker_that_cannot_start_ends_everything_with_its_status() -> None:
    with supervised("misconfigured") as told:
        assert told.process.wait(30) == os.EX_CONFIG
