"""The checks of `[listeners]`: presets, addresses, TLS, and the names in restriction lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad import policy
from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest
from postroad.config.policies import class_mistakes
from postroad.config.surroundings import surroundings_of
from postroad.server.binds import Bind
from postroad.server.settings import PRESETS, ListenerSettings, preset_named

__all__ = ["door_faults"]


def door_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what the listeners say, each and together."""
    if not configuration.listeners:
        yield Fault(("listeners",), "expected at least one listener, such as [listeners.mx]")
    for name, listener in configuration.listeners.items():
        yield from _name(name)
        yield from _preset(name, listener)
        yield from _tls(name, listener)
        yield from _restrictions(name, listener, surroundings_of(configuration))
    yield from _addresses(configuration)


def _name(name: str) -> Iterator[Fault]:
    """Names stand in log lines, where a space would end them."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        yield Fault(("listeners", name), "expected a name of letters, digits, - and _")


def _preset(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    if listener.preset is None and preset_named(name) is None:
        yield Fault(
            ("listeners", name),
            f"no preset has this name, so it needs preset = one of {', '.join(PRESETS)}",
            nearest(name, PRESETS),
        )


def _tls(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    if listener.tls != "none":
        return
    preset = listener.preset or preset_named(name)
    path: KeyPath = ("listeners", name, "tls")
    if listener.plain_auth:
        return  # where that is right is said in `offers`
    if preset is not None and PRESETS[preset].require_tls:
        yield Fault(path, f"the preset {preset} needs TLS, for passwords pass through it")
    elif listener.auth:
        yield Fault(path, "logins are offered under TLS only, and auth is true here")


def _restrictions(
    name: str, listener: ListenerSettings, surroundings: policy.Surroundings
) -> Iterator[Fault]:
    broken = {each.lower() for each in class_mistakes(surroundings)}
    for mistake in policy.mistakes(listener.policy, surroundings):
        if mistake.within.lower() in broken:
            continue  # which is said where the class is
        words = f"{mistake.name}: {mistake.words}"
        if mistake.within:
            words = f"{mistake.within}: {words}"
        path: KeyPath = ("listeners", name, "policy", mistake.stage.value, mistake.at)
        yield Fault(path, words, mistake.nearest or "")


def _addresses(configuration: Configuration) -> Iterator[Fault]:
    """Addresses that cannot be read, and those that two listeners or one want twice."""
    taken: list[tuple[Bind, str]] = []
    for name, listener in configuration.listeners.items():
        if listener.bind == ():
            yield Fault(("listeners", name, "bind"), "expected at least one address")
        for path, text in _written(name, listener):
            try:
                bind = Bind.parse(text)
            except ValueError as error:
                yield Fault(path, str(error))
                continue
            for other, owner in taken:
                if bind.overlaps(other):
                    yield Fault(path, f"{bind} is taken already by [listeners.{owner}]: {other}")
                    break
            taken.append((bind, name))


def _written(name: str, listener: ListenerSettings) -> Iterator[tuple[KeyPath, str]]:
    """The addresses of a listener as text, each with the key it comes from."""
    preset = listener.preset or preset_named(name)
    if listener.bind is not None:
        for at, text in enumerate(listener.bind):
            yield ("listeners", name, "bind", at), text
    elif preset is not None:
        given = PRESETS[preset]
        yield ("listeners", name), str(Bind(given.host, given.port))
