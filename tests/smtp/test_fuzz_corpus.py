"""The fuzzer's corpus, input by input, and short random runs against the same invariants."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp_dialogue import Session
from smtp_invariants import BEGINNINGS, BOUNDS, Input, check

FUZZ = Path(__file__).parents[2] / "fuzz"
CORPUS = sorted((FUZZ / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_corpus(path):
    check(path.read_bytes())


def test_there_is_a_corpus():
    assert len(CORPUS) > 100


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not made for this Python")
def test_a_short_run_of_the_fuzzer(tmp_path):
    """The same runs each time; `make fuzz` makes others, and more."""
    argv = [sys.executable, str(FUZZ / "server_core.py"), str(tmp_path), str(FUZZ / "corpus")]
    argv += [f"-dict={FUZZ / 'smtp.dict'}", f"-artifact_prefix={tmp_path}/", "-max_len=2000"]
    done = subprocess.run(
        [*argv, "-seed=1", "-runs=2000"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_every_beginning_is_what_it_says(beginning):
    given_ = Input.of(Input.encode(beginning, 0, b""))
    session = Session(given_.offer, given_.limits)
    for number, part in enumerate(given_.parts):
        if number:
            session.core.tls_started()
        session.feed(part)
    state = {"greeting": "CONNECTED", "data": "CONTENT", "bdat": "CHUNKS", "between": "CHUNKS"}
    state |= {"binary": "RCPT", "lmtp": "READY", "lmtp-data": "CONTENT", "lmtp-bdat": "CHUNKS"}
    state |= {"hello": "READY", "tls": "READY", "strict": "READY", "strict-tls": "READY"}
    assert session.core._dialogue.state.name == state.get(beginning, beginning.upper())


WORDS = st.sampled_from(
    [
        b"EHLO x\r\n",
        b"LHLO x\r\n",
        b"MAIL FROM:<a@example.net>\r\n",
        b"MAIL FROM:<> BODY=BINARYMIME\r\n",
        b"MAIL FROM:<later@example.net>\r\n",
        b"RCPT TO:<john@example.org>\r\n",
        b"DATA\r\n",
        b"BDAT 5\r\n",
        b"BDAT 9 LAST\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"AUTH LOGIN\r\n",
        b"XCLIENT NAME=x\r\n",
        b"STARTTLS\r\n",
        b".\r\n",
        b"..\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"hello",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(list(BEGINNINGS)),
    st.integers(min_value=0, max_value=len(BOUNDS) - 1),
    st.lists(WORDS | st.binary(max_size=8), max_size=15).map(b"".join),
)
def test_any_stream_from_any_state(beginning, bounds, stream):
    check(Input.encode(beginning, bounds, stream))
