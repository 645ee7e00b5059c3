"""`postroad` as tests call it: words in; status, output and errors out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from postroad.cli.main import run


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


class CommandLine:
    """Calls the program's own entry in this process."""

    def __init__(
        self, captured: Callable[[], tuple[str, str]], give: Callable[[str], None]
    ) -> None:
        self._captured = captured
        self._give = give

    def __call__(self, *words: str, typed: str = "") -> Ran:
        """Run a command with a text on standard input, which is no terminal."""
        self._give(typed)
        self._captured()
        status = run(words)
        out, err = self._captured()
        return Ran(status, out, err)
