"""A process beside ours: real ones, and ones that say what is no answer."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postroad.directory import DirectoryUnavailable
from postroad.directory.side_process import MAX_ANSWER, Answer, SideProcess

SERVING = "from postroad.directory.side_process import serve\nimport os, sys, time\n"
NOISE = {
    "a line": "os.write(1, b'hello\\n')",
    "an empty line": "os.write(1, b'\\n')",
    "a part of a line": "os.write(1, b'x')",
    "an answer to the next question": "os.write(1, b'[2, true]\\n')",
    "a program that is run": "os.system('echo hello')",
}

Open = Callable[..., SideProcess]


def program(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


def answering(noise: str = "") -> tuple[str, ...]:
    """Answers with what it was asked, and says something else before."""
    return program(f"{SERVING}def answer(words):\n    {noise}\n    return words\nserve(answer)")


@pytest.fixture
def opened() -> Iterator[Open]:
    started: list[SideProcess] = []

    def opening(command: tuple[str, ...], limit: float = 30.0) -> SideProcess:
        started.append(SideProcess(command, limit))
        return started[-1]

    yield opening
    for each in started:
        each.close()
        each.reap()


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_what_foreign_code_prints_is_no_answer(opened: Open, noise: str) -> None:
    process = opened(answering(noise))
    for words in (["check", "john"], ["check", "lisa"], ["user", "lisa"]):
        assert process.exchange(words) == Answer(words)


def test_foreign_code_cannot_read_the_questions(opened: Open) -> None:
    process = opened(program(f"{SERVING}serve(lambda words: sys.stdin.read())"))
    assert process.exchange(["check", "john"]) == Answer("")


@pytest.mark.parametrize(
    "said",
    [
        b"hello\n",
        b"\n",
        b"null\n",
        b"true\n",
        b"[true, '']\n",
        b"[1]\n",
        b"[1, true, 2]\n",
        b"[0, true]\n",
        b"[2, true]\n",
        b"[true, true]\n",
        b'["1", true]\n',
        b"[1, true]\n[2, true]\n",
        b"[1, true]\nx",
        b"x[1, true]\n",
        b"[1, true]",
        b"\xff\n",
        b"[" * 10_000 + b"\n",
        b"x" * (MAX_ANSWER + 1),
    ],
    ids=lambda said: said[:20].decode("latin-1"),
)
def test_whatever_is_no_answer_to_this_question_ends_the_process(
    opened: Open, tmp_path: Path, said: bytes
) -> None:
    (tmp_path / "said").write_bytes(said)
    process = opened(("/bin/sh", "-c", f"read -r question; cat {tmp_path / 'said'}"))
    assert process.exchange(["check"]) is None
    assert process._process is None


def test_each_question_has_a_number_of_its_own(opened: Open) -> None:
    """So an answer that came too late, or twice, is never the next one's."""
    process = opened(
        program(
            "import sys\n"
            "print(sys.stdin.readline() and '[1, true]', flush=True)\n"
            "print(sys.stdin.readline() and '[1, true]', flush=True)\n"
        )
    )
    assert process.exchange(["first"]) == Answer(True)
    assert process.exchange(["second"]) is None


@pytest.mark.parametrize("text", ["b''", "b'x'", "b'[1, '"])
def test_the_time_limit_is_for_the_whole_line(opened: Open, text: str) -> None:
    process = opened(program(f"import os, time; os.write(1, {text}); time.sleep(600)"), limit=0.3)
    assert process.exchange(["check"]) is None


def test_the_time_limit_is_for_the_question_too(opened: Open) -> None:
    """One that does not read takes no more than a pipe holds."""
    process = opened(program("import time; time.sleep(600)"), limit=0.3)
    assert process.exchange(["x" * 1_000_000]) is None


def test_a_long_question_arrives(opened: Open) -> None:
    process = opened(program(f"{SERVING}serve(lambda words: len(words[0]))"))
    assert process.exchange(["x" * 1_000_000]) == Answer(1_000_000)


def test_what_is_closed_answers_nothing(opened: Open) -> None:
    process = opened(answering())
    process.close()
    with pytest.raises(DirectoryUnavailable, match="being closed"):
        process.exchange(["check"])


def test_one_that_hangs_ends_with_its_worker() -> None:
    """Foreign code may sleep for hours; nobody is there to end it when the worker was killed."""
    hanging = f"{SERVING}\ndef hang(words):\n    print(os.getpid(), file=sys.stderr, flush=True)\n"
    hanging += "    time.sleep(600)\nserve(hang)"
    worker = subprocess.Popen(
        program(
            "from postroad.directory.side_process import SideProcess\n"
            f"SideProcess({program(hanging)!r}, 600.0).exchange(['check'])\n"
        ),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    descriptor = os.pidfd_open(int(worker.stderr.readline()))
    worker.kill()
    worker.wait()
    worker.stderr.close()
    assert select.select([descriptor], [], [], 30)[0]
    os.close(descriptor)
