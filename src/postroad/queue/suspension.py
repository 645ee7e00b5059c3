"""Transports and destinations whose mail waits until an operator says otherwise.

What Postfix does with defer_transports, in two ways: `[queue] defer_transports` in the
configuration, and a file in the state directory that a command writes while the server runs and
that survives restarts. Both hold together. Mail is not held, only put off, with Postfix's words: it
comes back by the usual schedule, ages, and returns to its sender in the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from postroad.limits.whole_file import write_whole
from postroad.model import Reply, StoredRecipient
from postroad.net.dns_records import ascii_key
from postroad.queue.attempt import Destination

__all__ = [
    "DESTINATION",
    "FILE",
    "LOCK",
    "SUSPENDED",
    "Suspension",
    "read_names",
    "suspension_key",
    "write_names",
]

DESTINATION = "dest:"
"""Before the name of a domain or a next hop; a name without it is a transport's."""

FILE = "deferred-transports"
"""In the state directory: a name on each line."""

LOCK = f"{FILE}.lock"
"""Beside it: held by who changes it, from reading to writing."""

SUSPENDED = Reply.of(451, "4.3.2", "deferred transport")

_MOST_READ = 65_536  # octets; some thousand names, and a longer file is not ours


class Suspension:
    """Which mail waits."""

    __slots__ = ("_configured", "_file", "_names", "_said")

    def __init__(self, configured: Iterable[str] = (), file: Path | None = None) -> None:
        """Read the file, where there is one.

        Args:
            configured: `[queue] defer_transports`.
            file: where the operator's command writes; `None`: there is none.

        Raises:
            OSError: it is there and cannot be read.
        """
        self._file = file
        self._said: frozenset[str] = frozenset()  # by the file
        self.configure(configured)

    def __bool__(self) -> bool:
        """Whether `holds_back` is worth a call."""
        return bool(self._names)

    def configure(self, configured: Iterable[str]) -> None:
        """Take another `[queue] defer_transports`, and what the file says now.

        Raises:
            OSError: the file cannot be read; what it said before holds.
        """
        self._configured = frozenset(map(suspension_key, configured))
        self._names = self._configured | self._said
        self.read()

    def read(self) -> frozenset[str]:
        """Take what the file says now; the names in force.

        Raises:
            OSError: it cannot be read; what it said before holds.
        """
        said = read_names(self._file) if self._file is not None else ()
        self._said = frozenset(map(suspension_key, said))
        self._names = self._configured | self._said
        return self._names

    def holds_back(self, destination: Destination, recipient: StoredRecipient) -> bool:
        """Whether mail for a recipient that would go there waits."""
        names = self._names
        return (
            destination.transport.lower() in names
            or f"{DESTINATION}{ascii_key(destination.nexthop)}" in names
            or f"{DESTINATION}{ascii_key(recipient.address.domain)}" in names
        )


def read_names(file: Path) -> tuple[str, ...]:
    """The names in a file; none where it is not there.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            text = lines.read(_MOST_READ)
    except FileNotFoundError:
        return ()
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def write_names(file: Path, names: Iterable[str]) -> None:
    """Replace the file by one with these names; after a crash there is the one or the other.

    One at a time does: see `LOCK`.

    Raises:
        OSError: it cannot be written.
    """
    # An operator's command, maybe root's; the server's account has to read it.
    write_whole(file, [f"{name}\n".encode() for name in names], is_given_away=True)


def suspension_key(name: str) -> str:
    """The form of a name used to compare: of a domain, it is one in whichever way it is spelt."""
    name = name.strip()
    if name[: len(DESTINATION)].lower() == DESTINATION:
        return f"{DESTINATION}{ascii_key(name[len(DESTINATION) :])}"
    return name.lower()
