"""`STATE/spam/thresholds.json`: from which score on accounts call mail junk, or want it refused.

A small file of the operator's choices, by the canonical names of accounts, whatever directory they
are in. It is read whole and written whole, so that no reader sees half of it; a worker looks at the
file's date before each use, so that a change holds with the next message. Where it cannot be read,
those that were read before hold, and without any the usual ones: nobody's mail waits for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from postroad.filters.scoring import Wish
from postroad.limits.whole_file import locked, write_whole
from postroad.model.members import finite, mapping

__all__ = ["Thresholds", "ThresholdsUnavailable", "change_threshold", "read_thresholds"]

MOST_OCTETS = 16 * 1024 * 1024
"""Some 200,000 accounts; more would be read too slowly at each change."""

_VERSION = 1

_Seen = tuple[int, ...]


class ThresholdsUnavailable(Exception):
    """The file cannot be read or written; the message says why."""


def read_thresholds(path: Path) -> dict[str, Wish]:
    """All of them, by account; none where there is no file.

    Raises:
        ThresholdsUnavailable: it cannot be read, or is no such file.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ThresholdsUnavailable(f"{path}: {error.strerror}") from None
    if len(octets) > MOST_OCTETS:
        raise ThresholdsUnavailable(f"{path}: larger than {MOST_OCTETS} octets")
    try:
        content = json.loads(octets)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("accounts"), dict):
        raise ThresholdsUnavailable(f"{path}: it is no file of thresholds")
    if content.get("version") != _VERSION:
        raise ThresholdsUnavailable(f"{path}: it was written by another release")
    return {str(user): _wish(each) for user, each in content["accounts"].items()}


def change_threshold(path: Path, user: str, change: Callable[[Wish], Wish]) -> Wish:
    """Write the thresholds of an account anew.

    Args:
        path: the file; its folder is made if it is not there.
        user: the account's canonical name.
        change: what is to become of those it has. One that asks for nothing is forgotten.

    Returns:
        What holds now.

    Raises:
        ThresholdsUnavailable: it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.with_suffix(".lock")):
            accounts = read_thresholds(path)
            wish = change(accounts.pop(user, Wish()))
            if wish != Wish():
                accounts[user] = wish
            write_whole(path, (_written(accounts),))
    except OSError as error:
        raise ThresholdsUnavailable(f"{path}: {error.strerror}") from None
    return wish


class Thresholds:
    """The file as a worker reads it."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        """Nothing is read yet.

        Args:
            path: the file.
            warn: told once of each file that cannot be read.
        """
        self._path = path
        self._warn = warn
        self._seen: _Seen = ()
        self._accounts: Mapping[str, Wish] = {}
        self._reading = asyncio.Lock()

    async def of(self, user: str) -> Wish:
        """The thresholds of an account, by its canonical name."""
        return (await self.all()).get(user, Wish())

    async def all(self) -> Mapping[str, Wish]:
        """All of them. A file that is new is read in a thread, as it may be large."""
        if self._looked() != self._seen:
            async with self._reading:
                seen = self._looked()
                if seen != self._seen:
                    self._accounts = await self._read()
                    self._seen = seen  # by now, so that nobody takes the old ones for the new
        return self._accounts

    def _looked(self) -> _Seen:
        """What tells whether it is another file; empty: there is none."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            return (error.errno or 0,)
        return (status.st_mtime_ns, status.st_ino, status.st_size)

    async def _read(self) -> Mapping[str, Wish]:
        try:
            return await asyncio.to_thread(read_thresholds, self._path)
        except ThresholdsUnavailable as error:
            self._warn(str(error))
            return self._accounts


def _written(accounts: Mapping[str, Wish]) -> bytes:
    content = {
        "version": _VERSION,
        "accounts": {user: _as_json(wish) for user, wish in sorted(accounts.items())},
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _as_json(wish: Wish) -> dict[str, float]:
    return {key: value for key, value in wish._asdict().items() if value is not None}


def _wish(value: object) -> Wish:
    table = mapping(value)
    return Wish(finite(table.get("junk")), finite(table.get("reject")))
