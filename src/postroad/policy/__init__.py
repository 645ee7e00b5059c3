"""Policy: ordered lists of restrictions that decide what a session may do, and say why.

The engine is pure: facts come in as values, look-ups go through an `Oracle` that the caller gives,
and a `Verdict` comes out. Because the lists are data, the same ones serve sessions, `explain` and
the proof that no stranger relays.
"""

from postroad.policy.answer import Action, Answer, Refusal, Stage, Subject
from postroad.policy.context import Surroundings
from postroad.policy.engine import Policy
from postroad.policy.facts import (
    Facts,
    LookupUnavailable,
    Oracle,
    Particulars,
    Verification,
    VerificationStatus,
)
from postroad.policy.lookups import Lookup
from postroad.policy.networks import Networks
from postroad.policy.presets import PRESET_LISTS, PRESETS, RELAYING, build, lists_of, mistakes
from postroad.policy.proof import Hole, Passage, prove, reached
from postroad.policy.reach import reach_of
from postroad.policy.restriction import Argument, Restriction
from postroad.policy.restrictions import RESTRICTIONS
from postroad.policy.rule import Rule
from postroad.policy.rules import RestrictionMistake
from postroad.policy.settings import PolicySettings, SharedPolicySettings
from postroad.policy.verdict import Step, Verdict

__all__ = [
    "PRESETS",
    "PRESET_LISTS",
    "RELAYING",
    "RESTRICTIONS",
    "Action",
    "Answer",
    "Argument",
    "Facts",
    "Hole",
    "Lookup",
    "LookupUnavailable",
    "Networks",
    "Oracle",
    "Particulars",
    "Passage",
    "Policy",
    "PolicySettings",
    "Refusal",
    "Restriction",
    "RestrictionMistake",
    "Rule",
    "SharedPolicySettings",
    "Stage",
    "Step",
    "Subject",
    "Surroundings",
    "Verdict",
    "Verification",
    "VerificationStatus",
    "build",
    "lists_of",
    "mistakes",
    "prove",
    "reach_of",
    "reached",
]
