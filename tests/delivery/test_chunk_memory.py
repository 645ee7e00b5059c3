"""What is remembered of hosts and BDAT, for how long, and of how many."""

from __future__ import annotations

import pytest

from postroad.delivery.chunk_memory import KEPT, MOST, ChunkMemory
from queue_fakes import FakeClock

RELAY = "mx.example.net[192.0.2.1]:25"


@pytest.mark.parametrize("knows", [True, False])
def test_it_is_believed_for_a_day(knows: bool) -> None:
    clock = FakeClock()
    memory = ChunkMemory(clock)
    assert memory.of(RELAY) is None
    memory.note(RELAY, knows)
    clock.now += KEPT - 1
    assert memory.of(RELAY) is knows
    clock.now += 1
    assert memory.of(RELAY) is None


def test_the_last_word_counts() -> None:
    memory = ChunkMemory(FakeClock())
    memory.note(RELAY, True)
    memory.note(RELAY, False)
    assert memory.of(RELAY) is False


def test_the_oldest_goes_first() -> None:
    memory = ChunkMemory(FakeClock())
    for number in range(MOST + 1):
        memory.note(f"mx{number}", True)
    assert memory.of("mx0") is None
    assert memory.of("mx1") is True
