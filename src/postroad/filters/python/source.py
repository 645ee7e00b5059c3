"""The files of an operator's programs, looked at without running them.

A server starts as root, and `postroad check` is often run so: nothing of a program is executed
there. What can be told from its text is told with file and line: what Python cannot read, hooks
that are misspelt, arguments that do not fit, and files that somebody else could write to.
"""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from postroad.filters.python.hooks import HOOKS, STEPS

__all__ = ["Source", "SourceFault", "read_sources"]

MOST = 1_048_576
"""Octets of a file. What is more is no program."""

ANSWERS = ("accept", "defer", "hold", "reject")
"""What makes an answer; it is to be returned."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A program's text.

    Attributes:
        path: its file.
        octets: what is in it.
        names: what it defines or imports at the top level.
    """

    path: Path
    octets: bytes
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class SourceFault:
    """Something wrong with a file.

    Attributes:
        path: the file, or the folder.
        line: counted from 1; 0 where the file as a whole is meant.
        message: what is wrong.
    """

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{where}: {self.message}"


def read_sources(
    folder: Path | None, file: Path | None, owners: Collection[int]
) -> tuple[tuple[Source, ...], tuple[SourceFault, ...]]:
    """Read what is to be run, in the order in which it is asked.

    Args:
        folder: every `*.py` in it, but those whose name begins with `_` or `.`.
        file: or this one file.
        owners: numbers of the users who may own folder and files.

    Returns:
        The programs, and what is wrong.
    """
    faults: list[SourceFault] = []
    sources: list[Source] = []
    for path in _paths(folder, file, owners, faults):
        read = _source(path, owners)
        if isinstance(read, SourceFault):
            faults.append(read)
            continue
        source, found = read
        sources.append(source)
        faults.extend(found)
    return tuple(sources), tuple(faults)


def _paths(
    folder: Path | None, file: Path | None, owners: Collection[int], faults: list[SourceFault]
) -> Sequence[Path]:
    if folder is None:
        return () if file is None else (file,)
    try:
        about = folder.stat()
        if not stat.S_ISDIR(about.st_mode):
            faults.append(SourceFault(folder, 0, "is no folder: a single file is named with file"))
            return ()
        found = sorted(folder.iterdir())
    except OSError as error:
        faults.append(SourceFault(folder, 0, _words(error)))
        return ()
    if words := _open_to_others(about, owners):
        faults.append(SourceFault(folder, 0, words))
    programs = [path for path in found if path.suffix == ".py"]
    chosen = [path for path in programs if not path.name.startswith(("_", "."))]
    if not chosen:
        faults.append(SourceFault(folder, 0, "has no program in it: no *.py"))
    return chosen


def _source(
    path: Path, owners: Collection[int]
) -> tuple[Source, Sequence[SourceFault]] | SourceFault:
    try:
        # A pipe would have a server wait at its start.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            about = os.fstat(opened.fileno())
            octets = opened.read(MOST + 1) if stat.S_ISREG(about.st_mode) else b""
    except OSError as error:
        return SourceFault(path, 0, _words(error))
    if not stat.S_ISREG(about.st_mode):
        return SourceFault(path, 0, "is no file")
    if len(octets) > MOST:
        return SourceFault(path, 0, f"is larger than {MOST} octets")
    if words := _open_to_others(about, owners):
        return SourceFault(path, 0, words)
    try:
        tree = ast.parse(octets, str(path))
        compile(octets, str(path), "exec", dont_inherit=True)  # it finds more than the parser
    except SyntaxError as error:
        return SourceFault(path, error.lineno or 0, f"not Python: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return SourceFault(path, 0, f"not Python: {error}")
    names = frozenset(_names(tree))
    return Source(path, octets, names), (
        *_faults(path, tree, names),
        *_unanswered(path, tree),
    )


def _open_to_others(about: os.stat_result, owners: Collection[int]) -> str:
    """Whoever writes there has programs of his run by the server."""
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others may write to it: chmod go-w"
    if about.st_uid not in owners:
        return "it belongs to somebody else: chown root"
    return ""


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, _Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (each.id for each in node.targets if isinstance(each, ast.Name))


def _faults(path: Path, tree: ast.Module, names: frozenset[str]) -> Iterator[SourceFault]:
    seen: dict[str, int] = {}
    for node in tree.body:
        if not isinstance(node, _Function):
            continue
        name = node.name
        if name in HOOKS:
            if name in seen:
                words = f"{name} is here twice, first in line {seen[name]}"
                yield SourceFault(path, node.lineno, words)
            seen[name] = node.lineno
            yield from _misfit(path, node)
        elif name.startswith("on_") or name in ("init", "configure"):
            yield SourceFault(path, node.lineno, _unknown(name))
    if not names & set(STEPS):
        listed = ", ".join(STEPS)
        near = next((each for each in sorted(names) if _near(each)), "")
        words = f"has none of the hooks {listed}" + (f"; {_unknown(near)}" if near else "")
        if not any(name.startswith("on_") for name in names):
            yield SourceFault(path, 0, words)


def _unanswered(path: Path, tree: ast.Module) -> Iterator[SourceFault]:
    """An answer that is made and not returned: the message would pass in silence."""
    answers: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "postroad.filter":
            answers |= {each.asname or each.name: each.name for each in node.names}
    for node in ast.walk(tree):
        call = node.value if isinstance(node, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        if answers.get(call.func.id) in ANSWERS:
            words = f"{call.func.id}(…) does nothing by itself: expected return {call.func.id}(…)"
            yield SourceFault(path, call.lineno, words)


def _unknown(name: str) -> str:
    near = _near(name)
    hint = f"; did you mean {near}?" if near else f": there are {', '.join(HOOKS)}"
    return f"{name} is no hook{hint}"


def _near(name: str) -> str:
    if name.lower() in ("init", "configure"):
        return "setup"
    found = get_close_matches(name.lower(), HOOKS, n=1, cutoff=0.7)
    return found[0] if found else ""


def _misfit(path: Path, node: _Function) -> Iterator[SourceFault]:
    """A hook that could not be called as it will be."""
    wanted, given = HOOKS[node.name], node.args
    right = f"{node.name}({', '.join(wanted)})"
    positional = len(given.posonlyargs) + len(given.args)
    needed = positional - len(given.defaults)
    obliged = [each for each in given.kw_defaults if each is None]
    fits = needed <= len(wanted) and (positional >= len(wanted) or given.vararg is not None)
    if not fits or obliged:
        yield SourceFault(path, node.lineno, f"its arguments do not fit: expected {right}")
    is_async = isinstance(node, ast.AsyncFunctionDef)
    if node.name == "setup" and is_async:
        words = f"expected def {right}, not async def: what must wait belongs into start"
        yield SourceFault(path, node.lineno, words)
    if node.name in ("start", "stop") and not is_async:
        yield SourceFault(path, node.lineno, f"expected async def {right}")


def _words(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or str(error)).lower()}"
