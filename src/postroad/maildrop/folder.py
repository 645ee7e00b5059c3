"""The folder of the drop: what is in it, and what the `sendmail` command is told there.

```
maildrop/          0711  may be passed, not listed
  new/             3733  anybody may add a file, nobody may list them; the owner of a file is its
                         sender, and the sticky bit keeps everybody from the files of others
  taken/           0700  what the server is just queueing
  aside/           0700  what it cannot queue, for an operator to look at
  wake             0622  a pipe: whoever writes to it wakes the server
  queue            0666  a socket: whoever connects is shown the queue, if he may see it
  facts            0644  what a program must know of the server, which cannot read its configuration
```

The group of `new` is the server's, and the set-group-ID bit hands it on to each file: so the server
may read what is nobody else's to read. Where that bit cannot be set, files are readable by those
who know their name, which is 128 random bits in a folder that nobody can list.
"""

from __future__ import annotations

import os
import stat

__all__ = [
    "ASIDE",
    "DEFAULT",
    "FACTS",
    "NEW",
    "TAKEN",
    "WAKE",
    "WINDOW",
    "Facts",
    "lay",
    "make",
    "read_facts",
    "read_plain",
    "tell",
]

NEW, TAKEN, ASIDE, WAKE, FACTS = "new", "taken", "aside", "wake", "facts"
WINDOW = "queue"

DEFAULT = "/var/lib/postroad/maildrop"
"""Where a server that the system starts has it."""

MAX_FACTS = 65_536

_OPEN, _SHARED = 0o1733, 0o3733
_FACTS_MODE = 0o644
_MODES = {"": 0o711, TAKEN: 0o700, ASIDE: 0o700}


class Facts:
    """What programs are told. A plain class: see `slip`.

    Attributes:
        hostname: the server's name.
        origin: the domain of addresses that are written without one.
        size: octets that a message may have; 0 for no limit.
        header: octets that its header may have; 0 for no limit.
        state: the state directory.
        users: who may send, by login name; `*` for everybody.
    """

    __slots__ = ("header", "hostname", "origin", "size", "state", "users")

    def __init__(
        self,
        hostname: str = "localhost",
        origin: str = "",
        *,
        size: int = 0,
        header: int = 0,
        state: str = "",
        users: tuple[str, ...] = ("*",),
    ) -> None:
        self.hostname = hostname
        self.origin = origin or hostname
        self.size = size
        self.header = header
        self.state = state
        self.users = users

    @property
    def text(self) -> str:
        """The file's content."""
        lines = [
            f"hostname {self.hostname}",
            f"origin {self.origin}",
            f"size {self.size}",
            f"header {self.header}",
            f"state {self.state}",
            *(f"user {each}" for each in self.users),
        ]
        return "\n".join(lines) + "\n"


def read_facts(folder: str) -> Facts:
    """The facts of a drop.

    Args:
        folder: the drop's.

    Raises:
        OSError: there are none to be read.
        ValueError: they are not what a server writes.
    """
    text = read_plain(os.path.join(folder, FACTS), MAX_FACTS).decode()
    pairs = [line.partition(" ")[::2] for line in text.splitlines()]
    values = dict(pairs)
    return Facts(
        values.get("hostname", "localhost"),
        values.get("origin", ""),
        size=int(values.get("size", "0")),
        header=int(values.get("header", "0")),
        state=values.get("state", ""),
        users=tuple(value for key, value in pairs if key == "user"),
    )


def read_plain(path: str, limit: int) -> bytes:
    """The content of a plain file; of a pipe or a device nothing is waited for.

    Args:
        path: the file.
        limit: octets that it may have.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no plain file, or longer.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no plain file")
        octets = file.read(limit + 1)
    if len(octets) > limit:
        raise ValueError(f"it is longer than {limit} octets")
    return octets


def lay(folder: str, facts: Facts) -> str:
    """Make the folder and tell programs the facts; see `make` and `tell`.

    Raises:
        OSError: one of them cannot be.
    """
    doubt = make(folder)
    tell(folder, facts)
    return doubt


def make(folder: str) -> str:
    """Make the folder, or put right what is there; the facts are told by `tell`.

    Args:
        folder: its path; the directory that it is to be in exists.

    Returns:
        What is wrong with it, in a line; empty for nothing.

    Raises:
        OSError: it cannot be made, or is somebody else's.
    """
    for name, mode in _MODES.items():
        _directory(os.path.join(folder, name) if name else folder, mode)
    new = os.path.join(folder, NEW)
    _directory(new, None)
    doubt = ""
    if _mode(new) & 0o7777 != _SHARED:
        try:
            os.chmod(new, _SHARED)
        except PermissionError:
            os.chmod(new, _OPEN)
        if not _mode(new) & stat.S_ISGID:
            doubt = f"{new} has no set-group-ID bit: chmod 3733 it as root, outside of the service"
    _pipe(os.path.join(folder, WAKE))
    return doubt


def tell(folder: str, facts: Facts) -> None:
    """Write what programs are told; nothing is written where they are told it already.

    Args:
        folder: the drop's.
        facts: what to tell.

    Raises:
        OSError: it cannot be written, and what was told before still is.
    """
    path = os.path.join(folder, FACTS)
    if not _is_told(path, facts.text.encode()):
        _write_facts(path, facts.text)


def _directory(path: str, mode: int | None) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(_mode(path)):
            raise
    if mode is not None and _mode(path) & 0o7777 != mode:
        os.chmod(path, mode)


def _pipe(path: str) -> None:
    try:
        about = os.lstat(path)
    except FileNotFoundError:
        about = None
    if about is not None and not (stat.S_ISFIFO(about.st_mode) and about.st_uid == os.geteuid()):
        os.unlink(path)
        about = None
    if about is None:
        os.mkfifo(path, 0o600)
    os.chmod(path, 0o622)  # noqa: S103 - to write there says nothing but "look"


def _is_told(path: str, octets: bytes) -> bool:
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_mode & 0o7777 != _FACTS_MODE:
            return False
        with open(path, "rb") as file:
            return file.read(len(octets) + 1) == octets
    except OSError:
        return False


def _write_facts(path: str, text: str) -> None:
    """Whole or not at all: programs read it while it is written."""
    fresh = f"{path}.fresh"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(fresh, _FACTS_MODE)
    os.replace(fresh, path)


def _mode(path: str) -> int:
    return os.lstat(path).st_mode
