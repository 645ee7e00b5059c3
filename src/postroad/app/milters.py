"""A milter, built of what a worker has."""

from __future__ import annotations

from postroad import __version__
from postroad.app.running import Running
from postroad.config.sendmail import origin_of
from postroad.filters.milter.opening import Milter, build
from postroad.filters.settings import FilterSettings
from postroad.model.journal import Journal

__all__ = ["milter_of"]


def milter_of(settings: FilterSettings, name: str, running: Running, journal: Journal) -> Milter:
    """A milter by its settings.

    Args:
        settings: its section.
        name: how configuration and log name it.
        running: what is served.
        journal: where events go.
    """
    configuration = running.configuration
    return build(
        settings,
        name,
        hostname=configuration.hostname,
        version=f"Postroad {__version__}",
        origin=origin_of(configuration),
        message_size=configuration.limits.message_size,
        journal=journal,
    )
