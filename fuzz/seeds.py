"""Writes the seeds of the corpus: each dialogue and each hostile row of the tests, as inputs.

    python fuzz/seeds.py

Seeds are named `seed-…` after what they are; what a fuzzer found is named by its hash. Only the
former are replaced.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TESTS = Path(__file__).parent.parent / "tests"
LONGEST = 2000

sys.path[:0] = [str(TESTS), str(TESTS / "smtp")]

from test_hostile import ROWS, SEQUENCES  # noqa: E402

from smtp_dialogue import load  # noqa: E402
from smtp_invariants import Input  # noqa: E402


def main() -> None:
    """Replace the seeds."""
    for old in CORPUS.glob("seed-*"):
        old.unlink()
    for path in sorted((TESTS / "smtp" / "dialogues").glob("*.txt")):
        dialogue = load(path)
        beginning = "lmtp" if dialogue.offer.lmtp else "greeting"
        for number, part in enumerate(dialogue.segments()):
            _write(f"{path.stem}-{number}", "tls" if number else beginning, part)
    for number, (name, row) in enumerate(ROWS.items()):
        _write(f"row-{number}-{name}", "greeting", row.before + row.sent)
    for number, sequence in enumerate(SEQUENCES[::7]):
        evil = b"text" + sequence + b"MAIL FROM:<>\r\n"
        _write(f"data-{number}", "data", evil + b"\r\n.\r\n")
        _write(f"chunk-{number}", "between", b"BDAT %d LAST\r\n%s" % (len(evil), evil))


def _write(name: str, beginning: str, stream: bytes) -> None:
    if len(stream) <= LONGEST:
        clean = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        (CORPUS / f"seed-{clean}").write_bytes(Input.encode(beginning, 0, stream))


if __name__ == "__main__":
    main()
