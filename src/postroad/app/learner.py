"""Which filter learns from what users move, if one does."""

from __future__ import annotations

from postroad.config import Configuration
from postroad.filters.settings import FilterSettings

__all__ = ["learner_of"]


def learner_of(configuration: Configuration) -> FilterSettings | None:
    """The filter that learns from what users move; `None`: none does."""
    if not configuration.mailbox.junk_folder:
        return None
    filters = configuration.filters.values()
    return next((each for each in filters if each.kind == "builtin" and each.learn != "no"), None)
