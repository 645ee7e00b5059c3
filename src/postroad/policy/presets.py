"""The lists of the presets, and how an operator's lists take their place.

`mx` takes mail for our domains from anybody, and for other domains from trusted networks and from
who has logged in; who has logged in may send as himself only, here too, or the port for strangers
would be the way around the rule of the submission port. `submission` and `submissions` take nothing
from anybody who has not logged in. `lmtp` takes mail for users here from neighbours, and nothing
for another domain from anybody: it is a way into mailboxes, and the proof holds it to that.
"""

from __future__ import annotations

from postroad.policy.answer import Stage
from postroad.policy.context import Surroundings
from postroad.policy.engine import Policy
from postroad.policy.rules import RestrictionMistake, read_list
from postroad.policy.settings import PolicySettings

__all__ = ["PRESETS", "PRESET_LISTS", "RELAYING", "build", "lists_of", "mistakes"]

_SUBMISSION = PolicySettings(
    client=("permit_sasl_authenticated", "reject"),
    sender=("reject_sender_login_mismatch",),
    relay=("permit_sasl_authenticated", "reject"),
    recipient=("reject_unlisted_recipient",),
)

PRESET_LISTS: dict[str, PolicySettings] = {
    "mx": PolicySettings(
        sender=("reject_authenticated_sender_login_mismatch",),
        relay=("permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination"),
        recipient=("reject_unlisted_recipient",),
    ),
    "submission": _SUBMISSION,
    "submissions": _SUBMISSION,
    "lmtp": PolicySettings(
        client=("permit_mynetworks", "reject"),
        relay=("reject_unauth_destination",),
        recipient=("reject_unlisted_recipient",),
    ),
}
"""The names in each list of each preset; `None` is an empty list."""


def build(
    preset: str, settings: PolicySettings, surroundings: Surroundings | None = None
) -> Policy:
    """The policy of a listener.

    Args:
        preset: a key of `PRESET_LISTS`.
        settings: the operator's lists; where one is `None` the preset's stands.
        surroundings: the server that it is for; one without a name or classes when left out.

    Raises:
        RestrictionMistake: the first mistake in the operator's lists.
        KeyError: there is no such preset.
    """
    lists = {}
    for stage, texts in lists_of(preset, settings).items():
        early = not settings.delay_reject
        lists[stage], wrong = read_list(stage, texts, surroundings, early=early)
        if wrong:
            raise wrong[0]
    return Policy(
        lists,
        delay_reject=settings.delay_reject,
        reject_unlisted_recipient=settings.reject_unlisted_recipient,
    )


def lists_of(preset: str, settings: PolicySettings) -> dict[Stage, tuple[str, ...]]:
    """The lists of a listener as they are written, the preset's where the operator has none."""
    return _merged(PRESET_LISTS[preset], settings)


def mistakes(
    settings: PolicySettings, surroundings: Surroundings | None = None
) -> list[RestrictionMistake]:
    """Every mistake in the operator's lists, for a check that names them all."""
    found: list[RestrictionMistake] = []
    for stage, texts in _merged(PolicySettings(), settings).items():
        found += read_list(stage, texts, surroundings, early=not settings.delay_reject)[1]
    return found


def _merged(preset: PolicySettings, settings: PolicySettings) -> dict[Stage, tuple[str, ...]]:
    own, given = _by_stage(settings), _by_stage(preset)
    return {stage: _first(own[stage], given[stage]) for stage in Stage}


def _first(own: tuple[str, ...] | None, preset: tuple[str, ...] | None) -> tuple[str, ...]:
    return own if own is not None else preset or ()


def _by_stage(settings: PolicySettings) -> dict[Stage, tuple[str, ...] | None]:
    return {
        Stage.CLIENT: settings.client,
        Stage.HELO: settings.helo,
        Stage.SENDER: settings.sender,
        Stage.RELAY: settings.relay,
        Stage.RECIPIENT: settings.recipient,
        Stage.DATA: settings.data,
        Stage.END_OF_DATA: settings.end_of_data,
        Stage.ETRN: settings.etrn,
    }


RELAYING = frozenset({"mx", "submission", "submissions"})
"""The presets whose listeners may take mail for other domains, from those who are known."""

PRESETS: dict[str, Policy] = {name: build(name, PolicySettings()) for name in PRESET_LISTS}
"""The presets as they are without a word of configuration."""
