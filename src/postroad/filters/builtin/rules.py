"""All rules by their names. Which of them an operator gave other points is in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from postroad.filters.builtin.attachment_rules import ATTACHMENT_RULES
from postroad.filters.builtin.authentication_rules import AUTHENTICATION_RULES
from postroad.filters.builtin.author_rules import AUTHOR_RULES
from postroad.filters.builtin.bands import BANDS, MOST_READ, READ_CAP
from postroad.filters.builtin.client_rules import CLIENT_RULES
from postroad.filters.builtin.header_rules import HEADER_RULES
from postroad.filters.builtin.link_rules import LINK_RULES
from postroad.filters.builtin.mailer_rules import MAILER_RULES
from postroad.filters.builtin.manner_rules import MANNER_RULES
from postroad.filters.builtin.markup_rules import MARKUP_RULES
from postroad.filters.builtin.rule import Rule
from postroad.filters.builtin.text_rules import TEXT_RULES
from postroad.filters.builtin.topic_rules import MOST_TALK, TALK_CAP, TOPIC_RULES
from postroad.filters.builtin.trial_rules import TRIAL_RULES

__all__ = ["POINTS", "RULES"]

RULES: tuple[Rule, ...] = (
    *CLIENT_RULES,
    *AUTHENTICATION_RULES,
    *HEADER_RULES,
    *AUTHOR_RULES,
    *MAILER_RULES,
    *TEXT_RULES,
    *MANNER_RULES,
    *TOPIC_RULES,
    *MARKUP_RULES,
    *LINK_RULES,
    *ATTACHMENT_RULES,
    *TRIAL_RULES,
)
"""In the order they are asked."""

POINTS: Mapping[str, float] = MappingProxyType(
    {each.name: each.points for each in RULES}
    | {each.name: each.points for each in BANDS}
    | {TALK_CAP: MOST_TALK, READ_CAP: MOST_READ}
)
"""What each gives, those of the classifier as well, and what topics give at most together: unless
an operator says otherwise."""
