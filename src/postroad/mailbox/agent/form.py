"""What is said in packets, looked at for its form: neither side believes the other.

Packets are JSON objects. A field that is not there, or of another kind than it should be, makes the
packet none; paths have to lie below the roots that the server was started with.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeVar

from postroad.model.printable import printable

__all__ = ["MAX_PACKET", "Malformed", "OutOfRoots", "line", "list_of", "path_of", "read", "value"]

MAX_PACKET = 65_536
"""Octets of a task or an answer: three paths of 4 KiB, escaped, and the trace lines."""

T = TypeVar("T")


class Malformed(Exception):
    """What came is no packet of this protocol."""


class OutOfRoots(Exception):
    """A path that is not below the roots; the worker goes by others than we do."""

    def __str__(self) -> str:
        return "its place is not below the roots that [mailbox] had when the server was started"


def read(packet: bytes) -> dict[str, object]:
    """The object that a packet is."""
    try:
        said = json.loads(packet)
    except (ValueError, RecursionError):
        raise Malformed from None
    if not isinstance(said, dict):
        raise Malformed
    return said


def path_of(text: str, roots: tuple[Path, ...]) -> Path:
    """Below a root, and written without `..`: where links lead is the owner's own affair."""
    if "\0" in text or os.path.normpath(text) != text:
        raise Malformed
    if not any(text.startswith(f"{str(root).rstrip('/')}/") for root in roots):
        raise OutOfRoots
    return Path(text)


def line(text: str) -> str:
    """For a log: one line of a bounded length, whoever wrote it."""
    return printable(text[:1000])


def value(said: dict[str, object], key: str, kind: type[T]) -> T:
    """A field of some kind."""
    found = said.get(key)
    if type(found) is not kind:  # a truth is a number to `isinstance`
        raise Malformed
    return found


def list_of(said: dict[str, object], key: str, kind: type[T], length: int | None) -> list[T]:
    """A field that is a list of some kind, of any length where none is given."""
    found = said.get(key)
    if not isinstance(found, list) or length not in (None, len(found)):
        raise Malformed
    if not all(type(each) is kind for each in found):
        raise Malformed
    return found
