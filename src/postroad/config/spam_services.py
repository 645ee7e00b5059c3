"""What the configuration says of services that look at mail, checked: their places, and scores."""

from __future__ import annotations

import math
from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.delivery.credentials import CredentialsError, read_secret
from postroad.filters.place import Place
from postroad.filters.rspamd.endpoint import Endpoint
from postroad.filters.scoring import MOST_POINTS
from postroad.filters.settings import FilterSettings
from postroad.model.dns_list import DnsList

__all__ = [
    "builtin_faults",
    "clamav_faults",
    "rspamd_faults",
    "rspamd_file_faults",
    "score_faults",
    "spamassassin_faults",
    "unseen_moves",
]

_NO_POINTS = f"expected a number of points, up to {MOST_POINTS:.0f}"


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


def rspamd_file_faults(configuration: Configuration) -> Iterator[Fault]:
    """Faults in the files that hold passwords of rspamd's workers."""
    for name, settings in configuration.filters.items():
        if settings.password_file is not None:
            try:
                read_secret(settings.password_file, configuration.user)
            except CredentialsError as error:
                yield Fault(("filters", name, "password_file"), str(error))


def clamav_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """The same of `clamav`."""
    yield from _socket(path, settings.socket)


def builtin_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """The same of `builtin`: its rules are named, and its lists are lists."""
    # Here, as every command reads the configuration, and few are about this filter.
    from postroad.filters.builtin.rules import POINTS  # noqa: PLC0415

    yield from score_faults(path, settings)
    if settings.learn_every < 1:
        yield Fault((*path, "learn_every"), "is less than a second")
    for name, points in settings.points.items():
        place = (*path, "points", name)
        if name not in POINTS:
            yield Fault(place, f"there is no rule {shown(name)}", nearest(name, POINTS))
        elif not abs(points) <= MOST_POINTS:  # nan is not
            yield Fault(place, _NO_POINTS)
    for key in ("client_lists", "domain_lists"):
        for name, points in getattr(settings, key).items():
            try:
                DnsList.parse(name)
            except ValueError as error:
                yield Fault((*path, key, name), str(error))
                continue
            if not abs(points) <= MOST_POINTS:
                yield Fault((*path, key, name), _NO_POINTS)


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


def unseen_moves(configuration: Configuration) -> Iterator[str]:
    """A line for each filter that would learn from moves, where no mail lies here to be seen."""
    mailbox = configuration.mailbox
    if not mailbox.junk_folder or not mailbox.transport.startswith("lmtp:"):
        return
    for name, settings in configuration.filters.items():
        if settings.kind == "builtin" and settings.learn != "no":
            yield (
                f"filters.{name}.learn: mail goes on by LMTP, so nothing is learned from what users"
                " move; the server that keeps it can say so (docs/spam.md)"
            )


def _socket(path: KeyPath, text: str) -> Iterator[Fault]:
    if not text:
        return
    try:
        Place.parse(text)
    except ValueError as error:
        yield Fault((*path, "socket"), str(error))
