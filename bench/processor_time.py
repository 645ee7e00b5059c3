"""The processor time that a server has used so far, with all its processes, from `/proc`.

Messages a second depend on what else the machine does; the processor time of a message hardly
does. So it is what tells whether a change to the code helped.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "usage_of"]

_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _CSTIME = 11, 14  # fields of stat behind the program's name, see proc(5)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes has used since it began.

    Attributes:
        seconds: processor time, in the program and in the kernel; of ended children as well.
        waits: times that a thread gave the processor up to wait for something. Only of processes
            that still live: where many come and go, it says little.
    """

    seconds: float
    waits: int

    def since(self, before: Usage) -> Usage:
        """What was used between two looks."""
        return Usage(self.seconds - before.seconds, self.waits - before.waits)


def usage_of(root: int) -> Usage:
    """What a process and everything it started has used.

    Args:
        root: its process id.
    """
    seconds, waits = 0.0, 0
    for pid in _family(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            waits += sum(_waits(task) for task in Path(f"/proc/{pid}/task").iterdir())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended; its parent has its time when we come again
        seconds += sum(int(field) for field in fields[_UTIME : _CSTIME + 1]) / _TICKS
    return Usage(seconds, waits)


def _family(root: int) -> list[int]:
    """A process and all that descend from it."""
    found, children = [root], Path(f"/proc/{root}/task")
    try:
        tasks = list(children.iterdir())
        started = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return found
    for child in started:
        found += _family(child)
    return found


def _waits(task: Path) -> int:
    for line in (task / "status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    return 0
