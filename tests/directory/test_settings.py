from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from postroad.directory import DirectorySettings


@pytest.mark.parametrize("given", ["", "+", "+-", "=", "."])
def test_a_delimiter_is_any_marks_an_address_may_hold(given):
    settings = TypeAdapter(DirectorySettings).validate_python({"recipient_delimiter": given})
    assert settings.recipient_delimiter == given


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"recipient_delimiter": "x"}, "marks an address may hold"),
        ({"recipient_delimiter": "@"}, "marks an address may hold"),
        ({"recipient_delimiter": "+ "}, "marks an address may hold"),
        ({"password_threads": 0}, "at least one thread"),
        ({"success_cache": "soon"}, "a duration is"),
    ],
)
def test_what_is_refused(given, text):
    with pytest.raises(ValidationError, match=text):
        TypeAdapter(DirectorySettings).validate_python(given)


def test_times_are_read_as_durations():
    settings = TypeAdapter(DirectorySettings).validate_python({"success_cache": "5m"})
    assert settings.success_cache == 300.0
