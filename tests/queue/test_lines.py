"""How many destinations are remembered."""

from __future__ import annotations

import pytest

from postroad.model import Reply
from postroad.queue import lines as module
from postroad.queue.allowance import Allowances
from postroad.queue.attempt import Destination
from postroad.queue.lines import Lines
from postroad.queue.settings import QueueSettings
from queue_mail import NOON


def test_no_more_than_so_many_dead_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are forgotten, but for those for which mail waits."""
    monkeypatch.setattr(module, "MOST_DEAD", 10)
    lines = Lines(Allowances(QueueSettings()), None)
    for number in range(50):
        line = lines.of(Destination("smtp", f"d{number}.test"))
        line.waiting = 1 if number == 0 else 0
        line.liveness.reason = Reply.of(451, "4.4.1", "timed out")
        line.liveness.retry_at = NOON + 600
        lines.bury(line, NOON)
    assert len(lines) <= 11
    assert len(lines.gates) <= 11
    assert lines[Destination("smtp", "d0.test")].waiting
    assert lines[Destination("smtp", "d49.test")]
