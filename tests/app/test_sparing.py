"""Lines that anybody can cause: a few of each minute, and a sum."""

from __future__ import annotations

from postroad.app.sparing import AT_ONCE, Sparing


class Said:
    """What was said, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.sparing = Sparing(self.lines.append, lambda: self.now)


def test_few_are_said_as_they_are() -> None:
    said = Said()
    for number in range(AT_ONCE):
        said.sparing.say(str(number))
    assert said.sparing.pause is None
    said.now += 100
    said.sparing.settle()
    assert said.lines == [str(number) for number in range(AT_ONCE)]


def test_the_rest_is_one_line() -> None:
    said = Said()
    for _ in range(AT_ONCE + 5):
        said.sparing.say("x")
    said.now += 59
    said.sparing.settle()
    assert said.lines == ["x"] * AT_ONCE
    assert said.sparing.pause == 1
    said.now += 1
    said.sparing.say("next")
    assert said.lines[AT_ONCE:] == [
        "5 more files that cannot be queued, put aside or removed",
        "next",
    ]
    assert said.sparing.pause is None


def test_nothing_is_left_unsaid_at_the_end() -> None:
    said = Said()
    for _ in range(AT_ONCE + 1):
        said.sparing.say("x")
    said.sparing.settle(at_once=True)
    assert said.lines[-1].startswith("1 more ")
