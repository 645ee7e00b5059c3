"""The octets of the policy delegation protocol, whatever comes and however it is cut."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.net.policy_protocol import MAX_ANSWER, Answer, NoAnswer, request

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([b"action=", b"OK", b"\n", b"\r\n", b"\n\n", b"=", b"\0", b"\xc3"]),
        st.just(b"x" * (MAX_ANSWER // 2)),
    ),
    max_size=12,
)


@given(PIECES)
def test_any_octets_are_an_answer_or_none(pieces: list[bytes]) -> None:
    answer = Answer()
    with contextlib.suppress(NoAnswer):
        for piece in pieces:
            if answer.complete:
                break
            answer.receive(piece)
        if answer.complete:
            action = answer.action
            assert action
            assert action == action.strip()
            assert action.replace("\t", " ").isprintable()


@given(st.data())
def test_it_does_not_matter_where_it_is_cut(data: st.DataObject) -> None:
    octets = b"other=1\r\naction=REJECT not \xc3\xa4 now\r\n\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(octets) - 1))))
    answer = Answer()
    for begin, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        assert not answer.complete
        answer.receive(octets[begin:end])
    assert answer.complete
    assert (answer.action, answer.rest) == ("REJECT not ä now", b"")


@given(st.dictionaries(st.from_regex("[a-z_]{1,9}", fullmatch=True), st.text(), max_size=5))
def test_a_question_has_the_lines_that_it_should_have(attributes: dict[str, str]) -> None:
    octets = request(attributes)
    lines = octets.decode().removesuffix("\n\n").split("\n")
    names = [line.partition("=")[0] for line in lines]
    assert names == list({"request": "", **attributes})
    assert octets.count(b"\n\n") == 1
    assert b"\0" not in octets
    assert b"\r" not in octets


def test_the_kind_of_the_question_is_there_once() -> None:
    assert request({"request": "smtpd_access_policy", "size": "1"}) == (
        b"request=smtpd_access_policy\nsize=1\n\n"
    )


def test_the_end_of_the_connection() -> None:
    with pytest.raises(NoAnswer):
        Answer().receive(b"")
