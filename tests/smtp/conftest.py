"""What several tests of the cores measure with."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from postroad.smtp import Need
from smtp_dialogue import Session


@pytest.fixture
def peak_of() -> Callable[[Session, int, bytes], int]:
    """How many octets at the most were held while so many pieces streamed through a session."""

    def measure(session: Session, pieces: int, piece: bytes) -> int:
        tracemalloc.start()
        try:
            for _ in range(pieces):
                session.core.receive(piece)
                while not isinstance(session.core.next_event(), Need):
                    session.core.data_to_send()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure
