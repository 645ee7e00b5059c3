"""What the configuration says of services that look at mail, checked: their places, and scores."""

from __future__ import annotations

import math
from collections.abc import Iterator

from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault
from postroad.filters.milter.place import Place
from postroad.filters.rspamd.endpoint import Endpoint
from postroad.filters.settings import FilterSettings

__all__ = ["clamav_faults", "rspamd_faults", "score_faults", "spamassassin_faults"]


def spamassassin_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """Every fault in a section of the kind `spamassassin`.

    Args:
        path: the section's.
        settings: what it says.
    """
    yield from _socket(path, settings.socket)
    yield from score_faults(path, settings)
    if settings.user and not (settings.user.isascii() and settings.user.isprintable()):
        yield Fault((*path, "user"), "expected a name in plain letters")


def rspamd_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """The same of `rspamd`."""
    try:
        Endpoint.parse(settings.url)
    except ValueError as error:
        yield Fault((*path, "url"), str(error))
    yield from score_faults(path, settings)


def clamav_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """The same of `clamav`."""
    yield from _socket(path, settings.socket)


def score_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """Every fault in the thresholds of a filter that scores."""
    for key in ("tag", "junk", "reject"):
        points = getattr(settings, key)
        if points is not None and not math.isfinite(points):
            yield Fault((*path, key), "is no number of points")
    if settings.reject < 0:
        yield Fault((*path, "reject"), "would refuse all mail; 0 refuses none")
    elif 0 < settings.reject < settings.junk:
        words = f"refuses mail before it is junk, which begins at {settings.junk:g} points"
        yield Fault((*path, "reject"), words)


def _socket(path: KeyPath, text: str) -> Iterator[Fault]:
    if not text:
        return
    try:
        Place.parse(text)
    except ValueError as error:
        yield Fault((*path, "socket"), str(error))
