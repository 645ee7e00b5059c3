"""Policy: ordered lists of restrictions that decide what a session may do, and say why.

The engine is pure: facts come in as values, look-ups go through an `Oracle` that the caller gives,
and a `Verdict` comes out. Because the lists are data, the same ones serve sessions, `explain` and
the proof that no stranger relays.
"""

from postroad.policy.answer import Action, Answer, Refusal, Stage, Subject
from postroad.policy.engine import Policy, Step, Verdict
from postroad.policy.facts import Facts, LookupUnavailable, Oracle
from postroad.policy.networks import Networks
from postroad.policy.presets import PRESET_LISTS, PRESETS, RELAYING, build, mistakes
from postroad.policy.proof import Hole, Passage, prove, reach_of
from postroad.policy.restrictions import RESTRICTIONS, Restriction
from postroad.policy.rules import RestrictionMistake, Rule
from postroad.policy.settings import PolicySettings

__all__ = [
    "PRESETS",
    "PRESET_LISTS",
    "RELAYING",
    "RESTRICTIONS",
    "Action",
    "Answer",
    "Facts",
    "Hole",
    "LookupUnavailable",
    "Networks",
    "Oracle",
    "Passage",
    "Policy",
    "PolicySettings",
    "Refusal",
    "Restriction",
    "RestrictionMistake",
    "Rule",
    "Stage",
    "Step",
    "Subject",
    "Verdict",
    "build",
    "mistakes",
    "prove",
    "reach_of",
]
