"""Tests of keys that mean something for some kinds only."""

from dataclasses import dataclass, field

import pytest

from postroad.config.kinds import faults_of_other_kinds
from postroad.config.mistake import Fault

KEYS_OF_KIND = {"bird": ("wings", "song"), "fish": ("fins",), "bat": ("wings",)}


@dataclass(frozen=True, kw_only=True)
class Animal:
    """A section with the keys of three kinds."""

    name: str = ""
    wings: int = 2
    song: str | None = None
    fins: dict[str, int] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("kind", "given", "key", "words"),
    [
        ("fish", Animal(wings=3), "wings", 'with kind = "fish", only with bird or bat'),
        ("bat", Animal(wings=3, song="high"), "song", 'with kind = "bat", only with bird'),
        ("bird", Animal(name="tit", fins={"back": 1}), "fins", 'kind = "bird", only with fish'),
    ],
)
def test_a_key_of_another_kind_is_a_mistake(kind: str, given: Animal, key: str, words: str) -> None:
    [fault] = faults_of_other_kinds(("animals", "x"), given, kind, KEYS_OF_KIND)
    assert fault == Fault(("animals", "x", key), fault.message)
    assert fault.message.startswith("means nothing with kind")
    assert fault.message.endswith(words)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("bird", Animal(name="tit", wings=1, song="loud")),
        ("fish", Animal(name="cod", fins={"back": 1})),
        ("fish", Animal(wings=2, song=None, fins={})),  # as they are anyway
        ("bat", Animal(fins={})),  # a default that is made anew each time
    ],
)
def test_own_keys_and_defaults_are_none(kind: str, given: Animal) -> None:
    assert not list(faults_of_other_kinds((), given, kind, KEYS_OF_KIND))
