"""Listeners that take mail for nobody from strangers, and must return it to whomever it names.

Unknown recipients are refused whatever the lists say, as in Postfix, unless a listener has
`reject_unlisted_recipient = false`. It is no mistake: a site may have another way to know its
recipients. Only texts are looked at; a list that asks about recipients at all counts as one that
knows them. Listeners for users are left out: what is returned there goes to who wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.policy import lists_of

__all__ = ["careless_listeners"]

_FOR_STRANGERS = frozenset({"mx", "lmtp"})
_KNOWS = re.compile(r"\breject_un(?:listed|verified)_recipient\b|\bcheck_recipient_access\b")


def careless_listeners(configuration: Configuration) -> Iterator[str]:
    """The names of listeners whose lists and classes have no rule about unknown recipients."""
    classes = [text for texts in configuration.policy.classes.values() for text in texts]
    for listener in configuration.resolved_listeners:
        lists = lists_of(listener.preset, listener.policy)
        texts = [*classes, *(text for texts in lists.values() for text in texts)]
        if listener.preset not in _FOR_STRANGERS or listener.policy.reject_unlisted_recipient:
            continue
        if not any(map(_KNOWS.search, texts)):
            yield listener.name
