"""The checks of `[policy]`: classes, and what replies are made of.

A class that cannot be read in any list is a mistake where it is defined, and there only; one that
cannot be read in the list that names it is a mistake of that list, which `doors` tells of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, shown
from postroad.config.surroundings import surroundings_of
from postroad.policy import RESTRICTIONS, RestrictionMistake, Stage, Surroundings
from postroad.policy.dns_lists import template_mistake
from postroad.policy.rule import WARN_IF_REJECT
from postroad.policy.rules import LEADS_BACK, TOO_MANY, read_list

__all__ = ["class_mistakes", "policy_faults"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def policy_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what all lists share."""
    yield from _names(configuration.policy.classes)
    for name, mistakes in class_mistakes(surroundings_of(configuration)).items():
        for mistake in mistakes:
            path: KeyPath = ("policy", "classes", name, mistake.at)
            yield Fault(path, f"{mistake.name}: {mistake.words}", mistake.nearest or "")
    words = template_mistake(configuration.policy.default_rbl_reply)
    if words:
        yield Fault(("policy", "default_rbl_reply"), words)


def class_mistakes(surroundings: Surroundings) -> dict[str, list[RestrictionMistake]]:
    """The mistakes of classes that can stand in no list, by class.

    They are those that are made in the list where it fits best. What is wrong in another class that
    it names is that one's.
    """
    found = {}
    for name, texts in surroundings.settings.classes.items():
        readings = (read_list(stage, texts, surroundings)[1] for stage in Stage)
        fewest = min(readings, key=len)
        own = [mistake for mistake in fewest if not mistake.within]
        endless = [mistake for mistake in fewest if mistake.words in (LEADS_BACK, TOO_MANY)]
        if own or endless:
            found[name] = own or endless[:1]
    return found


def _names(classes: Mapping[str, tuple[str, ...]]) -> Iterator[Fault]:
    seen: set[str] = set()
    for name in classes:
        path: KeyPath = ("policy", "classes", name)
        if not _NAME.fullmatch(name):
            yield Fault(path, f"expected a name of letters, digits, - and _, not {shown(name)}")
        elif name.lower() in RESTRICTIONS or name.lower() == WARN_IF_REJECT:
            yield Fault(path, "is the name of a restriction already")
        elif name.lower() in seen:
            yield Fault(path, "is there twice: upper and lower case are the same")
        seen.add(name.lower())
