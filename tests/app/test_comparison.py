"""What has changed over many decisions, in little memory."""

from __future__ import annotations

import pytest

from postroad.app.comparison import EXAMPLES, GROUPS, Change, Comparison, Kept, Made
from postroad.history.session_id import marked
from postroad.model import PLAIN, Disposition, Reply

DENIED = Reply.of(554, "5.7.1", "<a@b>: Relay access denied")
LONG = Reply.of(554, "5.7.1", "x" * 498)
SESSION = "D1ZW2CET80"


def kept(reply: str = "", **more: object) -> Kept:
    record: dict[str, object] = {
        "session": SESSION,
        "listener": "mx",
        "stage": "RCPT",
        "reply": reply or None,
        "steps": [{"list": "relay", "restriction": "reject", "reply": reply}],
    }
    return Kept.of(record | more)


def made(reply: Reply | None = None, disposition: Disposition = PLAIN, rule: str = "r") -> Made:
    return Made(reply, rule, disposition)


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        (kept(), made(), Change.SAME),
        (kept(), made(DENIED), Change.REFUSED),
        (kept(str(DENIED)), made(), Change.ACCEPTED),
        (kept(str(DENIED)), made(DENIED), Change.SAME),
        (kept(str(marked(DENIED, SESSION))), made(DENIED), Change.SAME),
        (kept(str(marked(LONG, SESSION))), made(LONG), Change.SAME),
        (kept("554 5.7.1 no"), made(DENIED), Change.REPLY),
        (kept(), made(disposition=Disposition(hold="odd")), Change.HANDLING),
        (kept(disposition={"hold": "odd"}), made(disposition=Disposition(hold="odd")), Change.SAME),
        (kept(disposition={"hold": "odd"}), made(), Change.HANDLING),
        (kept(), Made(None, "r", Disposition(hold="odd"), comparable=False), Change.SAME),
    ],
)
def test_a_change(then: Kept, now: Made, change: Change) -> None:
    comparison = Comparison()
    comparison.decided(then, now)
    assert comparison.counts == {change: 1}
    assert comparison.has_changed is (change is not Change.SAME)


def test_groups_and_examples_are_bounded() -> None:
    comparison = Comparison()
    for number in range(GROUPS + 50):
        for _ in range(EXAMPLES + 2):
            comparison.decided(kept(), made(DENIED, rule=f"r{number}"))
    assert len(comparison.groups) == GROUPS + 1
    assert all(len(group.examples) == EXAMPLES for group in comparison.groups)
    assert sum(group.count for group in comparison.groups) == comparison.seen
    for number in range(GROUPS + 50):
        comparison.no_listener(f"l{number}")
    assert len(comparison.gone) == GROUPS + 1


@pytest.mark.parametrize(
    "record",
    [{}, {"steps": 7, "reply": 8}, {"disposition": [], "at": "x", "client": 3, "sender": 4}],
)
def test_records_that_make_no_sense(record: dict[str, object]) -> None:
    Comparison().decided(Kept.of(record), made(DENIED))


def test_what_no_list_decided() -> None:
    assert kept(str(DENIED), steps=[]).is_not_by_lists
    assert not kept(steps=[]).is_not_by_lists
    assert not kept(str(DENIED)).is_not_by_lists
