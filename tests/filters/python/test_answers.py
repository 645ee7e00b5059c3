"""What answers become on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.python.answers import LINES, Answer, Verdict, defer, hold, reject
from postroad.model import Reply


@pytest.mark.parametrize(
    ("answer", "wire"),
    [
        (reject(), b"550 5.7.1 Message refused\r\n"),
        (reject("no"), b"550 5.7.1 no\r\n"),
        (reject("554 5.6.0 bad"), b"554 5.6.0 bad\r\n"),
        (reject("5.6.0 bad"), b"550 5.6.0 bad\r\n"),
        (reject("552 5.6.0"), b"552 5.6.0 \r\n"),
        (reject("552 ways to earn"), b"550 5.7.1 552 ways to earn\r\n"),
        (reject("250 ways to earn"), b"550 5.7.1 250 ways to earn\r\n"),
        (reject("5500 of them"), b"550 5.7.1 5500 of them\r\n"),
        (reject("a\r\nb"), b"550-5.7.1 a\r\n550 5.7.1 b\r\n"),
        (reject("a\x00b\u202e"), b"550 5.7.1 a?b?\r\n"),
        (defer("later"), b"451 4.7.1 later\r\n"),
        (defer("450 4.2.0 later"), b"450 4.2.0 later\r\n"),
    ],
)
def test_replies(answer: Answer, wire: bytes) -> None:
    assert answer.reply is not None
    assert answer.reply.encode() == wire


@pytest.mark.parametrize(
    "text",
    [
        "250 2.0.0 ok",
        "451 4.7.1 no",
        "521 5.7.1 no",
        "550 4.7.1 no",
        "4.7.1 no",
        "\u0665\u0665\u0660 5.7.1",
    ],
)
def test_codes_of_another_answer_are_text(text: str) -> None:
    reply = reject(text).reply

    assert reply is not None
    assert str(reply) == f"550 5.7.1 {text}"


@pytest.mark.parametrize("text", ["550 5.7.1 no", "421 4.7.1 no", "451 5.7.1 no"])
def test_nor_is_a_refusal_for_now_another(text: str) -> None:
    reply = defer(text).reply

    assert reply is not None
    assert str(reply) == f"451 4.7.1 {text}"


@pytest.mark.parametrize(
    ("verdict", "reply"),
    [
        (Verdict.REJECT, None),
        (Verdict.DEFER, None),
        (Verdict.REJECT, defer().reply),
        (Verdict.DEFER, reject().reply),
        (Verdict.ACCEPT, reject().reply),
        (Verdict.HOLD, reject().reply),
    ],
)
def test_a_verdict_and_a_reply_that_contradict_each_other(
    verdict: Verdict, reply: Reply | None
) -> None:
    with pytest.raises(ValueError, match="do not go together: use "):
        Answer(verdict, reply)


@given(st.text(max_size=3000))
def test_no_text_leaves_its_lines(text: str) -> None:
    reply = reject(f"5.7.1 {text}").reply
    assert reply is not None

    lines = reply.encode().split(b"\r\n")

    assert lines.pop() == b""
    assert 1 <= len(lines) <= LINES
    assert all(len(line) <= 510 and line.startswith(b"550") for line in lines)
    assert not any(octet in line for line in lines for octet in (b"\r", b"\n", b"\0"))


def test_a_reason_to_hold_is_one_short_line() -> None:
    assert hold("a\nb").why == "a?b"
    assert hold("").why == "held by a filter"
    assert len(hold("x" * 5000).why) == 200
