"""The process that checks passwords: real ones, and ones that misbehave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from postroad.directory import DirectoryUnavailable
from postroad.directory.passwords.checker import LOW_PRIORITY, Checker
from postroad.directory.passwords.schemes import read_hash

MD5 = read_hash("{MD5-CRYPT}$1$2Rl3aPyr$TPx2EgCuFpYLQjLHUVQ7D.")
SHA512 = read_hash(
    "{CRYPT}$6$abc$6laufV9p3LkjAFLVTZOeRLujBcKh9.ggX54UyH/ubWkT3b3sbL/VuAYnbaRybEQ7sFrF/p9rApjebuA"
    "ryZTo3/"
)
DIGEST = read_hash("{DIGEST-MD5}79b155eca02416a6c0ffed7ef3573252")
DAMAGED = read_hash("{CRYPT}$6$abc$x")


@pytest.fixture
def checker():
    checker = Checker()
    yield checker
    checker.close()
    checker.reap()


def program(text):
    return (sys.executable, "-c", text)


@pytest.mark.parametrize(
    ("stored", "password", "right"),
    [
        (MD5, "summersun", True),
        (MD5, "winter", False),
        (SHA512, "summersun", True),
        (SHA512, "\ud800\0\n", False),
        (DIGEST, "summersun", True),
    ],
)
def test_it_says_what_a_check_here_would_say(checker, stored, password, right):
    assert checker.check(stored, password, "john@example.org").right is right


def test_an_objection_comes_back(checker):
    assert checker.check(DAMAGED, "x", "").objection == "a damaged SHA512-CRYPT hash"


def test_nothing_is_started_before_it_is_needed(checker):
    assert checker._process is None
    checker.check(MD5, "summersun", "")
    assert os.getpriority(os.PRIO_PROCESS, checker._process.pid) == min(
        os.getpriority(os.PRIO_PROCESS, 0) + LOW_PRIORITY, 19
    )


def test_it_serves_on_until_its_pipe_is_closed(checker):
    """A service manager's signal to all processes is not for it."""
    checker.check(MD5, "summersun", "")
    process = checker._process
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process.send_signal(number)
    assert checker.check(MD5, "summersun", "")
    assert checker._process is process
    process.stdin.close()
    assert process.wait(30) == 0


def test_one_that_was_killed_is_replaced(checker):
    checker.check(MD5, "summersun", "")
    first = checker._process
    first.kill()
    first.wait()
    assert checker.check(MD5, "summersun", "")
    assert checker._process is not first


@pytest.mark.parametrize(
    "text",
    [
        "",  # ends at once
        "input(); print('[true', end='')",  # dies in the middle of its answer
        "import time; time.sleep(600)",  # says nothing
    ],
)
def test_one_that_does_not_answer_is_no_answer(text):
    checker = Checker(program(text), time_limit=0.2)
    with pytest.raises(DirectoryUnavailable, match="does not answer"):
        checker.check(MD5, "summersun", "")
    assert checker._process is None


def test_a_program_that_is_not_there():
    checker = Checker(("/nonexistent/python",))
    with pytest.raises(DirectoryUnavailable, match="cannot be started"):
        checker.check(MD5, "summersun", "")


def test_what_is_closed_while_it_waits_fails_at_once():
    checker = Checker(program("import time; time.sleep(600)"))
    errors = []

    def ask():
        try:
            checker.check(MD5, "summersun", "")
        except DirectoryUnavailable as error:
            errors.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    while checker._process is None:
        asking.join(0.01)
    checker.close()
    asking.join()
    checker.reap()
    assert errors == ["the directory is being closed"]


def test_it_ends_with_its_worker():
    """Even when the worker is killed: the pipe closes."""
    text = (
        "from postroad.directory.passwords.checker import Checker\n"
        "from postroad.directory.passwords.schemes import read_hash\n"
        "checker = Checker()\n"
        "checker.check(read_hash('{MD5-CRYPT}$1$abc$' + 'x' * 22), 'x', '')\n"
        "print(checker._process.pid, flush=True)\n"
        "input()\n"
    )
    worker = subprocess.Popen(
        program(text), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    pid = int(worker.stdout.readline())
    descriptor = os.pidfd_open(pid)
    worker.kill()
    worker.communicate()
    import select

    assert select.select([descriptor], [], [], 30)[0]
    os.close(descriptor)
