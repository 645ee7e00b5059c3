from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.mailbox.agent.wire import (
    ContentCut,
    Failure,
    Malformed,
    OutOfRoots,
    Piped,
    Question,
    answer_of,
    failure_answer,
    question_of,
    read_answer,
    read_question,
    refusal,
)
from postroad.mailbox.errand import Errand, Target
from postroad.mailbox.folder import FolderName
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.maildir import Stored
from postroad.mailbox.quota import OverQuota, Quota, Usage
from postroad.mailbox.rights import Rights
from postroad.mailbox.variables import UnsafeName

ROOTS = (Path("/var/vmail"), Path("/home"))
WHERE = Whereabouts(
    Path("/home/ann/Maildir"), Path("/home/ann/Maildir"), Path("/var/vmail/control/ann"), True, True
)
NAME = "1700000000.QZx1R1C2.mail.example.org"
QUOTA = Quota(10, 20, 3, is_enforced=False)
ERRAND = Errand(
    Target(
        WHERE,
        FolderName(("Lists", "jörg")),
        create=True,
        quota=QUOTA,
        rights=Rights(0o2770, 0o660),
    ),
    NAME,
    b"Return-Path: <\xc3\xb6@example.org>\n",
    1_700_000_001.5,
    binary=True,
    repeat=True,
)
QUESTION = Question(WHERE, QUOTA, ERRAND, 1234)


def changed(**changes: object) -> bytes:
    return json.dumps(json.loads(question_of(QUESTION)) | changes).encode()


@pytest.mark.parametrize("question", [QUESTION, Question(WHERE, QUOTA)])
def test_a_task_is_read_as_it_was_said(question: Question) -> None:
    assert read_question(question_of(question), ROOTS) == question


def test_the_roots_are_the_agents_own() -> None:
    where = Whereabouts(Path("/home/a"), Path("/home/a"), Path("/home/a"), roots=(Path("/"),))
    assert read_question(question_of(Question(where, QUOTA)), ROOTS).where.roots == ROOTS


@pytest.mark.parametrize(
    "path",
    ["/etc", "/home", "/home2/x", "/var/vmail", "relative", ""],
)
def test_a_place_elsewhere_is_refused(path: str) -> None:
    with pytest.raises((OutOfRoots, Malformed)):
        read_question(changed(places=[path] * 3), ROOTS)
    with pytest.raises((OutOfRoots, Malformed)):
        read_question(changed(places=["/home/a", "/home/a", path]), ROOTS)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"\xff",
        b"[" * 60_000,
        changed(places=["/home/a"] * 2),
        changed(places=["/home/../etc/x"] * 3),
        changed(places=["/home/a//b"] * 3),
        changed(places=["/home/a\0"] * 3),
        changed(places=[1, 2, 3]),
        changed(places="/home/a"),
        changed(forms=[True, True]),
        changed(forms=[0, 1, 0]),
        changed(quota=[1, 2, -1]),
        changed(quota=[True, 2, 1]),
        changed(enforced=1),
        changed(folder=["..", "x"]),
        changed(folder=["a/b"]),
        changed(folder=[""]),
        changed(folder=[1]),
        changed(create="yes"),
        changed(modes=[0o4770, 0o600]),
        changed(modes=[0o777, 0o600]),
        changed(modes=[0o700, 0o4700]),
        changed(modes=[0o700, 0o666]),
        changed(modes=[-1, 0o600]),
        changed(name="../../x"),
        changed(name="authorized_keys"),
        changed(name=f"{NAME}/x"),
        changed(name=f"{NAME}\n"),
        changed(name="1.Qx" + "R" * 300),
        changed(head="\u2603"),
        changed(head=None),
        changed(queued="now"),
        changed(flags=[True]),
        changed(size=-1),
        changed(size=2**50),
        changed(size=True),
    ],
)
def test_what_is_no_task(packet: bytes) -> None:
    with pytest.raises(Malformed):
        read_question(packet, ROOTS)


@given(st.binary(max_size=200))
def test_octets_of_any_kind_are_no_task_and_no_answer(packet: bytes) -> None:
    with pytest.raises(Malformed):
        read_question(packet, ROOTS)
    with pytest.raises(Malformed):
        read_answer(packet)


@pytest.mark.parametrize(
    "done",
    [
        Usage(1, 2),
        Stored(written=False),
        Stored(True, Usage(1, 2), Usage(3, 4)),
    ],
)
def test_an_answer_is_read_as_it_was_said(done: Stored | Usage) -> None:
    assert read_answer(answer_of(done)) == done


def test_a_fault_of_counting_comes_with_its_path() -> None:
    fault = OSError(errno.EACCES, "x", "/home/ann/Maildir/maildirsize")
    found = read_answer(answer_of(Stored(True, fault=fault)))
    assert isinstance(found, Stored)
    assert isinstance(found.fault, PermissionError)
    assert found.fault.filename == "/home/ann/Maildir/maildirsize"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OverQuota(), OverQuota, "quota exceeded"),
        (UnsafeName("`tmp` of its Maildir is a link"), UnsafeName, "is a link"),
        (OSError(errno.ENOSPC, "x", "/home/a\n"), OSError, r"No space left on device.*/home/a\?"),
        (ContentCut(), Failure, "not complete"),
        (OutOfRoots(), Failure, "not below the roots"),
    ],
)
def test_failures(error: Exception, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        read_answer(failure_answer(error))


def test_a_refusal_is_one_line_whoever_says_it() -> None:
    with pytest.raises(Failure) as caught:
        read_answer(refusal("no\nline" + "x" * 5000))
    assert str(caught.value).startswith("no?linexxx")
    assert len(str(caught.value)) == 1000


@pytest.mark.parametrize(
    "packet",
    [
        b"{}",
        b'{"usage": [1]}',
        b'{"usage": [1, "2"]}',
        b'{"error": {"number": "1", "path": ""}}',
        b'{"error": null}',
        b'{"refused": 1}',
        b'{"written": 1, "sums": [1, 2, 3, 4], "fault": null}',
        b'{"written": true, "sums": [1, 2, 3], "fault": null}',
    ],
)
def test_what_is_no_answer(packet: bytes) -> None:
    with pytest.raises(Malformed):
        read_answer(packet)


@pytest.mark.parametrize("size", [4, 6])
def test_a_content_of_another_size_is_no_content(size: int) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"12345")
    os.close(writing)
    with pytest.raises(ContentCut):
        list(Piped(reading, size).chunks())
    os.close(reading)
