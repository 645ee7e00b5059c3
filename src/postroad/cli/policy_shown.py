"""The policy of a configuration, for eyes and for programs: `postroad check --show-policy`.

For each listener its lists as they are in force, whose they are, and what each restriction does;
then what is limited, and what was proved.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from postroad.config import Configuration
from postroad.config.relaying import trusted_at
from postroad.config.surroundings import surroundings_of
from postroad.limits.rates import Rate, rates_of
from postroad.model.printable import printable
from postroad.policy import RELAYING, Policy, Rule, Stage, build
from postroad.policy.meanings import meaning_of

if TYPE_CHECKING:
    from postroad.server.settings import ResolvedListener

__all__ = ["as_json", "in_words"]

WIDTH = 100  # columns

_PURPOSES = {
    "mx": "mail from the world",
    "submission": "mail from users, STARTTLS",
    "submissions": "mail from users, TLS from the first octet",
    "lmtp": "mail for users here from trusted neighbours",
}
_ABOUT = {
    Stage.CLIENT: "about the connecting host",
    Stage.HELO: "about its name in HELO",
    Stage.SENDER: "about the sender",
    Stage.RELAY: "whether mail for other domains may pass",
    Stage.RECIPIENT: "about the recipient",
    Stage.DATA: "asked at DATA",
    Stage.END_OF_DATA: "asked when the content is complete",
    Stage.ETRN: "asked at ETRN",
}
_TLS = {
    "starttls": "TLS by STARTTLS",
    "implicit": "TLS from the first octet",
    "none": "no TLS",
}


def in_words(configuration: Configuration) -> Iterator[str]:
    """Lines for the operator."""
    surroundings = surroundings_of(configuration)
    for listener in configuration.resolved_listeners:
        policy = build(listener.preset, listener.policy, surroundings)
        yield ""
        yield from _listener(listener)
        if not policy.delay_reject:
            yield "  client, helo and sender are asked at their own commands (delay_reject = false)"
        for stage in Stage:
            yield from _list(listener, policy, stage)
        if policy.reject_unlisted_recipient:
            yield "  whoever passes all lists must exist, if he is ours (reject_unlisted_recipient)"
        common = _common(configuration)
        own = [words for words in _rates(configuration, listener) if words not in common]
        if own:
            yield "  limits besides those of all"
            yield from (f"    {words}" for words in own)
    yield ""
    yield "Limits of every listener, all workers together"
    yield from (f"  {words}" for words in _bounds(configuration))
    yield ""
    yield "Proved of the relay lists"
    for words in _proof(configuration):
        yield from _wrapped(words, "  ", "    ")


def _listener(listener: ResolvedListener) -> Iterator[str]:
    binds = ", ".join(str(bind) for bind in listener.binds)
    purpose = _PURPOSES[listener.preset]
    yield f"Listener {listener.name} ({binds}): preset {listener.preset}, {purpose}"
    required = ", required before mail" if listener.require_tls and listener.tls != "none" else ""
    login = "users log in" if listener.auth else "nobody logs in"
    yield f"  {_TLS[listener.tls]}{required}; {login}"


def _list(listener: ResolvedListener, policy: Policy, stage: Stage) -> Iterator[str]:
    rules = policy.lists[stage]
    own = _is_own(listener, stage)
    if not rules:
        if own:
            yield f"  {stage.value} (yours): empty, nothing is asked"
        return
    yield f"  {stage.value} ({'yours' if own else 'the preset'}): {_ABOUT[stage]}"
    for rule in rules:
        yield from _rule(rule, 4)


def _is_own(listener: ResolvedListener, stage: Stage) -> bool:
    return getattr(listener.policy, stage.name.lower()) is not None


def _rule(rule: Rule, indent: int) -> Iterator[str]:
    blank = " " * indent
    yield f"{blank}{printable(str(rule))}"
    yield from _wrapped(printable(meaning_of(rule)), f"{blank}    ", f"{blank}    ")
    for inner in rule.rules:
        yield from _rule(inner, indent + 4)


def _rates(configuration: Configuration, listener: ResolvedListener) -> list[str]:
    rates = rates_of(configuration.limits, configuration.rates, listener.name)
    return list(map(_rate, rates))


def _common(configuration: Configuration) -> list[str]:
    """The rates that hold on every listener, in their order."""
    first, *others = (_rates(configuration, each) for each in configuration.resolved_listeners)
    return [words for words in first if all(words in other for other in others)]


def _bounds(configuration: Configuration) -> Iterator[str]:
    limits = configuration.limits
    for value, words in (
        (limits.message_size, "octets of a message"),
        (limits.recipients, "recipients of a message"),
        (limits.sessions_per_address, "sessions at once of one address"),
        (limits.sessions_per_network, "sessions at once of one network"),
        (limits.sessions_per_user, "sessions at once of one user"),
    ):
        yield f"{value:,} {words}" if value else f"no limit of {words}"
    yield from _common(configuration)
    action = configuration.containment.action
    if action != "none":
        freezes = "is frozen" if action == "freeze" else "is told of"
        yield f"an account that behaves as if it were stolen {freezes} ([containment])"


def _rate(rate: Rate) -> str:
    """As `10,000 messages per network in 1 hour`."""
    kind = rate.window.kind.partition(" by ")[0].rpartition(": ")[2].replace(" of ", " per ")
    named = f" ([rates.{rate.name}])" if rate.name else ""
    amount = f"{rate.limit * rate.unit:,} {kind.replace('bytes', 'octets')}"
    return printable(f"{amount} in {_span(rate.window.seconds)}{named}")


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"1 {unit[:-1]}" if count == 1 else f"{count} {unit}"
    return f"{seconds:g} seconds"


def _proof(configuration: Configuration) -> Iterator[str]:
    """What `load` has proved, or the configuration would not be here."""
    for listener in configuration.resolved_listeners:
        if listener.preset in RELAYING:
            networks = trusted_at(configuration, listener.settings)
            yield (
                f"{listener.name}: whoever has not logged in and is not in trusted_networks"
                f" ({networks}) reaches no domain but ours, whatever name, sender or TLS it uses"
            )
        else:
            yield f"{listener.name}: nobody reaches a domain but ours, not even who is trusted"


def _wrapped(text: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


# For programs -----------------------------------------------------------------------------------


def as_json(configuration: Configuration) -> dict[str, object]:
    """The same as one object."""
    surroundings = surroundings_of(configuration)
    return {
        "listeners": [
            _listener_as_json(
                configuration, listener, build(listener.preset, listener.policy, surroundings)
            )
            for listener in configuration.resolved_listeners
        ],
        "limits": dataclasses.asdict(configuration.limits),
        "proof": [*_proof(configuration)],
    }


def _listener_as_json(
    configuration: Configuration, listener: ResolvedListener, policy: Policy
) -> dict[str, object]:
    return {
        "name": listener.name,
        "preset": listener.preset,
        "binds": [str(bind) for bind in listener.binds],
        "tls": listener.tls,
        "require_tls": listener.require_tls,
        "auth": listener.auth,
        "delay_reject": policy.delay_reject,
        "reject_unlisted_recipient": policy.reject_unlisted_recipient,
        "lists": {
            stage.value: {
                "origin": "configuration" if _is_own(listener, stage) else "preset",
                "restrictions": [_rule_as_json(rule) for rule in policy.lists[stage]],
            }
            for stage in Stage
        },
        "rates": [
            _rate(rate)
            for rate in rates_of(configuration.limits, configuration.rates, listener.name)
        ],
    }


def _rule_as_json(rule: Rule) -> dict[str, object]:
    return {
        "restriction": str(rule),
        "meaning": meaning_of(rule),
        "restrictions": [_rule_as_json(inner) for inner in rule.rules],
    }
