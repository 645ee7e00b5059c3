"""Suspending transports by command: several operators, or their programs, at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from postroad.admin.transports import resume, suspend, suspended

OPERATORS = 8


def test_no_change_undoes_another(tmp_path: Path) -> None:
    names = [f"dest:d{number}.example" for number in range(OPERATORS * 5)]
    ready = Barrier(OPERATORS)

    def operate(own: list[str]) -> None:
        ready.wait()
        for name in own:
            suspend(tmp_path, [name])

    with ThreadPoolExecutor(OPERATORS) as operators:
        list(operators.map(operate, [names[number::OPERATORS] for number in range(OPERATORS)]))
    assert sorted(suspended(tmp_path)) == sorted(names)
    assert resume(tmp_path, names[1:]) == (names[0],)
