"""Tables of Postfix that are there only compiled, `virtual.db` without `virtual`, as text again.

A hash file of Berkeley DB is read by our own reader. For the others (btree, lmdb, cdb, …) this
machine's `postmap -s` is asked, if there is one: it only lists, and changes nothing. What is found
becomes a text file of the new installation, which `postmap` could compile again.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import MAX_FILE
from postroad.adopt.postfix.installation import OldPostfix
from postroad.directory.files.berkeley_hash import BerkeleyMistake, read_pairs

__all__ = ["COMPILED", "Compiled", "compiled_pairs", "say_copied", "text_of"]

COMPILED = {
    "hash": "db",
    "btree": "db",
    "dbm": "pag",
    "lmdb": "lmdb",
    "cdb": "cdb",
    "sdbm": "pag",
}
"""What Postfix puts behind the name of the text, by the table's type."""

PATIENCE = 60.0  # seconds; a million entries take a few

_PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_MADE_UP = frozenset({"YP_LAST_MODIFIED", "YP_MASTER_NAME"})
"""Entries that Postfix adds to tables of aliases for NIS."""

_KEY = re.compile(r'(?:[^\s"\\]|\\.|"(?:\\.|[^"\\])*")+\Z', re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a compiled table holds.

    Attributes:
        pairs: keys and values; none where it could not be read.
        reason: why not; empty: it was read.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    reason: str = ""


def compiled_pairs(old: OldPostfix, kind: str, path: str) -> Compiled | None:
    """The entries of a compiled table.

    Args:
        old: whose it is.
        kind: its type, such as `hash`.
        path: its name without what Postfix puts behind it.

    Returns:
        `None`: there is no such file.
    """
    file = f"{path}.{COMPILED[kind]}" if kind in COMPILED else ""
    if not file or not old.files.exists(file):
        return None
    octets = old.files.octets(file)
    if octets is None:
        return Compiled(reason=f"{file} cannot be read, or is over {MAX_FILE >> 20} MiB")
    found = _own(octets) if kind == "hash" else None
    if found is None:
        found = _listed(kind, old.files.place(path))
    return found


def _own(octets: bytes) -> Compiled | None:
    try:
        pairs = [(_text(key), _text(value)) for key, value in read_pairs(octets)]
    except BerkeleyMistake:
        return None
    return Compiled(_sorted(pairs))


def _text(octets: bytes) -> str:
    """Postfix ends keys and values with a zero octet on some systems."""
    return octets.removesuffix(b"\0").decode("utf-8", "replace")


def _sorted(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    kept = {
        key: value for key, value in pairs if key not in _MADE_UP and (key, value) != ("@", "@")
    }
    return tuple(sorted(kept.items()))


def _listed(kind: str, path: Path) -> Compiled:
    """What `postmap -s` prints: a key, a tab, a value."""
    program = shutil.which("postmap", path=_PLACES)
    advice = f"{path} is there only compiled; postmap -s {kind}:{path} shows it"
    if program is None:
        return Compiled(reason=f"{advice}, where Postfix is installed")
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, no shell
            [program, "-s", f"{kind}:{path}"], capture_output=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Compiled(reason=advice)
    if done.returncode or len(done.stdout) > MAX_FILE:
        return Compiled(reason=f"{advice}, and did not here")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return Compiled(
        _sorted((key, value) for key, _, value in (each.partition("\t") for each in lines))
    )


def say_copied(old: OldPostfix, kind: str, path: str, kept: Path) -> None:
    """Say that changes of the compiled table do not reach the copy."""
    words = f"{path} was there only compiled; its entries are in {kept}"
    file = old.files.place(f"{path}.{COMPILED[kind]}")
    todo = "later changes belong into the copy"
    finding = Finding(file, None, file.name, "", Verdict.TRANSLATED, words, todo)
    if finding not in old.plan.findings:
        old.plan.find(finding)


def text_of(pairs: Iterable[tuple[str, str]], *, aliases: bool = False) -> tuple[str, list[str]]:
    """A text file with these entries, and the keys that none can hold.

    Args:
        pairs: keys and values.
        aliases: whether it is to be as `/etc/aliases` is, with colons.
    """
    lines: list[str] = []
    lost: list[str] = []
    for key, value in pairs:
        name = _name(key) if aliases else key
        if "\n" in key + value or not value.strip() or not _KEY.match(name) or key.startswith("#"):
            lost.append(key)
            continue
        lines.append(f"{name}: {value}\n" if aliases else f"{name}\t{value}\n")
    return "".join(lines), lost


def _name(key: str) -> str:
    """A name as a file of aliases has it: in quotes, unless it is plain (aliases(5))."""
    plain = re.fullmatch(r"[\w.+=@-]+", key, re.ASCII)
    return key if plain else '"{}"'.format(key.replace("\\", "\\\\").replace('"', '\\"'))
