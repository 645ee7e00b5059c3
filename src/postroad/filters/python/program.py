"""A program of the operator's, run: its module, and the hooks in it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from types import MappingProxyType, ModuleType

from postroad.filters.python.hooks import HOOKS
from postroad.filters.python.source import Source, SourceFault

__all__ = ["Function", "Hook", "Program", "load_program", "told"]

Function = Callable[..., object]

WORDS = 300
"""Characters of an error's text that the log repeats."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A function that is asked.

    Attributes:
        name: its own.
        path: the file that it is in.
        function: itself.
        waits: whether it is an `async def`.
    """

    name: str
    path: Path
    function: Function
    waits: bool


@dataclass(frozen=True, slots=True)
class Program:
    """A file that was run.

    Attributes:
        path: the file.
        hooks: by name.
    """

    path: Path
    hooks: Mapping[str, Hook]


def load_program(source: Source, name: str, settings: Mapping[str, str]) -> Program | SourceFault:
    """Run a file, and its `setup`.

    Args:
        source: its text.
        name: the filter's.
        settings: what `setup` is given.
    """
    module = ModuleType(f"postroad_filter_{name}_{source.path.stem}".replace("-", "_"))
    module.__file__ = str(source.path)
    sys.modules[module.__name__] = module  # dataclasses and pickles look for it there
    try:
        code = compile(source.octets, str(source.path), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - running it is what it is for
        hooks = dict(_hooks(module, source.path))
        if "setup" in hooks:
            hooks["setup"].function(MappingProxyType(dict(settings)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit of a program ends no server
        return SourceFault(source.path, _line(error, source.path), f"cannot be run: {_said(error)}")
    return Program(source.path, hooks)


def told(error: BaseException, path: Path) -> str:
    """An error in words, with the place in the program's file: in one line."""
    line = _line(error, path)
    return f"{_said(error)} ({path}:{line})" if line else f"{_said(error)} ({path})"


def _hooks(module: ModuleType, path: Path) -> list[tuple[str, Hook]]:
    found = [(name, module.__dict__.get(name)) for name in HOOKS]
    return [
        (name, Hook(name, path, function, iscoroutinefunction(function)))
        for name, function in found
        if callable(function)
    ]


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - an error whose text is an error, or an exit
        text = ""
    words = " ".join(f"{type(error).__name__}: {text}".split()).rstrip(":")
    return words if len(words) <= WORDS else f"{words[: WORDS - 1]}…"


def _line(error: BaseException, path: Path) -> int:
    """Where in the file it happened, or was called from there; 0: not in it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return (lines[-1] if lines else 0) or 0
