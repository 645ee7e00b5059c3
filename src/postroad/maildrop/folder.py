"""The folder of the drop: what is in it, and what the `sendmail` command is told there.

```
maildrop/          0711  may be passed, not listed
  new/             3733  anybody may add a file, nobody may list them; the owner of a file is its
                         sender, and the sticky bit keeps everybody from the files of others
  taken/           0700  what the server is just queueing
  aside/           0700  what it cannot queue, for an operator to look at
  wake             0622  a pipe: whoever writes to it wakes the server
  facts            0644  what a program must know of the server, which cannot read its configuration
```

The group of `new` is the server's, and the set-group-ID bit hands it on to each file: so the server
may read what is nobody else's to read. Where that bit cannot be set, files are readable by those
who know their name, which is 128 random bits in a folder that nobody can list.
"""

from __future__ import annotations

import os
import stat

__all__ = ["ASIDE", "DEFAULT", "FACTS", "NEW", "TAKEN", "WAKE", "Facts", "lay", "read_facts"]

NEW, TAKEN, ASIDE, WAKE, FACTS = "new", "taken", "aside", "wake", "facts"

DEFAULT = "/var/lib/postroad/maildrop"
"""Where a server that the system starts has it."""

MAX_FACTS = 65_536

_OPEN, _SHARED = 0o1733, 0o3733
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
    with open(os.path.join(folder, FACTS), encoding="utf-8") as file:
        pairs = [line.partition(" ")[::2] for line in file.read(MAX_FACTS).splitlines()]
    values = dict(pairs)
    return Facts(
        values.get("hostname", "localhost"),
        values.get("origin", ""),
        size=int(values.get("size", "0")),
        header=int(values.get("header", "0")),
        state=values.get("state", ""),
        users=tuple(value for key, value in pairs if key == "user"),
    )


def lay(folder: str, facts: Facts) -> str:
    """Make the folder, or put right what is there.

    Args:
        folder: its path; the directory that it is to be in exists.
        facts: what to tell programs.

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
    _write_facts(os.path.join(folder, FACTS), facts.text)
    return doubt


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


def _write_facts(path: str, text: str) -> None:
    """Whole or not at all: programs read it while it is written."""
    fresh = f"{path}.fresh"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(fresh, 0o644)
    os.replace(fresh, path)


def _mode(path: str) -> int:
    return os.lstat(path).st_mode
