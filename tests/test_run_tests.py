"""`scripts/run-tests`: which failures are tried once more, and what it ends with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "run-tests"
PYTEST = """\
#!/bin/sh
# Stands for pytest: what it is asked, and how it ends, beside others and by itself.
echo "$*" >>asked
case $1 in
--cache-clear) rm -f .pytest_cache/v/cache/lastfailed
    [ ! -e failed ] || cp failed .pytest_cache/v/cache/lastfailed
    exit {beside} ;;
esac
exit {alone}
"""

ODD = ['tests/a.py::test_it["a b"]', "tests/a.py::test_it[it's::here]", "tests/ü.py::test_it[\\]"]


@pytest.mark.parametrize(
    ("beside", "failed", "alone", "status"),
    [
        (0, None, 0, 0),
        (1, ODD, 0, 0),
        (1, ODD[:1], 1, 1),
        (1, ODD[:1], 5, 5),  # nothing was run: its name was another one
        (1, [*ODD, "tests/a.py::test_more"], 0, 1),
        (1, ["tests/a.py"], 0, 1),  # which could not be read
        (1, ["tests/a.py", ODD[0]], 0, 1),
        (1, None, 0, 1),  # who failed passed again when its process was replaced
        (2, ODD[:1], 0, 2),
        (137, None, 0, 137),
    ],
)
def test_what_it_ends_with(
    tmp_path: Path, beside: int, failed: Sequence[str] | None, alone: int, status: int
) -> None:
    cache = tmp_path / ".pytest_cache" / "v" / "cache"
    cache.mkdir(parents=True)
    (cache / "lastfailed").write_text(_kept(["tests/a.py::test_of_yesterday"]))
    if failed is not None:
        (tmp_path / "failed").write_text(_kept(failed))
    program = tmp_path / "pytest"
    program.write_text(PYTEST.format(beside=beside, alone=alone))
    program.chmod(0o755)

    ended = subprocess.run(
        [SCRIPT, program, "-n 2", "-m", "not peer"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (status, "")
    unsteady = ended.stdout.partition("Unsteady")[2].splitlines()[1:]
    assert len(unsteady) == (len(failed or ()) if status == 0 else 0)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0] == "--cache-clear -n 2 -m not peer"


def _kept(names: Sequence[str]) -> str:
    """As pytest keeps the names of failed tests."""
    return json.dumps(dict.fromkeys(names, True), ensure_ascii=False, indent=2)
