"""What an exchange begins with in these tests: nothing in it is random."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postroad.sasl import Start

NewStart = Callable[..., Start]


@pytest.fixture
def new_start() -> NewStart:
    def make(**changes: object) -> Start:
        values: dict[str, object] = {
            "nonce": lambda: "theserversnonce",
            "hostname": "mail.example.org",
            "fake_key": b"known to the server only",
            "iterations": 16,
        }
        return Start(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def start(new_start: NewStart) -> Start:
    return new_start()
