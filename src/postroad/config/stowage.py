"""Whether the disks have room for mail, and whether the spool is sound, for `postroad check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.spool.inspection import inspect
from postroad.spool.room import MEBIBYTE, look

__all__ = ["doubts_about_spool"]


def doubts_about_spool(configuration: Configuration) -> Iterator[str]:
    """A line for each thing that keeps mail from being taken, or from being delivered."""
    spool = configuration.spool_directory
    places = [each for each in (configuration.state_directory, spool) if each.is_dir()]
    try:
        for place in {each.stat().st_dev: each for each in places}.values():
            yield from _scarcity(place, configuration)
        yield from inspect(spool)
    except OSError as error:
        yield f"{spool} cannot be looked at: {(error.strerror or str(error)).lower()}"


def _scarcity(place: Path, configuration: Configuration) -> Iterator[str]:
    settings, space = configuration.spool, look(place)
    free, size = space.octets // MEBIBYTE, configuration.limits.message_size
    if settings.min_free and space.octets < settings.min_free:
        least = settings.min_free // MEBIBYTE
        yield f"{place} has {free} MiB free, spool.min_free asks for {least} MiB: mail is refused"
    elif settings.min_free and space.octets < settings.min_free + size:
        yield f"{place} has {free} MiB free, too little for a message of limits.message_size"
    if space.inodes is not None and space.inodes < settings.min_free_inodes:
        least = settings.min_free_inodes
        yield f"{place} has {space.inodes} inodes free, less than {least}: mail is refused"
