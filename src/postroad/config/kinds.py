"""Keys that mean something for some kinds of a section only: `[filters.NAME]`, `[domain."NAME"]`.

A section holds the keys of every kind, so that one walk finds each. One that means nothing to the
kind it has is a mistake: it was meant to do something. What a key's value has to be is said
elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["faults_of_other_kinds"]

Kind = TypeVar("Kind", bound=str)


def faults_of_other_kinds(
    path: KeyPath,
    settings: DataclassInstance,
    kind: Kind,
    keys_of_kind: Mapping[Kind, Collection[str]],
) -> Iterator[Fault]:
    """A fault for each key that is given, and means something only with other kinds.

    Args:
        path: where the section is.
        settings: the section; a key is given where it has not its default.
        kind: the kind it has.
        keys_of_kind: the keys of each kind. One that is in none is every kind's.
    """
    own = keys_of_kind[kind]
    for field in dataclasses.fields(settings):
        owners = [other for other, keys in keys_of_kind.items() if field.name in keys]
        if not owners or field.name in own or getattr(settings, field.name) == _default(field):
            continue
        words = f'means nothing with kind = "{kind}", only with {" or ".join(owners)}'
        yield Fault((*path, field.name), words)


def _default(field: dataclasses.Field[object]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
