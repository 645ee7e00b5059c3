"""`[queue]` as configuration reads it."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from postroad.queue import QueueSettings

ADAPTER = TypeAdapter(QueueSettings)


def test_durations():
    settings = ADAPTER.validate_python({"lifetime": "2d", "minimal_backoff": "1m"})
    assert (settings.lifetime, settings.minimal_backoff) == (172_800.0, 60.0)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"active_limit": -1}, "active_limit cannot be negative"),
        ({"minimal_backoff": "2h"}, "maximal_backoff cannot be shorter than minimal_backoff"),
    ],
)
def test_mistakes(section, words):
    with pytest.raises(ValidationError, match=words):
        ADAPTER.validate_python(section)


def test_no_longest_backoff():
    assert ADAPTER.validate_python({"minimal_backoff": "2h", "maximal_backoff": 0})


def test_every_setting_is_documented():
    for name in QueueSettings.__dataclass_fields__:
        assert f"    {name}: " in (QueueSettings.__doc__ or "")
