"""In which order the files of tests begin when several processes run them.

Tests of a file stay together, for its peers are started once. Files that wait for peers and files
that compute are mixed, so that the processors have work while others wait; the longest begin first,
and the last ones are short, so that all processes end at about the same time. No test depends on
the order: it decides only how long all of them take together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter

__all__ = ["mixed"]

ACCEPTANCE = "tests/road/"
"""Where a file of one test may take as long as one of a hundred elsewhere: it starts servers."""

LAST = 0.9
"""The place, of 0 to 1, before which the last file begins that waits for a peer."""


def mixed(tests: Iterable[tuple[str, bool]]) -> list[str]:
    """The files in the order in which they begin.

    Args:
        tests: of each test the path of its file, and whether it waits for a peer.
    """
    tests = list(tests)
    sizes = Counter(file for file, _ in tests)
    waiting = {file for file, waits in tests if waits}
    files = sorted(sizes, key=lambda file: (not file.startswith(ACCEPTANCE), -sizes[file], file))
    places = [
        *_places([file for file in files if file in waiting], LAST),
        *_places([file for file in files if file not in waiting], 1.0),
    ]
    return [file for _, file in sorted(places, key=itemgetter(0))]


def _places(files: Sequence[str], end: float) -> list[tuple[float, str]]:
    """Files with their places from 0 to `end`, at equal distances."""
    return [(number / len(files) * end, file) for number, file in enumerate(files)]
