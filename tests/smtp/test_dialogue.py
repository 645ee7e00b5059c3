"""The table of states, walked: what is barred, where a verb leads, how a transaction ends."""

from __future__ import annotations

import pytest

from postroad.model import Reply
from postroad.smtp import replies
from postroad.smtp.dialogue import Dialogue
from postroad.smtp.states import IN_TRANSACTION, LMTP_WORDS, TRANSITIONS, State

ROWS = [(state, verb, goal) for state, row in TRANSITIONS.items() for verb, goal in row.items()]


def at(state: State) -> Dialogue:
    dialogue = Dialogue()
    dialogue.state = state
    return dialogue


@pytest.mark.parametrize(("state", "verb", "goal"), ROWS)
def test_each_row_of_the_table(state: State, verb: str, goal: State | Reply) -> None:
    dialogue = at(state)
    refusal = dialogue.bar(verb, lmtp=False)
    assert dialogue.state is state  # until it was answered
    if isinstance(goal, Reply):
        assert refusal is goal
    else:
        dialogue.advance()
        assert (refusal, dialogue.state) == (None, goal)


@pytest.mark.parametrize("state", list(TRANSITIONS))
def test_what_no_row_names_may_come_and_changes_nothing(state: State) -> None:
    dialogue = at(state)
    assert dialogue.bar("NOOP", lmtp=False) is None
    dialogue.advance()
    assert dialogue.state is state


@pytest.mark.parametrize(("words", "of_lmtp"), LMTP_WORDS.items())
def test_lmtp_words_some_refusals_otherwise(words: Reply, of_lmtp: Reply) -> None:
    state, verb = next((state, verb) for state, verb, goal in ROWS if goal is words)
    assert at(state).bar(verb, lmtp=False) is words
    assert at(state).bar(verb, lmtp=True) is of_lmtp
    assert at(State.MAIL).bar("MAIL", lmtp=True) is replies.NESTED_MAIL


@pytest.mark.parametrize("state", list(State))
def test_the_end_of_a_transaction(state: State) -> None:
    ends = state in IN_TRANSACTION or state is State.SPOILT
    assert at(state).in_transaction is (state in IN_TRANSACTION)
    for greeted, after in ((True, State.READY), (False, State.CONNECTED)):
        dialogue = at(state)
        dialogue.end_transaction(greeted=greeted)
        assert dialogue.state is (after if ends else state)


def test_what_was_spoilt_is_no_transaction() -> None:
    dialogue = at(State.CHUNKS)
    dialogue.spoil()
    assert not dialogue.in_transaction
    assert dialogue.bar("RCPT", lmtp=False) is replies.RCPT_AFTER_BDAT
