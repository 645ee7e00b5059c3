"""A milter as configured: what there is of it besides its sessions."""

from __future__ import annotations

from collections.abc import Callable

from postroad.filters.milter.session import MilterSession
from postroad.filters.milter.setup import Setup, Way
from postroad.filters.place import Place
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Listening
from postroad.model.journal import Journal
from postroad.spool import Aside

__all__ = ["Milter", "build"]

_LARGEST_BODY = 268_435_456  # octets, where the configuration has no limit for messages
_ROOM = 1_048_576  # octets that a body may grow by; what is stored has a limit of its own


class Milter:
    """Implements `Filter`."""

    __slots__ = ("_setup", "name")

    def __init__(self, setup: Setup) -> None:
        """A milter; nothing is connected before the first step of a session."""
        self._setup = setup
        self.name = setup.name

    def session(self) -> Listening:
        """Begin to listen to a session."""
        return MilterSession(self._setup)


def build(
    settings: FilterSettings,
    name: str,
    *,
    hostname: str,
    version: str,
    origin: str,
    message_size: int,
    journal: Journal,
    way: Way | None = None,
    aside: Callable[[], Aside] | None = None,
) -> Milter:
    """A milter by its settings.

    Args:
        settings: its keys; `socket` is checked.
        name: how configuration and log name it.
        hostname: our name.
        version: what we are called, with our version.
        origin: the domain of addresses that it names without one.
        message_size: octets of the largest message; 0: any size.
        journal: where events go.
        way: finds where mail for an address goes; `None`: nobody does.
        aside: makes room for a large new body; `None`: there is none.
    """
    setup = Setup(
        name=name,
        place=Place.parse(settings.socket),
        settings=settings,
        hostname=hostname,
        version=version,
        origin=origin,
        largest_body=message_size + _ROOM if message_size else _LARGEST_BODY,
        journal=journal,
        way=way,
        aside=aside,
    )
    return Milter(setup)
