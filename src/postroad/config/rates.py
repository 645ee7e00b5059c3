"""The checks of `[rates]`: limits that limit something, and let something pass."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault, nearest
from postroad.limits.rates import LONGEST_WINDOW, SHORTEST_WINDOW
from postroad.limits.settings import RateSettings

__all__ = ["rate_faults"]

_OF_MAIL = ("messages", "recipients", "bytes")
_OF_CLIENTS = ("client", "network")

MOST = 100_000_000_000
"""As the largest message there may be."""


def rate_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what the rates say, each by itself and with the rest."""
    for name, rate in configuration.rates.items():
        yield from _limit(name, rate)
        yield from _window(name, rate)
        yield from _per(name, rate)
        yield from _listeners(name, rate, configuration)
        if rate.count == "bytes" and rate.limit > 0:
            yield from _octets(name, rate.limit, configuration)


def _limit(name: str, rate: RateSettings) -> Iterator[Fault]:
    most = MOST if rate.count == "bytes" else 1_000_000_000
    if rate.limit < 1:
        words = f"expected at least 1, not {rate.limit}; without a limit, leave [rates.{name}] out"
        yield Fault(("rates", name, "limit"), words)
    elif rate.limit > most:
        words = f"expected a number from 1 to {most:_}, not {rate.limit:_}"
        yield Fault(("rates", name, "limit"), words)


def _window(name: str, rate: RateSettings) -> Iterator[Fault]:
    if not SHORTEST_WINDOW <= rate.window <= LONGEST_WINDOW:
        words = 'expected a duration from "1s" to "31d"'
        yield Fault(("rates", name, "window"), words)


def _per(name: str, rate: RateSettings) -> Iterator[Fault]:
    """Who connects or is about to log in is nobody yet but a client."""
    if rate.count not in _OF_MAIL and rate.per not in _OF_CLIENTS:
        words = f"{rate.count} are counted per client or per network; nothing else is known then"
        yield Fault(("rates", name, "per"), words)


def _listeners(name: str, rate: RateSettings, configuration: Configuration) -> Iterator[Fault]:
    for at, listener in enumerate(rate.listeners):
        if listener not in configuration.listeners:
            words = f"there is no [listeners.{listener}]"
            suggestion = nearest(listener, configuration.listeners)
            yield Fault(("rates", name, "listeners", at), words, suggestion)


def _octets(name: str, limit: int, configuration: Configuration) -> Iterator[Fault]:
    """A message larger than the limit would be told to come back later for ever."""
    largest = configuration.limits.message_size
    if limit < largest:
        words = f"is less than one message may have: [limits] message_size is {largest:_}"
        yield Fault(("rates", name, "limit"), words)
